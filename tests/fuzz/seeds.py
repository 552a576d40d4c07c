#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""seeds.py - writes the first inputs of fuzz-stack's corpus: one frame of every kind, and talks"""

import pathlib
import socket
import struct
import sys

OURS, THEIRS = bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 0x99])
US4, PEER4 = socket.inet_aton("198.18.0.1"), socket.inet_aton("198.18.0.2")
US6, PEER6 = (socket.inet_pton(socket.AF_INET6, a) for a in ("fd77::1", "fd77::2"))
SOLICITED = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:1")
PORT = 7701
FRAME, SEALED, TIME, DATAGRAM, SHORT = range(5)


def ether(kind, payload, to=OURS):
    return to + THEIRS + struct.pack(">H", kind) + payload


def ipv4(protocol, payload, options=b"", fragment=0x4000):
    words = 5 + len(options) // 4
    return ether(0x0800, struct.pack(">BBHHHBBH", 0x40 | words, 0, 4 * words + len(payload), 7,
                                     fragment, 64, protocol, 0) + PEER4 + US4 + options + payload)


def ipv6(protocol, payload, to=US6, hops=64, mac=OURS):
    return ether(0x86dd, struct.pack(">IHBB", 6 << 28, len(payload), protocol, hops) + PEER6 + to +
                 payload, mac)


def tcp(flags, seq=1000, ack=0, options=b"", data=b"", port=40000):
    return struct.pack(">HHIIBBHHH", port, PORT, seq, ack, (5 + len(options) // 4) << 4, flags,
                       65535, 0, 0) + options + data


def udp(data, port=40000):
    return struct.pack(">HHHH", port, PORT, 8 + len(data), 0) + data


def arp(operation, sender=PEER4, target=US4):
    return ether(0x0806, struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation) + THEIRS + sender +
                 OURS + target + bytes(18))


def record(kind, frame):
    return struct.pack(">BH", kind, len(frame)) + frame


SYN_OPTIONS = bytes.fromhex("020405b40402080a0000000100000000") + bytes.fromhex("01030307")
NS = bytes([135, 0, 0, 0, 0, 0, 0, 0]) + US6 + bytes([1, 1]) + THEIRS
NA = bytes([136, 0, 0, 0, 0x60, 0, 0, 0]) + PEER6 + bytes([2, 1]) + THEIRS
RA = bytes([134, 0, 0, 0, 64, 0, 0, 60]) + bytes(8) + bytes([5, 1, 0, 0, 0, 0, 5, 0])
QUOTE4 = ipv4(6, tcp(0x10))[14:42]
QUOTE6 = ipv6(6, tcp(0x10))[14:62]
FRAMES = {
    "arp-request": arp(1),
    "arp-reply": arp(2),
    "tcp-syn": ipv4(6, tcp(2, options=SYN_OPTIONS)),
    "tcp-syn-bare": ipv4(6, tcp(2)),
    "tcp-data": ipv4(6, tcp(0x18, data=b"hello")),
    "udp": ipv4(17, udp(b"hello")),
    "echo": ipv4(1, bytes([8, 0, 0, 0, 0, 1, 0, 1]) + b"abcdefgh"),
    "unreachable": ipv4(1, bytes([3, 3, 0, 0, 0, 0, 0, 0]) + QUOTE4),
    "too-big": ipv4(1, bytes([3, 4, 0, 0, 0, 0, 4, 0]) + QUOTE4),
    "options": ipv4(17, udp(b"x"), options=bytes([1, 7, 7, 4, 0, 0, 0, 0])),
    "fragment": ipv4(17, udp(b"x" * 8), fragment=0x2000),
    "udp6": ipv6(17, udp(b"hello")),
    "tcp6-syn": ipv6(6, tcp(2, options=SYN_OPTIONS)),
    "echo6": ipv6(58, bytes([128, 0, 0, 0, 0, 1, 0, 1]) + b"abcdefgh"),
    "solicitation": ipv6(58, NS, SOLICITED, 255, bytes.fromhex("3333ff000001")),
    "advertisement": ipv6(58, NA, US6, 255),
    "router": ipv6(58, RA, US6, 255),
    "too-big6": ipv6(58, bytes([2, 0, 0, 0, 0, 0, 5, 0]) + QUOTE6),
    "hop-by-hop": ipv6(0, bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp(b"x")),
    "routing": ipv6(43, bytes([17, 2, 0, 1]) + bytes(20) + udp(b"x")),
    "fragment6": ipv6(44, bytes([17, 0, 0, 1, 0, 0, 0, 9]) + udp(b"x" * 8)),
    "destination-options": ipv6(60, bytes([6, 0, 1, 4, 0, 0, 0, 0]) + tcp(2)),
    "vlan": OURS + THEIRS + bytes.fromhex("81000064") + ipv4(17, udp(b"x"))[12:],
}


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: seeds.py FOLDER - writes the seeds of fuzz-stack there")
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in FRAMES.items():
        for choice in (0, 4 if name == "vlan" else 8):
            content = bytes([choice]) + record(SEALED, FRAMES["arp-request"]) + \
                record(SEALED, FRAMES["solicitation"]) + record(SEALED, frame) + \
                bytes([TIME | 0x40]) + b"\xff\xff" + record(SEALED, frame)
            (folder / ("%s-%d" % (name, choice))).write_bytes(content)


if __name__ == "__main__":
    main()
