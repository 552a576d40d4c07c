#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""seeds.py - writes the first inputs of the corpora: a frame of every kind, talks of every kind"""

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


# Records of fuzz-tcp, for its flow 0.
SYN, SEGMENT, DATA, WRITE, CLOSE, ABORT, REFUSE, WAIT, TOO_BIG, CONNECT = (
    bytes([kind]) for kind in range(10))
TS = bytes.fromhex("0101080a0000000200000000")


def syn(options=b"", more=0):
    return SYN + bytes([len(options) | more]) + struct.pack(">I", 5000) + options + b"\xff\xff"


def segment(flags, seq=0, ack=0, window=65535, options=b"", length=None):
    out = SEGMENT + struct.pack(">BhhHB", flags | (0x40 if length is not None else 0), seq, ack,
                                window, len(options)) + options
    return out if length is None else out + struct.pack(">H", length)


def data(hundreds, length):
    return DATA + struct.pack(">bH", hundreds, length)


def write(length):
    return WRITE + struct.pack(">H", length)


def wait(ticks):
    return WAIT + struct.pack(">H", ticks)


OPEN = syn() + segment(0x10)
OPEN_ALL = syn(SYN_OPTIONS + b"\x01") + segment(0x10, options=TS)
SACK = bytes.fromhex("0101050a0000057800000af0")
TALKS = {
    "open": OPEN,
    "open-all": OPEN_ALL,
    "in-order": OPEN + data(0, 100) + data(0, 100) + data(0, 1460),
    "gap": OPEN + data(1, 100) + data(3, 100) + data(2, 100) + data(0, 100),
    "overlap": OPEN + data(2, 300) + data(1, 300) + data(0, 1000),
    "fin-ahead": OPEN + segment(0x11, 100, 0, length=50) + data(0, 100),
    "echo": OPEN + data(0, 100) + write(3000) + segment(0x10, 100, 0) + write(100),
    "loss": OPEN + write(4999) + segment(0x10) * 4 + segment(0x10, 0, -2000, options=SACK) +
    wait(20000) + segment(0x10),
    "timeout": OPEN + write(3000) + wait(5000) + wait(10000) + wait(20000) + segment(0x10),
    "zero-window": OPEN + segment(0x10, 0, 0, 0) + write(3000) + wait(10000) + wait(20000) +
    segment(0x10, 0, -3000, 500) + segment(0x10, 0, 0, 65535),
    "passive-close": OPEN + segment(0x11) + write(10) + CLOSE + segment(0x10, 1, 1),
    "active-close": OPEN + write(10) + CLOSE + segment(0x10, 0, 1) + segment(0x11, 0, 1) + syn(),
    "abort": OPEN + write(10) + ABORT,
    "reset": OPEN + segment(0x04) + OPEN + segment(0x04, 10) + segment(0x02),
    "refuse": OPEN + REFUSE + data(0, 100) + wait(10000) + REFUSE + data(0, 100),
    "too-big": OPEN + write(4999) + TOO_BIG + struct.pack(">hH", -4000, 1000) + wait(5000) +
    segment(0x10),
    "paws": OPEN_ALL + segment(0x10, 0, 0, options=TS, length=100) + data(0, 100) +
    segment(0x10, 0, 0, options=bytes.fromhex("0101080a8000000000000000"), length=10),
    "connect": CONNECT + struct.pack(">I", 9000) + syn(SYN_OPTIONS + b"\x01", 0x80) +
    write(100) + segment(0x10),
    "cookies": b"".join(bytes([record[0] | flow << 6]) + record[1:]
                        for flow in range(4) for record in (syn(), segment(0x10))),
}


# Records of fuzz-mc, and texts of fuzz-json.
MC_PLAIN, MC_CIPHER, MC_DATA, MC_FLIP, MC_RAW, MC_GOOD, MC_TIME = (
    bytes([kind]) for kind in range(7))
TEXTS = {
    "empty": b"{}",
    "report": b'{"sequence":"12347","deviceId":"000000000000000000000042","time":1700000000,'
              b'"statusSerials":[{"serialId":"0","status":[{"name":"SWITCH","value":"1"}]}]}',
    "numbers": b'{"a":0,"b":-0,"c":1e400,"d":0.5E-3,"e":9223372036854775808,"f":12345}',
    "words": b' { "a" : true , "b" : false , "c" : null , "d" : [ ] , "e" : { } }\r\n',
    "escapes": b'{"\\u0061\\/":"\\ud83d\\ude00\\u0000\\"\\\\\\b\\f\\n\\r\\t","a\\/":1}',
    "utf8": '{"温度":"二十℃","é":"😀"}'.encode(),
    "twice": b'{"a":1,"b":2,"a":3}',
    "deep": b'{"a":' + b"[" * 15 + b"]" * 15 + b"}",
    "members": b"{" + b",".join(b'"%d":%d' % (n, n) for n in range(64)) + b"}",
}


