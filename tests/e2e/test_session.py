# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Login, connect, heartbeat, replacement and the ends of a session."""

import json
import time

import pytest

import hearth
from mcdevice import MISSING, Closed, Link, McDevice, Silence, decrypt, encrypt, frame, parse

CONFIG = {"mc": {"heartbeat": 10}}


@pytest.fixture(scope="module", autouse=True)
def sleepers(broker):
    """Two devices that fall silent at once: test_zz_silence_ends_a_session looks at them last."""
    devices = [broker.device().online("tcp"), broker.device().online("udp")]
    return devices, time.monotonic()


def login_closed(device, raw):
    """What came before the end of a login connection; None if it did not end."""
    link = Link(device.login_address, True)
    link.send(raw)
    try:
        return link.receive(3)
    except Closed as closed:
        return str(closed)
    except Silence:
        return None
    finally:
        link.close()


def test_login_answer(broker):
    device = broker.device()
    answer = device.login()
    assert set(answer) == {
        "result", "sequence", "sessionKey", "token", "tcpHost", "udpHost", "time"}
    assert answer["tcpHost"] == answer["udpHost"] == "198.18.0.1:7701"
    again = device.login()
    assert again["sessionKey"] != answer["sessionKey"] and again["token"] != answer["token"]


def test_login_echoes_a_number_as_a_number(broker):
    device = broker.device(numbers=True)
    assert isinstance(device.login()["sequence"], int)


def test_login_with_a_wrong_clock_is_granted(broker):
    device = broker.device()
    link = Link(device.login_address, True)
    link.send(device.login_frame(time=86400))
    code, data = parse(link.receive())
    answer = decrypt(device.pin[:16].encode(), device.pin[16:].encode(), data)
    assert code == 1003 and answer["result"] == 0 and abs(answer["time"] - time.time()) < 30


def test_login_without_version_and_time(broker):
    device = broker.device()
    link = Link(device.login_address, True)
    link.send(device.login_frame(version=MISSING, time=MISSING))
    assert parse(link.receive())[0] == 1003


def test_login_refusals_look_alike(broker, canary):
    good = broker.device()
    pin = good.pin.encode()
    body = {"sequence": "1", "deviceId": good.id}

    def login(plain, key=pin[:16], iv=pin[16:], device_id=good.id):
        return frame(1002, encrypt(key, iv, plain), deviceId=device_id)

    whole = json.dumps(body).encode()
    data = encrypt(pin[:16], pin[16:], whole)
    refused = {
        "unknown device": login(whole, device_id="nobody"),
        "wrong PIN": login(whole, b"0123456789abcdef", b"0123456789abcdef"),
        "another device inside": login(json.dumps({**body, "deviceId": "x"}).encode()),
        "no deviceId inside": login(b'{"sequence":"1"}'),
        "no sequence": login(json.dumps({"deviceId": good.id}).encode()),
        "sequence too large": login(json.dumps({**body, "sequence": "65536"}).encode()),
        "not JSON": login(b"sequence"),
        "duplicate key": login(b'{"sequence":"1","sequence":"1","deviceId":"%s"}'
                               % good.id.encode()),
        "not UTF-8": login(whole[:-1] + b',"x":"\xff"}'),
        "padding": frame(1002, data[:-4] + "AAA=", deviceId=good.id),
        "Base64": frame(1002, data[:-1] + "*", deviceId=good.id),
        "empty": frame(1002, "", deviceId=good.id),
        "no device": frame(1002, data),
    }
    ends = {name: login_closed(good, raw) for name, raw in refused.items()}
    assert ends == dict.fromkeys(ends, "end of stream, 0 bytes held")
    assert good.login()["result"] == 0


def test_login_port_takes_nothing_else(broker, canary):
    device = broker.device()
    data = encrypt(device.pin[:16].encode(), device.pin[16:].encode(), b'{"sequence":"1"}')
    for raw in (b"hello\r\n", b"\r\n", b"CTS{}\r\n", frame(1000, data, token="A" * 16),
                frame(1004, data, token="A" * 16), frame(1003, data), frame(2006, data)):
        end = login_closed(device, raw)
        assert isinstance(end, str), (raw, end)


def test_login_connection_is_closed_after_ten_seconds(broker):
    link = broker.device().login(keep_open=True)
    began = time.monotonic()
    with pytest.raises(Closed):
        link.receive(20)
    assert time.monotonic() - began > 5


def test_second_frame_on_the_login_port_closes_it(broker):
    device = broker.device()
    link = device.login(keep_open=True)
    link.send(frame(1000, "AAAA", token="A" * 16))
    with pytest.raises(Closed):
        link.receive(5)


def test_login_on_the_connect_port_is_dropped(broker, via):
    device = broker.device()
    device.login()
    device.connect(via)
    device.link.send(device.login_frame())
    device.sequence = (device.sequence - 1) & 0xFFFF
    device.silent()
    device.heartbeat()


