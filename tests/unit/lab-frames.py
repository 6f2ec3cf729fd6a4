#!/usr/bin/python3 -I
# SPDX-License-Identifier: GPL-2.0
"""The frames on a lab machine's serial line (scripts/lab/frames.py): whole ones are read, and damage of
every kind is seen. `lab-frames.py --golden` prints what golden/frames.txt has to be."""

import base64
import os
import random
import sys
import unittest
import zlib

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../scripts"))

from lab.frames import Damaged, Frames      # noqa: E402

GOLDEN = os.path.join(HERE, "golden/frames.txt")
BYTES = bytes(range(256)) * 3
EXAMPLE = [("C", b"ready\n"), ("O", b""), ("O", BYTES[:256]), ("E", b"f"), ("E", b"fo"), ("E", b"foo"),
           ("O", BYTES[:720]), ("C", b"exit 0 0 976 6 0 0\n")]


def encode(seq, kind, data):
    line = f"{seq:08x} {kind} {base64.b64encode(data).decode() or '-'}"
    return f"{line} {zlib.crc32(line.encode()):08x}\n".encode()


def wire(frames):
    return [encode(i, *frame) for i, frame in enumerate(frames)]


def read(data, step=None):
    """All frames of these bytes, fed in pieces."""
    frames = Frames()
    got = []
    step = step or len(data) or 1
    for at in range(0, len(data), step):
        got += frames.feed(data[at:at + step])
    frames.finish()
    return got


class FramesTest(unittest.TestCase):
    def damaged(self, data, what):
        frames = Frames()
        got = []
        with self.assertRaisesRegex(Damaged, what):
            for frame in frames.feed(data):
                got.append(frame)
            frames.finish()
        # What came before the damage is good.
        self.assertEqual(got, EXAMPLE[:len(got)])
        return got

    def test_golden(self):
        with open(GOLDEN, "rb") as f:
            f.readline()
            text = f.read()
        self.assertEqual(text, b"".join(wire(EXAMPLE)))
        self.assertEqual(read(text), EXAMPLE)

    def test_in_pieces(self):
        text = b"".join(wire(EXAMPLE))
        for step in (1, 2, 3, 7, 64, 1000):
            self.assertEqual(read(text, step), EXAMPLE)

    def test_nothing(self):
        self.assertEqual(read(b""), [])

    def test_every_byte_damaged(self):
        text = b"".join(wire(EXAMPLE))
        for at in range(len(text)):
            for bit in range(8):
                bad = bytearray(text)
                bad[at] ^= 1 << bit
                self.damaged(bytes(bad), ".")

    def test_every_byte_lost_or_doubled(self):
        text = b"".join(wire(EXAMPLE))
        for at in range(len(text)):
            self.damaged(text[:at] + text[at + 1:], ".")
            self.damaged(text[:at] + text[at:at + 1] + text[at:], ".")

    def test_cut_off_anywhere(self):
        lines = wire(EXAMPLE)
        text = b"".join(lines)
        ends = {sum(map(len, lines[:n])): n for n in range(len(lines) + 1)}
        for at in range(len(text)):
            if at in ends:      # that a whole frame is missing at the end the exit line's absence says
                self.assertEqual(read(text[:at]), EXAMPLE[:ends[at]])
            else:
                self.damaged(text[:at], "ends within frame")

    def test_frame_lost(self):
        lines = wire(EXAMPLE)
        for n in range(len(lines) - 1):
            got = self.damaged(b"".join(lines[:n] + lines[n + 1:]), f"frame {n + 1} came where frame {n} ")
            self.assertEqual(len(got), n)

    def test_frames_swapped_and_repeated(self):
        lines = wire(EXAMPLE)
        for n in range(len(lines) - 1):
            swapped = lines[:n] + [lines[n + 1], lines[n]] + lines[n + 2:]
            self.damaged(b"".join(swapped), f"frame {n + 1} came where frame {n} ")
            self.damaged(b"".join(lines[:n + 1] + lines[n:]), f"frame {n} came where frame {n + 1} ")

    def test_foreign_text(self):
        lines = wire(EXAMPLE)
        for foreign in (b"hello\n", b"\n", b"\r\n", b"[    1.0] printk\n", b"\0", b"\xff" * 100,
                        encode(1, "O", b"x")[:-1] + b"\r\n", encode(1, "X", b"x"),
                        encode(1, "O", b"x").upper(), b" " + encode(1, "O", b"x")):
            self.assertLessEqual(len(self.damaged(lines[0] + foreign + b"".join(lines[1:]), ".")), 1)

    def test_line_without_end(self):
        with self.assertRaisesRegex(Damaged, "no frame"):
            list(Frames().feed(b"a" * 10000))

    def test_not_canonical_base64(self):
        for data in ("A", "AAA", "A===", "AA=A", "=", "", "AAAA-", "A A="):
            line = f"00000000 O {data}"
            self.damaged(f"{line} {zlib.crc32(line.encode()):08x}\n".encode(), "none|base64")

    def test_random_noise(self):
        noise = random.Random(1)
        for _ in range(300):
            self.damaged(noise.randbytes(noise.randrange(1, 4000)) + b"\n", ".")


if __name__ == "__main__":
    if sys.argv[1:] == ["--golden"]:
        sys.stdout.buffer.write(b"# SPDX-License-Identifier: GPL-2.0\n" + b"".join(wire(EXAMPLE)))
    else:
        unittest.main()
