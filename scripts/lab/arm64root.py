# SPDX-License-Identifier: GPL-2.0
"""The arm64 lab's root and kernel: Debian's own arm64 packages, fetched by apt and unpacked here.

Nothing of the packages runs here. No version is pinned: what apt offers is taken, and build/arm64/versions
says what that was.
"""

import lzma
import os
import re
import shutil
import subprocess
import tempfile

from lab.base import REPO, Failure, run_child, say
from lab.packages import TEMPORARY, Apt, find_program, identity, read_text, remove_half_made, unpack, \
    wait_for_lock, write_text

SUITE = "trixie"        # QEMU 10.0, whose GHES support the tests are about, and Linux 6.12
PACKAGES = ("base-files", "bash", "coreutils", "dash", "diffutils", "findutils", "grep", "kmod", "mawk", "mount",
            "procps", "sed", "util-linux",
            "acpica-tools", "qemu-efi-aarch64", "qemu-system-arm")
LAYOUT = 1              # of what is made of the packages: a new number has everything made anew

BASE = os.path.join(REPO, "build/arm64")
ROOT = os.path.join(BASE, "root")
VERSIONS = os.path.join(BASE, "versions")

# What maintainer scripts would make.
PASSWD = "root:x:0:0:root:/root:/bin/bash\n"
GROUP = "root:x:0:\n"
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian")


def make_root(apt):
    """build/arm64/root, without a kernel."""
    new = tempfile.mkdtemp(prefix=TEMPORARY + "root.", dir=BASE)
    try:
        os.chmod(new, 0o755)
        say("arm64 root: fetching packages (50 MB)")
        package_files = apt.fetch_with_dependencies(PACKAGES)
        say(f"arm64 root: unpacking {len(package_files)} packages")
        unpack(package_files, new, apt.signals)
        for name in UNUSED:
            shutil.rmtree(os.path.join(new, name), ignore_errors=True)
        write_text(os.path.join(new, "etc/passwd"), PASSWD)
        write_text(os.path.join(new, "etc/group"), GROUP)
        os.symlink("mawk", os.path.join(new, "usr/bin/awk"))
        shutil.rmtree(ROOT, ignore_errors=True)
        os.rename(new, ROOT)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return "".join(map(identity, package_files))


def make_kernel(apt, flavour, place):
    """A kernel with its configuration in place, its modules in the root; PACKAGE VERSION of it."""
    package = apt.depends_on(f"linux-image-{flavour}") + "-unsigned"
    say(f"arm64 kernel: fetching {package} (90 MB)")
    package_files = apt.fetch(package)
    tree = os.path.join(apt.dir, "kernel")
    unpack(package_files, tree, apt.signals)
    version, = os.listdir(os.path.join(tree, "usr/lib/modules"))
    modules = os.path.join(ROOT, "usr/lib/modules", version)
    shutil.rmtree(modules, ignore_errors=True)
    os.makedirs(os.path.dirname(modules), exist_ok=True)
    shutil.move(os.path.join(tree, "usr/lib/modules", version), modules)
    run_child([find_program("depmod"), "-b", ROOT, version], apt.signals)
    os.makedirs(place, exist_ok=True)
    for name in ("config", "vmlinuz"):
        os.rename(os.path.join(tree, "boot", f"{name}-{version}"), os.path.join(place, name))
    write_text(os.path.join(place, "version"), version + "\n")
    return "".join(map(identity, package_files))


def provide(variant, signals):
    """Make what is missing or stale of the root and of the kernel build/kernel/arm64 (-VARIANT)."""
    flavour = f"arm64-{variant}" if variant else "arm64"
    place = os.path.join(REPO, "build/kernel", flavour)
    root_recipe = f"{LAYOUT} {SUITE} {' '.join(PACKAGES)}\n"
    kernel_recipe = f"{LAYOUT} {SUITE}\n"
    stamp, kernel_stamp = os.path.join(BASE, "root.stamp"), os.path.join(place, "stamp")
    os.makedirs(BASE, exist_ok=True)
    with open(os.path.join(BASE, "lock"), "w", encoding="utf-8") as lock:
        wait_for_lock(lock, "arm64 root", signals)
        has_root = os.path.isdir(ROOT) and read_text(stamp) == root_recipe
        version = read_text(os.path.join(place, "version")).strip()
        has_kernel = (has_root and version and read_text(kernel_stamp) == kernel_recipe
                      and os.path.isdir(os.path.join(ROOT, "usr/lib/modules", version)))
        if not has_kernel:
            make_all(signals, None if has_root else (stamp, root_recipe), flavour, place, (kernel_stamp, kernel_recipe))
        # The root is read-only there, and the repository is mounted where it is here.
        os.makedirs(ROOT + REPO, exist_ok=True)


def make_all(signals, root_stamp, flavour, place, kernel_stamp):
    """The kernel, and the root first unless its stamp is None; a stamp is a (path, text)."""
    if not find_program("depmod"):
        raise Failure("setup", "no depmod: install kmod (scripts/setup does)")
    remove_half_made(BASE)
    apt = Apt(BASE, SUITE, "arm64", signals)
    try:
        say(f"arm64 root: asking apt what Debian {SUITE} has")
        apt.update()
        if root_stamp:
            write_text(VERSIONS, make_root(apt))
            write_text(*root_stamp)
        taken = make_kernel(apt, flavour, place)
        name = taken.split()[0]
        others = [line for line in read_text(VERSIONS).splitlines(True) if not line.startswith(name + " ")]
        write_text(VERSIONS, "".join(others) + taken)
        write_text(*kernel_stamp)
        say("arm64 root: made; build/arm64/versions has the packages' versions")
    except (OSError, subprocess.CalledProcessError) as e:
        raise Failure("setup", f"cannot make the arm64 root: {e}") from e
    finally:
        apt.remove()


def modules_for(kernel, wanted):
    """(name, content) of modules of the kernel at this path and of what they need, in the order to load.

    None of a kernel that is not Debian's: whoever gives one has them built in.
    """
    version = read_text(os.path.join(os.path.dirname(kernel), "version")).strip()
    place = os.path.join(ROOT, "usr/lib/modules", version)
    if not version:
        return []
    needs = {}
    for line in read_text(os.path.join(place, "modules.dep")).splitlines():
        path, _, others = line.partition(":")
        needs[path] = others.split()
    order = []
    for name in wanted:
        path, = [path for path in needs if re.split(r"[/.]", path)[-3] == name]
        # modules.dep has the innermost last.
        order += [other for other in [*reversed(needs[path]), path] if other not in order]
    modules = []
    for path in order:
        with lzma.open(os.path.join(place, path)) as f:
            modules.append((os.path.basename(path).removesuffix(".xz"), f.read()))
    return modules