def test_connect_answer_and_event(broker, feed, via):
    device = broker.device()
    device.login()
    answer = device.connect(via)
    assert answer == {"result": 0, "sequence": answer["sequence"], "heartBeat": 10,
                      "authInterval": 600, "time": answer["time"]}
    event = feed.of(device, "online")
    assert event["via"] == via and event["protocol"] == "mc"
    assert event["peer"] == "%s:%d" % device.link.local
    assert event["payload"]["devVersion"] == "001.002.003.004"
    assert event["payload"]["model"] == "HT-AC-01"
    assert abs(event["time"] / 1000 - time.time()) < 30


def test_connect_without_version_and_model(broker, feed, via):
    device = broker.device()
    device.login()
    assert device.connect(via, devVersion=MISSING, model=MISSING)["result"] == 0
    feed.of(device, "online")


def test_connect_with_another_token_inside(broker, via):
    device = broker.device()
    device.login()
    device.open(via)
    device.send(1004, **{"token": "A" * 16})
    device.closed() if via == "tcp" else device.silent()


def test_connect_with_an_unknown_token(broker, via):
    device = broker.device()
    device.login()
    device.token = "A" * 16
    device.open(via)
    device.send(1004)
    device.closed() if via == "tcp" else device.silent()


def test_connect_out_of_time_is_told_the_time(broker, via):
    device = broker.device()
    device.login()
    answer = device.connect(via, time=int(time.time()) - 400)
    assert answer["result"] == 100001 and abs(answer["time"] - time.time()) < 30
    assert {"heartBeat", "authInterval"} <= set(answer)
    device.link.close()
    assert device.connect(via)["result"] == 0


def test_connect_replayed_on_another_connection(broker):
    device = broker.device().online("tcp")
    device.login()
    device.connect("tcp")
    raw = device.last
    device.heartbeat()
    thief = Link((hearth.BROKER, hearth.CONNECT), True)
    thief.send(raw)
    with pytest.raises(Closed):
        thief.receive(5)
    device.heartbeat()


def test_connect_repeated_by_udp_is_answered_again(broker, feed):
    device = broker.device()
    device.login()
    first = device.connect("udp")
    feed.of(device, "online")
    device.repeat()
    again = device.answer_to(1004, first["sequence"])
    assert again["result"] == 0
    device.heartbeat()
    device.repeat()
    device.receive()
    assert len(feed.all_of(device, "online")) == 1


def test_connect_replayed_by_udp_after_a_request_is_silent(broker, feed):
    device = broker.device()
    device.login()
    device.connect("udp")
    raw = device.last
    device.report()
    device.link.send(raw)
    device.silent()
    device.heartbeat()
    assert len(feed.all_of(device, "online")) == 1


def test_connect_must_be_newer(broker, via):
    device = broker.device()
    device.login()
    now = int(time.time())
    device.connect(via, time=now)
    device.link.close()
    device.open(via)
    device.send(1004, time=now - 1)
    device.closed() if via == "tcp" else device.silent()
    device.link.close()
    assert device.connect(via, time=now)["result"] == 0  # same time, another sequence


def test_numbers_and_a_long_name(broker, feed, via):
    name = "fw-" + "7" * 30 + ("1" if via == "tcp" else "2")
    row = (name, "p" * 31 + ("1" if via == "tcp" else "2"))
    broker.ctl("device", "add", *row)
    device = McDevice(*row, hearth.BROKER, numbers=True).online(via)
    event = feed.of(device, "uplink", 2006)
    assert isinstance(event["sequence"], int)
    assert isinstance(event["payload"]["sequence"], int)
    broker.ctl("device", "remove", name)


def test_heartbeats_are_answered_and_no_events(broker, feed, via):
    device = broker.device().online(via)
    for _ in range(5):
        answer = device.heartbeat()
        assert set(answer) == {"result", "sequence", "time"}
    device.report(1)
    events = feed.of(device, "uplink", 2006) and feed.of(device, "uplink", 2006)
    assert events["count"] == 7
    assert [event["event"] for event in feed.all_of(device)] == ["online", "uplink", "uplink"]


def test_heartbeat_with_another_token_inside_is_dropped(broker, via):
    device = broker.device().online(via)
    device.send(1000, token="B" * 16)
    device.silent()
    device.sequence -= 1
    device.heartbeat()


def test_login_leaves_the_session_alone_until_the_connect(broker, feed, via):
    device = broker.device().online("tcp")
    other = McDevice(device.id, device.pin, hearth.BROKER)
    other.login()
    device.heartbeat()
    other.connect(via)
    device.closed()
    offline = feed.of(device, "offline")
    assert offline["reason"] == "replaced"
    sessions = [event["session"] for event in feed.all_of(device, "online")]
    assert len(sessions) == 2 and sessions[0] < sessions[1]
    assert offline["session"] == sessions[0]
    order = [event["event"] for event in feed.all_of(device) if event["event"] != "uplink"]
    assert order == ["online", "offline", "online"]
    other.heartbeat()


