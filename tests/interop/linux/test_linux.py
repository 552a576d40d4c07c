# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Hearth's TCP and UDP beside the Linux kernel's, IPv4 and IPv6, on good and bad wires."""

import errno
import os
import socket
import subprocess
import threading
import time

import pytest

import hearthpeer
from hearthpeer import DISCARD, ECHO, SOURCE, SOURCE_BYTES, Peer, negotiated, pattern

# Shares of a million; delays in microseconds.
WEATHER = {
    "fine": {},
    "lossy": {"loss": 20000, "delay": 500, "seed": 1},
    "very-lossy": {"loss": 100000, "delay": 500, "seed": 2},
    "shuffled": {"reorder": 100000, "delay": 300, "jitter": 300, "seed": 3},
    "doubled": {"duplicate": 100000, "delay": 200, "seed": 4},
    "garbled": {"corrupt": 20000, "delay": 200, "seed": 5},
    "stormy": {"loss": 30000, "duplicate": 30000, "corrupt": 10000, "reorder": 50000,
               "delay": 500, "jitter": 500, "seed": 6},
}


@pytest.fixture(params=["tap", "veth"])
def wire(request):
    return request.param


@pytest.fixture(params=["v4", "v6"])
def family(request):
    return request.param


def receive(sock, length):
    parts = []
    while length:
        part = sock.recv(min(length, 65536))
        assert part, "%d bytes are missing" % length
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def exchange(sock, data, piece=65536):
    """Send and receive the same bytes at once."""
    def send():
        for at in range(0, len(data), piece):
            sock.sendall(data[at:at + piece])

    sender = threading.Thread(target=send)
    sender.start()
    got = receive(sock, len(data))
    sender.join()
    return got


def ended(peer, connections=0):
    """All connections are gone from the peer's tables."""
    for _ in range(400):
        if peer.counters()["connections"] == connections:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("weather", WEATHER)
def test_echo_bulk(wire, family, weather):
    """Both directions at once, byte for byte."""
    data = os.urandom((1 << 20) if weather == "fine" else (128 << 10))
    with Peer(wire, **WEATHER[weather]) as peer:
        with peer.connect(family, ECHO) as sock:
            assert exchange(sock, data) == data
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
        counters = peer.counters()
        assert counters["tcp_opened"] == 1
        if weather == "very-lossy":
            assert counters["tcp_retransmit"] > 0
        if weather == "garbled":
            assert counters["drop_tcp_checksum"] > 0
        assert ended(peer)


@pytest.mark.parametrize("weather", ["fine", "lossy", "stormy"])
def test_source(family, weather):
    """Bulk out of Hearth, ended by its FIN."""
    with Peer("tap", **WEATHER[weather]) as peer:
        with peer.connect(family, SOURCE) as sock:
            assert receive(sock, SOURCE_BYTES) == pattern(SOURCE_BYTES)
            assert sock.recv(1) == b""
        assert ended(peer)


@pytest.mark.parametrize("weather", ["fine", "lossy", "stormy"])
def test_active_open(family, weather):
    """Hearth opens, Linux listens: SYN, options and bulk the other way around."""
    listener = socket.socket(socket.AF_INET if family == "v4" else socket.AF_INET6)
    listener.settimeout(20)
    # The connection of the test before may still be in FIN-WAIT or TIME-WAIT over there.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", 4711))
    listener.listen()
    with listener, Peer("tap", **WEATHER[weather]) as peer:
        peer.open_to(family, 4711)
        with listener.accept()[0] as sock:
            sock.settimeout(60)
            assert receive(sock, SOURCE_BYTES) == pattern(SOURCE_BYTES)
            assert sock.recv(1) == b""
            shown = negotiated(sock)
            assert shown["ts"] and shown["sack"] and shown["wscale"]
        assert ended(peer)


def test_active_open_refused(family):
    """Nobody listens: Linux's RST ends the attempt."""
    with Peer("tap") as peer:
        peer.open_to(family, 4712)
        for _ in range(100):
            if peer.counters()["tcp_reset_in"]:
                break
            time.sleep(0.05)
        assert peer.counters()["tcp_reset_in"] == 1


@pytest.mark.parametrize("weather", ["fine", "lossy", "shuffled"])
def test_byte_wise(family, weather):
    """Segments of one byte each, echoed as they come."""
    data = os.urandom(3000)
    with Peer("veth", **WEATHER[weather]) as peer:
        with peer.connect(family, ECHO, nodelay=1) as sock:
            assert exchange(sock, data, piece=1) == data
        assert ended(peer)


def test_small_receive_buffer(wire, family):
    """A reader that stops: the window closes, is probed, opens again; nothing is lost."""
    with Peer(wire) as peer:
        with peer.connect(family, SOURCE, rcvbuf=4096) as sock:
            time.sleep(3)
            assert peer.counters()["tcp_probe_out"] > 0
            assert receive(sock, SOURCE_BYTES) == pattern(SOURCE_BYTES)
        assert ended(peer)


def test_our_window_closes_and_opens(family):
    """More is sent than Hearth takes: what it cannot queue waits with the kernel."""
    data = os.urandom(2 << 20)
    with Peer("tap") as peer:
        with peer.connect(family, ECHO) as sock:
            sender = threading.Thread(target=sock.sendall, args=(data,))
            sender.start()
            time.sleep(1)
            assert receive(sock, len(data)) == data
            sender.join()
        assert ended(peer)


