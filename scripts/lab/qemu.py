# SPDX-License-Identifier: GPL-2.0
"""Machines run by QEMU: this machine's own files over 9p, the command's streams over virtio-serial."""

import os
import shutil
import socket
import time

from lab import arm64root, qemubuild
from lab.base import REPO, Failure
from lab.channels import Keys, Lines, Relay
from lab.initramfs import build_guest_initrd, build_init, cpio, job_file
from lab.machine import GO_DOWN_LIMIT, Machine
from lab.monitor import Monitor

PORTS = ("ctl", "out", "err", "monitor")    # virtio-serial; their names there start with faultline.

# A silent line needs no time on a slow serial port; warnings and worse are shown. A loaded TCG machine
# is not locked up at once.
KERNEL_ARGS = "loglevel=5 panic=-1 oops=panic watchdog_thresh=30"

# The kernel refines the TSC's frequency after KVM has taken it; KVM without TSC scaling gives guests that
# are off by more than the tolerance a TSC multiplier of 0, and with it timers that fire many seconds late.
# Nor does a timer interrupt always come within the few ticks that the boot waits for it, when the host is
# busy; the kernel would panic.
X86_KERNEL_ARGS = "no_timer_check kvm.tsc_tolerance_ppm=20000"

ARCHES = {
    "x86_64": {
        "qemu": "qemu-system-x86_64",
        "package": "qemu-system-x86",
        "kernels": ("bzImage", "vmlinux"),
        "machine": ["-machine", "q35", "-cpu", "max,+svm,+npt"],
        "machine_kvm": ["-machine", "q35", "-cpu", "host"],
        "console": "ttyS0",
        "terminal": "ttyS1",
        "terminal_device": ["-serial", "chardev:tty"],
        "kernel_args": X86_KERNEL_ARGS,
        "compiler": "gcc",
        "root": "/",
        "modules": (),
    },
    # KVM at EL2; or, with --ras, firmware and error sources instead. A newer QEMU in a machine with -cpu max of QEMU 7.2 locks a CPU up. The board has one
    # serial line only.
    "arm64": {
        "qemu": "qemu-system-aarch64",
        "package": "qemu-system-arm",
        "kernels": ("vmlinuz",),
        "machine": ["-machine", "virt,virtualization=on,gic-version=3", "-cpu", "neoverse-n1"],
        "machine_kvm": ["-machine", "virt,gic-version=max", "-cpu", "host"],
        "machine_ras": ["-machine", "virt,ras=on,gic-version=3", "-cpu", "neoverse-n1",
                        "-bios", os.path.join(arm64root.ROOT, "usr/share/qemu-efi-aarch64/QEMU_EFI.fd"),
                        "-global", "acpi-ged.x-error-block-size=4096", "-global", "acpi-ged.x-error-notify=on"],
        "console": "ttyAMA0",
        "terminal": "hvc0",
        "terminal_device": ["-device", "virtconsole,chardev=tty"],
        "kernel_args": "rcupdate.rcu_cpu_stall_timeout=60",     # a CPU that emulates a guest's is slow, not stalled
        "compiler": "aarch64-linux-gnu-gcc",
        "root": arm64root.ROOT,
        "modules": ("9pnet_virtio", "9p"),
    },
}


def comma(path):
    """A path inside one of QEMU's comma-separated options."""
    return path.replace(",", ",,")


def accelerator():
    accel = os.environ.get("ACCEL") or "tcg"
    if accel not in ("kvm", "tcg"):
        raise Failure("setup", f"ACCEL={accel}: there is no such accelerator; set kvm or tcg")
    return accel


