# SPDX-License-Identifier: GPL-2.0
"""What every part of the lab runner uses."""

import os
import re
import sys

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SPLATS = os.path.join(REPO, "scripts/splat.patterns")


class Failure(Exception):
    """The machine failed, not the command."""

    def __init__(self, result, reason):
        super().__init__(reason)
        self.result = result


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


def say(text):
    print("vm: " + text, file=sys.stderr, flush=True)


def splat_pattern():
    """The lines of scripts/splat.patterns as one pattern, with what the console puts before them."""
    with open(SPLATS, "rb") as f:
        starts = [line for line in f.read().splitlines() if line and not line.startswith(b"#")]
    return re.compile(rb"^(?:\[ *[0-9]+\.[0-9]+\](?:\[ *[TC][0-9]+\])? )?(?:"
                      + b"|".join(starts) + b")", re.M)
