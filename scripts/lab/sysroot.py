# SPDX-License-Identifier: GPL-2.0
"""build/arm64/sysroot: headers and libraries of Debian's arm64 packages, for what is cross-compiled here.

They are those of this machine's own release, as the cross compiler and its libc are; what is built with them
runs in the arm64 lab, whose release is no older.
"""

import os
import re
import shutil
import subprocess
import tempfile

from lab.base import REPO, Failure, say
from lab.packages import TEMPORARY, Apt, read_text, remove_half_made, unpack, wait_for_lock, write_text

PACKAGES = ("libbpf-dev", "libelf-dev", "libfdt-dev", "libglib2.0-dev", "libjansson-dev", "libncurses-dev",
            "systemtap-sdt-dev", "zlib1g-dev")
# The C library and the kernel's headers come with the compiler.
NOT = re.compile(r"(libc6|libc6-dev|libc-dev-bin|linux-libc-dev)_")
TRIPLET = "aarch64-linux-gnu"
LAYOUT = 1              # of what is made of the packages: a new number has it made anew

BASE = os.path.join(REPO, "build/arm64")
SYSROOT = os.path.join(BASE, "sysroot")


def libraries():
    return os.path.join(SYSROOT, "usr/lib", TRIPLET)


def compiler_flags():
    return [f"-isystem{SYSROOT}/usr/include", f"-isystem{SYSROOT}/usr/include/{TRIPLET}"]


def linker_flags():
    return [f"-L{libraries()}", f"-Wl,-rpath-link,{libraries()}"]


def environment():
    """For pkg-config."""
    return {"PKG_CONFIG": "pkg-config", "PKG_CONFIG_SYSROOT_DIR": SYSROOT,
            "PKG_CONFIG_LIBDIR": f"{libraries()}/pkgconfig:{SYSROOT}/usr/share/pkgconfig"}


def this_release():
    """The name of this machine's Debian release."""
    found = re.search(r"^VERSION_CODENAME=\"?(\w+)", read_text("/etc/os-release"), re.M)
    if not found:
        raise Failure("setup", "/etc/os-release names no release of Debian: the packages to cross-compile "
                      "with are chosen by it")
    return found[1]


def make(apt):
    new = tempfile.mkdtemp(prefix=TEMPORARY + "sysroot.", dir=BASE)
    try:
        say("arm64 sysroot: fetching packages (30 MB)")
        package_files = [path for path in apt.fetch_with_dependencies(PACKAGES) if not NOT.match(os.path.basename(path))]
        # Links into /lib, of packages from before there was only /usr/lib, are to lead there.
        os.makedirs(os.path.join(new, "usr/lib"))
        os.symlink("usr/lib", os.path.join(new, "lib"))
        unpack(package_files, new, apt.signals)
        keep(new)
        shutil.rmtree(SYSROOT, ignore_errors=True)
        os.rename(new, SYSROOT)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def keep(root):
    """Of what was unpacked, what a compiler needs, and dtrace, a script, which QEMU's build runs."""
    os.makedirs(os.path.join(root, "host"))
    os.rename(os.path.join(root, "usr/bin/dtrace"), os.path.join(root, "host/dtrace"))
    for place, kept in (("", ("usr", "lib", "host")), ("usr", ("include", "lib", "share")), ("usr/share", ("pkgconfig",)),
                        ("usr/lib", (TRIPLET,))):
        for name in os.listdir(os.path.join(root, place)):
            if name not in kept:
                shutil.rmtree(os.path.join(root, place, name))
    place = os.path.join(root, "usr/lib", TRIPLET)
    for name in os.listdir(place):
        path = os.path.join(place, name)
        if os.path.islink(path) and os.readlink(path).startswith("/"):
            target = os.path.join(root, os.path.relpath(os.readlink(path), "/"))
            os.unlink(path)
            os.symlink(os.path.relpath(os.path.realpath(target), place), path)


def provide(signals):
    os.makedirs(BASE, exist_ok=True)
    release = this_release()
    recipe = f"{LAYOUT} {release} {' '.join(PACKAGES)}\n"
    stamp = os.path.join(BASE, "sysroot.stamp")
    with open(os.path.join(BASE, "lock"), "w", encoding="utf-8") as lock:
        wait_for_lock(lock, "arm64 sysroot", signals)
        if os.path.isdir(SYSROOT) and read_text(stamp) == recipe:
            return
        remove_half_made(BASE)
        apt = Apt(BASE, release, "arm64", signals)
        try:
            apt.update()
            make(apt)
            write_text(stamp, recipe)
        except (OSError, subprocess.CalledProcessError) as e:
            raise Failure("setup", f"cannot make the arm64 sysroot: {e}") from e
        finally:
            apt.remove()
