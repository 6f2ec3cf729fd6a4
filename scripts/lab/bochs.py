# SPDX-License-Identifier: GPL-2.0
"""Machines run by Bochs: VMX, EPT and PCID, which QEMU's TCG does not have.

There is no virtio and no 9p. A CD holds the boot loader, the kernel and an initramfs with everything;
what the command writes comes as frames over the second serial line.
"""

import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import time

from lab.base import REPO, Failure, interrupted, say
from lab.channels import Drain, FrameRelay
from lab.files import Files
from lab.initramfs import build_init, cpio, job_file
from lab.machine import GO_DOWN_LIMIT, Machine

# As under QEMU (qemu.py). An emergency restart is a triple fault, which ends Bochs: the machine must not
# boot again.
KERNEL_ARGS = ("loglevel=5 panic=-1 oops=panic watchdog_thresh=30 reboot=t "
               # Bochs's CPU has eight cores in one leaf of CPUID and none in another, and gives the size
               # of a compacted XSAVE area as if it were not compacted: Linux warns of both.
               "clearcpuid=ht,xsaves,xsavec "
               # A fifth of the boot is spent on names in the format files of trace events.
               "initcall_blacklist=trace_eval_init")
IPS = 15000000
# A debug kernel takes several times the instructions for the same work. With a CPU that is not faster as well, a tick
# comes in nearly each stay in the isolated address space, and ends it.
IPS_OF_VARIANT = {"debug": 8 * IPS}
CPU = "corei7_skylake_x"
BIOS = "/usr/share/bochs/BIOS-bochs-latest"
VGA_BIOS = "/usr/share/seabios/vgabios-stdvga.bin"

PANIC = re.compile(r">>PANIC<< (.*)")

# Bochs makes time of instructions: IPS of them are a second. The clock starts at a fixed date, so that
# two runs do the same.
CONFIGURATION = """\
config_interface: textconfig
display_library: term
romimage: file={bios}
vgaromimage: file={vga_bios}
cpu: model={cpu}, count={smp}, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={mem}, host={mem}
clock: sync=none, time0=1767225600
boot: cdrom
ata0: enabled=1
ata0-master: type=cdrom, path="{iso}", status=inserted
com1: enabled=1, mode=file, dev="{console}"
com2: enabled=1, mode=file, dev=/dev/fd/{frames}
mouse: enabled=0
speaker: enabled=0
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
log: "{log}"
logprefix: %t%e%d
"""
GRUB = """\
set timeout=0
linux /bzImage {args}
initrd /initrd
boot
"""


def instructions_per_second():
    return IPS_OF_VARIANT.get(os.environ.get("LAB_KERNEL"), IPS)


