# SPDX-License-Identifier: GPL-2.0
"""The arm64 lab's root and kernel: Debian's own arm64 packages, fetched by apt and unpacked here.

apt works with a configuration, a state and a cache of its own, beside those of this machine; the mirror
and the way to it are those that this machine uses. Nothing of the packages runs here. No version is
pinned: what apt offers is taken, and build/arm64/versions says what that was.
"""

import fcntl
import lzma
import os
import re
import shutil
import subprocess
import tempfile
import time

from lab.base import REPO, Failure, interrupted, run_child, say

SUITE = "trixie"        # QEMU 10.0, whose GHES support the tests are about, and Linux 6.12
PACKAGES = ("base-files", "bash", "coreutils", "dash", "diffutils", "findutils", "grep", "kmod", "mawk", "mount",
            "procps", "sed", "util-linux",
            "acpica-tools", "qemu-efi-aarch64", "qemu-system-arm")
LAYOUT = 1              # of what is made of the packages: a new number has everything made anew

BASE = os.path.join(REPO, "build/arm64")
ROOT = os.path.join(BASE, "root")
VERSIONS = os.path.join(BASE, "versions")
TEMPORARY = "new."
UNPACK = 'mkdir -p "$2" && dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink --no-same-owner -C "$2"'
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# What maintainer scripts would make.
PASSWD = "root:x:0:0:root:/root:/bin/bash\n"
GROUP = "root:x:0:\n"
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian")

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
APT::Architecture "arm64";
#clear APT::Architectures;
APT::Architectures {{ "arm64"; }};
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

def this_machines_mirror():
    """The mirror of Debian's main archive that this machine uses."""
    said = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian",
                           "Label: Debian", "Component: main"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False).stdout
    if not said:
        raise Failure("setup", "apt knows no mirror of Debian here: run `apt-get update` as root")
    return said.splitlines()[0]


