#!/usr/bin/python3 -I
# SPDX-License-Identifier: GPL-2.0
"""Which QEMU the x86_64 lab takes (scripts/lab/hostqemu.py): this machine's own unless it is too old, then one
from made-up packages, made once, never half."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../scripts"), HERE]

from lab import hostqemu                        # noqa: E402
from made_up_packages import PackagesTest       # noqa: E402

OWN = hostqemu.PROGRAM
DIRECTORIES = {"BASE": "qemu", "ROOT": "qemu/root"}


def says(version, code=0):
    return f"#!/bin/sh\necho 'QEMU emulator version {version} (made up)'\necho 'no library' >&2\nexit {code}\n"


class HostQemuTest(PackagesTest):
    module = hostqemu

    def setUp(self):
        super().setUp()
        for name, path in DIRECTORIES.items():
            self.set(name, os.path.join(self.dir, path))
        self.newer = os.path.join(self.dir, "qemu/root/usr/bin", OWN)
        self.own("7.2.22")
        for name in hostqemu.PACKAGES:
            self.deb(name, {f"usr/share/doc/{name}/copyright": "made up"})
        self.deb("qemu-system-x86", {f"usr/bin/{OWN}": says("10.0.2")}, mode=0o755)

    def own(self, version):
        self.write(f"stub/bin/{OWN}", says(version), 0o755)

    def nothing_half_made(self):
        self.assertLessEqual(set(os.listdir(hostqemu.BASE)), {"lock", "root", "stamp", "versions"})

    def test_own(self):
        for version in "8.1.0", "10.0.13", "10.2":
            self.own(version)
            self.assertEqual(hostqemu.provide([]), OWN)
        self.patch(os.environ, "PATH", "/no/where")
        self.assertEqual(hostqemu.provide([]), OWN)     # the runner says that there is none
        self.assertFalse(os.path.exists(hostqemu.BASE))

    def test_newer(self):
        for version in "7.2.22", "8.0.5":
            self.own(version)
            self.assertEqual(hostqemu.provide([]), self.newer)
        self.assertEqual(hostqemu.version_of(self.newer), (10, 0))
        self.assertEqual(self.read("stub/calls").count("update"), 1)
        self.assertEqual(len(self.read("qemu/versions").splitlines()), len(hostqemu.PACKAGES))
        self.nothing_half_made()
        self.set("LAYOUT", hostqemu.LAYOUT + 1)
        hostqemu.provide([])
        self.assertEqual(self.read("stub/calls").count("update"), 2)

    def test_faults(self):
        for verb in "update", "download":
            self.write("stub/fail", verb)
            self.fails("setup", "apt-get failed with 100; the lab needs one of 8.1 or newer", [])
            self.nothing_half_made()
        self.write("stub/fail", "")
        self.deb("qemu-system-x86", {f"usr/bin/{OWN}": says("10.0.2", 127)}, mode=0o755)
        self.fails("setup", "does not run here: no library", [])
        self.nothing_half_made()
        self.assertFalse(os.path.exists(self.newer))


if __name__ == "__main__":
    unittest.main()
