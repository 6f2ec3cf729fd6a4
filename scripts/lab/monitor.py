# SPDX-License-Identifier: GPL-2.0
"""A few actions of QEMU's monitor that a program in the machine may ask for.

The program writes lines "TAG ACTION [ARGUMENT ...]" to a virtio-serial port and reads the answers
"TAG ok" or "TAG error WHY". The tag is the program's own choice: an answer that its reader did not
wait for is known by it. One request is with QEMU at a time, in the order of their coming.
"""

import json
import re
import select

from lab.channels import receive

LONGEST_LINE = 256
MOST_WAITING = 64
NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}")


class Refused(Exception):
    """A request that is not passed on."""


def number(text):
    return int(text, 16 if text.lower().startswith("0x") else 10)


def nmi(_cpus, *args):
    if args:
        raise Refused("nmi takes no argument")
    return {"execute": "inject-nmi"}


def mce(cpus, *args):
    if len(args) != 6 or not all(NUMBER.fullmatch(arg) for arg in args):
        raise Refused("usage: mce CPU BANK STATUS MCGSTATUS ADDR MISC, all numbers")
    numbers = list(map(number, args))
    if numbers[0] >= cpus:      # QEMU would do nothing, and not say so
        raise Refused(f"there is no CPU {numbers[0]}, the machine has {cpus}")
    numbers = " ".join(map(hex, numbers))
    return {"execute": "human-monitor-command", "arguments": {"command-line": "mce " + numbers}}


def memory_error(_cpus, *args):
    if len(args) != 2 or args[0] not in ("poison", "notify", "clear") or not NUMBER.fullmatch(args[1]):
        raise Refused("usage: memory-error poison|notify|clear ADDRESS")
    address = {"address": number(args[1])}
    if args[0] == "clear":
        return {"execute": "x-clear-memory-error", "arguments": address}
    return {"execute": "x-inject-memory-error", "arguments": {**address, "mode": args[0]}}


ACTIONS = {"nmi": nmi, "mce": mce, "memory-error": memory_error}


def command_for(words, cpus):
    """What QEMU is to be told."""
    if not words or words[0] not in ACTIONS:
        raise Refused(f"no such action; there are {', '.join(ACTIONS)}")
    return ACTIONS[words[0]](cpus, *words[1:])


def verdict(reply):
    """What the program is told of QEMU's reply."""
    if "error" in reply:
        return "error " + reply["error"].get("desc", "unknown")
    said = reply.get("return")
    # The human monitor has no errors but what it says; what these commands do is done without a word.
    return "error " + said if isinstance(said, str) and said.strip() else "ok"


class Monitor:
    """The port of the machine's programs and QEMU's own monitor (QMP) behind it."""

    holds = False

    def __init__(self, port, qmp, cpus):
        self.port, self.qmp, self.cpus = port, qmp, cpus
        for sock in (port, qmp):
            sock.setblocking(False)
        self.asked, self.replied = b"", b""     # lines that are not whole yet
        self.answers = b""                      # not taken yet
        self.waiting = []                       # (tag, command), the first is with QEMU
        self.ready = False                      # QMP wants a handshake first

    def wants(self):
        wants = {}
        # Who does not read answers, or asks faster than QEMU does it, is not read either.
        if self.port and self.answers:
            wants[self.port.fileno()] = select.POLLOUT
        elif self.port and len(self.waiting) < MOST_WAITING:
            wants[self.port.fileno()] = select.POLLIN
        if self.qmp:
            wants[self.qmp.fileno()] = select.POLLIN
        return wants

    def step(self, happened):
        if self.port and happened & self.wants().keys() & {self.port.fileno()}:
            if self.answers:
                self.answers = self.answers[self.port.send(self.answers):]
            else:
                self.take_requests()
        if self.qmp and self.qmp.fileno() in happened:
            self.take_replies()

    def take_requests(self):
        data = receive(self.port, 4096)
        if not data:
            self.port = None
            return
        *lines, self.asked = (self.asked + data).split(b"\n")
        self.asked = self.asked[:LONGEST_LINE + 1]      # too long stays too long
        for line in lines:
            if len(line) > LONGEST_LINE:
                self.answer("-", "error the line is too long")
                continue
            tag, *words = line.decode("ascii", "replace").split() or ["-"]
            try:
                self.waiting.append((tag, command_for(words, self.cpus)))
            except Refused as e:
                self.answer(tag, f"error {e}")
            else:
                if len(self.waiting) == 1:
                    self.pass_on()

    def pass_on(self):
        """Tell QEMU the first request."""
        if self.ready and self.waiting:
            self.tell(self.waiting[0][1])

    def tell(self, command):
        # QMP reads while it is idle, and one short command is with it at a time.
        self.qmp.sendall(json.dumps(command).encode() + b"\n")

    def take_replies(self):
        data = receive(self.qmp, 65536)
        if not data:
            self.qmp = None
            return
        *lines, self.replied = (self.replied + data).split(b"\n")
        for line in lines:
            reply = json.loads(line)
            if "QMP" in reply:
                self.tell({"execute": "qmp_capabilities"})
            elif "event" in reply:
                continue
            elif not self.ready:
                self.ready = True
                self.pass_on()
            elif self.waiting:
                self.answer(self.waiting.pop(0)[0], verdict(reply))
                self.pass_on()

    def answer(self, tag, text):
        self.answers += f"{tag} {' '.join(text.split())}\n".encode()