class Qemu(Machine):
    emulator = "QEMU"

    def __init__(self, args, status, signals):
        self.arch = ARCHES[args.arch]
        self.program, self.package = self.arch["qemu"], self.arch["package"]
        self.kernels = self.arch["kernels"]
        self.accel = accelerator()
        if args.file or args.debug:
            raise Failure("setup", "--file and --debug need --engine bochs")
        if args.arch == "arm64":
            arm64root.provide(os.environ.get("LAB_KERNEL"), signals)
        if args.icount and self.accel != "tcg":
            raise Failure("setup", "--icount counts what TCG executes: unset ACCEL")
        if args.ras or args.arch == "x86_64" and self.accel == "tcg":
            self.program = self.lab_qemu()
        super().__init__(args, status, signals)
        self.cpus = args.smp or 2
        self.initrd = os.path.join(self.dir, "initrd")
        self.ctl = None
        self.relays = []
        self.acked = False

    def prepare(self):
        env = {
            "PATH": f"{REPO}/build/{self.args.arch}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/tmp",
            "TERM": os.environ.get("TERM", "dumb") if self.args.interactive else "dumb",
            "LANG": "C.UTF-8",
            "FAULTLINE_VM": self.args.arch,
            "FAULTLINE_ENGINE": "qemu",
            "FAULTLINE_KERNEL": "/run/kernel/" + os.path.basename(self.kernel),
        }
        settings = [f"repo={REPO}"] + [f"env={k}={v}" for k, v in env.items()]
        if self.args.arch == "arm64":
            settings.append(f"env=FAULTLINE_QEMU={self.inner_qemu()}")
            build_guest_initrd(self.args.arch, self.arch["compiler"])
        if self.args.interactive:
            size = shutil.get_terminal_size()
            settings.append(f"tty=/dev/{self.arch['terminal']} {size.lines} {size.columns}")
        init = build_init(self.args.arch, self.arch["compiler"])
        with open(init, "rb") as f, open(self.initrd, "wb") as out:
            out.write(cpio([("init", 0o100755, f.read()),
                            ("job", 0o100600, job_file(settings, self.args.command)),
                            *self.modules()]))

    def lab_qemu(self):
        """The QEMU without the faults that end a machine whose CPUs run guests at once, and with memory errors; see
        qemu-patches/."""
        chosen = os.environ.get("LAB_QEMU")
        program = chosen or qemubuild.RECIPES["x86_64"].program(self.arch["qemu"].removeprefix("qemu-system-"))
        if not os.access(program, os.X_OK):
            remedy = "LAB_QEMU takes a program's path" if chosen else "build it with `make qemu`"
            raise Failure("setup", f"no QEMU for the lab at {program}: {remedy}")
        return program

    def inner_qemu(self):
        """The path in the machine of the QEMU for its guests."""
        if self.args.qemu != "patched":
            return "/usr/bin/qemu-system-aarch64"
        program = qemubuild.RECIPES["arm64"].program("aarch64")
        if not os.access(program, os.X_OK):
            raise Failure("setup", f"no patched QEMU at {program}: build it with `make qemu`")
        return program

    def modules(self):
        """The files of the initramfs that init loads as modules, in the order of their names."""
        modules = arm64root.modules_for(self.kernel, self.arch["modules"]) if self.arch["modules"] else []
        if modules:
            yield "modules", 0o040755, b""
        for number, (name, content) in enumerate(modules, 10):
            yield f"modules/{number}-{name}", 0o100600, content

    def accelerated(self, machine):
        if machine == "machine_kvm":
            return "-accel", "kvm"
        if self.args.icount:
            return "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"
        return "-accel", "tcg,thread=multi"

    def qemu_command(self, ports):
        arch, args = self.arch, self.args
        machine = "machine_ras" if args.ras else "machine_kvm" if self.accel == "kvm" else "machine"
        kernel_args = f"console={arch['console']} {KERNEL_ARGS} {arch['kernel_args']} {args.append}"
        command = [self.program, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                   *self.accelerated(machine), *arch[machine],
                   "-smp", str(self.cpus), "-m", args.mem or "2048",
                   "-kernel", self.kernel, "-initrd", self.initrd,
                   "-append", kernel_args.strip(),
                   "-chardev", f"file,id=console,path={comma(self.console)}",
                   "-serial", "chardev:console"]
        command += ["-device", "virtio-serial-pci"]
        if "tty" in ports:
            command += ["-chardev", f"socket,id=tty,fd={ports['tty']}", *arch["terminal_device"]]
        for name in PORTS:
            command += ["-chardev", f"socket,id={name},fd={ports[name]}",
                        "-device", f"virtserialport,chardev={name},name=faultline.{name}"]
        command += ["-chardev", f"socket,id=qmp,fd={ports['qmp']}",
                    "-mon", "chardev=qmp,mode=control"]
        for tag, path, mode in (("root", arch["root"], ",readonly=on"),
                                ("kernel", os.path.dirname(self.kernel), ",readonly=on"),
                                ("repo", REPO, "")):
            command += ["-virtfs", f"local,path={comma(path)},mount_tag={tag},"
                                   f"security_model=none,multidevs=remap{mode}"]
        return command

    def start(self):
        names = [*PORTS, "qmp"] + (["tty"] if self.args.interactive else [])
        pairs = {name: socket.socketpair() for name in names}
        theirs = {name: pair[1].fileno() for name, pair in pairs.items()}
        self.spawn(self.qemu_command(theirs), pass_fds=list(theirs.values()))
        for _, their_end in pairs.values():
            their_end.close()
        ours = {name: pair[0] for name, pair in pairs.items()}
        self.acked = False
        self.ctl = Lines(ours["ctl"], self.on_line)
        self.relays = [Relay(ours["out"], 1), Relay(ours["err"], 2)]
        channels = [self.ctl, *self.relays, Monitor(ours["monitor"], ours["qmp"], self.cpus)]
        if "tty" in ours:
            channels += [Keys(ours["tty"]), Relay(ours["tty"], 1)]
        return channels

    def received(self):
        return [relay.received for relay in self.relays]

    def progress(self):
        """Everything has arrived: the machine may go down."""
        have_all = self.end and self.received() == self.end[2:4]
        if not self.acked and self.ctl.source and (have_all or self.failed):
            self.acked = True
            self.limit = time.monotonic() + GO_DOWN_LIMIT
            self.ctl.source.sendall(b"\n")

    def clean_up(self):
        os.unlink(self.initrd)
