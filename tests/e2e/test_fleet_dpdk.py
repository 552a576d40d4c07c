# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""hearth-fleet on a stack of its own: memif to the broker, thousands of sessions, their costs."""

import json
import shutil
import subprocess

import pytest

import hearth
import paths
from fakeplatform import FakePlatform

DEVICES = 20000
LIMITS = {"devices": 30000, "sessions": 25000, "connections": 50000, "pending_logins": 20000}


def device(directory, role):
    """One end; its rings are long, so that a loop that loses its CPU for a while costs no frames."""
    return "net_memif0,role=%s,socket=%s,socket-abstract=no,rsize=13" % (
        role, directory / "memif.sock")


def via(broker, address="198.18.0.2/24"):
    """Options that reach the broker by its memif."""
    return ("--via", "dpdk:" + device(broker.directory, "client"), "--address", address, "--pages", "no-huge",
            "--memory", 64)


@pytest.fixture
def memif(tmp_path):
    with hearth.Hearth(tmp_path, device(tmp_path, "server"), None, limits=LIMITS,
                       feed={"bytes": "64MiB"}) as broker:
        yield broker


def provisioned(broker, count, *options, **more):
    """A fleet on the memif whose devices the broker knows before it starts."""
    fleet = hearth.Fleet(broker, count, *via(broker), *options, **more).generate()
    broker.ctl("device", "import", fleet.csv, offline=True)
    return fleet


@pytest.mark.parametrize("manners", [
    (), ("--split", 7, "--merge", 3), ("--bytes", 900), ("--merge", 32), ("--like", "firmware"),
])
def test_reports_arrive(memif, manners):
    fleet = hearth.Fleet(memif, 100, *via(memif), "--tcp-share", 50, "--interval", 0.2,
                         "--reports", 20, "--strict", *manners)
    fleet.generate(like="firmware" if "firmware" in manners else "text")
    memif.ctl("device", "import", fleet.csv, offline=True)
    memif.start()
    feed = memif.feed()
    status, summary = fleet.start().wait()
    assert status == 0, summary
    assert summary["connects_tcp"] == summary["connects_udp"] == 50
    assert hearth.exactly_once(fleet, feed.quiet(0.5)) == summary["acknowledged"] == 100 * 23
    hearth.check_feed(feed.events)


def test_reports_arrive_over_ipv6(tmp_path):
    addresses = [{"device": device(tmp_path, "server"), "addresses": [hearth.BROKER6 + "/64"]}]
    with hearth.Hearth(tmp_path, interface=None, limits=LIMITS, ports=addresses) as broker:
        fleet = hearth.Fleet(broker, 100, *via(broker, hearth.DEVICES6[0] + "/64"), "--login",
                             "[%s]:%d" % (hearth.BROKER6, hearth.LOGIN), "--tcp-share", 50,
                             "--interval", 0.2, "--reports", 20, "--strict").generate()
        broker.ctl("device", "import", fleet.csv, offline=True)
        broker.start()
        feed = broker.feed()
        status, summary = fleet.start().wait()
        assert status == 0, summary
        assert summary["connects_tcp"] == summary["connects_udp"] == 50
        assert hearth.exactly_once(fleet, feed.quiet(0.5)) == summary["acknowledged"] == 100 * 23


def test_many_sessions_and_their_costs(memif):
    fleet = provisioned(memif, DEVICES, "--tcp-share", 50, "--login-rate", 5000, "--rate", 4000,
                        "--steady", 6, "--heartbeat", 5, "--strict", "--control", memif.socket)
    memif.start()
    feed = memif.feed()
    status, summary = fleet.start().wait()
    assert status == 0, summary
    assert summary["all_connected"] and summary["connected"] == DEVICES
    assert summary["broker_sessions"] == DEVICES
    assert summary["heartbeats"] > 0 and summary["wrong"] == 0
    for name in ("fleet_cycles_per_report", "broker_cycles_per_report",
                 "fleet_bytes_per_session", "broker_bytes_per_session"):
        assert summary[name] > 0, name
    assert hearth.exactly_once(fleet, feed.quiet(1)) >= summary["acknowledged"]
    # Both ends count the same connections; what was closed at the end is gone.
    broker = memif.ctl_json("status")
    assert broker["sessions"]["live_tcp"] == 0
    assert broker["workers"][0]["counters"]["tcp"]["tcp_opened"] == \
        summary["counters"]["tcp_opened"]


def test_lost_connections_lead_back(memif):
    fleet = provisioned(memif, 50, "--tcp-share", 100, "--interval", 0.1, "--time-scale", 0.1)
    memif.start()
    feed = memif.feed()
    fleet.start()
    feed.wait_for(lambda event: event["event"] == "uplink" and event["code"] == 2028)
    kicked = [event["device"] for event in feed.read() if event["event"] == "online"][:10]
    for name in kicked:
        memif.ctl("kick", name)
    for name in kicked:
        feed.wait_for(lambda event, name=name: event["device"] == name and
                      event["event"] == "offline")
    memif.wait(lambda: memif.ctl_json("status")["sessions"]["live_tcp"] == 50, "50 sessions again")
    status, summary = fleet.finish()
    assert status == 0, summary
    assert summary["relogins_tcp"] >= 10 and summary["connected"] == 50
    hearth.exactly_once(fleet, feed.quiet(0.5))


