# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""hearth-twin: what hearthd promises holds on kernel sockets too, or comparing them says nothing."""

import json
import subprocess

import pytest

import hearth
import paths
from mcdevice import Closed

LIMITS = {"devices": 5000, "sessions": 3000, "connections": 6000, "pending_logins": 3000}


class Twin(hearth.Hearth):
    """On the loopback interface of the run's network namespace."""

    program = (paths.HEARTH_TWIN,)

    def __init__(self, directory, *options, **changes):
        super().__init__(directory, interface=None, limits=LIMITS, **changes)
        self.program = (paths.HEARTH_TWIN, *options)


@pytest.fixture(autouse=True)
def addresses(isolated):
    words = (hearth.BROKER + "/24", "dev", "lo"), (hearth.BROKER6 + "/64", "dev", "lo", "nodad")
    for word in words:
        hearth.ip("address", "replace", *word)
    yield
    for word in words:
        hearth.ip("address", "del", *word[:3])


def fleet_of(twin, count, *options, **more):
    """A fleet whose devices the twin knows before it starts."""
    fleet = hearth.Fleet(twin, count, *options, **more).generate()
    twin.ctl("device", "import", fleet.csv, offline=True)
    return fleet


@pytest.mark.parametrize("options", [(), ("--level",), ("--spin",)])
@pytest.mark.parametrize("share", [100, 0])
def test_reports_arrive(tmp_path, share, options):
    with Twin(tmp_path, *options) as twin:
        fleet = fleet_of(twin, 200, "--tcp-share", share, "--interval", 0.1, "--reports", 10,
                         "--strict")
        twin.start()
        feed = twin.feed()
        status, summary = fleet.start().wait()
        assert status == 0, summary
        assert summary["connects_tcp"] == 200 * share // 100
        assert hearth.exactly_once(fleet, feed.quiet(0.5)) == summary["acknowledged"] == 200 * 13
        hearth.check_feed(feed.events)
        assert twin.stop() == 0


def test_answers_wait_for_the_commit(tmp_path):
    with Twin(tmp_path, feed={"acknowledge": "commit"}) as twin:
        fleet = fleet_of(twin, 100, "--tcp-share", 50, "--interval", 0.1, "--reports", 10,
                         "--strict")
        twin.start()
        feed = twin.feed()
        status, summary = fleet.start().wait()
        assert status == 0, summary
        assert hearth.exactly_once(fleet, feed.quiet(0.5)) == summary["acknowledged"] == 100 * 13


@pytest.mark.parametrize("manners", [
    ("--split", 7, "--merge", 3), ("--bytes", 9000, "--split", 4000), ("--merge", 32),
])
@pytest.mark.parametrize("options", [(), ("--level",)])
def test_ugly_writes(tmp_path, manners, options):
    """Frames in pieces, and many in one read."""
    with Twin(tmp_path, *options) as twin:
        fleet = fleet_of(twin, 100, "--tcp-share", 100, "--interval", 0.1, "--reports", 20,
                         "--strict", *manners)
        twin.start()
        feed = twin.feed()
        status, summary = fleet.start().wait()
        assert status == 0, summary
        assert hearth.exactly_once(fleet, feed.quiet(0.5)) == summary["acknowledged"] == 100 * 23


def test_reports_arrive_over_ipv6(tmp_path):
    ports = [{"device": "net_null0", "addresses": [hearth.BROKER6 + "/64"]}]
    with Twin(tmp_path, ports=ports) as twin:
        fleet = fleet_of(twin, 100, "--tcp-share", 50, "--interval", 0.1, "--reports", 20,
                         "--strict", login="[%s]:%d" % (hearth.BROKER6, hearth.LOGIN))
        twin.start()
        feed = twin.feed()
        status, summary = fleet.start().wait()
        assert status == 0, summary
        assert summary["connects_tcp"] == summary["connects_udp"] == 50
        assert hearth.exactly_once(fleet, feed.quiet(0.5)) == summary["acknowledged"] == 100 * 23


