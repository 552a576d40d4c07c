# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Numbers: repeats, gaps, the wrap, the window, and time."""

import time

import pytest

from test_requests import STATUS


def refused(broker, device, feed, answer, via):
    """200003: the session is over, its token void."""
    assert answer["result"] == 200003, answer
    assert feed.of(device, "offline")["reason"] == "sequence"
    device.closed() if via == "tcp" else device.silent(0.2)
    device.open(via)
    device.send(1004)
    device.closed() if via == "tcp" else device.silent(0.3)
    device.online(via)


def test_repeat_of_the_newest(broker, feed, via):
    device = broker.device().online(via)
    feed.of(device, "uplink")
    sequence = device.send(2006, statusSerials=STATUS)
    first = device.answer_to(2006, sequence)
    for _ in range(3):
        device.repeat()
        again = device.answer_to(2006, sequence)
        assert {**again, "time": 0} == {**first, "time": 0}
    device.heartbeat()
    feed.of(device, "uplink")
    assert len(feed.all_of(device, "uplink")) == 2


def test_repeats_from_the_window(broker, feed, via):
    device = broker.device().online(via)
    frames = []
    for n in range(33):
        device.report(n)
        frames.append((device.sequence, device.last))
    device.heartbeat()
    # The newest is the heartbeat: frames[1] is 32 behind it.
    for sequence, raw in (frames[1], frames[20], frames[32]):
        device.link.send(raw)
        assert device.answer_to(2006, str(sequence))["result"] == 0
    device.heartbeat()
    feed.quiet()
    assert len(feed.all_of(device, "uplink")) == 34


def test_further_behind_than_the_window(broker, feed, via):
    device = broker.device().online(via)
    device.report(0)
    sequence, raw = str(device.sequence), device.last
    for n in range(34):
        device.report(n)
    device.link.send(raw)
    if via == "udp":
        device.silent(0.3)
        device.heartbeat()
    else:
        refused(broker, device, feed, device.answer_to(2006, sequence), via)


def test_heartbeat_behind_is_dropped(broker, via):
    device = broker.device().online(via)
    device.heartbeat()
    raw = device.last
    device.report(1)
    device.link.send(raw)
    device.silent(0.3)
    device.heartbeat()
    device.repeat()
    assert device.receive()[0] == 1001  # the newest may be repeated


@pytest.mark.parametrize("ahead", [2, 3, 40, 30000])
def test_gap(broker, feed, via, ahead):
    device = broker.device().online(via)
    device.sequence = (device.sequence + ahead - 1) & 0xFFFF
    answer = device.request(2006, statusSerials=STATUS)
    refused(broker, device, feed, answer, via)


def test_newest_number_with_another_code(broker, feed, via):
    device = broker.device().online(via)
    answer = device.request(2028, device.sequence, resourceSerials=[])
    refused(broker, device, feed, answer, via)


@pytest.mark.parametrize("base", [65533, 65534, 65535, 0])
def test_wrap(broker, feed, via, base):
    device = broker.device()
    device.login()
    device.sequence = (base - 1) & 0xFFFF
    assert device.connect(via)["result"] == 0
    for n in range(6):
        device.report(n)
        device.repeat()
        device.receive()
    counts = [feed.of(device, "uplink")["count"] for _ in range(6)]
    assert counts == [1, 2, 3, 4, 5, 6]


def test_whole_round(broker, feed):
    """K4: a frame recorded 65,536 numbers ago has a time that gives it away or a number that is
    the newest's; here the round is short, the replay of a whole session against a new one."""
    device = broker.device().online("udp")
    frames = [device.last]
    for n in range(10):
        device.report(n)
        frames.append(device.last)
    device.link.close()
    device.online("udp")
    before = len(feed.quiet())
    for raw in frames:
        device.link.send(raw)
    device.silent(0.3)
    device.heartbeat()
    assert len(feed.quiet()) == before


def test_recorded_before_a_reconnect_with_the_same_token(broker, feed):
    device = broker.device().online("tcp")
    stale = [device.build(2006, device.body(2006, statusSerials=STATUS, time=int(time.time()) - 60))
             for _ in range(3)]
    device.link.close()
    feed.of(device, "offline")
    device.sequence = (device.sequence - 4) & 0xFFFF
    device.connect("udp")
    for raw in stale:
        device.link.send(raw)
    device.silent(0.3)
    device.report(1)


@pytest.mark.parametrize("away", [-400, 400])
def test_out_of_time(broker, feed, via, away):
    device = broker.device().online(via)
    feed.of(device, "uplink")
    if via == "tcp":
        answer = device.request(2006, statusSerials=STATUS, time=int(time.time()) + away)
        assert answer["result"] == 100001 and abs(answer["time"] - time.time()) < 30
    else:
        device.send(2006, statusSerials=STATUS, time=int(time.time()) + away)
        device.silent(0.3)
        device.sequence = (device.sequence - 1) & 0xFFFF  # not looked at: still free
    device.report(1)
    assert feed.of(device, "uplink")["count"] == (3 if via == "tcp" else 2)


def test_out_of_time_cannot_end_a_udp_session(broker):
    device = broker.device().online("udp")
    for ahead in (1, 2, 100, -1, -100):
        number = (device.sequence + ahead) & 0xFFFF
        device.link.send(device.build(2006, device.body(
            2006, number, statusSerials=STATUS, time=int(time.time()) - 400)))
    device.silent(0.3)
    device.report(1)


def test_answers_do_not_count(broker, via):
    device = broker.device().online(via)
    for number in (1, 2, 65535, (device.sequence + 1) & 0xFFFF):
        device.reply(2005, {"sequence": number})
    device.heartbeat()
