#!/usr/bin/python3 -I
# SPDX-License-Identifier: GPL-2.0
"""The arm64 lab's root (scripts/lab/arm64root.py) on made-up packages and an apt that hands them out: made
once, made anew when the list of packages is another, never left half made."""

import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../scripts"))

from lab import arm64root                   # noqa: E402
from lab.base import Failure                # noqa: E402

VERSION = "6.12.99-arm64"
DIRECTORIES = {"BASE": "arm64", "ROOT": "arm64/root", "VERSIONS": "arm64/versions"}

# $STUB/ has debs/, a file calls, and the file fail or hang to plant a fault at a verb.
APT_GET = """#!/bin/bash
echo "$*" >>"$STUB/calls"
[[ " $* " != *" indextargets "* ]] || { cat "$STUB/mirrors"; exit; }
[[ " $* " != *" $(cat "$STUB/fail" 2>/dev/null) "* ]] || exit 100
[[ " $* " != *" $(cat "$STUB/hang" 2>/dev/null) "* ]] || exec sleep 1000
for ((i = 1; i < $#; i++)); do [[ ${!i} != -c ]] || { i=$((i + 1)); conf=${!i}; }; done
case " $* " in
*" install "*) cp "$STUB"/debs/[a-k]*.deb "${conf%/*}/cache/archives" ;;
*" download "*) cp "$STUB"/debs/"${!#}"_*.deb . ;;
esac
"""
APT_CACHE = f"""#!/bin/bash
printf '%s\\n  Depends: linux-image-{VERSION}\\n' "${{!#}}"
"""


class RootTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.stub = os.path.join(self.dir, "stub")
        self.write("stub/bin/apt-get", APT_GET, 0o755)
        self.write("stub/bin/apt-cache", APT_CACHE, 0o755)
        self.write("stub/mirrors", "mirror:/debian\n")
        self.deb("base-files", {"usr/bin/sh": "a shell", "etc/issue": "Debian"}, {"bin": "usr/bin", "lib": "usr/lib"})
        self.deb("a-tool", {"bin/tool": "a tool", "usr/share/doc/tool": "words"})
        self.deb(f"linux-image-{VERSION}-unsigned",
                 {f"boot/vmlinuz-{VERSION}": "a kernel", f"boot/config-{VERSION}": "y",
                  f"usr/lib/modules/{VERSION}/modules.order": "", f"usr/lib/modules/{VERSION}/modules.builtin": "",
                  f"usr/lib/modules/{VERSION}/modules.builtin.modinfo": ""})
        self.patch(os.environ, "PATH", f"{self.stub}/bin:{os.environ['PATH']}:/usr/sbin:/sbin")
        self.patch(os.environ, "STUB", self.stub)
        self.set("REPO", self.dir)
        for name, path in DIRECTORIES.items():
            self.set(name, os.path.join(self.dir, "build", path))
        self.set("say", lambda text: None)

    def patch(self, mapping, name, value):
        old = mapping.get(name)
        mapping[name] = value
        self.addCleanup(lambda: mapping.pop(name) if old is None else mapping.update({name: old}))

    def set(self, name, value):
        self.patch(vars(arm64root), name, value)

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.dir, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)

    def read(self, path):
        return arm64root.read_text(os.path.join(self.dir, path))

    def deb(self, name, files, links=None):
        for path, text in files.items():
            self.write(f"debs/{name}/{path}", text)
        for path, target in (links or {}).items():
            os.symlink(target, os.path.join(self.dir, "debs", name, path))
        self.write(f"debs/{name}/DEBIAN/control", f"Package: {name}\nVersion: 1:2.3\nArchitecture: arm64\n"
                   "Maintainer: nobody <nobody@invalid>\nDescription: made up\n")
        os.makedirs(os.path.join(self.stub, "debs"), exist_ok=True)
        subprocess.run(["dpkg-deb", "-b", os.path.join(self.dir, "debs", name),
                        os.path.join(self.stub, f"debs/{name}_2.3_arm64.deb")], check=True, stdout=subprocess.DEVNULL)

    def fails(self, result, what, signals=()):
        with self.assertRaisesRegex(Failure, what) as caught:
            arm64root.provide(None, signals)
        self.assertEqual(caught.exception.result, result)

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
        self.fails("setup", "apt-get failed with 100")
        self.assertEqual(self.read("build/arm64/root/old"), "x")            # better than none
        self.nothing_half_made()
        self.write("stub/fail", "")
        arm64root.provide(None, [])
        self.assertEqual(self.read("build/arm64/root/old"), "")
        self.assertEqual(self.read("build/kernel/arm64/vmlinuz"), "a kernel")

    def test_faults(self):
        # A run that was killed has left this.
        os.makedirs(os.path.join(arm64root.BASE, arm64root.TEMPORARY + "root.killed/usr"))
        self.write("stub/mirrors", "")
        self.fails("setup", "apt knows no mirror of Debian here")
        self.nothing_half_made()
        self.write("stub/mirrors", "mirror:/debian\n")
        for verb in "update", "install", "download":
            self.write("stub/fail", verb)
            self.fails("setup", "apt-get failed with 100")
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
        self.fails("interrupted", "by SIGTERM", signals)
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
