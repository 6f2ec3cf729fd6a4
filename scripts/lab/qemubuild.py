# SPDX-License-Identifier: GPL-2.0
"""The QEMU that emulates the x86_64 lab: Debian's sources, the patches of qemu-patches/, and of QEMU's devices
those that the lab has. What is up to date is left.

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

from lab.base import REPO, Failure, die_with_us, interrupted, say
from lab.packages import TEMPORARY, Apt, find_program, read_text, remove_half_made, unpack, wait_for_lock, write_text

SUITE = "trixie"
LOCAL_WORK = 3          # scripts/patches: the tree has work that the queue has not
MESON = (1, 5)          # what QEMU 10.0 asks for
BASE = os.path.join(REPO, "build/qemu")
SOURCE = os.path.join(BASE, "source")
TREE = os.path.join(BASE, "src")
MESON_ROOT = os.path.join(BASE, "meson")
BUILD = os.path.join(BASE, "x86_64.build")
LOG = os.path.join(BASE, "build.log")
PROGRAM = os.path.join(BASE, "x86_64/qemu-system-x86_64")

DEVICES = "CONFIG_Q35=y\nCONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_SERIAL=y\nCONFIG_VIRTIO_9P=y\n"
# TCG's threads at full speed, files over 9p, and nothing else. The firmware is that of this machine's packages.
OPTIONS = ("--python=/usr/bin/python3", "--cc=ccache gcc", "--target-list=x86_64-softmmu", "--without-default-features",
           "--without-default-devices", "--with-devices-x86_64=lab", "--enable-tcg", "--enable-system",
           "--enable-virtfs", "--enable-attr", "--disable-docs", "--disable-debug-info", "--disable-install-blobs",
           "--firmwarepath=/usr/share/qemu:/usr/share/seabios")


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


def environment():
    env = dict(os.environ, LC_ALL="C", CCACHE_BASEDIR=BASE, CCACHE_NOHASHDIR="1")
    if os.path.isdir(MESON_ROOT):
        env["PYTHONPATH"] = os.path.join(MESON_ROOT, "usr/lib/python3/dist-packages")
        env["PATH"] = os.path.join(MESON_ROOT, "usr/bin") + ":" + env["PATH"]
    return env


def configure(signals):
    recipe = hashlib.sha256("\n".join([*OPTIONS, DEVICES, read_text(os.path.join(TREE, "VERSION"))]).encode()).hexdigest()
    stamp = os.path.join(BUILD, "configured")
    if read_text(stamp) == recipe:
        return
    say("configuring")
    shutil.rmtree(BUILD, ignore_errors=True)
    os.makedirs(BUILD)
    write_text(os.path.join(TREE, "configs/devices/x86_64-softmmu/lab.mak"), DEVICES)
    run_logged([os.path.join(TREE, "configure"), *OPTIONS], "configure", signals, cwd=BUILD, env=environment())
    write_text(stamp, recipe)


def how_far(text):
    """The last [N/M] of ninja's."""
    found = re.findall(r"^\[(\d+/\d+)\]", text, re.M)
    return f"building, step {found[-1]}" if found else "building"


def build(signals):
    write_text(LOG, "")
    if run_logged([os.path.join(REPO, "scripts/patches"), "qemu", "apply"], "scripts/patches qemu apply", signals,
                  good=(0, LOCAL_WORK)) == LOCAL_WORK:
        say(f"{os.path.relpath(TREE, REPO)} has work that the series has not: built as it is")
    configure(signals)
    start = time.monotonic()
    run_logged(["ninja", os.path.basename(PROGRAM)], "the build", signals, how_far, cwd=BUILD, env=environment())
    os.makedirs(os.path.dirname(PROGRAM), exist_ok=True)
    # Machines may be running it.
    shutil.copy(os.path.join(BUILD, os.path.basename(PROGRAM)), PROGRAM + ".new")
    os.rename(PROGRAM + ".new", PROGRAM)
    return time.monotonic() - start


def provide(signals, fetch_only=False):
    """build/qemu/src, or all the way to PROGRAM."""
    os.makedirs(BASE, exist_ok=True)
    with open(os.path.join(BASE, "lock"), "w", encoding="utf-8") as lock:
        wait_for_lock(lock, PROGRAM, signals)
        remove_half_made(BASE)
        try:
            need_source(signals)
            if fetch_only:
                return
            took = build(signals)
        except (OSError, subprocess.CalledProcessError) as e:
            raise Failure("setup", f"cannot build QEMU: {e}; scripts/setup installs what it takes") from e
    say(f"{os.path.relpath(PROGRAM, REPO)} is up to date, built in {took:.0f} s")
