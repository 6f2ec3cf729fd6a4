# SPDX-License-Identifier: GPL-2.0
"""The initramfs of a machine: its init, and the job that init reads; and that of a guest in the arm64 lab."""

import os
import subprocess
import sys
import tempfile

from lab.base import REPO, Failure

INIT_SOURCES = os.path.join(REPO, "tests/vm/init")
VICTIMS_SOURCE = os.path.join(REPO, "tests/vm/victims-init.c")


def cpio(files):
    """An initramfs ("newc") with these (name, mode, content) files."""
    out = bytearray()
    for number, (name, mode, content) in enumerate([*files, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0,
                  len(os.fsencode(name)) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields)
        out += os.fsencode(name) + b"\0"
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return out


def job_file(settings, command):
    """The job as init takes it: KEY=VALUE strings, then the command's arguments."""
    return b"".join(os.fsencode(s) + b"\0" for s in [*settings, "argv", *command])


def build_init(arch, compiler):
    """The path of init, compiled anew when a source is newer."""
    sources = sorted(entry.path for entry in os.scandir(INIT_SOURCES) if entry.name.endswith((".c", ".h")))
    target = os.path.join(REPO, "build", arch, "vm-init")
    build_static(target, sources, compiler)
    return target


def build_guest_initrd(arch, compiler):
    """build/ARCH/victims-initrd, which scripts/l2-arm64 boots a guest with; with raslat if that is built."""
    init, target, tool = (os.path.join(REPO, "build", arch, name) for name in ("victims-init", "victims-initrd", "raslat"))
    build_static(init, [VICTIMS_SOURCE], compiler)
    parts = [("init", init)] + ([("raslat", tool)] if os.path.exists(tool) else [])
    try:
        if os.stat(target).st_mtime > max(os.stat(path).st_mtime for _, path in parts):
            return
    except OSError:
        pass
    new = f"{target}.{os.getpid()}"
    with open(new, "wb") as out:
        out.write(cpio([(name, 0o100755, stripped(path, compiler)) for name, path in parts]))
    os.rename(new, target)


def stripped(path, compiler):
    """The program without what only a debugger needs."""
    with tempfile.NamedTemporaryFile() as out:
        try:
            subprocess.run([compiler.removesuffix("gcc") + "strip", "-o", out.name, path], check=True,
                           stdin=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as e:
            raise Failure("setup", f"cannot strip {path}: {e}") from e
        with open(out.name, "rb") as f:     # strip may have made another file of that name
            return f.read()


def build_static(target, sources, compiler):
    """A program of all sources that are C, compiled anew when a source is newer."""
    try:
        if os.stat(target).st_mtime > max(os.stat(source).st_mtime for source in sources):
            return
    except OSError:
        pass
    new = f"{target}.{os.getpid()}"     # several runs may find it stale at once
    command = [compiler, "-static", "-O2", "-Wall", "-Wextra", "-o", new,
               *(source for source in sources if source.endswith(".c"))]
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        os.rename(new, target)
    except (OSError, subprocess.CalledProcessError) as e:
        raise Failure("setup", f"cannot build {target}: {e}") from e
