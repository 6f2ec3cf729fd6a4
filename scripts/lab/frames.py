# SPDX-License-Identifier: GPL-2.0
"""What comes over a serial line: frames, each a line of text (tests/vm/init/frame.h has the format).

A frame that is lost, damaged or out of order is an error of the machine. Nothing is guessed.
"""

import base64
import binascii
import re
import zlib

LONGEST_LINE = 2048
FRAME = re.compile(rb"([0-9a-f]{8}) ([A-Z]) (-|[A-Za-z0-9+/]+={0,2}) ([0-9a-f]{8})")
KINDS = b"COE"


class Damaged(Exception):
    """The line cannot be trusted from here on."""


def start_of(text):
    return ascii(text[:40].decode("latin-1")) + ("..." if len(text) > 40 else "")


class Frames:
    """Cuts what is fed to it into (kind, data)."""

    def __init__(self):
        self.text = b""
        self.count = 0

    def feed(self, data):
        """The whole frames, in their order; raises Damaged at the first that is not good."""
        *lines, self.text = (self.text + data).split(b"\n")
        for line in lines:
            yield self.frame(line)
        if len(self.text) > LONGEST_LINE:
            raise Damaged(f"no frame: {start_of(self.text)}")

    def frame(self, line):
        found = FRAME.fullmatch(line)
        if not found or found[2] not in KINDS:
            raise Damaged(f"after {self.count} frames one that is none: {start_of(line)}")
        seq, kind, data, crc = found.groups()
        if zlib.crc32(line[:-9]) != int(crc, 16):
            raise Damaged(f"after {self.count} frames one with a wrong checksum: {start_of(line)}")
        if int(seq, 16) != self.count & 0xffffffff:
            raise Damaged(f"frame {int(seq, 16)} came where frame {self.count} was expected")
        self.count += 1
        try:
            return chr(kind[0]), b"" if data == b"-" else base64.b64decode(data, validate=True)
        except binascii.Error as e:
            raise Damaged(f"frame {int(seq, 16)} is not base64: {e}") from e

    def finish(self):
        """No more will come."""
        if self.text:
            raise Damaged(f"it ends within frame {self.count}: {start_of(self.text)}")
