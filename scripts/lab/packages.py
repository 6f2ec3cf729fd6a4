# SPDX-License-Identifier: GPL-2.0
"""Packages of Debian that this machine does not have installed: fetched by apt and unpacked in build/.

apt works with a configuration, a state and a cache of its own, beside those of this machine; the mirror
and the way to it are those that this machine uses.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time

from lab.base import Failure, interrupted, run_child, say

TEMPORARY = "new."      # what the names of directories begin with that are being made
UNPACK = 'mkdir -p "$2" && dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink --no-same-owner -C "$2"'
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# It must not do what apt on this machine does after an update or an installation.
APT_CONF = """\
Dir::State "{apt}/state";
Dir::State::lists "{apt}/lists";
Dir::State::status "{apt}/status";
Dir::Cache "{apt}/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{apt}/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{arch}";
#clear APT::Architectures;
APT::Architectures {{ "{arch}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
"""


def find_program(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def this_machines_mirror():
    """The mirror of Debian's main archive that this machine uses."""
    said = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian",
                           "Label: Debian", "Component: main"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False).stdout
    if not said:
        raise Failure("setup", "apt knows no mirror of Debian here: run `apt-get update` as root")
    return said.splitlines()[0]


class Apt:
    """apt for one suite and architecture, in a directory below base that is gone afterwards."""

    def __init__(self, base, suite, arch, signals):
        for program, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg")):
            if not find_program(program):
                raise Failure("setup", f"no {program}: install {package} (scripts/setup does)")
        mirror = this_machines_mirror()
        self.suite = suite
        self.signals = signals
        self.dir = tempfile.mkdtemp(prefix=TEMPORARY + "apt.", dir=base)
        self.conf = os.path.join(self.dir, "apt.conf")
        for name in ("state", "lists/partial", "cache/archives/partial", "sources", "debs"):
            os.makedirs(os.path.join(self.dir, name))
        self.write("status", "")
        self.write("apt.conf", APT_CONF.format(apt=self.dir, arch=arch))
        self.write("sources/debian.sources", f"Types: deb deb-src\nURIs: {mirror}\nSuites: {suite}\n"
                                             f"Components: main\nSigned-By: {KEYRING}\n")

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, *command):
        program, *args = command
        run_child([program, "-qq", "-c", self.conf, *args], self.signals, cwd=os.path.join(self.dir, "debs"))

    def update(self):
        self.run("apt-get", "update")

    def depends_on(self, package):
        """The first package that a metapackage depends on."""
        said = subprocess.run(["apt-cache", "-c", self.conf, "depends", "--important", package],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False).stdout
        found = re.search(r"^ *Depends: (\S+)$", said, re.M)
        if not found:
            raise Failure("setup", f"Debian {self.suite} has no package {package}, or it depends on nothing")
        return found[1]

    def fetch_with_dependencies(self, packages):
        """The packages and all that they need, as files."""
        self.run("apt-get", "--download-only", "-y", "install", *packages)
        place = os.path.join(self.dir, "cache/archives")
        return sorted(os.path.join(place, name) for name in os.listdir(place) if name.endswith(".deb"))

    def fetch(self, package):
        """The package alone, as a file."""
        place = os.path.join(self.dir, "debs")
        self.run("apt-get", "download", package)
        return [os.path.join(place, name) for name in os.listdir(place) if name.startswith(package + "_")]

    def fetch_source(self, package, place):
        """The files of a source package, to this directory."""
        program, *args = ["apt-get", "--download-only", "source", package]
        run_child([program, "-qq", "-c", self.conf, *args], self.signals, cwd=place)

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def identity(package_file):
    """PACKAGE VERSION"""
    return subprocess.run(["dpkg-deb", "--show", "--showformat", "${Package} ${Version}\n", package_file],
                          check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout


def unpack(package_files, place, signals):
    # base-files has the links /bin -> usr/bin and the like, which dpkg-deb -x would put directories in place of.
    for path in sorted(package_files, key=lambda path: not os.path.basename(path).startswith("base-files_")):
        run_child(["bash", "-o", "pipefail", "-c", UNPACK, "bash", path, place], signals)


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def read_text(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def wait_for_lock(lock, what, signals):
    """One run makes it, the others wait for that."""
    said = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if signals:
                raise interrupted(signals) from None
            if not said:
                say(f"{what}: another run makes it")
            said = True
            time.sleep(0.1)


def remove_half_made(base):
    """What a run that was killed has left."""
    for name in os.listdir(base):
        if name.startswith(TEMPORARY):
            shutil.rmtree(os.path.join(base, name), ignore_errors=True)
