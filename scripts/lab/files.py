# SPDX-License-Identifier: GPL-2.0
"""The files of a machine that has no other root than its initramfs: programs with what they need."""

import os
import re
import shutil
import subprocess

from lab.base import REPO, Failure

LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x[0-9a-f]+\)$")


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        raise Failure("setup", f"cannot read a file for the machine: {e}") from e


class Files:
    """Path in the machine to content; directories come by themselves."""

    def __init__(self):
        self.entries = {}       # path: (mode, content)
        self.add_busybox()

    def add_busybox(self):
        """A shell and the usual commands."""
        busybox = shutil.which("busybox")
        if not busybox:
            raise Failure("setup", "no busybox: install busybox-static (scripts/setup does)")
        self.add(busybox, "/bin/busybox")
        applets = subprocess.run([busybox, "--list"], check=True, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, text=True).stdout.split()
        for applet in applets:
            self.entries.setdefault("/bin/" + applet, (0o120777, b"busybox"))

    def add(self, path, dest=None):
        """A file of this machine, with the libraries or the interpreter that it needs."""
        dest = dest or os.path.abspath(path)
        content = read(path)
        self.entries[dest] = (0o100755 if os.access(path, os.X_OK) else 0o100644, content)
        needed = []
        if content.startswith(b"\x7fELF"):
            needed = libraries(path)
        elif content.startswith(b"#!/"):
            needed = [os.fsdecode(content[2:].split(b"\n", 1)[0].split()[0])]
        for other in needed:
            if other not in self.entries and os.path.exists(other):
                self.add(other, other)

    def add_option(self, option):
        """--file PATH[:DEST]"""
        path, _, dest = option.partition(":")
        if dest and not dest.startswith("/"):
            raise Failure("setup", f"--file {option}: DEST must be a path from / on")
        self.add(path, os.path.normpath(dest) if dest else None)

    def add_program(self, name, arch):
        """The command's program, if the machine does not have it already."""
        path = os.path.join(REPO, name) if "/" in name else os.path.join(REPO, "build", arch, name)
        if os.path.normpath(path) in self.entries:
            return
        if os.path.isfile(path):
            self.add(path, os.path.normpath(path))
        elif "/" in name or "/bin/" + name not in self.entries:
            raise Failure("setup", f"the machine has no {name}: give it one with --file, or take "
                          "what busybox has")

    def cpio_entries(self):
        """(name, mode, content), every directory before what is in it."""
        directories = set()
        for path in sorted(self.entries):
            for parent in parents(path):
                if parent not in directories:
                    directories.add(parent)
                    yield parent[1:], 0o040755, b""
            mode, content = self.entries[path]
            yield path[1:], mode, content


def parents(path):
    """/a and /a/b of /a/b/c."""
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[:n]) for n in range(1, len(parts) + 1)]


def libraries(path):
    """What the dynamic linker would load for a program, itself included; nothing if it is static."""
    said = subprocess.run(["ldd", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False).stdout
    return [found[1] for found in map(LIBRARY.search, said.splitlines()) if found]
