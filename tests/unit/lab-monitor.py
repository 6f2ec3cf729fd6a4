#!/usr/bin/python3 -I
# SPDX-License-Identifier: GPL-2.0
"""The lab's monitor channel (scripts/lab/monitor.py) against a made-up QEMU."""

import json
import os
import select
import socket
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../scripts"))

from lab.monitor import MOST_WAITING, Monitor       # noqa: E402


class MonitorTest(unittest.TestCase):
    def setUp(self):
        self.program, port = socket.socketpair()
        self.qemu, qmp = socket.socketpair()
        for sock in (self.program, self.qemu):
            sock.setblocking(False)
        self.monitor = Monitor(port, qmp, 4)
        self.addCleanup(lambda: [s.close() for s in (self.program, self.qemu, port, qmp)])

    def greet(self):
        self.reply({"QMP": {"version": {}, "capabilities": []}})
        self.assertEqual(self.told(), [{"execute": "qmp_capabilities"}])
        self.reply({"return": {}})

    def turn(self):
        """Let the channel do all it can."""
        while True:
            poll = select.poll()
            for fd, events in self.monitor.wants().items():
                poll.register(fd, events)
            happened = {fd for fd, _ in poll.poll(0)}
            if not happened:
                return
            self.monitor.step(happened)

    def ask(self, text):
        self.program.sendall(text)
        self.turn()

    def reply(self, *replies):
        self.qemu.sendall(b"".join(json.dumps(r).encode() + b"\r\n" for r in replies))
        self.turn()

    def told(self):
        """What QEMU has been told since the last call."""
        self.turn()
        try:
            return [json.loads(line) for line in self.qemu.recv(65536).splitlines()]
        except BlockingIOError:
            return []

    def answers(self):
        self.turn()
        try:
            return self.program.recv(65536).decode()
        except BlockingIOError:
            return ""

    def test_nmi(self):
        self.greet()
        self.ask(b"7 nmi\n")
        self.assertEqual(self.told(), [{"execute": "inject-nmi"}])
        self.assertEqual(self.answers(), "")
        self.reply({"event": "RESET"}, {"return": {}})
        self.assertEqual(self.answers(), "7 ok\n")

    def test_waits_for_the_handshake(self):
        self.ask(b"7 nmi\n")
        self.assertEqual(self.told(), [])
        self.greet()
        self.assertEqual(self.told(), [{"execute": "inject-nmi"}])

    def test_mce(self):
        self.greet()
        self.ask(b"a mce 1 4 0xB000100000000000 5 0x10 0\n")
        self.assertEqual(self.told(), [
            {"execute": "human-monitor-command",
             "arguments": {"command-line": "mce 0x1 0x4 0xb000100000000000 0x5 0x10 0x0"}}])
        self.reply({"return": ""})
        self.assertEqual(self.answers(), "a ok\n")

    def test_memory_error(self):
        self.greet()
        for mode in "poison", "notify":
            self.ask(f"a memory-error {mode} 0x40001000\n".encode())
            self.assertEqual(self.told(), [{"execute": "x-inject-memory-error",
                                            "arguments": {"address": 0x40001000, "mode": mode}}])
            self.reply({"return": {"sequence": 1, "waiting": 1}})
            self.assertEqual(self.answers(), "a ok\n")
        self.ask(b"b memory-error clear 1073745920\n")
        self.assertEqual(self.told(), [{"execute": "x-clear-memory-error", "arguments": {"address": 0x40001000}}])
        self.reply({"error": {"class": "GenericError", "desc": "there is no poisoned page"}})
        self.assertEqual(self.answers(), "b error there is no poisoned page\n")

    def test_what_qemu_says_is_an_error(self):
        self.greet()
        self.ask(b"a mce 3 99 1 1 1 1\nb nmi\n")
        self.assertEqual(len(self.told()), 1)
        self.reply({"return": "Invalid bank\r\nnumber\r\n"})
        self.assertEqual(self.answers(), "a error Invalid bank number\n")
        self.reply({"error": {"class": "GenericError", "desc": "machine does not provide NMIs"}})
        self.assertEqual(self.answers(), "b error machine does not provide NMIs\n")

    def test_one_after_the_other(self):
        self.greet()
        self.ask(b"a nmi\nb nmi\nc n")
        self.ask(b"mi\n")
        for tag in "abc":
            self.assertEqual(self.told(), [{"execute": "inject-nmi"}])
            self.reply({"return": {}})
            self.assertEqual(self.answers(), f"{tag} ok\n")
        self.assertEqual(self.told(), [])

    def test_nothing_else_reaches_qemu(self):
        self.greet()
        for line in (b"quit", b"nmi", b"1 system_reset", b"1 nmi 5", b"1", b"", b"1 mce 1 2 3 4 5",
                     b"1 mce 1 2 3 4 5 6 7", b"1 mce 0 0 0 0 0 0;quit", b"1 mce -b 0 0 0 0 0",
                     b"1 mce 0 0 0 0 0 0x", b"1 mce 4 0 0 0 0 0", b"1 memory-error x 0", b"1 memory-error clear", b"1 mce 0 0 0 0 0 \xb2", b"\xff\xff \0\0",
                     b"1 " + b"nmi " * 5000, b"x" * 4090 + b" 1 nmi"):
            self.ask(line + b"\n")
            self.assertEqual(self.told(), [], line)
            self.assertRegex(self.answers(), r"\A([^\n]* error [^\n]+\n)+\Z", line)
        self.ask(b"1 nmi\n")
        self.assertEqual(self.told(), [{"execute": "inject-nmi"}])

    def test_who_asks_too_fast_is_not_read(self):
        self.greet()
        self.program.setblocking(True)
        self.program.settimeout(1)
        sent = 0
        with self.assertRaises(TimeoutError):
            while sent < 10000000:
                sent += self.program.send(b"1 nmi\n" * 100)
                self.turn()
        self.assertLess(len(self.monitor.waiting), 20 * MOST_WAITING)

    def test_ends(self):
        self.greet()
        self.program.close()
        self.turn()
        self.qemu.close()
        self.turn()
        self.assertEqual(self.monitor.wants(), {})


if __name__ == "__main__":
    unittest.main()