def test_old_token_is_void_after_replacement(broker, via):
    device = broker.device().online(via)
    old = McDevice(device.id, device.pin, hearth.BROKER)
    old.__dict__.update(key=device.key, token=device.token, login_answer=device.login_answer)
    device.login()
    device.connect(via)
    old.open(via)
    old.send(1004)
    old.closed() if via == "tcp" else old.silent()
    device.heartbeat()


def test_second_connect_on_the_same_connection(broker, feed):
    device = broker.device().online("tcp")
    first = feed.of(device, "online")
    answer = device.request(1004)
    assert answer["result"] == 0
    assert feed.of(device, "offline")["reason"] == "replaced"
    assert feed.of(device, "online")["session"] > first["session"]
    device.heartbeat()


def test_closed_and_back_with_the_token(broker, feed, via):
    device = broker.device().online("tcp")
    device.link.close()
    assert feed.of(device, "offline")["reason"] == "closed"
    assert device.connect(via)["result"] == 0
    device.report(1)


def test_reset_is_an_end_too(broker, feed):
    device = broker.device().online("tcp")
    device.link.abort()
    assert feed.of(device, "offline")["reason"] == "closed"


def test_frames_count_only_where_the_connect_came(broker):
    device = broker.device().online("tcp")
    raw = device.build(1000, device.body(1000))
    for tcp in (True, False):
        stranger = Link((hearth.BROKER, hearth.CONNECT), tcp)
        stranger.send(raw)
        with pytest.raises(Silence):
            stranger.receive(0.4)
        stranger.close()
    device.link.send(raw)
    assert device.receive()[0] == 1001


def test_udp_session_is_found_by_token_not_address(broker, feed):
    device = broker.device().online("udp")
    old = device.link
    device.open("udp", (hearth.DEVICES[1], 0))
    device.heartbeat()
    device.report(1)
    reports = [feed.of(device, "uplink", 2006) for _ in range(2)]
    assert reports[1]["peer"] == "%s:%d" % device.link.local != reports[0]["peer"]
    assert reports[0]["session"] == reports[1]["session"]
    with pytest.raises(Silence):
        old.receive(0.2)


def test_repeat_from_elsewhere_is_answered_there_and_moves_nothing(broker):
    device = broker.device().online("udp")
    device.report(1)
    home = device.link
    device.open("udp", (hearth.DEVICES[1], 0))
    device.repeat()
    assert device.receive()[0] == 2007
    device.link.close()
    device.link = home
    with pytest.raises(Silence):
        home.receive(0.2)
    shown = json.dumps(broker.ctl_json("session", device.id))
    assert "%s:%d" % home.local in shown
    device.heartbeat()


def test_stranger_cannot_move_a_udp_session(broker):
    """D2, K21: a frame that does not decrypt moves no address and gets no answer."""
    device = broker.device().online("udp")
    stranger = Link((hearth.BROKER, hearth.CONNECT), False, (hearth.DEVICES[2], 0))
    stranger.send(device.build(1000, device.body(1000, (device.sequence + 1) & 0xFFFF),
                               key=b"x" * 16))
    with pytest.raises(Silence):
        stranger.receive(0.3)
    device.heartbeat()


def test_kick(broker, feed, via):
    device = broker.device().online(via)
    broker.ctl("kick", device.id)
    assert feed.of(device, "offline")["reason"] == "kicked"
    if via == "tcp":
        device.closed()
    device.open(via)
    device.send(1004)
    device.closed() if via == "tcp" else device.silent()
    device.online(via)


def test_removed_device(broker, feed, via):
    device = broker.device().online(via)
    broker.ctl("device", "remove", device.id)
    assert feed.of(device, "offline")["reason"] == "removed"
    link = Link(device.login_address, True)
    link.send(device.login_frame())
    with pytest.raises(Closed):
        link.receive(5)


def test_zz_silence_ends_a_session(sleepers, feed):
    """3 x heartBeat + 10 s without a fresh frame."""
    devices, began = sleepers
    for device in devices:
        offline = feed.of(device, "offline", seconds=60)
        online = feed.all_of(device, "online")[0]
        assert offline["reason"] == "timeout"
        assert 38000 <= offline["time"] - online["time"]
    assert time.monotonic() - began >= 38
    devices[0].closed()
    devices[1].send(1000)
    devices[1].silent()
    for device, way in zip(devices, ("tcp", "udp")):
        assert device.connect(way)["result"] == 0  # the token is good after a timeout
