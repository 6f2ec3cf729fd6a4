#!/usr/bin/python3 -I
# SPDX-License-Identifier: GPL-2.0
"""How the lab's QEMU is built (scripts/lab/qemubuild.py), as far as the compiler: sources fetched once and never
half, a Meson that is new enough, a build that fails named with what it said."""

import os
import sys
import types
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../scripts"), HERE]

from lab import qemubuild, sysroot              # noqa: E402
from made_up_packages import PackagesTest       # noqa: E402

DIRECTORIES = {"BASE": "", "SOURCE": "source", "MESON_ROOT": "meson", "TREE": "src", "LOG": "build.log"}


class QemuBuildTest(PackagesTest):
    module = qemubuild

    def setUp(self):
        super().setUp()
        for name, path in DIRECTORIES.items():
            self.set(name, os.path.join(self.dir, "build/qemu", path))
        self.set("REPO", self.dir)
        self.here = qemubuild.Recipe("x86_64", "x86_64", {"x86_64": "CONFIG_X=y\n", "aarch64": "CONFIG_Z=y\n"})
        self.lab = qemubuild.Recipe("arm64", "arm64", {"aarch64": "CONFIG_X=y\n"})
        self.write("stub/source/qemu_10.dsc", "Version: 1:10.0\n")
        self.deb("meson", {"usr/bin/meson": "a newer one"})
        self.meson("1.0.1")

    def meson(self, version):
        self.write("stub/bin/meson", f"#!/bin/sh\necho {version}\n", 0o755)

    def nothing_half_made(self):
        self.assertLessEqual(set(os.listdir(qemubuild.BASE)), {"lock", "source", "meson", "build.log"})

    def test_source(self):
        qemubuild.provide([], [])
        qemubuild.provide([], [])
        self.assertEqual(self.read("stub/calls").count("update"), 1)
        self.assertEqual(self.read("build/qemu/source/qemu_10.dsc"), "Version: 1:10.0\n")
        self.assertEqual(self.read("build/qemu/meson/usr/bin/meson"), "a newer one")
        self.assertIn(self.dir + "/build/qemu/meson/usr/bin:", qemubuild.environment(self.here)["PATH"])
        self.nothing_half_made()

    def test_meson(self):
        for version in "1.5.0", "1.10.2", "2.0":
            self.meson(version)
            qemubuild.provide([], [])
            os.rename(qemubuild.SOURCE, f"{self.dir}/{version}")
        self.assertFalse(os.path.exists(qemubuild.MESON_ROOT))

    def test_faults(self):
        for verb in "update", "source", "download":
            self.write("stub/fail", verb)
            self.fails("setup", "apt-get failed with 100", [], [])
            self.nothing_half_made()
            self.assertFalse(os.path.exists(qemubuild.SOURCE))

    def test_build_fails(self):
        """The series, which comes first."""
        self.write("scripts/patches", "#!/bin/sh\necho fine >&2; echo 'x.patch: hunk 1: error: no'; exit 1\n", 0o755)
        self.fails("setup", r"(?s)scripts/patches qemu apply failed \(1\); all of it: .*build.log\n  x.patch: hunk 1", [],
                   [self.here])
        self.assertFalse(os.path.exists(self.here.program("x86_64")))

    def test_build(self):
        """A configuration that is other configures anew; a cross build gets the other machine's compiler for dtrace."""
        self.write("scripts/patches", "#!/bin/sh\n", 0o755)
        self.write("build/qemu/src/VERSION", "10.0\n")
        self.write("build/qemu/src/configs/devices/aarch64-softmmu/default.mak", "")
        self.write("build/qemu/src/configure", "#!/bin/sh\necho configured >>$STUB/calls\n", 0o755)
        self.write("stub/bin/ninja", "#!/bin/sh\necho with $CC $CFLAGS >>$STUB/calls; echo $$ >$1\n", 0o755)
        self.set("sysroot", types.SimpleNamespace(**{**vars(sysroot), "provide": lambda signals: None}))
        qemubuild.provide([], [self.lab])
        first = self.read("build/qemu/arm64/qemu-system-aarch64")
        qemubuild.provide([], [self.lab])
        self.assertNotEqual(self.read("build/qemu/arm64/qemu-system-aarch64"), first)
        self.lab.devices["aarch64"] = "CONFIG_Y=y\n"
        qemubuild.provide([], [self.lab])
        calls = self.read("stub/calls").splitlines()
        self.assertEqual([line.split()[0] for line in calls if line.split()[0] in ("configured", "with")],
                         ["configured", "with", "with", "configured", "with"])
        self.assertTrue(calls[-1].startswith("with aarch64-linux-gnu-gcc -isystem"))
        self.write("stub/bin/ninja", "#!/bin/sh\nfor name; do echo $name >$name; done\n", 0o755)
        self.write("build/qemu/src/configs/devices/x86_64-softmmu/default.mak", "")
        qemubuild.provide([], [self.here])
        for target in "x86_64", "aarch64":
            self.assertEqual(self.read(f"build/qemu/x86_64/qemu-system-{target}"), f"qemu-system-{target}\n")
        self.assertEqual(self.read("build/qemu/src/configs/devices/aarch64-softmmu/lab-x86_64.mak"), "CONFIG_Z=y\n")
        self.assertEqual(self.read("build/qemu/src/configs/devices/aarch64-softmmu/lab-arm64.mak"), "CONFIG_Y=y\n")


if __name__ == "__main__":
    unittest.main()
