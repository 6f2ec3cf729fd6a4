#!/usr/bin/python3 -I
# SPDX-License-Identifier: GPL-2.0
"""The arm64 lab's root (scripts/lab/arm64root.py) on made-up packages and an apt that hands them out: made
once, made anew when the list of packages is another, never left half made."""

import lzma
import os
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../scripts"), HERE]

from lab import arm64root                       # noqa: E402
from lab.packages import TEMPORARY              # noqa: E402
from made_up_packages import PackagesTest       # noqa: E402

VERSION = "6.12.99-arm64"
DIRECTORIES = {"BASE": "arm64", "ROOT": "arm64/root", "VERSIONS": "arm64/versions"}
APT_CACHE = f"""#!/bin/bash
printf '%s\\n  Depends: linux-image-{VERSION}\\n' "${{!#}}"
"""


class RootTest(PackagesTest):
    module = arm64root

    def setUp(self):
        super().setUp()
        self.write("stub/bin/apt-cache", APT_CACHE, 0o755)
        self.deb("base-files", {"usr/bin/sh": "a shell", "etc/issue": "Debian"}, {"bin": "usr/bin", "lib": "usr/lib"})
        self.deb("a-tool", {"bin/tool": "a tool", "usr/share/doc/tool": "words"})
        self.deb(f"linux-image-{VERSION}-unsigned",
                 {f"boot/vmlinuz-{VERSION}": "a kernel", f"boot/config-{VERSION}": "y",
                  f"usr/lib/modules/{VERSION}/modules.order": "", f"usr/lib/modules/{VERSION}/modules.builtin": "",
                  f"usr/lib/modules/{VERSION}/modules.builtin.modinfo": ""})
        self.set("REPO", self.dir)
        for name, path in DIRECTORIES.items():
            self.set(name, os.path.join(self.dir, "build", path))

    def nothing_half_made(self):
        left = set(os.listdir(arm64root.BASE)) - {"lock", "root", "root.stamp", "versions"}
        self.assertEqual(left, set())

    def test_made_once(self):
        arm64root.provide(None, [])
        root = "build/arm64/root/"
        self.assertEqual(self.read(root + "usr/bin/tool"), "a tool")        # /bin is a link
        self.assertEqual(os.readlink(os.path.join(arm64root.ROOT, "bin")), "usr/bin")
        self.assertEqual(self.read(root + "usr/share/doc/tool"), "")
        self.assertTrue(os.path.isdir(arm64root.ROOT + self.dir))
        self.assertEqual(self.read("build/kernel/arm64/vmlinuz"), "a kernel")
        self.assertEqual(self.read("build/kernel/arm64/version"), VERSION + "\n")
        self.assertTrue(os.path.exists(os.path.join(arm64root.ROOT, "usr/lib/modules", VERSION, "modules.dep")))
        self.assertEqual(sorted(self.read("build/arm64/versions").splitlines()),
                         ["a-tool 1:2.3", "base-files 1:2.3", f"linux-image-{VERSION}-unsigned 1:2.3"])
        self.nothing_half_made()

        calls = self.read("stub/calls")
        arm64root.provide(None, [])
        self.assertEqual(self.read("stub/calls"), calls)

        arm64root.provide("16k", [])        # one more kernel, the same root
        self.assertEqual(self.read("build/kernel/arm64-16k/vmlinuz"), "a kernel")
        self.assertEqual(self.read("stub/calls").count("install"), 1)

    def test_made_anew(self):
        arm64root.provide(None, [])
        self.write("build/arm64/root/old", "x")
        self.set("PACKAGES", arm64root.PACKAGES + ("another",))
        self.write("stub/fail", "install")
        self.fails("setup", "apt-get failed with 100", None, [])
        self.assertEqual(self.read("build/arm64/root/old"), "x")            # better than none
        self.nothing_half_made()
        self.write("stub/fail", "")
        arm64root.provide(None, [])
        self.assertEqual(self.read("build/arm64/root/old"), "")
        self.assertEqual(self.read("build/kernel/arm64/vmlinuz"), "a kernel")

    def test_faults(self):
        # A run that was killed has left this.
        os.makedirs(os.path.join(arm64root.BASE, TEMPORARY + "root.killed/usr"))
        self.write("stub/mirrors", "")
        self.fails("setup", "apt knows no mirror of Debian here", None, [])
        self.nothing_half_made()
        self.write("stub/mirrors", "mirror:/debian\n")
        for verb in "update", "install", "download":
            self.write("stub/fail", verb)
            self.fails("setup", "apt-get failed with 100", None, [])
            self.nothing_half_made()
        self.write("stub/fail", "")
        arm64root.provide(None, [])
        self.nothing_half_made()

    def test_signal(self):
        self.write("stub/hang", "install")
        signals = []
        timer = threading.Timer(1, signals.append, [15])
        timer.start()
        self.addCleanup(timer.cancel)
        start = time.monotonic()
        self.fails("interrupted", "by SIGTERM", None, signals)
        self.assertLess(time.monotonic() - start, 5)
        self.nothing_half_made()

    def test_modules(self):
        """What a module needs comes before it, once."""
        arm64root.provide(None, [])
        place = os.path.join("build/arm64/root/usr/lib/modules", VERSION)
        self.write(place + "/modules.dep", "fs/top.ko.xz: net/middle.ko.xz lib/low.ko.xz\n"
                   "net/middle.ko.xz: lib/low.ko.xz\nnet/x-middle.ko.xz:\nlib/low.ko.xz:\n")
        for path in "fs/top", "net/middle", "lib/low":
            self.write(f"{place}/{path}.ko.xz", "")
            with lzma.open(os.path.join(self.dir, place, path + ".ko.xz"), "wb") as f:
                f.write(path.encode())
        kernel = os.path.join(self.dir, "build/kernel/arm64/vmlinuz")
        self.assertEqual(arm64root.modules_for(kernel, ("middle", "top")),
                         [("low.ko", b"lib/low"), ("middle.ko", b"net/middle"), ("top.ko", b"fs/top")])
        self.assertEqual(arm64root.modules_for("/elsewhere/vmlinuz", ("middle",)), [])


if __name__ == "__main__":
    unittest.main()