def sized(content):
    return struct.pack(">H", len(content)) + content


CONVERSATIONS = {
    "good": b"".join(MC_GOOD + bytes([code, 0]) for code in range(20)),
    "repeats": b"".join(MC_GOOD + bytes([1, distance & 0xff])
                        for distance in (0, -1, 0, -1, -2, 0, -3, -33, 5)),
    "flips": b"".join(MC_FLIP + bytes([1]) + struct.pack(">HB", place, 1)
                      for place in range(4, 400, 40)),
    "plain": b"".join(MC_PLAIN + bytes([1]) + sized(text) for text in TEXTS.values()),
    "cipher": MC_CIPHER + bytes([0]) + sized(bytes(range(64))) + MC_CIPHER + bytes([1]) +
              sized(b"\x10" * 16),
    "data": b"".join(MC_DATA + bytes([0]) + sized(text)
                     for text in (b"", b"=", b"AAAA", b"A" * 64, b"A" * 43 + b"=", b"\\/" * 32)),
    "raw": b"".join(MC_RAW + sized(text) for text in (
        b"", b"\r\n", b"CTS{}\r\n", b'CTS{"code":1000,"token":"x","data":""}\r\n',
        b'CTS{"code":1002,"deviceId":"x","data":"AAAA"}\r\n')),
    "times": (MC_GOOD + bytes([0, 0]) + MC_TIME + bytes([99])) * 3,
}


# Records of fuzz-command, and how far its head is moved.
def command(choice, device=24, payload=20, extra=b""):
    return bytes([choice, device]) + struct.pack(">HHB", payload, 2003, 0) + extra


COMMANDS = {
    "good": command(0) * 10,
    "lengths": b"".join(command(0, device, payload) for device, payload in
                        ((1, 0), (64, 0), (1, 599), (64, 16), (0, 0))),
    "wrong-length": command(0) + command(1, extra=bytes(4)),
    "wrong-checksum": command(0) * 3 + command(2, extra=b"\1"),
    "wrong-request": command(3, extra=b"\1"),
    "wrong-device": command(4, extra=b"\xff"),
    "wrong-payload": command(5, extra=b"\xff" * 4),
    "wrong-kind": command(6, extra=b"\7"),
    "raw": command(0) + bytes([7, 0]) + struct.pack(">H", 64) + bytes(range(64)),
}


def write(folder, name, contents, prefix=b""):
    folder = pathlib.Path(folder, name)
    folder.mkdir(parents=True, exist_ok=True)
    for key, content in contents.items():
        (folder / key).write_bytes(prefix + content)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: seeds.py FOLDER - writes the seeds of the corpora there")
    write(sys.argv[1], "json", TEXTS)
    write(sys.argv[1], "frame", {key: b"CTS" + text + b"\r\nCTS{}\r\n" for key, text in
                                 TEXTS.items()}, bytes([0, 3, 30, 70]))
    for key, head in (("", bytes(5)), ("-head", bytes([1, 1, 0, 16, 0]))):
        write(sys.argv[1], "command",
              {name + key: records + head for name, records in COMMANDS.items()})
    for choice in (0, 1):
        write(sys.argv[1], "mc", {"%s-%d" % (key, choice): talk for key, talk in
                                  CONVERSATIONS.items()}, bytes([choice]))
    folder = pathlib.Path(sys.argv[1], "tcp")
    folder.mkdir(parents=True, exist_ok=True)
    for name, talk in TALKS.items():
        for choice in (0, 1 | 2 | 4 | 32):
            (folder / ("%s-%d" % (name, choice))).write_bytes(bytes([choice]) + talk)
    folder = pathlib.Path(sys.argv[1], "stack")
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in FRAMES.items():
        for choice in (0, 4 if name == "vlan" else 8):
            content = bytes([choice]) + record(SEALED, FRAMES["arp-request"]) + \
                record(SEALED, FRAMES["solicitation"]) + record(SEALED, frame) + \
                bytes([TIME | 0x40]) + b"\xff\xff" + record(SEALED, frame)
            (folder / ("%s-%d" % (name, choice))).write_bytes(content)


if __name__ == "__main__":
    main()
