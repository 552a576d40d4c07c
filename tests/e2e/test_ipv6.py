# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""IPv6 beside IPv4, or alone: Linux as the peer, over TAP and VLANs."""

import fcntl
import ipaddress
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest

import hearth
import mcdevice

BOTH = [hearth.BROKER + "/24", hearth.BROKER6 + "/64"]
TAP = "net_tap0,iface=hearth0"


def both(directory, **changes):
    """A broker on a TAP with an address of each family; it advertises its IPv6 one."""
    connect = "[%s]:%d" % (hearth.BROKER6, hearth.CONNECT)
    return hearth.Hearth(directory, ports=[{"device": TAP, "addresses": BOTH}],
                         mc={"advertise": {"tcp": connect, "udp": connect}}, **changes)


def host_port(peer):
    """What a feed's or a session's "peer" says."""
    host, port = re.fullmatch(r"\[([0-9a-f:]+)\]:(\d+)|([0-9.]+):(\d+)", peer).groups()[:2]
    return ipaddress.ip_address(host), int(port)


def own(link):
    return ipaddress.ip_address(link.local[0]), link.local[1]


def works(broker, feed, device, via):
    """A device over IPv6: login, connect, reports, heartbeat; everything names its address."""
    device.online(via)
    assert own(device.link)[0].version == 6
    online = feed.of(device, "online")
    assert online["via"] == via and host_port(online["peer"]) == own(device.link), online
    for n in range(3):
        device.report(n)
    device.heartbeat()
    uplink = feed.of(device, "uplink", 2006)
    assert host_port(uplink["peer"]) == own(device.link)
    session = broker.ctl_json("session", device.id)["session"]
    assert session["via"] == via and host_port(session["peer"]) == own(device.link)
    listed = broker.ctl("sessions").stdout
    assert session["peer"] in listed


@pytest.fixture
def tap(tmp_path):
    with both(tmp_path) as broker:
        broker.provision(20)
        broker.start()
        yield broker


def test_devices_over_tcp_and_udp(tap):
    feed = tap.feed()
    kept = [tap.device(host=hearth.BROKER6) for _ in range(2)]
    for device, via in zip(kept, ("tcp", "udp")):
        works(tap, feed, device, via)
    kept.append(tap.device().online("tcp"))  # logs in over IPv4, connects over IPv6
    device = tap.device(host=hearth.BROKER6)
    device.login()
    device.link = mcdevice.Link((hearth.BROKER, hearth.CONNECT), True)
    assert device.request(1004, devVersion="1", model="m")["result"] == 0
    device.report()
    assert tap.ctl_json("session", device.id)["session"]["peer"] == "%s:%d" % device.link.local
    status = tap.ctl_json("status")
    assert status["sessions"]["live_tcp"] == 3 and status["sessions"]["live_udp"] == 1
    assert status["ports"][0]["addresses"] == BOTH
    hearth.check_feed(feed.quiet())


def test_large_frames_over_tcp(tap):
    """A report of many segments each way, and one that is too long for a datagram is not lost."""
    device = tap.device(host=hearth.BROKER6).online("tcp")
    for size in (1400, 1440, 20000, 40000):
        status = [{"serialId": "1", "statusSerial": [
            {"statusName": "N", "curStatusValue": "x" * size}]}]
        device.report(statusSerials=status)


def test_udp_rebinding_between_families(tap):
    """A device's address may change its family under a live session: the token is what counts."""
    feed = tap.feed()
    device = tap.device(host=hearth.BROKER6).online("udp")
    first = feed.of(device, "online")
    hosts = [hearth.BROKER, hearth.BROKER6, hearth.BROKER6, hearth.BROKER, hearth.BROKER6]
    for n, host in enumerate(hosts):
        source = (hearth.DEVICES6 if ":" in host else hearth.DEVICES)[n % 3]
        device.link = mcdevice.Link((host, hearth.CONNECT), False, (source, 0))
        device.report(n)
        device.heartbeat()
        peer = "[%s]:%d" if ":" in host else "%s:%d"
        peer = peer % device.link.local[:2]
        assert tap.ctl_json("session", device.id)["session"]["peer"] == peer
        report = feed.wait_for(lambda event, peer=peer: event["device"] == device.id and
                               event["event"] == "uplink" and event["peer"] == peer)
        assert report["session"] == first["session"]
    feed.quiet()
    assert len(feed.all_of(device, "online")) == 1 and not feed.all_of(device, "offline")


