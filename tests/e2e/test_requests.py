# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Every request of a device: what it needs, how it is answered, what the feed shows."""

import json
import threading
import time

import pytest

import hearth
from mcdevice import MISSING, McDevice, encrypt, frame, new_pin

STATUS = [{"serialId": "1", "statusSerial": [{"statusName": "POWER", "curStatusValue": "1"}]}]
RESOURCES = [{"serialId": "1", "resourceSerial": [
    {"resourceName": "CONSUM", "resourceInfo": [{"CONSUM_NAME": "主滤网", "REMAIN_LIFE": "87"}]}]}]

REPORTS = [
    (2006, {"statusSerials": STATUS}),
    (2006, {"resourceSerials": RESOURCES}),
    (2006, {"statusSerials": [], "resourceSerials": RESOURCES}),
    (2008, {"alarm": {"serialId": "1", "statusName": "TEMP", "dscp": "\n\"热\""}}),
    (2008, {"alarm": [{"serialId": "1"}, {"serialId": "2"}]}),
    (2010, {"error": {"serialId": "1", "errorCode": "E1"}}),
    (2010, {"error": [{"serialId": "1", "errorCode": 3}]}),
    (2022, {"device": {"version": "001.002.003.004"}, "modules": []}),
    (2026, {"status": "0", "version": "001.002.003.005"}),
    (2028, {"resourceSerials": RESOURCES}),
    (2032, {"event": [{"eventName": "LOCK_OPEN", "eventInfo": [{"KEY_ID": "1"}]}]}),
]

BROKEN = [
    (2006, {}), (2006, {"statusSerials": "1"}), (2006, {"statusSerials": 1}),
    (2006, {"resourceSerials": True}), (2008, {}), (2008, {"alarm": "hot"}),
    (2010, {"error": 1}), (2010, {"alarm": {}}), (2022, {}), (2022, {"device": "1"}),
    (2026, {"status": "0"}), (2026, {"version": "1"}), (2026, {"status": {}, "version": "1"}),
    (2028, {"statusSerials": STATUS}), (2032, {}), (2032, {"event": "open"}),
    (2012, {"pin": "p" * 32}), (2012, {"subDeviceId": "x"}), (2016, {}), (2018, {}), (2020, {}),
    (2020, {"subDeviceId": "x"}), (2020, {"subDeviceId": "x", "onLine": "2"}),
    (2006, {"statusSerials": STATUS, "deviceId": MISSING}),
    (2006, {"statusSerials": STATUS, "deviceId": 7}),
]


def test_reports(broker, feed, via):
    device = broker.device().online(via)
    first = feed.of(device, "uplink", 2006)
    for index, (code, members) in enumerate(REPORTS):
        answer = device.request(code, **members)
        assert answer == {"result": 0, "sequence": answer["sequence"], "deviceId": device.id,
                          "time": answer["time"]}, code
        event = feed.of(device, "uplink", code)
        assert {name: event["payload"][name] for name in members} == members
        assert event["payload"]["deviceId"] == device.id
        assert event["count"] == first["count"] + 1 + index
        assert event["sequence"] == device.sequence and event["via"] == via
        assert event["session"] == first["session"]


def test_broken_requests(broker, feed, via):
    device = broker.device().online(via)
    feed.of(device, "uplink", 2006)
    for code, members in BROKEN:
        answer = device.request(code, **members)
        assert answer["result"] == 100001, (code, members, answer)
        assert answer["deviceId"] == device.id
    # Every one of them used its number up; none is an event.
    device.report(1)
    event = feed.of(device, "uplink", 2006)
    assert event["count"] == 2 + len(BROKEN)
    assert len(feed.all_of(device, "uplink")) == 2


@pytest.mark.parametrize("when", [MISSING, "soon", {}, None])
def test_without_time(broker, via, when):
    """No time is out of time: told so by TCP, dropped before its number is looked at by UDP."""
    device = broker.device().online(via)
    sequence = device.send(2006, statusSerials=STATUS, time=when)
    if via == "tcp":
        assert device.answer_to(2006, sequence)["result"] == 100001
    else:
        device.silent(0.2)
        device.sequence = (device.sequence - 1) & 0xFFFF
    device.heartbeat()