class Bochs(Machine):
    emulator = "Bochs"
    program, package = "bochs-bin", "bochs"
    kernels = ("bzImage",)

    def __init__(self, args, status, signals):
        if args.interactive:
            raise Failure("setup", "--interactive needs QEMU")
        super().__init__(args, status, signals)
        self.relay = None
        self.going_down = False

    def path(self, name):
        return os.path.join(self.dir, name)

    def log_name(self):
        return "terminal.log"

    def progress_line(self, text):
        if self.args.verbose or os.isatty(2):
            say(text)

    def prepare(self):
        for program, package in (("grub-mkrescue", "grub-common"), ("xorriso", "xorriso"),
                                 ("mformat", "mtools"), (self.program, self.package)):
            if not shutil.which(program):
                raise Failure("setup", f"no {program}: install {package} (scripts/setup does)")
        self.progress_line("making the boot image")
        cd = self.path("cd")
        os.makedirs(os.path.join(cd, "boot/grub"))
        shutil.copyfile(self.kernel, os.path.join(cd, "bzImage"))
        with open(os.path.join(cd, "initrd"), "wb") as f:
            f.write(self.initramfs())
        # Each word is one of GRUB's, whatever is in it.
        # The CPU's model says 3.5 GHz; its TSC counts instructions. Believing the model, the kernel would take an
        # hour for 15 seconds.
        args = (f"console=ttyS0,115200 {KERNEL_ARGS} tsc_early_khz={instructions_per_second() // 1000} "
                f"{self.args.append}").split()
        if self.args.debug:
            args.append("nokaslr")
        with open(os.path.join(cd, "boot/grub/grub.cfg"), "w", encoding="utf-8") as f:
            f.write(GRUB.format(args=" ".join(map(shlex.quote, args))))
        self.make_iso(cd)
        shutil.rmtree(cd)
        with open(self.path("debug.rc"), "w", encoding="utf-8") as f:
            f.write("c\nq\n")

    def initramfs(self):
        env = {
            "PATH": f"{REPO}/build/{self.args.arch}:/bin:/sbin:/usr/bin:/usr/sbin",
            "HOME": "/tmp",
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "FAULTLINE_VM": self.args.arch,
            "FAULTLINE_ENGINE": "bochs",
        }
        settings = ["serial=/dev/ttyS1", f"repo={REPO}"] + [f"env={k}={v}" for k, v in env.items()]
        files = Files()
        for option in self.args.file:
            files.add_option(option)
        files.add_program(self.args.command[0], self.args.arch)
        with open(build_init(self.args.arch, "gcc"), "rb") as f:
            init = f.read()
        return cpio([("init", 0o100755, init), ("job", 0o100600, job_file(settings, self.args.command)),
                     *files.cpio_entries()])

    def make_iso(self, cd):
        done = subprocess.run(["grub-mkrescue", "-o", self.path("boot.iso"), cd], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              start_new_session=True)   # ^C is for us alone
        if done.returncode:
            raise Failure("setup", "grub-mkrescue cannot make a boot image (it needs grub-pc-bin): "
                          + done.stdout.strip())

    def start(self):
        if self.signals:
            raise interrupted(self.signals)
        frames, theirs = os.pipe()
        with open(self.path("bochsrc"), "w", encoding="utf-8") as f:
            f.write(CONFIGURATION.format(bios=BIOS, vga_bios=VGA_BIOS, cpu=CPU,
                                         ips=instructions_per_second(),
                                         smp=self.args.smp or 1, mem=self.args.mem or 512, iso=self.path("boot.iso"),
                                         console=self.console, frames=theirs,
                                         log=self.path("bochs.log")))
        command = [self.program, "-q", "-f", self.path("bochsrc")]
        self.relay = FrameRelay(frames, self.on_line)
        channels = [self.relay]
        if self.args.debug:
            # ^C is the debugger's.
            self.spawn(command, pass_fds=[theirs], stdin=0, stdout=1, stderr=2, start_new_session=False)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        else:
            # Its display is a terminal, which nobody looks at.
            screen, terminal = pty.openpty()
            self.spawn(command + ["-rc", self.path("debug.rc")], pass_fds=[theirs], stdin=terminal,
                       stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "vt100"})
            os.close(terminal)
            channels.append(Drain(screen, self.path(self.log_name())))
        os.close(theirs)
        self.progress_line("booting in Bochs (half a minute)")
        return channels

    def bad_end(self, code):
        """Bochs panics whenever the machine goes down, and says in its log why."""
        with open(self.path("bochs.log"), encoding="latin-1") as f:
            panics = PANIC.findall(f.read())
        if panics and panics[-1] == "ACPI control: soft power off":
            return None
        if panics and "exception with no resolution" in panics[-1]:
            return f"ended by a triple fault, or the kernel restarted ({panics[-1]})"
        return (super().bad_end(code) or "ended") + "".join(f" ({why})" for why in panics[-1:])

    def received(self):
        return self.relay.received


    def progress(self):
        """The command has ended: so does the machine, soon."""
        if self.end and not self.going_down:
            self.going_down = True
            self.limit = time.monotonic() + GO_DOWN_LIMIT

    def clean_up(self):
        os.unlink(self.path("boot.iso"))
