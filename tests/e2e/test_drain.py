# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""hearthctl drain: devices are answered and sent away, nothing is lost, nothing stays behind."""

import json
import subprocess

import pytest

import hearth
import mcdevice
import paths
from test_load import compare

RATE = 40


def drain(broker, *words):
    return subprocess.Popen(
        [paths.HEARTHCTL, "--socket", broker.socket, "drain", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=hearth.die_with_us)


def files_of(broker):
    return sorted(path.name[len(broker.ring.name):] for path in
                  (broker.ring, *broker.ring.parent.glob(broker.ring.name + ".*"))
                  if path.exists())


def check_whole_life(events):
    kinds = [event["event"] for event in events]
    assert kinds[0] == "online" and kinds[-1] == "offline"
    assert set(kinds[1:-1]) == {"uplink"}
    assert events[-1]["reason"] == "shutdown"


def check_rate(offline):
    """Over any stretch no more sessions ended than the rate allows, and what may come at once: a
    tenth of a second's worth that was saved up, as many that a worker had not taken yet. The
    events' times are a turn's: of whole milliseconds."""
    times = sorted(event["time"] for event in offline)
    for first in range(len(times)):
        for last in range(first + 1, len(times)):
            most = (times[last] - times[first] + 2) / 1000 * RATE + 2 * RATE / 10 + 1
            assert last - first <= most, (last - first, times[last] - times[first])


@pytest.mark.parametrize("acknowledge", ["ring", "commit"])
def test_drain_under_load(tmp_path, acknowledge):
    """Reports go on until their session ends: each that was acknowledged is one event, each session
    ends once by shutdown, at the stated rate; the consumer has all before the files go."""
    with hearth.Hearth(tmp_path, drain={"rate": RATE}, feed={"acknowledge": acknowledge},
                       log={"audit": str(tmp_path / "audit.log")}) as broker:
        fleets = [
            hearth.Fleet(broker, 40, "--tcp-share", 0, "--interval", 0.3, "--ramp", 200,
                         name="udp").generate(),
            hearth.Fleet(broker, 40, "--tcp-share", 100, "--interval", 0.3, "--ramp", 200,
                         name="tcp").generate(first=3)]
        for fleet in fleets:
            broker.ctl("device", "import", fleet.csv, offline=True)
        broker.start()
        feed = broker.feed()
        for fleet in fleets:
            fleet.start()
        broker.wait(lambda: len({event["device"] for event in feed.read()
                                 if event.get("code") == 2006}) == 80, "reports of all")
        going = drain(broker)
        out, err = going.communicate(timeout=120)
        assert going.returncode == 0, (out, err, broker.log.read_text())
        assert out.splitlines()[-1] == "drained: 80 sessions ended, nothing is left"
        assert broker.process.wait(30) == 0
        results = [fleet.finish() for fleet in fleets]
        feed.stop()
        events = feed.read()
        hearth.check_feed(events)
        offline = [event for event in events if event["event"] == "offline"]
        assert len(offline) == 80 and {event["reason"] for event in offline} == {"shutdown"}
        assert len({event["device"] for event in offline}) == 80
        check_rate(offline)
        # Nothing of a device comes behind its end.
        ended = {}
        for event in events:
            assert event["device"] not in ended, event
            if event["event"] == "offline":
                ended[event["device"]] = event
        for fleet, digit, (_, summary) in zip(fleets, "13", results):
            compare(fleet, [event for event in events if event["device"][0] == digit])
            assert summary["acknowledged"] > 0
        assert files_of(broker) == []
        assert "drained: 80 sessions ended" in broker.log.read_text()
        checked = broker.ctl("audit", "verify", tmp_path / "audit.log")
        assert "good" in checked.stdout
        acts = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
        assert [act["verb"] for act in acts] == ["start", "drain", "drain", "stop"]


def test_tokens_are_void_and_logins_refused(tmp_path):
    with hearth.Hearth(tmp_path, drain={"rate": 1}) as broker:
        broker.provision(10)
        broker.start()
        tcp, udp = broker.device().online("tcp"), broker.device().online("udp")
        late = broker.device()
        # Its login came before, its connect comes after.
        pending = broker.device()
        pending.login()
        # Nobody commits: the drain cannot end while we look at it.
        going = drain(broker)
        broker.wait(lambda: broker.ctl_json("status")["drain"]["state"] != "off", "drain")
        with pytest.raises((OSError, mcdevice.Closed, mcdevice.Silence)):
            late.login()
        with pytest.raises((OSError, mcdevice.Closed, mcdevice.Silence)):
            pending.connect("tcp")
        assert broker.counters()["drop_draining"] == 2
        feed = broker.feed()
        out, err = going.communicate(timeout=60)
        assert going.returncode == 0, (out, err)
        assert broker.process.wait(30) == 0
        for device in (tcp, udp):
            assert feed.of(device, "offline")["reason"] == "shutdown"
        assert files_of(broker) == []
        feed.stop()
        # The same registry, another broker: nobody's token is good there.
        broker.start()
        for device in (tcp, udp, pending):
            with pytest.raises((OSError, mcdevice.Closed, mcdevice.Silence)):
                device.connect("tcp")
        late.online("tcp")
        assert broker.stop() == 0


def test_consumer_is_waited_for(tmp_path):
    """No consumer: the drain waits. One comes, takes everything, and the broker goes."""
    with hearth.Hearth(tmp_path, drain={"rate": 1000}) as broker:
        broker.provision(3)
        broker.start()
        device = broker.device().online("udp")
        device.report(1)
        going = drain(broker)
        broker.wait(lambda: broker.ctl_json("status")["drain"]["state"] == "events", "events")
        feed = broker.feed()
        out, err = going.communicate(timeout=60)
        assert going.returncode == 0, (out, err)
        assert broker.process.wait(30) == 0
        feed.stop()
        check_whole_life(feed.read())
        assert files_of(broker) == []


def test_deadline_keeps_what_nobody_took(tmp_path):
    """The deadline comes first: said, the rings kept, and their events still there."""
    with hearth.Hearth(tmp_path, drain={"rate": 1000}) as broker:
        broker.provision(3)
        broker.start()
        device = broker.device().online("udp")
        device.report(1)
        going = drain(broker, "--deadline", 1)
        out, err = going.communicate(timeout=60)
        assert going.returncode == 1 and "bytes of events" in err, (out, err)
        assert broker.process.wait(30) == 0
        assert "are not committed" in broker.log.read_text()
        assert files_of(broker) == ["", ".commit"]
        feed = broker.feed()
        feed.wait_for(lambda event: event["event"] == "offline", "offline")
        feed.stop()
        check_whole_life(feed.read())


def test_sigterm_in_a_drain_is_a_restart(tmp_path):
    with hearth.Hearth(tmp_path, drain={"rate": 1}) as broker:
        broker.provision(30)
        broker.start()
        feed = broker.feed()
        devices = [broker.device().online("udp") for _ in range(30)]
        going = drain(broker)
        feed.wait_for(lambda event: event["event"] == "offline", "offline")
        assert broker.stop() == 0
        assert going.wait(30) == 1
        going.communicate()
        broker.start()
        gone = {event["device"] for event in feed.read() if event["event"] == "offline"}
        assert 1 <= len(gone) < 30
        assert broker.ctl_json("status")["drain"] == {"state": "off"}
        for device in devices:
            if device.id not in gone:
                device.heartbeat()
        assert broker.stop() == 0


def test_called_off(tmp_path):
    with hearth.Hearth(tmp_path, drain={"rate": 1}) as broker:
        broker.provision(10)
        broker.start()
        devices = [broker.device().online("tcp") for _ in range(5)]
        going = drain(broker)
        broker.wait(lambda: broker.ctl_json("status")["drain"]["state"] != "off", "drain")
        assert "called off" in broker.ctl("drain", "--cancel").stdout
        out, err = going.communicate(timeout=30)
        assert going.returncode == 1 and "called off" in err, (out, err)
        broker.device().online("tcp").report(1)
        live = broker.ctl_json("status")["sessions"]["live_tcp"]
        assert 1 <= live <= len(devices) + 1
        assert broker.stop() == 0