def test_time_as_a_string_of_digits(broker, via):
    device = broker.device().online(via)
    answer = device.request(2006, statusSerials=STATUS, time=str(int(time.time())))
    assert answer["result"] == 0


def test_foreign_device_id(broker, feed, via):
    device, other = broker.device().online(via), broker.device()
    answer = device.request(2006, statusSerials=STATUS, deviceId=other.id)
    assert answer["result"] == 200001
    answer = device.request(2006, statusSerials=STATUS, deviceId="nobody")
    assert answer["result"] == 200001
    device.report(1)
    feed.of(device, "uplink")
    assert feed.of(device, "uplink")["count"] == 4
    assert not feed.all_of(other)


def test_unknown_codes(broker, feed, via):
    device = broker.device().online(via)
    for code in (1006, 1998, 2100, 3004, 65534):
        answer = device.request(code)
        assert answer["result"] == 300002 and answer["deviceId"] == device.id, code
    device.heartbeat()


def test_codes_that_are_dropped(broker, via):
    device = broker.device().online(via)
    for code in (0, 1, 998, 1001, 1003, 1005, 1007, 2003, 2005, 2007, 2101, 65535):
        device.send(code)
        device.sequence = (device.sequence - 1) & 0xFFFF
    device.silent()
    device.heartbeat()


def test_odd_but_right_json(broker, feed, via):
    device = broker.device().online(via)
    feed.of(device, "uplink")
    now = int(time.time())
    body = (' {\t"time" : %d ,\r\n "statusSerials":[ {"n":1.5e3,\n"x":null} ], "more":{"deep":[1]},'
            ' "deviceId":"%s","sequence":"%d" }  ' % (now, device.id, device.next())).encode()
    device.link.send(device.build(2006, body))
    assert device.receive()[1]["result"] == 0
    event = feed.of(device, "uplink", 2006)
    assert event["payload"]["more"] == {"deep": [1]}
    # Escaped slashes in the data, unknown and reordered members outside.
    data = encrypt(device.key, device.key, json.dumps(
        {"sequence": str(device.next()), "token": device.token, "time": now}).encode())
    raw = '{ "data":"%s" , "sequence":"7","token":"%s",\t"code":1000}' % (
        data.replace("/", "\\/"), device.token)
    device.link.send(b"CTS" + raw.encode() + b"\r\n")
    assert device.receive()[0] == 1001


def test_frames_that_are_dropped_in_silence(broker, feed, canary, via):
    """K1, K13: whatever fails, nothing comes back, nothing moves, the session goes on."""
    device = broker.device().online(via)
    device.heartbeat()
    key, token = device.key, device.token
    number = (device.sequence + 1) & 0xFFFF
    plain = json.dumps({"sequence": str(number), "token": token, "time": int(time.time())}).encode()
    data = encrypt(key, key, plain)
    raw = frame(1000, data, token=token)
    again = b'"code":1000,"code":1000,'
    bad = [
        raw[3:], b"\r\n", b"CTS\r\n", b"CTS{}\r\n", b"CTS{code:1000}\r\n", b"XTS" + raw[3:],
        raw.replace(b'"code":1000,', again), raw.replace(b"}\r\n", b"}x\r\n"),
        raw.replace(b"}\r\n", b"},\r\n"), raw.replace(b'"code":1000', b'"code":"1000"'),
        raw.replace(b'"code":1000', b'"code":1000.0'), raw.replace(b"1000", b"-1000"),
        frame(1000, data, token="A" * 16), frame(1000, data, token=token[:15]),
        frame(1000, data), frame(1000, data, deviceId=device.id), frame(1000, "", token=token),
        frame(1000, data.rstrip("=") + "_", token=token), frame(1000, data[:-4], token=token),
        frame(1000, data + "\n", token=token), frame(1000, data[:20] + "A=" + data[22:], token=token),
        frame(1000, encrypt(b"k" * 16, b"k" * 16, plain), token=token),
        frame(1000, encrypt(key, key, plain[:-1]), token=token),
        frame(1000, encrypt(key, key, plain + b"x"), token=token),
        frame(1000, encrypt(key, key, plain.replace(b"{", b"\xef\xbb\xbf{")), token=token),
        frame(1000, encrypt(key, key, plain[:-1] + b',"x":"\xc0\x80"}'), token=token),
        frame(1000, encrypt(key, key, plain[:-1] + b',"x":"\\ud800"}'), token=token),
        frame(1000, encrypt(key, key, plain[:-1] + b',"time":1}'), token=token),
        frame(1000, encrypt(key, key, plain[:-1] + b',"x":' + b"[" * 2000 + b"]" * 2000 + b"}"),
              token=token)[:1400] + b"\r\n",
        frame(1000, encrypt(key, key, b'{"token":"%s","time":1}' % token.encode()), token=token),
        frame(1000, encrypt(key, key, plain.replace(b'"%d"' % number, b'"-1"')), token=token),
        frame(1000, encrypt(key, key, plain.replace(b'"%d"' % number, b'"65536"')), token=token),
        frame(1000, encrypt(key, key, plain.replace(b'"%d"' % number, b'"1x"')), token=token),
        frame(1000, encrypt(key, key, plain.replace(b'"%d"' % number, b'1.5')), token=token),
        frame(1000, encrypt(key, key, plain.replace(b'"%d"' % number, b'null')), token=token),
        frame(1000, encrypt(key, key, b"[]"), token=token),
        frame(1000, encrypt(key, key, b""), token=token),
    ]
    for index, wrong in enumerate(bad):
        device.link.send(wrong)
        device.silent(0.02)
        if index % 8 == 7:
            device.heartbeat()
            number = (device.sequence + 1) & 0xFFFF
    device.silent(0.3)
    device.heartbeat()
    assert [event["event"] for event in feed.all_of(device)] == ["online", "uplink"]


