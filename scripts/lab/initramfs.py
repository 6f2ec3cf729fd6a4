# SPDX-License-Identifier: GPL-2.0
"""The initramfs of a machine: its init, and the job that init reads."""

import os
import subprocess
import sys

from lab.base import REPO, Failure

INIT_SOURCE = os.path.join(REPO, "tests/vm/init.c")


def cpio(files):
    """An initramfs ("newc") with these (name, mode, content) files."""
    out = bytearray()
    for number, (name, mode, content) in enumerate([*files, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields)
        out += name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return out


def job_file(settings, command):
    """The job as init takes it: KEY=VALUE strings, then the command's arguments."""
    return b"".join(os.fsencode(s) + b"\0" for s in [*settings, "argv", *command])


def build_init(arch, compiler):
    """The path of init, compiled anew when its source is newer."""
    target = os.path.join(REPO, "build", arch, "vm-init")
    try:
        if os.stat(target).st_mtime > os.stat(INIT_SOURCE).st_mtime:
            return target
    except OSError:
        pass
    new = f"{target}.{os.getpid()}"     # several runs may find it stale at once
    command = [compiler, "-static", "-O2", "-Wall", "-Wextra", "-o", new, INIT_SOURCE]
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        os.rename(new, target)
    except (OSError, subprocess.CalledProcessError) as e:
        raise Failure("setup", f"cannot build the machine's init: {e}") from e
    return target
