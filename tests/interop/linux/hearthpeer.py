# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Hearth's stack as a process on a TAP or veth interface, and Linux's end of that wire."""

import ctypes
import itertools
import os
import pathlib
import re
import signal
import socket
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD", ROOT / "build"))
PROGRAM = BUILD / "tests/interop/linux/hearth-peer"
PREFIX = {"v4": "198.18.7.%d", "v6": "fd77:7::%d"}
BITS = {"v4": 24, "v6": 64}
ECHO, DISCARD, SOURCE = 7, 9, 19
SOURCE_BYTES = 1 << 20
PR_SET_PDEATHSIG = 1

numbers = itertools.count()
libc = ctypes.CDLL(None, use_errno=True)


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True)


def die_with_us():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def pattern(length):
    """What the peer's source sends."""
    return bytes((n * 2654435761 & 0xffffffff) >> 24 for n in range(length))


class Peer:
    """One hearth-peer and the interface that leads to it; a context."""

    def __init__(self, wire, **weather):
        self.wire = wire
        self.words = []
        for name, value in weather.items():
            self.words += ["--" + name.replace("_", "-"), str(value)]

    def __enter__(self):
        number = next(numbers)
        self.ours = "peer%d" % number
        theirs = self.ours
        if self.wire == "veth":
            theirs = "wire%d" % number
            ip("link", "add", self.ours, "type", "veth", "peer", "name", theirs)
            # Behind a veth pair nobody fills in what the kernel leaves to an adapter.
            subprocess.run(["ethtool", "-K", self.ours, "tx", "off"], check=True,
                           capture_output=True)
            ip("link", "set", theirs, "up")
        command = [str(PROGRAM), "--packet" if self.wire == "veth" else "--tap", theirs]
        for family, form in PREFIX.items():
            command += ["--address", "%s/%d" % (form % 1, BITS[family])]
        self.process = subprocess.Popen(command + self.words, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True,
                                        preexec_fn=die_with_us)
        assert self.process.stdout.readline() == "ready\n"
        for family, form in PREFIX.items():
            ip("address", "add", "%s/%d" % (form % 2, BITS[family]), "dev", self.ours,
               *(["nodad"] if family == "v6" else []))
        ip("link", "set", self.ours, "up")
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        try:
            assert self.process.wait(10) == 0
        except subprocess.TimeoutExpired:
            # Where is it? A debugger that is not there says nothing, the test fails all the same.
            stack = subprocess.run(["gdb", "-p", str(self.process.pid), "-batch", "-ex", "bt"],
                                   capture_output=True, text=True, check=False)
            self.process.kill()
            raise AssertionError("hearth-peer does not end\n" + stack.stdout[-3000:]) from None
        if self.wire == "veth":
            ip("link", "delete", self.ours)

    def address(self, family):
        return PREFIX[family] % 1

    def connect(self, family, port, timeout=60, **options):
        """A kernel socket; options: rcvbuf, sndbuf, mss."""
        sock = socket.socket(socket.AF_INET if family == "v4" else socket.AF_INET6)
        sock.settimeout(timeout)
        for option, value in options.items():
            level, name = {"rcvbuf": (socket.SOL_SOCKET, socket.SO_RCVBUF),
                           "sndbuf": (socket.SOL_SOCKET, socket.SO_SNDBUF),
                           "mss": (socket.IPPROTO_TCP, socket.TCP_MAXSEG),
                           "nodelay": (socket.IPPROTO_TCP, socket.TCP_NODELAY)}[option]
            sock.setsockopt(level, name, value)
        sock.connect((self.address(family), port))
        return sock

    def open_to(self, family, port):
        """Have Hearth open a connection to a kernel socket that listens."""
        self.process.stdin.write("connect %s %d\n" % (PREFIX[family] % 2, port))
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "opening\n"

    def counters(self):
        self.process.stdin.write("counters\n")
        self.process.stdin.flush()
        found = {}
        for line in iter(self.process.stdout.readline, ".\n"):
            name, value = line.split()
            found[name] = int(value)
        return found


def negotiated(sock):
    """What the kernel says of a connection: the words of ss -tie."""
    port = sock.getsockname()[1]
    shown = subprocess.run(["ss", "-tineH", "sport", "=", ":%d" % port], check=True,
                           capture_output=True, text=True).stdout
    words = {"ts": " ts " in shown, "sack": " sack" in shown}
    scale = re.search(r"wscale:(\d+),(\d+)", shown)
    words["wscale"] = (int(scale[1]), int(scale[2])) if scale else None
    mss = re.search(r" mss:(\d+)", shown)
    words["mss"] = int(mss[1])
    return words