@pytest.mark.parametrize("fault,kind", [
    (None, None), ("sequence", "sequence"), ("key", "decrypt"), ("code", "code"),
    ("result", "result"), ("member", "member"), ("time", "time"), ("twice", "unasked"),
    ("base64", "base64"), ("garbage", "frame"),
])
def test_wrong_answers_are_named(tmp_path, veth, fault, kind):
    """The kernel's TCP and UDP as the peer, with a platform that errs in one way."""
    if not shutil.which("ethtool"):
        pytest.skip("ethtool is not installed: veth would hand over packets without checksums")
    hearth.ip("address", "add", hearth.BROKER + "/24", "dev", veth[1])
    hearth.ip("link", "set", veth[1], "up")
    path, summary = tmp_path / "devices.csv", tmp_path / "summary.json"
    subprocess.run([paths.HEARTH_FLEET, "--generate", "6", "--csv", path], check=True)
    with FakePlatform(path, fault, host=hearth.BROKER) as platform:
        result = subprocess.run(
            [paths.HEARTH_FLEET, "--via", "dpdk:net_af_packet0,iface=" + veth[0], "--address",
             hearth.DEVICES[0] + "/24", "--pages", "no-huge", "--login",
             "%s:%d" % (hearth.BROKER, platform.login_port), "--devices", path, "--json", summary,
             "--tcp-share", "50", "--interval", "0.1", "--quiet", "--time-scale", "0.05",
             # with faults not all come to be connected
             "--seconds" if fault else "--steady", "3"], capture_output=True, text=True, timeout=60,
            check=False)
    summary = json.loads(summary.read_text())
    assert result.returncode == (1 if fault else 0), result
    if fault:
        assert summary["deviations"][kind] > 0 and summary["first_deviation"]
    else:
        assert platform.problems == [] and summary["acknowledged"] > 100
        assert summary["connects_tcp"] == summary["connects_udp"] == 3


def test_wrong_pins_are_never_answered(memif):
    fleet = provisioned(memif, 20, "--seconds", 6, "--time-scale", 0.05)
    fleet.generate()  # other PINs than the broker's
    memif.start()
    status, summary = fleet.start().wait()
    assert status == 1 and summary["connected"] == summary["logins"] == 0
    assert "answers no login" in fleet.output.read_text()


@pytest.mark.parametrize("address,login,why", [
    ("198.18.0.2/24", "198.18.0.77:7700", "nobody says to have"),
    ("198.19.0.2/24", "198.18.0.1:7700", "no way to the platform"),
    ("198.18.0.2/24", "198.18.0.1:7799", "connections are refused"),
])
def test_unreachable_says_why(memif, address, login, why):
    fleet = provisioned(memif, 5)
    memif.start()
    result = subprocess.run(
        [paths.HEARTH_FLEET, "--devices", fleet.csv, "--login", login, "--seconds", "6",
         *map(str, via(memif, address))], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1 and why in result.stderr, result


def test_no_broker_says_why(memif):
    fleet = hearth.Fleet(memif, 5).generate()
    result = subprocess.run(
        [paths.HEARTH_FLEET, "--devices", fleet.csv, "--login", "198.18.0.1:7700",
         *map(str, via(memif))], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2 and "is a broker running" in result.stderr


@pytest.mark.parametrize("options", [
    ["--via", "dpdk:net_memif0,role=client"], ["--address", "198.18.0.2/24"],
    ["--via", "dpdk:", "--address", "198.18.0.2/24"],
    ["--via", "dpdk:toaster", "--address", "198.18.0.2/24"],
    ["--via", "dpdk:net_memif0", "--address", "198.18.0.2"],
    ["--via", "dpdk:net_memif0", "--address", "198.18.0.2/33"],
    ["--via", "dpdk:net_memif0", "--address", "fd77::2/129"],
    ["--via", "dpdk:net_memif0", "--address", "fd77::2/64"],
    ["--via", "dpdk:net_memif0", "--address", "198.18.0.255/24"],
    ["--via", "dpdk:net_memif0", "--address", "198.18.0.2/24", "--pages", "some"],
    ["--via", "dpdk:net_memif0", "--address", "198.18.0.2/24", "--gateway", "x"],
    ["--via", "dpdk:net_memif0", "--address", "198.18.0.2/24", "--cpu", "-1"],
])
def test_wrong_usage(tmp_path, options):
    path = tmp_path / "devices.csv"
    subprocess.run([paths.HEARTH_FLEET, "--generate", "5", "--csv", path], check=True)
    result = subprocess.run(
        [paths.HEARTH_FLEET, "--devices", path, "--login", "198.18.0.1:7700", *options],
        capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 2 and result.stderr and result.stdout == ""
