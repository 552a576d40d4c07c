# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Bad manners and bad intentions, while two sessions keep working."""

import random
import select
import socket
import struct
import threading
import time

import pytest

import hearth
from mcdevice import Closed, Link, Silence
from test_requests import STATUS

PORTS = [(hearth.LOGIN, True), (hearth.CONNECT, True), (hearth.CONNECT, False)]


def address(port):
    return hearth.BROKER, port


@pytest.mark.parametrize("port,tcp", PORTS)
def test_random_bytes(broker, canary, port, tcp):
    generator = random.Random(4711)
    for _ in range(60):
        link = Link(address(port), tcp)
        raw = generator.randbytes(generator.choice((1, 3, 16, 200, 1400, 1472)))
        if generator.random() < 0.5:
            raw = b"CTS{" + raw + b"}\r\n"
        try:
            link.send(raw[:1472])
            link.receive(0.01)
            raise AssertionError("an answer to garbage")
        except (Silence, Closed, OSError):
            pass
        link.close()


@pytest.mark.parametrize("port", [hearth.LOGIN, hearth.CONNECT])
def test_no_end_in_sight(broker, canary, port):
    """K11: a frame beyond the limit is not collected; the connection goes."""
    link = Link(address(port), True)
    with pytest.raises((Closed, OSError)):
        for _ in range(400):
            link.send(b"CTS{" + b" " * 4000)
            if select.select([link.socket], [], [], 0)[0]:
                link.receive(0.1)
        link.receive(5)


def test_datagrams_of_every_size(broker, canary):
    """D1, D2: no answer, and fragments are no way in either."""
    link = Link(address(hearth.CONNECT), False)
    for size in (0, 1, 2, 3, 7, 8, 100, 1471, 1472, 1473, 4000, 65000):
        link.send(b"CTS{" + b"x" * (size - 4) if size > 4 else b"x" * size)
    with pytest.raises(Silence):
        link.receive(0.3)


def test_two_frames_in_a_datagram(broker, feed):
    """A datagram carries exactly one frame."""
    device = broker.device().online("udp")
    feed.of(device, "uplink")
    one = device.build(2006, device.body(2006, statusSerials=STATUS))
    two = device.build(2006, device.body(2006, statusSerials=STATUS))
    for raw in (one + two, one[:-2], one[:-2] + b"\r\r\n", one + b" ", b" " + one):
        device.link.send(raw)
    device.silent(0.3)
    device.link.send(one)
    assert device.receive()[0] == 2007
    device.link.send(two)
    assert device.receive()[0] == 2007
    feed.of(device, "uplink"), feed.of(device, "uplink")


def test_one_frame_in_many_segments(broker, feed):
    device = broker.device().online("tcp")
    feed.of(device, "uplink")
    raw = device.build(2006, device.body(2006, statusSerials=STATUS))
    for at in range(len(raw)):
        device.link.send(raw[at:at + 1])
        if at % 16 == 0:
            time.sleep(0.001)
    assert device.receive()[1]["result"] == 0
    assert feed.of(device, "uplink", 2006)["sequence"] == device.sequence


def test_large_frames(broker, feed):
    """Up to 64 KiB on TCP, beyond a segment and beyond a chunk."""
    device = broker.device().online("tcp")
    feed.of(device, "uplink")
    for size in (1000, 1460, 4096, 20000, 40000):
        filler = "x" * size
        answer = device.request(2006, statusSerials=[{"filler": filler}], timeout=10)
        assert answer["result"] == 0
        assert feed.of(device, "uplink", 2006)["payload"]["statusSerials"][0]["filler"] == filler


class Capture(threading.Thread):
    """TCP payloads that leave the broker's port, segment by segment."""

    def __init__(self, interface, port):
        super().__init__(daemon=True)
        self.port, self.segments, self.running = port, [], True
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.bind((interface, 0))
        self.socket.settimeout(0.2)
        self.start()

    def run(self):
        while self.running:
            try:
                packet = self.socket.recv(65536)
            except socket.timeout:
                continue
            header = 14 + (packet[14] & 15) * 4
            total = struct.unpack(">H", packet[16:18])[0]
            if packet[23] != 6 or struct.unpack(">H", packet[header:header + 2])[0] != self.port:
                continue
            payload = packet[header + (packet[header + 12] >> 4) * 4:14 + total]
            if payload:
                self.segments.append(payload)

    def stop(self):
        self.running = False
        self.join()
        self.socket.close()
        return self.segments