def gateway_with(broker, count):
    gateway = broker.device()
    children = [(gateway.id[:-2] + "x%d" % n + gateway.id[-2:], new_pin(), gateway.id)
                for n in range(count)]
    broker.import_rows(children)
    return gateway, children


def test_subdevice_comes_and_goes(broker, feed, via):
    gateway, children = gateway_with(broker, 2)
    child, pin, _ = children[0]
    gateway.online(via)
    answer = gateway.request(2012, subDeviceId=child, pin=pin)
    assert answer["result"] == 0 and answer["authResult"] == "0"
    assert answer["subDeviceId"] == child and answer["deviceId"] == gateway.id
    event = feed.of(gateway, "uplink", 2012)
    assert event["payload"]["subDeviceId"] == child and event["payload"]["authResult"] == "0"
    assert "pin" not in event["payload"] and pin not in json.dumps(feed.read())
    answer = gateway.request(2020, subDeviceId=child, onLine="1")
    assert answer["result"] == 0 and answer["subDeviceId"] == child
    online = feed.wait_for(lambda line: line["event"] == "online" and line["device"] == child)
    assert online["gateway"] == gateway.id
    answer = gateway.request(2006, deviceId=child, statusSerials=STATUS)
    assert answer["result"] == 0 and answer["deviceId"] == child
    event = feed.wait_for(lambda line: line["event"] == "uplink" and line["code"] == 2006 and
                          line["payload"]["deviceId"] == child)
    assert event["device"] == gateway.id
    assert gateway.request(2016, subDeviceId=child)["result"] == 0
    assert gateway.request(2016, subDeviceId=children[1][0])["result"] == 200001
    assert gateway.request(2020, subDeviceId=child, onLine="0")["result"] == 0
    feed.wait_for(lambda line: line["event"] == "offline" and line["device"] == child)
    assert gateway.request(2018, subDeviceId=child)["result"] == 0
    assert gateway.request(2006, deviceId=child, statusSerials=STATUS)["result"] == 200001


def test_subdevice_refusals_look_alike(broker, feed, via):
    gateway, children = gateway_with(broker, 1)
    other, theirs = gateway_with(broker, 1)
    gateway.online(via)
    for child, pin in ((children[0][0], "w" * 32), ("nobody", "w" * 32), (theirs[0][0], theirs[0][1])):
        answer = gateway.request(2012, subDeviceId=child, pin=pin)
        assert (answer["result"], answer["authResult"]) == (0, "1"), child
        event = feed.of(gateway, "uplink", 2012)
        assert event["payload"]["authResult"] == "1" and "pin" not in event["payload"]
    answer = gateway.request(2012, subDeviceId=children[0][0], pin=children[0][1],
                             deviceId=other.id)
    assert answer["result"] == 200001