@pytest.mark.parametrize("orderly", [True, False])
def test_restart_keeps_udp_sessions(tap, orderly):
    feed = tap.feed()
    udp = tap.device(host=hearth.BROKER6).online("udp")
    moved = tap.device(host=hearth.BROKER6).online("udp")
    moved.link = mcdevice.Link((hearth.BROKER6, hearth.CONNECT), False, (hearth.DEVICES6[2], 0))
    moved.report(7)
    tcp = tap.device(host=hearth.BROKER6).online("tcp")
    if orderly:
        assert tap.stop() == 0
    else:
        tap.kill()
    tap.start()
    for device in (udp, moved):
        session = tap.ctl_json("session", device.id)["session"]
        assert host_port(session["peer"]) == own(device.link)
        device.heartbeat()
        device.report(1)
    assert tcp.connect("tcp")["result"] == 0  # the token outlives the process
    tcp.report(1)
    feed.quiet()
    for device in (udp, moved):
        assert len(feed.all_of(device, "online")) == 1 and not feed.all_of(device, "offline")
    hearth.check_feed(feed.events)


def test_fleet(tap):
    """Half TCP, half UDP: every report acknowledged once, and once in the feed."""
    fleet = hearth.Fleet(tap, 50, "--tcp-share", 50, "--interval", 0.2, "--seconds", 3, "--strict",
                         login="[%s]:%d" % (hearth.BROKER6, hearth.LOGIN)).generate()
    tap.ctl("device", "import", fleet.csv)
    feed = tap.feed()
    status, summary = fleet.start().wait()
    assert status == 0, summary
    events = feed.quiet(0.5)
    reports = hearth.reports_in(events)
    assert sorted(reports) == sorted(fleet.acknowledged()) and len(reports) > 400
    assert all(event["peer"].startswith("[fd77::") for event in events)
    hearth.check_feed(events)


def test_ipv6_alone(tmp_path):
    port = {"device": TAP, "addresses": [hearth.BROKER6 + "/64"]}
    with hearth.Hearth(tmp_path, ports=[port]) as broker:
        broker.provision(2)
        broker.start()
        feed = broker.feed()
        device = broker.device(host=hearth.BROKER6)
        works(broker, feed, device, "udp")
        assert device.login_answer["udpHost"] == "[%s]:%d" % (hearth.BROKER6, hearth.CONNECT)


def test_echo(tap):
    """ping, up to what the link carries."""
    if not shutil.which("ping"):
        pytest.skip("ping (package iputils-ping) is not installed")

    def ping(*words):
        return subprocess.run(["ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "5", *words],
                              capture_output=True, text=True, check=False)

    for size in ("8", "56", "1452"):
        result = ping("-s", size, hearth.BROKER6)
        assert " 3 received" in result.stdout, result
    result = ping("-s", "1453", "-M", "do", hearth.BROKER6)
    assert result.returncode, "larger than the link"


class Tagger(threading.Thread):
    """A TAP whose frames travel tagged over another interface: for kernels without VLANs."""

    def __init__(self, name, outer, tag):
        super().__init__(daemon=True)
        self.tag, self.stopping = tag, threading.Event()
        self.tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tap, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1002))
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.raw.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA: the kernel takes tags off
        self.raw.bind((outer, 0))

    def run(self):
        while not self.stopping.is_set():
            for source in select.select([self.tap, self.raw], [], [], 0.1)[0]:
                if source == self.tap:
                    frame = os.read(self.tap, 2048)
                    self.raw.send(frame[:12] + struct.pack("!HH", 0x8100, self.tag) + frame[12:])
                else:
                    self.inward(*self.raw.recvmsg(2048, 256))

    def inward(self, frame, ancillary, _, source):
        for _, kind, data in ancillary:
            status, tag = struct.unpack_from("I12xHxx", data.ljust(24, b"\0"))
            if source[2] != socket.PACKET_OUTGOING and kind == 8 and status & 0x10 and \
                    tag & 0xfff == self.tag:
                os.write(self.tap, frame)

    def stop(self):
        self.stopping.set()
        self.join()
        os.close(self.tap)
        self.raw.close()