def test_many_frames_in_one_segment_and_one_per_segment_back(broker, feed):
    device = broker.device().online("tcp")
    capture = Capture(broker.interface, hearth.CONNECT)
    frames = [device.build(2006, device.body(2006, statusSerials=STATUS)) for _ in range(5)]
    frames += [device.build(1000, device.body(1000))]
    device.link.send(b"".join(frames))
    codes = [device.receive()[0] for _ in frames]
    assert codes == [2007] * 5 + [1001]
    time.sleep(0.3)
    segments = capture.stop()
    assert len(segments) == len(frames)
    for segment in segments:
        assert segment.startswith(b"CTS{") and segment.count(b"\r\n") == 1
        assert segment.endswith(b"}\r\n")


def test_connect_and_reports_in_one_segment(broker, feed):
    device = broker.device()
    device.login()
    device.open("tcp")
    frames = [device.build(1004, device.body(1004))]
    frames += [device.build(2006, device.body(2006, statusSerials=STATUS)) for _ in range(3)]
    device.link.send(b"".join(frames))
    assert [device.receive()[0] for _ in frames] == [1005] + [2007] * 3
    assert [feed.of(device)["event"] for _ in frames] == ["online"] + ["uplink"] * 3


def test_half_a_frame_does_not_last(broker, canary):
    """K10: idle and half-sent connections hold up nobody, and do not stay for ever."""
    links = []
    for index in range(200):
        link = Link(address(hearth.LOGIN if index % 2 else hearth.CONNECT), True)
        if index % 4 > 1:
            link.send(b"CTS{\"code\":1002,")
        links.append(link)
    broker.device().online("tcp")
    time.sleep(1)
    for link in links[:100]:
        link.abort()
    for link in links[100:]:
        link.close()
    broker.device().online("tcp")


def test_reconnects_in_a_rush(broker, feed, canary):
    """K18: one device over and over, never two sessions at once."""
    device = broker.device()
    for turn in range(30):
        device.login()
        device.connect("tcp" if turn % 3 else "udp")
        if turn % 2:
            device.report(turn)
        if turn % 5 == 0:
            device.link.abort()
    feed.quiet(of=device)
    live = 0
    for event in feed.all_of(device):
        live += {"online": 1, "offline": -1}.get(event["event"], 0)
        assert live in (0, 1), feed.all_of(device)
    numbers = [event["session"] for event in feed.all_of(device, "online")]
    assert numbers == sorted(set(numbers))


def test_every_bit_of_a_frame(broker, feed, canary):
    """K2: a changed bit is dropped, refused, or meant the same (by UDP: nothing can be closed)."""
    device = broker.device().online("udp")
    feed.of(device, "uplink")
    raw = device.build(2028, device.body(2028, resourceSerials=[], time=int(time.time())))
    number = str(device.sequence)
    for bit in range(0, 8 * len(raw), 7):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        if b"2028" not in changed:
            continue  # the code is not protected: another code is another request
        device.link.send(bytes(changed))
    time.sleep(0.5)
    feed.quiet(of=device)
    for event in feed.all_of(device, "uplink")[1:]:
        assert event["code"] == 2028
        assert (event["sequence"], event["payload"]["deviceId"]) == (int(number), device.id)


def test_ping(broker, canary):
    import subprocess
    if subprocess.run(["which", "ping"], capture_output=True, check=False).returncode:
        pytest.skip("ping (iputils-ping) is not installed")
    for size in ("0", "56", "1400"):
        subprocess.run(["ping", "-q", "-n", "-c", "2", "-i", "0.2", "-W", "2", "-s", size,
                        hearth.BROKER], check=True, capture_output=True)


def test_nothing_came_of_it(broker):
    """After all that: no connection is left over but those of live sessions."""
    assert broker.process.poll() is None
    broker.device().online("tcp")
    broker.device().online("udp")
