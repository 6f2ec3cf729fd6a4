# SPDX-License-Identifier: GPL-2.0
"""The QEMU that emulates the x86_64 lab: this machine's own, or a newer one of Debian where that is too old.

QEMU before 8.1 may keep a translation made from code that another CPU was patching: it does not lock the
page meanwhile. A breakpoint of the kernel's text poking then stays for ever (Oops: int3), in about one of 40
boots on a busy host; machines also hung, or were reset without a word. Debian 12 has QEMU 7.2; its backports
have 10.0, which is unpacked in build/qemu-x86_64 and runs with the libraries of 7.2's package.
"""

import os
import re
import shutil
import subprocess
import tempfile

from lab.base import REPO, Failure, say
from lab.packages import TEMPORARY, Apt, identity, read_text, remove_half_made, unpack, wait_for_lock, write_text

PROGRAM = "qemu-system-x86_64"
FIXED_IN = (8, 1)
SUITE = "bookworm-backports"
PACKAGES = ("qemu-system-common", "qemu-system-data", "qemu-system-x86", "seabios")
LAYOUT = 1              # of what is made of the packages: a new number has it made anew

BASE = os.path.join(REPO, "build/qemu-x86_64")
ROOT = os.path.join(BASE, "root")


def version_of(program):
    """(major, minor), or None if it does not run."""
    try:
        said = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False).stdout
    except OSError:
        return None
    found = re.search(rb"version (\d+)\.(\d+)", said)
    return found and tuple(int(part) for part in found.groups())


def provide(signals):
    """The path or the name of a QEMU without that bug."""
    own = version_of(PROGRAM)
    if own is None or own >= FIXED_IN:
        return PROGRAM          # none: the caller says which package is missing
    program = os.path.join(ROOT, "usr/bin", PROGRAM)
    recipe = f"{LAYOUT} {SUITE} {' '.join(PACKAGES)}\n"
    stamp = os.path.join(BASE, "stamp")
    os.makedirs(BASE, exist_ok=True)
    with open(os.path.join(BASE, "lock"), "w", encoding="utf-8") as lock:
        wait_for_lock(lock, "QEMU", signals)
        if read_text(stamp) != recipe or not os.path.exists(program):
            make(own, signals)
            write_text(stamp, recipe)
    return program


def make(own, signals):
    remove_half_made(BASE)
    say(f"this machine's QEMU is {own[0]}.{own[1]}, too old for the lab: fetching that of {SUITE} (14 MB)")
    new = tempfile.mkdtemp(prefix=TEMPORARY + "root.", dir=BASE)
    try:
        apt = Apt(BASE, SUITE, "amd64", signals)
        try:
            apt.update()
            package_files = [path for name in PACKAGES for path in apt.fetch(name)]
            unpack(package_files, new, signals)
            versions = "".join(map(identity, package_files))
        finally:
            apt.remove()
        runs(os.path.join(new, "usr/bin", PROGRAM))
        shutil.rmtree(ROOT, ignore_errors=True)
        os.rename(new, ROOT)
        write_text(os.path.join(BASE, "versions"), versions)
    except (OSError, subprocess.CalledProcessError, Failure) as e:
        if getattr(e, "result", "setup") != "setup":
            raise
        raise Failure("setup", f"no newer QEMU from {SUITE}: {e}; the lab needs one of 8.1 or newer as "
                               f"{PROGRAM}") from e
    finally:
        shutil.rmtree(new, ignore_errors=True)


def runs(program):
    """That it has all libraries that it needs."""
    said = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if said.returncode:
        raise Failure("setup", f"it does not run here: {said.stderr.strip()}")
