# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""kill -9 of either side, twenty times under load: nothing acknowledged is lost or doubled."""

import time

import pytest

import hearth
from test_load import compare

CYCLES = 20


def once_each(events):
    """The feed as a consumer that knows ids: a killed reader sees its last lines again."""
    seen = {}
    for event in events:
        assert seen.setdefault(event["id"], event) == event
    return sorted(seen.values(), key=lambda event: int(event["id"].split("-")[1]))


WAIT = 6.0  # s, until a device of the fleet over UDP repeats: 10 s, shortened


def fleets(broker):
    """By UDP nothing may be noticed; by TCP devices come back. The waits of both are shortened."""
    udp = hearth.Fleet(broker, 100, "--tcp-share", 0, "--interval", 0.2, "--ramp", 200,
                       "--heartbeat", 5, "--time-scale", WAIT / 10, name="udp").generate()
    tcp = hearth.Fleet(broker, 100, "--tcp-share", 100, "--interval", 0.2, "--ramp", 200,
                       "--heartbeat", 5, "--time-scale", 0.1, name="tcp").generate(first=3)
    both = [udp, tcp]
    for fleet in both:
        broker.ctl("device", "import", fleet.csv, offline=True)
    return both


class Heard:
    """Which devices of a fleet have had a report acknowledged since a moment."""

    def __init__(self, broker, fleet):
        self.broker, self.fleet = broker, fleet
        self.at, self.moments = 0, [set()]

    def read(self):
        text = self.fleet.acknowledged_path.read_text()[self.at:]
        text = text[:text.rfind("\n") + 1]  # the last line may be half written
        self.at += len(text)
        found = {line.split()[0] for line in text.splitlines()}
        for devices in self.moments[-2:]:
            devices |= found

    def mark(self):
        """Another moment: what came before it does not count."""
        self.read()
        self.moments.append(set())

    def wait(self, count, moment=-1):
        """Until so many have been heard since the last mark, or the one before (-2)."""
        def enough():
            self.read()
            return len(self.moments[moment]) >= count
        self.broker.wait(enough, "answers to %d devices of fleet %s" % (count, self.fleet.name))


def test_feed_killed(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        both = fleets(broker)
        broker.start()
        feed = broker.feed()
        for fleet in both:
            fleet.options += ("--strict", "--time-scale", 1)
            fleet.start()
        time.sleep(1.5)
        for cycle in range(CYCLES):
            time.sleep(0.1 + 0.02 * cycle)
            feed.kill()
            feed.start()
        results = [fleet.finish() for fleet in both]
        events = once_each(feed.quiet(1))
        hearth.check_feed(events)
        for fleet, (status, summary) in zip(both, results):
            assert status == 0, summary
            mine = [event for event in events if event["device"][0] == (
                "1" if fleet.name == "udp" else "3")]
            reports = compare(fleet, mine)
            assert sum(reports.values()) == summary["acknowledged"] > 1000


@pytest.mark.parametrize("acknowledge", ["ring", "commit"])
def test_broker_killed(tmp_path, acknowledge):
    with hearth.Hearth(tmp_path, feed={"acknowledge": acknowledge},
                       mc={"auth_interval": 30}) as broker:
        both = fleets(broker)
        broker.start()
        feed = broker.feed()
        if acknowledge == "commit":  # answered, but not yet noted so when it dies: again (feed.h)
            for fleet in both:
                fleet.options += ("--twice",)
        udp, tcp = heard = [Heard(broker, fleet.start()) for fleet in both]
        cycles, down = CYCLES if acknowledge == "ring" else 5, 0
        udp.wait(100)
        for cycle in range(cycles):
            # A device gives up after three sends into nothing: no third one may meet a dead broker.
            udp.wait(100, -2 if cycle and down < WAIT else -1)
            tcp.wait(20)
            time.sleep(0.05 * (cycle % 7))  # not always the same moment of their lives
            down = time.monotonic()
            broker.kill()
            broker.start()
            down = time.monotonic() - down
            for fleet in heard:
                fleet.mark()
        for fleet in heard:
            fleet.wait(100)
        (udp_status, udp), (tcp_status, tcp) = [fleet.finish(120) for fleet in both]
        events = once_each(feed.quiet(1))
        hearth.check_feed(events)
        assert udp_status == tcp_status == 0, (udp, tcp)
        assert udp["relogins_udp"] == udp["relogins_tcp"] == 0 and udp["logins"] == 100
        assert udp["unanswered"] == 0
        assert udp["acknowledged"] > 100 and tcp["acknowledged"] > 100
        assert tcp["logins"] >= 100 + 20 * cycles
        for fleet, digit in zip(both, "13"):
            compare(fleet, [event for event in events if event["device"][0] == digit])
        udp_online = [event for event in events
                      if event["event"] == "online" and event["device"][0] == "1"]
        assert len(udp_online) == 100


def test_orderly_restart_keeps_sessions(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(10)
        broker.start()
        feed = broker.feed()
        udp, tcp = broker.device().online("udp"), broker.device().online("tcp")
        first = feed.of(tcp, "online")
        assert broker.stop() == 0
        broker.start()
        udp.heartbeat()
        udp.report(1)
        assert tcp.connect("tcp")["result"] == 0  # the token outlives the process
        tcp.report(1)
        feed.quiet()
        assert len(feed.all_of(udp, "online")) == 1
        assert [event["reason"] for event in feed.all_of(udp, "offline")] == []
        assert feed.all_of(tcp, "online")[-1]["session"] > first["session"]
        hearth.check_feed(feed.events)
        assert broker.stop() == 0
        assert feed.stop() == 0


def test_repeat_over_a_kill_is_the_same_report(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(5)
        broker.start()
        feed = broker.feed()
        device = broker.device().online("udp")
        sequence = device.send(2006, statusSerials=[{"n": 7}])
        device.answer_to(2006, sequence)
        broker.kill()
        broker.start()
        device.repeat()
        assert device.answer_to(2006, sequence)["result"] == 0
        device.report(8)
        feed.quiet()
        counts = [event["count"] for event in feed.all_of(device, "uplink")]
        assert counts == [1, 2, 3]


def test_ids_grow_over_a_new_ring(tmp_path):
    """The ring's memory is gone, as after a reboot: ids are not used again."""
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(5)
        broker.start()
        feed = broker.feed()
        device = broker.device().online("tcp")
        old = feed.of(device, "uplink")
        feed.stop()
        broker.stop()
        for suffix in ("", ".commit", ".sessions"):
            (broker.ring.parent / (broker.ring.name + suffix)).unlink()
        broker.start()
        feed = broker.feed()
        device.online("tcp")
        new = feed.of(device, "online")
        assert int(new["id"].split("-")[1]) > int(old["id"].split("-")[1])
        assert new["session"] > old["session"]