@pytest.fixture
def tagged(veth):  # noqa: F811
    """A port's interface, and a peer of its that speaks VLAN 77."""
    inner, outer = veth
    if not shutil.which("ethtool"):
        pytest.skip("ethtool is not installed: veth would hand over packets without checksums")
    hearth.ip("link", "set", outer, "up")
    made = hearth.ip("link", "add", "link", outer, "name", "hearth-t77", "type", "vlan", "id", "77",
                     check=False)
    tagger = None
    if made.returncode:
        tagger = Tagger("hearth-t77", outer, 77)
        tagger.start()
    yield inner, outer, "hearth-t77"
    if tagger:
        tagger.stop()


def link_local_of(broker):
    """Its link-local address, from what it announces in its first seconds."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD)) as raw:
        raw.bind((broker.interface, 0))
        raw.settimeout(10)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            frame = raw.recv(2048)
            if frame[20] == 58 and frame[54] == 136 and frame[62:64] == b"\xfe\x80":
                return str(ipaddress.ip_address(frame[62:78]))
    raise AssertionError("it announced no link-local address")


def test_link_local(tmp_path):
    """Devices on the link need no other address of ours, nor of theirs; answers come from it."""
    with both(tmp_path) as broker:
        broker.provision(4)
        broker.start()
        host = "%s%%%s" % (link_local_of(broker), broker.interface)
        kept = []
        for via in ("tcp", "udp"):
            device = broker.device(host=host)
            device.login()
            device.link = mcdevice.Link((host, hearth.CONNECT), via == "tcp")
            assert device.request(1004, devVersion="1", model="m")["result"] == 0
            device.report(1)
            kept.append(device)
        peer = broker.ctl_json("session", kept[1].id)["session"]["peer"]
        assert peer.startswith("[fe80::")
        for device in kept:
            device.heartbeat()


def raw_frame(ethertype_and_more):
    return b"\xff" * 6 + b"\x02\0\0\0\0\x09" + ethertype_and_more.ljust(60, b"\0")


def test_vlan_over_veth(tmp_path, tagged):
    """Both families in a VLAN; what carries another tag, or two, is dropped by name."""
    inner, outer, name = tagged
    port = {"device": "net_af_packet0,iface=" + inner, "addresses": BOTH, "vlan": 77}
    with hearth.Hearth(tmp_path, interface=name, ports=[port]) as broker:
        broker.provision(4)
        broker.start()
        assert broker.ctl_json("status")["ports"][0]["vlan"] == 77
        kept = []
        for host, via in ((hearth.BROKER, "tcp"), (hearth.BROKER6, "udp"),
                          (hearth.BROKER6, "tcp"), (hearth.BROKER, "udp")):
            device = broker.device(host=host)
            device.login()
            device.link = mcdevice.Link((host, hearth.CONNECT), via == "tcp")
            assert device.request(1004, devVersion="1", model="m")["result"] == 0
            device.report(1)
            kept.append(device)
        before = broker.counters()["drop_vlan"]
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((outer, 0))
            for tags in ("8100004e0806", "0800", "8100004d8100004d0800", "810000000800"):
                raw.send(raw_frame(bytes.fromhex(tags)))
        broker.wait(lambda: broker.counters()["drop_vlan"] >= before + 3, "drop_vlan")
        for device in kept:
            device.heartbeat()
