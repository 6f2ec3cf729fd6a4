# SPDX-License-Identifier: GPL-2.0
"""What every part of the lab runner uses."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SPLATS = os.path.join(REPO, "scripts/splat.patterns")


class Failure(Exception):
    """The machine failed, not the command."""

    def __init__(self, result, reason):
        super().__init__(reason)
        self.result = result


def interrupted(signals):
    return Failure("interrupted", f"by {signal.Signals(signals[0]).name}")


class Status:
    """What --status FILE says; a failure until the run has ended otherwise."""

    def __init__(self, path):
        self.path = path
        self.values = {"result": "no-result", "reason": "the runner did not end"}
        self.write()

    def write(self):
        if not self.path:
            return
        text = "".join(f"{k}={v}\n" for k, v in self.values.items() if v is not None)
        try:
            with open(self.path + ".new", "w", encoding="utf-8") as f:
                f.write(text.replace("\0", ""))
            os.rename(self.path + ".new", self.path)
        except OSError as e:
            self.path = None
            raise Failure("setup", f"cannot write the status file: {e}") from e

    def set(self, **values):
        for key, value in values.items():
            self.values[key] = value if value is None else str(value).replace("\n", " ")


prefix = "vm"               # the program that speaks


def say(text):
    print(f"{prefix}: {text}", file=sys.stderr, flush=True)


def die_with_us():
    """For subprocess's preexec_fn: a function that has the child killed when this process ends."""
    parent = os.getpid()
    libc = ctypes.CDLL(None)

    def in_child():
        libc.prctl(1, signal.SIGKILL)       # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def run_child(command, signals, **options):
    """Run a program to its end, its output on standard error; it ends with us, and when a signal came."""
    try:
        # pylint: disable=subprocess-popen-preexec-fn
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True,
                              preexec_fn=die_with_us(), **options) as process:
            while process.poll() is None:
                if signals:
                    process.kill()
                    raise interrupted(signals)
                time.sleep(0.05)
    except OSError as e:
        raise Failure("setup", f"cannot run {command[0]}: {e}") from e
    if process.returncode:
        raise Failure("setup", f"{command[0]} failed with {process.returncode}")


def splat_pattern():
    """The lines of scripts/splat.patterns as one pattern, with what the console puts before them."""
    with open(SPLATS, "rb") as f:
        starts = [line for line in f.read().splitlines() if line and not line.startswith(b"#")]
    return re.compile(rb"^(?:\[ *[0-9]+\.[0-9]+\](?:\[ *[TC][0-9]+\])? )?(?:"
                      + b"|".join(starts) + b")", re.M)