def test_subdevices_end_with_their_gateway(broker, feed):
    gateway, children = gateway_with(broker, 1)
    child, pin, _ = children[0]
    gateway.online("tcp")
    gateway.request(2012, subDeviceId=child, pin=pin)
    gateway.request(2020, subDeviceId=child, onLine=1)
    feed.wait_for(lambda line: line["event"] == "online" and line["device"] == child)
    gateway.link.close()
    feed.wait_for(lambda line: line["event"] == "offline" and line["device"] == child)
    # Bound it stays: a report of it after the new login is taken.
    gateway.online("tcp")
    assert gateway.request(2006, deviceId=child, statusSerials=STATUS)["result"] == 0


def test_voice_without_a_backend(broker, via):
    device = broker.device().online(via)
    answer = device.request(3000, ttsParam={"text": "hello"})
    assert answer["result"] == 400004
    answer = device.request(3002, ctrlParam={"format": "amr", "audioData": "AAAA"})
    assert answer["result"] == 400004
    assert device.request(3000)["result"] == 100001
    device.heartbeat()


def test_payload_stays_a_line(broker, feed, via):
    device = broker.device().online(via)
    feed.of(device, "uplink")
    body = json.dumps(device.body(2006, statusSerials=STATUS), indent=1).replace("\n", "\r\n")
    device.link.send(device.build(2006, body.encode()))
    assert device.receive()[1]["result"] == 0
    assert feed.of(device, "uplink", 2006)["payload"]["statusSerials"] == STATUS


def test_platform_request_by_hearthctl(broker, platform_requests, feed, via):
    device = broker.device().online(via)
    results = []
    thread = threading.Thread(target=lambda: results.append(broker.ctl(
        "send", device.id, 2005, json.dumps({"serialId": "0", "cmd": []}), "--wait", "8",
        check=False)))
    thread.start()
    code, body = device.platform_request()
    assert code == 2005 and body["deviceId"] == device.id and body["cmd"] == []
    assert abs(int(body["time"]) - time.time()) < 30 and 0 <= int(body["sequence"]) <= 65535
    device.reply(code, body, dscp="操作成功")
    thread.join(15)
    assert results and results[0].returncode == 0, results
    assert "操作成功" in results[0].stdout or "\\u64cd" in results[0].stdout
    event = feed.of(device, "response")
    assert event["code"] == 2004 and event["payload"]["dscp"] == "操作成功"


def test_platform_request_refused(broker, platform_requests):
    device = broker.device()
    for words in (("send", device.id, "2003", "{}"), ("send", "nobody", "2003", "{}"),
                  ("send", device.id, "2006", "{}"), ("send", device.id, "2003", "[")):
        result = broker.ctl(*words, check=False)
        assert result.returncode in (1, 2) and result.stderr, words
    device.online("tcp")
    for body in ('{"sequence":"1"}', '{"time":1}'):
        result = broker.ctl("send", device.id, "2003", body, check=False)
        assert result.returncode in (1, 2) and result.stderr


def test_answer_to_nothing_is_dropped(broker, feed, via):
    device = broker.device().online(via)
    device.reply(2005, {"sequence": "123"})
    device.silent(0.2)
    device.heartbeat()
    assert not feed.all_of(device, "response")


def test_two_devices_do_not_mix(broker, feed):
    """K5: one session's frame under another's token is nothing."""
    one, two = broker.device().online("udp"), broker.device().online("udp")
    raw = frame(2006, encrypt(one.key, one.key, json.dumps(
        one.body(2006, statusSerials=STATUS)).encode()), token=two.token)
    two.link.send(raw)
    two.silent()
    one.sequence = (one.sequence - 1) & 0xFFFF
    one.heartbeat()
    two.heartbeat()


def test_new_device_is_known_at_once(broker):
    row = ("added-while-running", new_pin())
    stranger = McDevice(*row, hearth.BROKER)
    with pytest.raises(Exception):
        stranger.login(2)
    broker.ctl("device", "add", *row)
    stranger.online("udp")