def test_many_sessions(tmp_path):
    """And it says of itself what hearthd says."""
    with Twin(tmp_path) as twin:
        fleet = fleet_of(twin, 2500, "--tcp-share", 80, "--login-rate", 1500, "--rate", 2000,
                         "--seconds", 8, "--strict", "--control", twin.socket)
        twin.start()
        feed = twin.feed()
        status, summary = fleet.start().wait()
        assert status == 0, summary
        assert summary["all_connected"] and summary["broker_sessions"] == 2500
        assert summary["broker_cycles_per_report"] > 0
        assert hearth.exactly_once(fleet, feed.quiet(1)) >= summary["acknowledged"]
        counters = twin.ctl_json("status")["workers"][0]["counters"]
        # a login and a connect each; what was closed at the end is gone
        assert counters["tcp"]["tcp_opened"] == counters["tcp"]["tcp_closed"] == 2500 + 2000


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_sessions_go_on_after_a_restart(tmp_path, end):
    """UDP devices notice nothing; TCP devices come back with the token that they have."""
    with Twin(tmp_path) as twin:
        fleet = fleet_of(twin, 100, "--tcp-share", 50, "--interval", 0.2, "--seconds", 25,
                         "--time-scale", 0.1)
        twin.start()
        feed = twin.feed()
        fleet.start()
        feed.wait_for(lambda event: event.get("code") == 2028, seconds=30)
        if end == "stop":
            assert twin.stop() == 0
        else:
            twin.kill()
        twin.start()
        assert twin.ctl_json("status")["sessions"]["live_udp"] == 50
        status, summary = fleet.wait()
        assert status == 0, summary
        assert summary["relogins_udp"] == 0 and summary["wrong"] == 0
        events = feed.quiet(1)
        hearth.exactly_once(fleet, events)
        hearth.check_feed(events)


def test_ends_of_connections(tmp_path):
    """A wrong PIN is closed without a byte, a kicked device is; the others are served."""
    with Twin(tmp_path) as twin:
        twin.provision(3)
        twin.start()
        feed = twin.feed()
        device, other = twin.device(), twin.device()
        other.pin = "x" * 32
        with pytest.raises(Closed):
            other.login()
        device.online("tcp").report(7)
        feed.of(device, "uplink", 2006)
        twin.ctl("kick", device.id)
        device.closed()
        assert feed.of(device, "offline")["reason"] == "kicked"


@pytest.mark.parametrize("changes, words", [
    ({"workers": [0, 1]}, "one worker"),
    ({"ports": [{"device": "net_null0", "addresses": ["198.18.77.1/24"]}]}, "ssign requested"),
])
def test_refuses_what_it_cannot_do(tmp_path, changes, words):
    with Twin(tmp_path, **changes) as twin:
        assert twin.launch().wait(20) == 2
        assert words in twin.log.read_text()
        assert not twin.ring.exists()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_instrument_finds_every_report(tmp_path, transport):
    """The same verification as of hearthd: answers byte for byte, events against what was sent. A
    closed loop, so that nothing depends on how fast the machine is."""
    scenario, figures = tmp_path / "scenario.yaml", tmp_path / "figures.json"
    scenario.write_text("name: small\ndevices: 1500\ntransport: %s\nreport: {bytes: 300}\n"
                        "load: {closed: 200}\nwarmup: 0.2\nseconds: 1\n" % transport)
    words = [paths.HEARTH_FLEET, "--scenario", scenario]
    with Twin(tmp_path) as twin:
        subprocess.run([*words, "--csv", tmp_path / "devices.csv"], check=True)
        twin.ctl("device", "import", tmp_path / "devices.csv", offline=True)
        twin.start()
        hearth.ip("route", "replace", "local", "198.19.0.0/24", "dev", "lo")
        subprocess.run([*words, "--via", "sockets", "--address", "198.19.0.0/24", "--login",
                        "%s:%d" % (hearth.BROKER, hearth.LOGIN), "--feed", twin.ring, "--control",
                        twin.socket, "--json", figures], check=False, timeout=120)
    found = json.loads(figures.read_text())
    trial = found["trials"][0]
    assert found["login"]["devices"] == 1500 and trial["answered"] > 1000
    for name in ("lost", "doubled", "refused", "failed", "unanswered_all", "sender_drops",
                 "disconnected"):
        assert trial[name] == 0, (name, trial)
    assert not any(trial["wrong"].values()), trial
    assert trial["delivered"] >= trial["answered"] and trial["checked"] > 0
