# SPDX-License-Identifier: GPL-2.0
"""The QEMUs of the lab: Debian's sources, the patches of qemu-patches/, and of QEMU's devices those that the lab
has. One build runs here and emulates the labs; one, cross-compiled, runs in the arm64 lab, with KVM. What is up
to date is left.

The sources are those of Debian 13 (QEMU 10.0), fetched by apt; no version is pinned, `scripts/patches qemu check`
says if the patches no longer fit. Debian 12 has no Meson that is new enough, so that of Debian 13 is unpacked.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time

from lab import sysroot
from lab.base import REPO, Failure, die_with_us, interrupted, say
from lab.packages import TEMPORARY, Apt, find_program, read_text, remove_half_made, unpack, wait_for_lock, write_text

SUITE = "trixie"
LOCAL_WORK = 3          # scripts/patches: the tree has work that the queue has not
MESON = (1, 5)          # what QEMU 10.0 asks for
BASE = os.path.join(REPO, "build/qemu")
SOURCE = os.path.join(BASE, "source")
TREE = os.path.join(BASE, "src")
MESON_ROOT = os.path.join(BASE, "meson")
LOG = os.path.join(BASE, "build.log")

COMMON = ("--python=/usr/bin/python3", "--without-default-features", "--without-default-devices", "--enable-system",
          "--disable-docs", "--disable-debug-info", "--disable-install-blobs")


class Recipe:
    """One build of QEMU, which makes a program for each target."""

    def __init__(self, name, host, devices, *options):
        """host: the architecture that it runs on; devices: what each target emulates, as Kconfig takes it."""
        self.name = name
        self.devices = devices
        self.options = [*COMMON, "--target-list=" + ",".join(f"{target}-softmmu" for target in devices),
                        *(f"--with-devices-{target}=lab-{name}" for target in devices), *options]
        self.build = os.path.join(BASE, f"{name}.build")
        self.cross = host == "arm64"

    def program(self, target):
        return os.path.join(BASE, self.name, f"qemu-system-{target}")


X86_64 = "CONFIG_Q35=y\nCONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_SERIAL=y\nCONFIG_VIRTIO_9P=y\n"
AARCH64 = "CONFIG_ARM_VIRT=y\nCONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_SERIAL=y\nCONFIG_VIRTIO_9P=y\n"
HERE = ("--cc=ccache gcc", "--enable-tcg", "--enable-virtfs", "--enable-attr", "--enable-fdt=system",
        "--firmwarepath=/usr/share/qemu:/usr/share/seabios")

# Here: TCG's threads at full speed, files over 9p, and nothing else. The firmware is that of this machine's packages.
# For arm64: KVM, and the trace events as probes for BPF programs.
RECIPES = {recipe.name: recipe for recipe in (
    Recipe("x86_64", "x86_64", {"x86_64": X86_64, "aarch64": AARCH64}, *HERE),
    Recipe("arm64", "arm64", {"aarch64": AARCH64.replace("CONFIG_VIRTIO_9P=y\n", "")},
           f"--cross-prefix={sysroot.TRIPLET}-", f"--cc=ccache {sysroot.TRIPLET}-gcc", "--enable-kvm", "--disable-tcg",
           "--enable-fdt=system", "--enable-trace-backends=log,dtrace", f"--extra-cflags={' '.join(sysroot.compiler_flags())}",
           f"--extra-ldflags={' '.join(sysroot.linker_flags())}", "--firmwarepath=/usr/share/qemu"),
    Recipe("sanitized", "x86_64", {"aarch64": AARCH64}, *HERE, "--enable-asan", "--enable-ubsan"))}
USUAL = ("x86_64", "arm64")


def need_source(signals):
    """build/qemu/source, Debian's source package as it comes."""
    if os.path.isdir(SOURCE):
        return
    new = tempfile.mkdtemp(prefix=TEMPORARY + "source.", dir=BASE)
    apt = Apt(BASE, SUITE, "amd64", signals)
    try:
        say(f"fetching the sources of Debian {SUITE} (40 MB)")
        apt.update()
        apt.fetch_source("qemu", new)
        need_meson(apt, signals)
        os.rename(new, SOURCE)
    finally:
        apt.remove()
        shutil.rmtree(new, ignore_errors=True)


