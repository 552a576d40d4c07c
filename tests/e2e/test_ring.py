# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""A ring without a reader fills, refuses, and empties again."""

import json
import subprocess
import time

import hearth
import paths

SMALL = {"feed": {"bytes": "1MiB"}}


def fill(device):
    """Report until refused; how many were acknowledged, and the refused number."""
    for n in range(100000):
        answer = device.request(2006, statusSerials=[{"n": n, "filler": "x" * 20000}])
        if answer["result"]:
            assert answer["result"] == 999999, answer
            return n, answer["sequence"]
    raise AssertionError("the ring never filled")


def test_full_and_emptied(tmp_path):
    with hearth.Hearth(tmp_path, **SMALL) as broker:
        broker.provision(10)
        broker.start()
        device, witness = broker.device().online("tcp"), broker.device().online("udp")
        accepted, refused = fill(device)
        assert accepted > 10
        raw = device.last
        for _ in range(5):
            device.heartbeat()
            witness.heartbeat()
        device.link.send(raw)
        assert device.answer_to(2006, refused)["result"] == 999999  # judged anew, still no room
        other = broker.device()
        other.login()
        assert other.connect("tcp")["result"] == 0  # life-cycle events have a reserve
        feed = broker.feed()
        feed.of(other, "online")
        device.link.send(raw)
        assert device.answer_to(2006, refused)["result"] == 0
        device.link.send(raw)
        assert device.answer_to(2006, refused)["result"] == 0
        device.report(1)
        feed.quiet()
        hearth.check_feed(feed.events)
        uplinks = feed.all_of(device, "uplink")
        assert len(uplinks) == 1 + accepted + 1 + 1
        assert sum(event["sequence"] == int(refused) for event in uplinks) == 1
        assert broker.counters()["feed_full"] > 0


def test_owed_events_come_later(tmp_path):
    with hearth.Hearth(tmp_path, **SMALL) as broker:
        broker.provision(200)
        broker.start()
        fill(broker.device().online("tcp"))
        devices = [broker.device() for _ in range(150)]
        for device in devices:
            device.login()
            device.connect("tcp")
            device.link.abort()
        feed = broker.feed()
        for device in devices:
            feed.of(device, "offline")
        feed.quiet()
        for device in devices:
            assert [event["event"] for event in feed.all_of(device)] == ["online", "offline"]


def test_round_and_round(tmp_path):
    """Many times the ring's size, with a reader: every payload whole."""
    with hearth.Hearth(tmp_path, **SMALL) as broker:
        broker.provision(2)
        broker.start()
        feed = broker.feed()
        device = broker.device().online("tcp")
        for n in range(300):
            size = 1 + n * 97 % 20000
            answer = device.request(2006, statusSerials=[{"n": n, "filler": "y" * size}])
            assert answer["result"] in (0, 999999)
            while answer["result"]:
                device.repeat()
                answer = device.answer_to(2006, answer["sequence"])
        feed.quiet()
        reports = [event["payload"]["statusSerials"][0] for event in feed.all_of(device, "uplink")]
        assert [report["n"] for report in reports[1:]] == list(range(300))
        assert all(len(report["filler"]) == 1 + report["n"] * 97 % 20000 for report in reports[1:])


def test_observer_commits_nothing(tmp_path):
    with hearth.Hearth(tmp_path, **SMALL) as broker:
        broker.provision(3)
        broker.start()
        observer = broker.feed("--observe")
        device = broker.device().online("tcp")
        reports = 1
        # It starts with the newest record, whenever it is there.
        while not observer.all_of(device, "uplink"):
            assert reports < 500, "the observer sees nothing"
            device.report(reports)
            reports += 1
            time.sleep(0.02)
        feed = broker.feed()
        feed.wait_for(lambda event: event.get("count") == reports)
        assert len(feed.all_of(device)) == 1 + reports
        observer.stop()
        assert feed.stop() == 0
        device.report(reports)
        feed.start()
        feed.wait_for(lambda event: event.get("count") == reports + 1)
        assert len(feed.all_of(device)) == 2 + reports


def test_second_consumer_is_refused(tmp_path):
    with hearth.Hearth(tmp_path, **SMALL) as broker:
        broker.provision(2)
        broker.start()
        feed = broker.feed()
        device = broker.device().online("tcp")
        feed.of(device, "uplink")
        second = subprocess.Popen([paths.HEARTH_FEED, broker.ring, "--to", "stdout"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, error = second.communicate(timeout=2)
            assert second.returncode != 0 and error and not out
        except subprocess.TimeoutExpired:  # waiting for its turn is as good
            second.kill()
            out, _ = second.communicate()
            assert not out
        device.report(1)
        feed.of(device, "uplink")


def test_reader_waits_for_the_ring(tmp_path):
    with hearth.Hearth(tmp_path, **SMALL) as broker:
        feed = broker.feed()
        broker.provision(2)
        broker.start()
        device = broker.device().online("tcp")
        feed.of(device, "uplink")
        assert feed.stop() == 0


def test_acknowledge_commit(tmp_path):
    """With acknowledge: commit the answer waits for the reader; heartbeats and connects do not."""
    with hearth.Hearth(tmp_path, feed={"bytes": "1MiB", "acknowledge": "commit"}) as broker:
        broker.provision(4)
        broker.start()
        for way in ("tcp", "udp"):
            device = broker.device()
            device.login()
            assert device.connect(way)["result"] == 0
            sequence = device.send(2006, statusSerials=[])
            device.silent(0.5)
            device.repeat()
            device.silent(0.3)
            device.heartbeat()
            feed = broker.feed()
            assert device.answer_to(2006, sequence)["result"] == 0
            feed.of(device, "uplink")
            feed.stop()
        assert json.dumps(feed.events).count('"uplink"') == 1
