# SPDX-License-Identifier: GPL-2.0
"""One run of a machine: its process from start to end, and what is said of it."""

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time

from lab.base import REPO, Failure, die_with_us, interrupted, say, splat_pattern
from lab.rundir import make_run_dir

GO_DOWN_LIMIT = 20      # seconds from a command's end to the machine's
CONSOLE_LINES = 30      # shown on failure
SPLAT_LINES = 40        # of the console from the first splat on
# Bad page, oops, warning, soft lockup: the kernel's own record, whatever the console showed.
TAINT_OF_SPLAT = 1 << 5 | 1 << 7 | 1 << 9 | 1 << 14

# What init says: tests/vm/init/wire.h has the meaning. First "ready", then "exit"; "fail" ends it any time.
LINE = re.compile(r"ready|exit \d{1,3} \d{1,2} \d+ \d+ -?\d+ -?\d+|fail .+")


class Machine:
    """What machines of every engine have in common."""

    emulator = None             # what the process is called in messages
    program, package = None, None
    kernels = ()                # names in build/kernel/ARCH, the best first

    def __init__(self, args, status, signals):
        self.args = args
        self.status = status
        self.signals = signals
        self.kernel = self.find_kernel()
        self.dir, self.lock = make_run_dir(args.arch)
        self.console = os.path.join(self.dir, "console.log")
        self.command = None
        self.process = None
        self.started = None
        self.ready = None
        self.end = None             # the fields of the guest's `exit` line
        self.failed = None          # the text of the guest's `fail` line
        self.deadline = time.monotonic() + args.timeout     # of everything
        self.limit = self.deadline  # of what is being waited for
        status.set(console=self.console)

    def find_kernel(self):
        variant = os.environ.get("LAB_KERNEL")
        place = f"{self.args.arch}-{variant}" if variant else self.args.arch
        build = f"scripts/kernel --config {variant}" if variant else "make kernel"
        kernels = [self.args.kernel] if self.args.kernel else [
            os.path.join(REPO, "build/kernel", place, name) for name in self.kernels]
        for kernel in kernels:
            if os.access(kernel, os.R_OK) and os.path.isfile(kernel):
                return os.path.abspath(kernel)
        raise Failure("setup", f"no kernel at {kernels[0]}: build one with `{build}`, or name one "
                      "with --kernel")

    def prepare(self):
        """Make the files of the run."""
        raise NotImplementedError

    def start(self):
        """Start the process; the channels to it."""
        raise NotImplementedError

    def progress(self):
        """Called after every step of the channels."""

    def received(self):
        """Bytes of the command's standard output and standard error that arrived."""
        raise NotImplementedError

    def spawn(self, command, **options):
        """Start the machine's process; it does not outlive ours."""
        self.command = command
        with open(os.path.join(self.dir, self.log_name()), "wb") as log:
            self.started = time.monotonic()
            # pylint: disable=subprocess-popen-preexec-fn,consider-using-with
            self.process = subprocess.Popen(
                command, preexec_fn=die_with_us(), **{
                    "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log,
                    "start_new_session": True,      # the terminal's ^C is for us alone
                    **options})

    def log_name(self):
        return self.emulator.lower() + ".log"

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def on_line(self, line):
        """A line that the machine's init says."""
        next_word = "exit " if self.ready else "ready"
        if not LINE.fullmatch(line) or not line.startswith((next_word, "fail ")) or self.end or self.failed:
            raise Failure("lost", f"the result channel has what init did not say: {ascii(line[:60])}")
        word, _, rest = line.partition(" ")
        if word == "ready":
            self.ready = time.monotonic() - self.started
            self.status.set(ready=f"{self.ready:.2f}")
            if self.args.verbose:
                say(f"ready after {self.ready:.2f} s")
        elif word == "exit":
            self.end = [int(field) for field in rest.split()]
        else:
            self.failed = rest

    def serve(self, channels, wake):
        """Until the process is gone and everything it sent is written."""
        pidfd = os.pidfd_open(self.process.pid)
        self.limit = self.deadline
        while pidfd is not None or any(c.holds and c.wants() for c in channels):
            wants = {wake: select.POLLIN}
            if pidfd is not None:
                wants[pidfd] = select.POLLIN
            for channel in channels:
                wants.update(channel.wants())
            poll = select.poll()
            for fd, events in wants.items():
                poll.register(fd, events)
            left = max(0, self.limit - time.monotonic())
            happened = {fd for fd, _ in poll.poll(min(left, 3600) * 1000 + 1)}
            if self.signals:
                raise interrupted(self.signals)
            if time.monotonic() >= self.limit:   # whatever happens: a command may never stop printing
                if self.end:
                    raise Failure("lost", "the machine did not go down after the command's end")
                raise Failure("timeout", f"no end after {self.args.timeout:g} s, the machine "
                              + ("was up" if self.ready else "never came up"))
            if pidfd in happened:
                os.close(pidfd)
                pidfd = None
            for channel in channels:
                channel.step(happened)
            self.progress()
        if self.end and self.received() != self.end[2:4]:
            raise Failure("lost", f"{self.emulator} ended before all of the command's output had arrived")

    def bad_end(self, code):
        """What is wrong with how the process ended, or None."""
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"exited with {code}" if code else None

    def judge(self):
        """The process has ended by itself: was it a sound run?"""
        bad_end = self.bad_end(self.process.wait())
        if self.failed:
            raise Failure("lost", f"the machine could not be set up: {self.failed}")
        if bad_end:
            raise Failure("lost", f"{self.emulator} {bad_end}")
        if not self.ready:
            raise Failure("lost", "the machine went down before it was up")
        if not self.end:
            raise Failure("no-result", "the machine went down before the command ended")
        before, after = self.end[4:6]
        if after < 0 and self.args.verbose:
            say("this kernel does not tell its taint mask: splats are looked for in the log alone")
        new_taint = after & ~before & TAINT_OF_SPLAT
        if after >= 0 and new_taint:
            raise Failure("splat", f"the kernel is tainted ({new_taint:#x})")

    def splat(self):
        """The console log from the first line that a sound kernel does not print: some lines, or none."""
        try:
            with open(self.console, "rb") as f:
                text = f.read().replace(b"\r", b"")
        except OSError:
            return []
        found = splat_pattern().search(text)
        lines = text[found.start():].splitlines()[:SPLAT_LINES] if found else []
        return [line.decode(errors="replace") for line in lines]

    def boot(self, wake):
        """Run the machine to its end; how it failed, or None."""
        failure = None
        try:
            self.serve(self.start(), wake)
            self.judge()
        except Failure as e:
            failure = e
        except BrokenPipeError:
            self.signals.append(signal.SIGPIPE)
            failure = Failure("interrupted", "nobody reads the output any more")
        except FileNotFoundError as e:
            raise Failure("setup", f"no {self.program}: install {self.package} "
                          "(scripts/setup does)") from e
        finally:
            self.stop()
        splat = None if self.signals else self.splat()
        if splat:
            where = [line[line.index("RIP: "):] for line in splat if "RIP: " in line]
            failure = Failure("splat", ", ".join(splat[:1] + where[:1]))
        return failure

    def run(self, wake):
        """The command's exit code, or Failure."""
        try:
            self.prepare()
        except OSError as e:
            raise Failure("setup", f"cannot prepare the machine: {e}") from e
        failure = self.boot(wake)
        self.status.set(elapsed=f"{time.monotonic() - self.started:.2f}")
        if self.end:
            self.status.set(exit=self.end[0], signal=self.end[1] or None)
        if failure:
            raise failure
        self.clean_up()
        return self.end[0]

    def clean_up(self):
        """After a sound run: remove what nobody will look at."""

    @staticmethod
    def show_lines(lines):
        for line in lines:
            print("  " + line, file=sys.stderr)

    def show(self):
        """For whoever has to find out what happened."""
        if not self.command:
            return
        say("command: " + shlex.join(self.args.command))
        say(f"{self.emulator.lower()}: " + shlex.join(self.command))
        for name in (self.log_name(), "console.log"):
            try:
                with open(os.path.join(self.dir, name), "rb") as f:
                    lines = f.read().replace(b"\r", b"").splitlines()
            except OSError:
                continue
            if name == "console.log":
                splat = self.splat()
                if splat:
                    say(f"the console from the first splat on ({self.console}):")
                    self.show_lines(splat)
                say(f"last lines of the console ({self.console}):")
            self.show_lines(line.decode(errors="replace") for line in lines[-CONSOLE_LINES:])
