# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Devices that reconnect too often, two under one id, and strangers at the login port."""

import json
import threading
import time

import pytest

import hearth
from mcdevice import Closed, Link, McDevice, encrypt, frame

CONFIG = {"mc": {"flap": {"connects": 12, "seconds": 300, "hold": 4},
                 "login_budget": {"failures": 20, "per_seconds": 600}}}
LIVES = 3  # a device's quick logins by the text: 10 s, three sends, then login


def twin_of(device):
    """Another device with the same id and PIN; it counts from elsewhere."""
    twin = McDevice(device.id, device.pin, hearth.BROKER)
    twin.sequence = (device.sequence + 20000) & 0xFFFF
    return twin


def refused_login(device):
    """A login that is closed without a byte."""
    link = Link(device.login_address, True)
    link.send(device.login_frame())
    try:
        got = link.receive(5)
    except Closed as closed:
        return str(closed).endswith(" 0 bytes held") or "reset" in str(closed)
    finally:
        link.close()
    raise AssertionError("answered: %r" % got[:40])


def logs_in(device):
    try:
        return device.login()
    except Closed:
        return False


def alerts(feed, device):
    return [event["reason"] for event in feed.all_of(device, "alert")]


def flap(device, via, times):
    """Connect over and over, orderly, with the token that it has."""
    for _ in range(times):
        device.link.close()
        assert device.connect(via)["result"] == 0


@pytest.mark.parametrize("way", ["tcp", "udp"])
def test_flapping_device_is_held_down(broker, feed, canary, way):
    """K19: an alert, closed like a stranger, and back when it is over."""
    device = broker.device().online(way)
    before = broker.counters()
    flap(device, way, 12)
    alert = feed.of(device, "alert")
    assert alert["reason"] == "flapping" and alert["protocol"] == "mc"
    assert alert["session"] == max(event["session"] for event in feed.all_of(device, "online"))
    shown = broker.ctl_json("session", device.id)
    assert 1 <= shown["held"]["seconds"] <= 4
    assert abs(shown["held"]["until_time"] - time.time()) < 10
    assert "held down until" in broker.ctl("session", device.id).stdout
    assert broker.ctl_json("status")["watch"]["devices"]["held"] >= 1
    device.report(1)  # its session goes on
    assert refused_login(device)
    stranger = McDevice(device.id, "x" * 32, hearth.BROKER)
    assert refused_login(stranger)  # sees the same
    device.open(way)
    device.send(1004)
    device.closed() if way == "tcp" else device.silent()
    after = broker.counters()
    assert after["drop_held"] - before["drop_held"] == 2
    assert after["held_down"] - before["held_down"] == 1
    broker.wait(lambda: "held" not in broker.ctl_json("session", device.id), "the end of it")
    broker.wait(lambda: logs_in(device), "a login")  # the worker's second may end a bit later
    assert device.connect(way)["result"] == 0
    assert alerts(feed, device) == ["flapping"]


def test_quick_logins_of_a_device_in_trouble(broker, feed):
    """By the text a device may log in three times in a row: UDP, UDP, TCP."""
    device = broker.device()
    for turn in range(LIVES):
        device.online("tcp" if turn == LIVES - 1 else "udp")
    feed.quiet(of=device)
    assert alerts(feed, device) == []


@pytest.mark.parametrize("ways", [("tcp", "tcp"), ("udp", "udp"), ("tcp", "udp")])
@pytest.mark.parametrize("places", [(0, 1), (0, 0)], ids=["two-places", "one-place"])
def test_clones_are_reported(broker, feed, canary, ways, places):
    """K19: each logs in when the other has pushed it out."""
    device = broker.device()
    pair = [device, twin_of(device)]
    for turn in range(6):
        one = pair[turn % 2]
        one.online(ways[turn % 2], (hearth.DEVICES[places[turn % 2]], 0))
    assert feed.of(device, "alert")["reason"] == "clone"
    feed.quiet(of=device)
    assert alerts(feed, device) == ["clone"]
    pair[1].heartbeat()


