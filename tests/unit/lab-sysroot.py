#!/usr/bin/python3 -I
# SPDX-License-Identifier: GPL-2.0
"""The arm64 sysroot (scripts/lab/sysroot.py), of made-up packages: what a compiler needs and no more, links that
lead into it, made once, anew when it is another release's, and never half."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../scripts"), HERE]

from lab import sysroot                         # noqa: E402
from made_up_packages import PackagesTest       # noqa: E402

LIB = "usr/lib/aarch64-linux-gnu"


class SysrootTest(PackagesTest):
    module = sysroot

    def setUp(self):
        super().setUp()
        self.set("BASE", os.path.join(self.dir, "build/arm64"))
        self.set("SYSROOT", os.path.join(self.dir, "build/arm64/sysroot"))
        self.release = "bookworm"
        self.set("this_release", lambda: self.release)
        self.deb("dtrace", {"usr/bin/dtrace": "#!/bin/sh\n", "usr/bin/other": "", "usr/share/doc/dtrace/x": ""})
        self.deb("a-dev", {"usr/include/a.h": "int a;\n", f"{LIB}/pkgconfig/a.pc": "Name: a\n"},
                 {f"{LIB}/liba.so": "/lib/aarch64-linux-gnu/liba.so.1", f"{LIB}/libb.so": "libb.so.1"})
        self.deb("a", {"lib/aarch64-linux-gnu/liba.so.1": "library a\n", f"{LIB}/libb.so.1": "library b\n"})

    def path(self, name):
        return os.path.join(sysroot.SYSROOT, name)

    def test_content(self):
        sysroot.provide([])
        self.assertEqual(sorted(os.listdir(sysroot.SYSROOT)), ["host", "lib", "usr"])
        self.assertEqual(os.listdir(self.path("usr/share")), [])
        self.assertEqual(self.read("build/arm64/sysroot/usr/include/a.h"), "int a;\n")
        self.assertTrue(os.access(self.path("host/dtrace"), os.F_OK))
        for name, content in ("liba.so", "library a\n"), ("libb.so", "library b\n"):
            self.assertFalse(os.path.isabs(os.readlink(self.path(f"{LIB}/{name}"))))
            self.assertEqual(self.read(f"build/arm64/sysroot/{LIB}/{name}"), content)
        self.assertEqual(set(os.listdir(sysroot.BASE)), {"lock", "sysroot", "sysroot.stamp"})

    def test_once(self):
        sysroot.provide([])
        sysroot.provide([])
        self.assertEqual(self.read("stub/calls").count("update"), 1)
        self.release = "trixie"
        sysroot.provide([])
        self.assertEqual(self.read("stub/calls").count("update"), 2)

    def test_libc_is_the_compilers(self):
        for name in "libc6-dev_2_arm64.deb", "libc6_2_arm64.deb", "linux-libc-dev_6_arm64.deb", "libc-dev-bin_2_arm64.deb":
            self.assertTrue(sysroot.NOT.match(name))
        self.assertFalse(sysroot.NOT.match("libcap2_2_arm64.deb"))

    def test_faults(self):
        for verb in "update", "install":
            self.write("stub/fail", verb)
            self.fails("setup", "apt-get failed with 100", [])
            self.assertFalse(os.path.exists(sysroot.SYSROOT))
            self.assertEqual(os.listdir(sysroot.BASE), ["lock"])


if __name__ == "__main__":
    unittest.main()