def test_half_close(family):
    """The peer still gets its answer after it has said that it is done."""
    data = os.urandom(50000)
    with Peer("veth") as peer:
        with peer.connect(family, ECHO) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            assert receive(sock, len(data)) == data
            assert sock.recv(1) == b""
        assert ended(peer)


def test_reset(family):
    """SO_LINGER 0: RST instead of FIN; the record goes at once."""
    with Peer("tap") as peer:
        sock = peer.connect(family, ECHO)
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        assert ended(peer)
        assert peer.counters()["tcp_reset_in"] == 1


def test_closed_port(family):
    """A port that nobody listens on is refused at once."""
    with Peer("tap") as peer:
        with pytest.raises(ConnectionRefusedError):
            peer.connect(family, 4242)


def test_many_at_once(wire, family):
    """60 connections side by side on a lossy wire."""
    with Peer(wire, loss=10000, delay=300, seed=9) as peer:
        errors = []

        def one(number):
            data = os.urandom(20000)
            try:
                with peer.connect(family, ECHO) as sock:
                    assert exchange(sock, data) == data
            except (AssertionError, OSError) as error:
                errors.append((number, error))

        threads = [threading.Thread(target=one, args=(n,)) for n in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert ended(peer)


def sysctl(family, name, value):
    path = "/proc/sys/net/ipv4/tcp_" + name
    with open(path, encoding="ascii") as old:
        before = old.read().strip()
    with open(path, "w", encoding="ascii") as new:
        new.write(str(value))
    return before


@pytest.mark.parametrize("timestamps", [0, 1])
@pytest.mark.parametrize("sack", [0, 1])
@pytest.mark.parametrize("scaling", [0, 1])
def test_negotiated(family, timestamps, sack, scaling):
    """What Linux offers is what both use, and no more: ss -ti shows it."""
    wanted = {"timestamps": timestamps, "sack": sack, "window_scaling": scaling}
    before = {name: sysctl(family, name, value) for name, value in wanted.items()}
    try:
        with Peer("tap", loss=20000, delay=300, seed=11) as peer:
            with peer.connect(family, ECHO) as sock:
                data = os.urandom(30000)
                assert exchange(sock, data) == data
                shown = negotiated(sock)
    finally:
        for name, value in before.items():
            sysctl(family, name, value)
    assert shown["ts"] == bool(timestamps)
    assert shown["sack"] == bool(sack)
    assert (shown["wscale"] is not None) == bool(scaling)
    most = 1460 if family == "v4" else 1440
    assert shown["mss"] == most - 12 * timestamps


def test_scaled_window(family):
    """A window above 64 KiB: offered with a scale, and filled."""
    with Peer("tap", window=1 << 18, delay=5000) as peer:
        with peer.connect(family, DISCARD) as sock:
            sock.sendall(os.urandom(4 << 20))
            shown = negotiated(sock)
            assert shown["wscale"] and shown["wscale"][0] >= 2


@pytest.mark.parametrize("mss", [536, 900, 1300])
def test_small_segments(family, mss):
    """A peer that takes small segments only."""
    data = os.urandom(200000)
    with Peer("veth", loss=10000, delay=200, seed=12) as peer:
        with peer.connect(family, ECHO, mss=mss) as sock:
            assert exchange(sock, data) == data


def connect_from(port, family, to):
    """A socket bound to a port of ours; the kernel may still be busy with the one before."""
    for _ in range(100):
        sock = socket.socket(socket.AF_INET if family == "v4" else socket.AF_INET6)
        sock.settimeout(20)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", port))
        try:
            sock.connect(to)
            return sock
        except OSError as error:
            sock.close()
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            time.sleep(0.05)
    raise AssertionError("port %d does not become free" % port)


def test_time_wait_gives_way(family):
    """The same ports again and again: Hearth's TIME-WAIT gives way to newer numbers."""
    with Peer("tap") as peer:
        for _ in range(10):
            sock = connect_from(45000, family, (peer.address(family), SOURCE))
            # Hearth closes first and keeps the TIME-WAIT record.
            assert len(receive(sock, SOURCE_BYTES)) == SOURCE_BYTES
            assert sock.recv(1) == b""
            sock.close()
        assert peer.counters()["tcp_opened"] == 10


def test_udp_echo(wire, family):
    with Peer(wire) as peer:
        sock = socket.socket(socket.AF_INET if family == "v4" else socket.AF_INET6,
                             socket.SOCK_DGRAM)
        sock.settimeout(5)
        sock.connect((peer.address(family), ECHO))
        most = 1472 if family == "v4" else 1452
        for length in (1, 2, 17, 512, most):
            data = os.urandom(length)
            sock.send(data)
            assert sock.recv(2000) == data
        sock.close()


def test_ping(wire, family):
    """Echo, small and as large as the wire carries."""
    most = 1472 if family == "v4" else 1452
    with Peer(wire) as peer:
        for length in (0, 1, 56, most):
            subprocess.run(["ping", "-c", "2", "-i", "0.01", "-W", "5", "-s", str(length),
                            peer.address(family)], check=True, capture_output=True)


def test_fragments_are_dropped(family):
    """What does not fit one packet comes in fragments: none is answered, all are counted."""
    with Peer("tap") as peer:
        done = subprocess.run(["ping", "-c", "2", "-i", "0.2", "-W", "1", "-s", "4000",
                               peer.address(family)], check=False, capture_output=True)
        assert done.returncode != 0
        assert peer.counters()["drop_ip%s_fragment" % family] >= 4
