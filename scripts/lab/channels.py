# SPDX-License-Identifier: GPL-2.0
"""What runs between a machine and the runner: each says what to poll for, and takes a step then.

The machine's loop goes on while QEMU runs or a channel that `holds` wants something.
"""

import os
import select


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
