# SPDX-License-Identifier: GPL-2.0
"""What runs between a machine and the runner: each says what to poll for, and takes a step then.

The machine's loop goes on while QEMU runs or a channel that `holds` wants something.
"""

import os
import select

from lab.base import Failure
from lab.frames import Damaged, Frames


def receive(source, size):
    """What a socket has, b"" at its end: a peer that was killed with data unread resets it."""
    try:
        return source.recv(size)
    except ConnectionResetError:
        return b""


class Relay:
    """One of the command's output streams, from a virtio-serial port to one of our own."""

    holds = True

    def __init__(self, source, target):
        self.source = source
        self.target = target
        self.pending = b""
        self.received = 0

    def wants(self):
        if self.pending:
            return {self.target: select.POLLOUT}
        if self.source:
            return {self.source.fileno(): select.POLLIN}
        return {}

    def step(self, happened):
        if not happened & self.wants().keys():
            return
        if self.pending:
            # A pipe that polls as writable takes this much without blocking.
            self.pending = self.pending[os.write(self.target, self.pending[:select.PIPE_BUF]):]
            return
        self.pending = receive(self.source, 65536)
        self.received += len(self.pending)
        if not self.pending:
            self.source.close()
            self.source = None


class Lines:
    """The control port: calls take() with each line that the machine's init says."""

    holds = True

    def __init__(self, source, take):
        self.source = source
        self.take = take
        self.text = b""

    def wants(self):
        return {self.source.fileno(): select.POLLIN} if self.source else {}

    def step(self, happened):
        if not happened & self.wants().keys():
            return
        data = receive(self.source, 4096)
        *lines, self.text = (self.text + data).split(b"\n")
        for line in lines:
            self.take(line.decode(errors="replace"))
        if not data:
            self.source = None


class Keys:
    """What is typed in an interactive session."""

    holds = False

    def __init__(self, target):
        self.target = target

    def wants(self):
        return {0: select.POLLIN} if self.target.fileno() >= 0 else {}

    def step(self, happened):
        if 0 in happened and self.wants():
            self.target.sendall(os.read(0, 4096))


class FrameRelay:
    """The frames of a serial line: the command's streams go out, what init says to take()."""

    holds = True
    target = {"O": 1, "E": 2}

    def __init__(self, source, take):
        self.source = source
        self.take = take
        self.frames = Frames()
        self.pending = []           # (target, data), in the order of their coming
        self.received = [0, 0]
        self.damage = None

    def wants(self):
        if self.pending:
            return {self.pending[0][0]: select.POLLOUT}
        return {} if self.source is None else {self.source: select.POLLIN}

    def step(self, happened):
        if not happened & self.wants().keys():
            return
        if self.pending:
            target, data = self.pending[0]
            left = data[os.write(target, data[:select.PIPE_BUF]):]
            self.pending[:1] = [(target, left)] if left else []
        else:
            self.read()
        # What came before the damage is good, and has been written by now.
        if self.damage and not self.pending:
            raise Failure("lost", f"the result channel is damaged: {self.damage}")

    def read(self):
        data = os.read(self.source, 65536)
        try:
            for kind, content in self.frames.feed(data):
                if kind == "C":
                    self.take(content.decode(errors="replace").rstrip("\n"))
                elif content:
                    self.pending.append((self.target[kind], content))
                    self.received[self.target[kind] - 1] += len(content)
            if not data:
                self.frames.finish()
        except Damaged as e:
            self.damage = e
        if not data:
            os.close(self.source)
            self.source = None


class Drain:
    """What an emulator says on its terminal, into a file."""

    holds = False

    def __init__(self, source, path):
        self.source = source
        self.path = path

    def wants(self):
        return {} if self.source is None else {self.source: select.POLLIN}

    def step(self, happened):
        if self.source not in happened:
            return
        try:
            data = os.read(self.source, 65536)
        except OSError:             # a terminal whose other side is gone
            data = b""
        if not data:
            os.close(self.source)
            self.source = None
            return
        with open(self.path, "ab") as f:
            f.write(data)