class Apt:
    """apt for arm64, in a directory that is gone afterwards."""

    def __init__(self, signals):
        mirror = this_machines_mirror()
        self.signals = signals
        self.dir = tempfile.mkdtemp(prefix=TEMPORARY + "apt.", dir=BASE)
        self.conf = os.path.join(self.dir, "apt.conf")
        for name in ("state", "lists/partial", "cache/archives/partial", "sources", "debs"):
            os.makedirs(os.path.join(self.dir, name))
        self.write("status", "")
        self.write("apt.conf", APT_CONF.format(apt=self.dir))
        self.write("sources/debian.sources", f"Types: deb\nURIs: {mirror}\nSuites: {SUITE}\n"
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
            raise Failure("setup", f"Debian {SUITE} has no package {package}, or it depends on nothing")
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


def make_root(apt):
    """build/arm64/root, without a kernel."""
    new = tempfile.mkdtemp(prefix=TEMPORARY + "root.", dir=BASE)
    try:
        os.chmod(new, 0o755)
        say("arm64 root: fetching packages (50 MB)")
        package_files = apt.fetch_with_dependencies(PACKAGES)
        say(f"arm64 root: unpacking {len(package_files)} packages")
        unpack(package_files, new, apt.signals)
        for name in UNUSED:
            shutil.rmtree(os.path.join(new, name), ignore_errors=True)
        write_text(os.path.join(new, "etc/passwd"), PASSWD)
        write_text(os.path.join(new, "etc/group"), GROUP)
        os.symlink("mawk", os.path.join(new, "usr/bin/awk"))
        shutil.rmtree(ROOT, ignore_errors=True)
        os.rename(new, ROOT)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return "".join(map(identity, package_files))


def make_kernel(apt, flavour, place):
    """A kernel with its configuration in place, its modules in the root; PACKAGE VERSION of it."""
    package = apt.depends_on(f"linux-image-{flavour}") + "-unsigned"
    say(f"arm64 kernel: fetching {package} (90 MB)")
    package_files = apt.fetch(package)
    tree = os.path.join(apt.dir, "kernel")
    unpack(package_files, tree, apt.signals)
    version, = os.listdir(os.path.join(tree, "usr/lib/modules"))
    modules = os.path.join(ROOT, "usr/lib/modules", version)
    shutil.rmtree(modules, ignore_errors=True)
    os.makedirs(os.path.dirname(modules), exist_ok=True)
    shutil.move(os.path.join(tree, "usr/lib/modules", version), modules)
    run_child([find_program("depmod"), "-b", ROOT, version], apt.signals)
    os.makedirs(place, exist_ok=True)
    for name in ("config", "vmlinuz"):
        os.rename(os.path.join(tree, "boot", f"{name}-{version}"), os.path.join(place, name))
    write_text(os.path.join(place, "version"), version + "\n")
    return "".join(map(identity, package_files))


def read_text(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def wait_for_lock(lock, signals):
    said = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if signals:
                raise interrupted(signals) from None
            if not said:
                say("arm64 root: another run makes it")
            said = True
            time.sleep(0.1)


def provide(variant, signals):
    """Make what is missing or stale of the root and of the kernel build/kernel/arm64 (-VARIANT)."""
    flavour = f"arm64-{variant}" if variant else "arm64"
    place = os.path.join(REPO, "build/kernel", flavour)
    root_recipe = f"{LAYOUT} {SUITE} {' '.join(PACKAGES)}\n"
    kernel_recipe = f"{LAYOUT} {SUITE}\n"
    stamp, kernel_stamp = os.path.join(BASE, "root.stamp"), os.path.join(place, "stamp")
    os.makedirs(BASE, exist_ok=True)
    with open(os.path.join(BASE, "lock"), "w", encoding="utf-8") as lock:
        wait_for_lock(lock, signals)        # one makes it, the others wait for it
        has_root = os.path.isdir(ROOT) and read_text(stamp) == root_recipe
        version = read_text(os.path.join(place, "version")).strip()
        has_kernel = (has_root and version and read_text(kernel_stamp) == kernel_recipe
                      and os.path.isdir(os.path.join(ROOT, "usr/lib/modules", version)))
        if not has_kernel:
            make_all(signals, None if has_root else (stamp, root_recipe), flavour, place, (kernel_stamp, kernel_recipe))
        # The root is read-only there, and the repository is mounted where it is here.
        os.makedirs(ROOT + REPO, exist_ok=True)


def make_all(signals, root_stamp, flavour, place, kernel_stamp):
    """The kernel, and the root first unless its stamp is None; a stamp is a (path, text)."""
    for program, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg"), ("depmod", "kmod")):
        if not find_program(program):
            raise Failure("setup", f"no {program}: install {package} (scripts/setup does)")
    for name in os.listdir(BASE):
        if name.startswith(TEMPORARY):          # of a run that was killed
            shutil.rmtree(os.path.join(BASE, name), ignore_errors=True)
    apt = Apt(signals)
    try:
        say(f"arm64 root: asking apt what Debian {SUITE} has")
        apt.update()
        if root_stamp:
            write_text(VERSIONS, make_root(apt))
            write_text(*root_stamp)
        taken = make_kernel(apt, flavour, place)
        name = taken.split()[0]
        others = [line for line in read_text(VERSIONS).splitlines(True) if not line.startswith(name + " ")]
        write_text(VERSIONS, "".join(others) + taken)
        write_text(*kernel_stamp)
        say("arm64 root: made; build/arm64/versions has the packages' versions")
    except (OSError, subprocess.CalledProcessError) as e:
        raise Failure("setup", f"cannot make the arm64 root: {e}") from e
    finally:
        apt.remove()


def find_program(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def modules_for(kernel, wanted):
    """(name, content) of modules of the kernel at this path and of what they need, in the order to load.

    None of a kernel that is not Debian's: whoever gives one has them built in.
    """
    version = read_text(os.path.join(os.path.dirname(kernel), "version")).strip()
    place = os.path.join(ROOT, "usr/lib/modules", version)
    if not version:
        return []
    needs = {}
    for line in read_text(os.path.join(place, "modules.dep")).splitlines():
        path, _, others = line.partition(":")
        needs[path] = others.split()
    order = []
    for name in wanted:
        path, = [path for path in needs if re.split(r"[/.]", path)[-3] == name]
        # modules.dep has the innermost last.
        order += [other for other in [*reversed(needs[path]), path] if other not in order]
    modules = []
    for path in order:
        with lzma.open(os.path.join(place, path)) as f:
            modules.append((os.path.basename(path).removesuffix(".xz"), f.read()))
    return modules
