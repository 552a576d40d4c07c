# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Two thousand devices at once, and what the feed made of them."""

import collections
import subprocess

import pytest

import hearth
import paths


def compare(fleet, events):
    """Everything acknowledged is in the feed exactly once, and nothing else but what was sent."""
    hearth.check_feed(events)
    reports = collections.Counter(hearth.reports_in(events))
    twice = [key for key, times in reports.items() if times != 1]
    assert not twice, "in the feed twice: %r" % twice[:5]
    missing = set(fleet.acknowledged()) - set(reports)
    assert not missing, "%d acknowledged and not in the feed: %r" % (
        len(missing), sorted(missing)[:5])
    invented = set(reports) - set(fleet.sent())
    assert not invented, "in the feed, never sent: %r" % sorted(invented)[:5]
    return reports


@pytest.mark.parametrize("like,options", [
    ("text", ()), ("firmware", ()), ("text", ("--merge", 4, "--split", 300)),
], ids=["text", "firmware", "ugly"])
def test_two_thousand_devices(tmp_path, like, options):
    """Datagrams may get lost where CPUs are short: devices repeat, public firmware logs in again."""
    with hearth.Hearth(tmp_path) as broker:
        fleet = hearth.Fleet(broker, 2000, "--tcp-share", 50, "--interval", 1, "--seconds", 8,
                             "--ramp", 1000, "--like", like, *options)
        fleet.generate(like=like)
        broker.ctl("device", "import", fleet.csv, offline=True)
        broker.start()
        feed = broker.feed()
        status, summary = fleet.start().wait()
        assert status == 0, summary["first_deviation"]
        assert summary["connected"] == 2000 and summary["lost_connections"] == 0
        reports = compare(fleet, feed.quiet(1))
        assert summary["acknowledged"] <= sum(reports.values()) <= summary["sent"]
        assert summary["acknowledged"] > 8000
        if like == "text":
            assert summary["logins"] == 2000
            assert summary["connects_tcp"] == summary["connects_udp"] == 1000
            assert sum(reports.values()) == summary["acknowledged"] == summary["sent"]
        online = [event for event in feed.events if event["event"] == "online"]
        assert {event["via"] for event in online} == {"tcp", "udp"}
        assert len({event["device"] for event in online}) == 2000
        assert broker.stop() == 0


def test_gateways(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        fleet = hearth.Fleet(broker, 100, "--tcp-share", 50, "--interval", 0, "--seconds", 4,
                             "--strict")
        subprocess.run([paths.HEARTH_FLEET, "--generate", "100", "--subdevices", "300", "--csv",
                        fleet.csv], check=True)
        broker.ctl("device", "import", fleet.csv, offline=True)
        broker.start()
        feed = broker.feed()
        status, summary = fleet.start().wait()
        assert status == 0, summary["first_deviation"]
        compare(fleet, feed.quiet(1))
        count = collections.Counter(event["event"] for event in feed.events)
        assert count["online"] == 400
        codes = collections.Counter(event.get("code") for event in feed.events)
        # a gateway's full report is two of them: its state, then its resources
        assert codes[2012] == codes[2020] == 300 and codes[2006] == 500

