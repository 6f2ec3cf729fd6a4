# SPDX-License-Identifier: GPL-2.0
"""Made-up Debian packages and an apt that hands them out, for what the lab makes of packages."""

import os
import shutil
import subprocess
import tempfile
import unittest

from lab import packages
from lab.base import Failure

# $STUB/ has debs/, source/, a file calls, and the file fail or hang to plant a fault at a verb.
APT_GET = """#!/bin/bash
echo "$*" >>"$STUB/calls"
[[ " $* " != *" indextargets "* ]] || { cat "$STUB/mirrors"; exit; }
[[ " $* " != *" $(cat "$STUB/fail" 2>/dev/null) "* ]] || exit 100
[[ " $* " != *" $(cat "$STUB/hang" 2>/dev/null) "* ]] || exec sleep 1000
for ((i = 1; i < $#; i++)); do [[ ${!i} != -c ]] || { i=$((i + 1)); conf=${!i}; }; done
case " $* " in
*" install "*) cp "$STUB"/debs/[a-k]*.deb "${conf%/*}/cache/archives" ;;
*" source "*) cp "$STUB"/source/* . ;;
*" download "*) cp "$STUB"/debs/"${!#}"_*.deb . ;;
esac
"""


class PackagesTest(unittest.TestCase):
    """A test of a module that has provide(), whose files are in self.dir."""

    module = None

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.stub = os.path.join(self.dir, "stub")
        self.write("stub/bin/apt-get", APT_GET, 0o755)
        self.write("stub/mirrors", "mirror:/debian\n")
        self.patch(os.environ, "PATH", f"{self.stub}/bin:{os.environ['PATH']}:/usr/sbin:/sbin")
        self.patch(os.environ, "STUB", self.stub)
        for module in {self.module, packages}:
            self.patch(vars(module), "say", lambda text: None)

    def patch(self, mapping, name, value):
        old = mapping.get(name)
        mapping[name] = value
        self.addCleanup(lambda: mapping.pop(name) if old is None else mapping.update({name: old}))

    def set(self, name, value):
        self.patch(vars(self.module), name, value)

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.dir, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)

    def read(self, path):
        return packages.read_text(os.path.join(self.dir, path))

    def deb(self, name, files, links=None, mode=0o644):
        for path, text in files.items():
            self.write(f"debs/{name}/{path}", text, mode)
        for path, target in (links or {}).items():
            os.symlink(target, os.path.join(self.dir, "debs", name, path))
        self.write(f"debs/{name}/DEBIAN/control", f"Package: {name}\nVersion: 1:2.3\nArchitecture: arm64\n"
                   "Maintainer: nobody <nobody@invalid>\nDescription: made up\n")
        os.makedirs(os.path.join(self.stub, "debs"), exist_ok=True)
        subprocess.run(["dpkg-deb", "-b", os.path.join(self.dir, "debs", name),
                        os.path.join(self.stub, f"debs/{name}_2.3_arm64.deb")], check=True, stdout=subprocess.DEVNULL)

    def fails(self, result, what, *args):
        with self.assertRaisesRegex(Failure, what) as caught:
            self.module.provide(*args)
        self.assertEqual(caught.exception.result, result)