def need_meson(apt, signals):
    """build/qemu/meson, unless this machine's is new enough."""
    said = ""
    if find_program("meson"):
        said = subprocess.run(["meson", "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              check=False).stdout
    version = re.match(r"(\d+)\.(\d+)", said)
    if version and tuple(int(part) for part in version.groups()) >= MESON:
        return
    shutil.rmtree(MESON_ROOT, ignore_errors=True)
    unpack(apt.fetch("meson"), MESON_ROOT, signals)


def run_logged(command, what, signals, progress=None, good=(0,), **options):
    """Run a program, its output in the log; every 30 s progress(what it printed) is said. Its exit code, which is
    one of the good ones."""
    with open(LOG, "ab") as log:
        start = len(read_text(LOG))
        # pylint: disable=subprocess-popen-preexec-fn
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                              preexec_fn=die_with_us(), **options) as process:
            next_word = time.monotonic() + 30
            while process.poll() is None:
                if signals:
                    os.killpg(process.pid, 15)
                    raise interrupted(signals)
                if progress and time.monotonic() > next_word:
                    say(progress(read_text(LOG)[start:]))
                    next_word += 30
                time.sleep(0.05)
    if process.returncode not in good:
        text = read_text(LOG)[start:]
        wrong = [line for line in text.splitlines() if re.search(r"ERROR|error:|FAILED", line)][:10]
        last = text.splitlines()[-12:]
        raise Failure("setup", "\n  ".join([f"{what} failed ({process.returncode}); all of it: {LOG}", *wrong, "...",
                                            *last]))
    return process.returncode


def environment(recipe):
    env = dict(os.environ, LC_ALL="C", CCACHE_BASEDIR=os.path.join(REPO, "build"), CCACHE_NOHASHDIR="1")
    if os.path.isdir(MESON_ROOT):
        env["PYTHONPATH"] = os.path.join(MESON_ROOT, "usr/lib/python3/dist-packages")
        env["PATH"] = os.path.join(MESON_ROOT, "usr/bin") + ":" + env["PATH"]
    if recipe.cross:
        # dtrace, a script, runs a compiler to make the probes' objects; this is how it learns which.
        env.update(sysroot.environment(), CC=f"{sysroot.TRIPLET}-gcc", CFLAGS=" ".join(sysroot.compiler_flags()),
                   PATH=os.path.join(sysroot.SYSROOT, "host") + ":" + env["PATH"])
    return env


def configure(recipe, signals):
    text = "\n".join([*recipe.options, *recipe.devices.values(), read_text(os.path.join(TREE, "VERSION"))])
    digest = hashlib.sha256(text.encode()).hexdigest()
    stamp = os.path.join(recipe.build, "configured")
    if read_text(stamp) == digest:
        return
    say(f"configuring, {recipe.name}")
    shutil.rmtree(recipe.build, ignore_errors=True)
    os.makedirs(recipe.build)
    for target, devices in recipe.devices.items():
        write_text(os.path.join(TREE, f"configs/devices/{target}-softmmu/lab-{recipe.name}.mak"), devices)
    run_logged([os.path.join(TREE, "configure"), *recipe.options], "configure", signals, cwd=recipe.build,
               env=environment(recipe))
    write_text(stamp, digest)


def how_far(text):
    """The last [N/M] of ninja's."""
    found = re.findall(r"^\[(\d+/\d+)\]", text, re.M)
    return f"building, step {found[-1]}" if found else "building"


def apply_series(signals):
    write_text(LOG, "")
    if run_logged([os.path.join(REPO, "scripts/patches"), "qemu", "apply"], "scripts/patches qemu apply", signals,
                  good=(0, LOCAL_WORK)) == LOCAL_WORK:
        say(f"{os.path.relpath(TREE, REPO)} has work that the series has not: built as it is")


def build(recipe, signals):
    start = time.monotonic()
    if recipe.cross:
        sysroot.provide(signals)
    configure(recipe, signals)
    programs = [recipe.program(target) for target in recipe.devices]
    run_logged(["ninja", *map(os.path.basename, programs)], "the build", signals, how_far, cwd=recipe.build,
               env=environment(recipe))
    for program in programs:
        os.makedirs(os.path.dirname(program), exist_ok=True)
        # Machines may be running it.
        shutil.copy(os.path.join(recipe.build, os.path.basename(program)), program + ".new")
        os.rename(program + ".new", program)
    say(f"{' and '.join(os.path.relpath(program, REPO) for program in programs)} up to date, "
        f"in {time.monotonic() - start:.0f} s")


def provide(signals, recipes):
    """build/qemu/src, and of it the programs of these recipes."""
    os.makedirs(BASE, exist_ok=True)
    with open(os.path.join(BASE, "lock"), "w", encoding="utf-8") as lock:
        wait_for_lock(lock, BASE, signals)
        remove_half_made(BASE)
        try:
            need_source(signals)
            if recipes:
                apply_series(signals)
            for recipe in recipes:
                build(recipe, signals)
        except (OSError, subprocess.CalledProcessError) as e:
            raise Failure("setup", f"cannot build QEMU: {e}; scripts/setup installs what it takes") from e