def test_one_device_is_no_clone(broker, feed):
    """UDP, UDP, TCP, and another address each time: it goes on counting."""
    device = broker.device()
    for turn in range(9):
        device.online("tcp" if turn % 3 == 2 else "udp", (hearth.DEVICES[turn % 2], 0))
    feed.quiet(of=device)
    assert alerts(feed, device) == []


def wrong_login(device_id, pin=b"w" * 32):
    body = json.dumps({"sequence": "1", "deviceId": device_id, "time": int(time.time())})
    return frame(1002, encrypt(pin[:16], pin[16:], body.encode()), deviceId=device_id)


class Stranger(threading.Thread):
    """Hammers the login port with wrong PINs, from one address."""

    def __init__(self, device_id, source):
        super().__init__(daemon=True)
        self.device_id, self.source = device_id, source
        self.tries, self.error = 0, None
        self.stopping = threading.Event()

    def run(self):
        raw = wrong_login(self.device_id)
        while not self.stopping.is_set():
            try:
                link = Link((hearth.BROKER, hearth.LOGIN), True, (self.source, 0))
                link.send(raw)
                try:
                    self.error = link.receive(5)
                    return
                except Closed:
                    link.abort()
                    self.tries += 1
            except OSError as error:
                self.error = error
                return

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join(10)
        assert self.error is None, self.error


@pytest.mark.parametrize("place", [0, 1], ids=["the-owners-address", "another-address"])
def test_stranger_locks_nobody_out(broker, feed, canary, place):
    """K6, K20: the owner logs in for the first time, works and comes back, all the while."""
    device = broker.device()
    before = broker.counters()
    with Stranger(device.id, hearth.DEVICES[place]) as stranger:
        broker.wait(lambda: stranger.tries > 60, "60 failures")
        device.online("tcp", (hearth.DEVICES[0], 0))
        neighbour = broker.device().online("udp", (hearth.DEVICES[0], 0))
        for turn in range(5):
            device.report(turn)
            neighbour.report(turn)
        device.online("udp", (hearth.DEVICES[0], 0))
        device.report(6)
    after = broker.counters()
    for name in ("drop_login_budget", "drop_held"):
        assert after[name] == before[name]
    assert broker.ctl_json("status")["watch"]["failed_logins"]["spent"] >= 1
    feed.quiet(of=device)
    assert alerts(feed, device) == []


def test_right_guess_beyond_the_budget_looks_wrong(broker, canary):
    """K6: while the device is connected, from where it is not."""
    device = broker.device().online("tcp", (hearth.DEVICES[0], 0))
    thief = twin_of(device)
    before = broker.counters()

    def try_login(raw):
        link = Link((hearth.BROKER, hearth.LOGIN), True, (hearth.DEVICES[2], 0))
        link.send(raw)
        with pytest.raises(Closed) as closed:
            link.receive(5)
        link.close()
        return str(closed.value)

    ends = {try_login(wrong_login(device.id)) for _ in range(20)}
    ends.add(try_login(thief.login_frame()))
    assert len(ends) == 1
    assert broker.counters()["drop_login_budget"] - before["drop_login_budget"] == 1
    device.login()  # beside its session, from where it is


def test_unknown_ids_and_wrong_pins_look_alike(broker, canary):
    """K6: within the budget and beyond it."""
    device = broker.device()
    ends = {}
    for turn in range(60):
        for name, device_id in (("wrong", device.id), ("unknown", "9" * len(device.id))):
            link = Link((hearth.BROKER, hearth.LOGIN), True, (hearth.DEVICES[2], 0))
            link.send(wrong_login(device_id))
            with pytest.raises(Closed) as closed:
                link.receive(5)
            ends.setdefault(name, []).append(str(closed.value))
            link.close()
    assert ends["wrong"] == ends["unknown"]
    assert len(set(ends["wrong"])) == 1
    device.online("tcp", (hearth.DEVICES[2], 0))


def test_zz_restart_forgets_who_was_held_down(broker, feed):
    """The tables are process memory."""
    device = broker.device().online("tcp")
    flap(device, "tcp", 12)
    assert feed.of(device, "alert")["reason"] == "flapping"
    assert refused_login(device)
    broker.kill()
    broker.start()
    assert "held" not in broker.ctl_json("session", device.id)
    device.online("tcp")
