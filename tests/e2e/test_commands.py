# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Commands down: registered backends, their rings, one outcome each; lanKeys."""

import concurrent.futures
import ctypes
import json
import os
import signal
import time

import pytest

import mcdevice
import paths

pytestmark = pytest.mark.usefixtures("platform_requests")
RINGS = 16
BACKEND = 1


class Command(ctypes.Structure):
    _fields_ = [("device", ctypes.c_char_p), ("device_length", ctypes.c_size_t),
                ("code", ctypes.c_uint32), ("payload", ctypes.c_char_p),
                ("payload_length", ctypes.c_size_t), ("expires_ms", ctypes.c_uint32)]


def library():
    lib = ctypes.CDLL(str(paths.BUILD / "broker" / "feed" / "libhearth-feed.so"), use_errno=True)
    lib.hearth_commands_open.restype = ctypes.c_void_p
    lib.hearth_commands_feed.restype = ctypes.c_char_p
    lib.hearth_commands_feed.argtypes = [ctypes.c_void_p]
    lib.hearth_commands_waiting.restype = ctypes.c_uint64
    lib.hearth_commands_waiting.argtypes = [ctypes.c_void_p]
    lib.hearth_command_send.argtypes = [ctypes.c_void_p, ctypes.POINTER(Command),
                                        ctypes.POINTER(ctypes.c_uint64)]
    lib.hearth_commands_close.argtypes = [ctypes.c_void_p]
    return lib


class Sender:
    """A process that sends commands, by the public library alone."""

    lib = None

    def __init__(self, broker, flags=0):
        Sender.lib = Sender.lib or library()
        error = ctypes.create_string_buffer(512)
        self.commands = self.lib.hearth_commands_open(
            str(broker.socket).encode(), flags, error, ctypes.c_size_t(len(error)))
        if not self.commands:
            raise OSError(ctypes.get_errno(), error.value.decode())

    def send(self, device, code, body, expires_ms=0):
        payload = json.dumps(body).encode()
        command = Command(device.encode(), len(device), code, payload, len(payload), expires_ms)
        request = ctypes.c_uint64()
        rc = self.lib.hearth_command_send(
            self.commands, ctypes.byref(command), ctypes.byref(request))
        if rc:
            raise OSError(-rc, os.strerror(-rc))
        return request.value

    def waiting(self):
        return self.lib.hearth_commands_waiting(self.commands)

    def close(self):
        self.lib.hearth_commands_close(self.commands)
        self.commands = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.commands:
            self.close()


def outcomes(feed, request):
    return [event for event in feed.read() if event.get("request") == request]


def outcome(feed, request, seconds=60):
    return feed.wait_for(lambda event: event.get("request") == request,
                         "outcome of request %d" % request, seconds)


def rings(broker):
    return broker.ctl_json("status")["commands"]


def wait_until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_answer_is_printed(broker, feed, via):
    device = broker.device().online(via)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        sent = pool.submit(broker.ctl_json, "send", device.id, 2003, '{"statusSerial": []}')
        code, body = device.platform_request()
        assert code == 2003 and body["statusSerial"] == [] and body["deviceId"] == device.id
        device.reply(code, body, dscp="ok")
        answer = sent.result(20)
    assert answer["ok"] and answer["code"] == 2002 and answer["result"] == 0
    assert answer["payload"]["dscp"] == "ok"
    event = outcome(feed, answer["request"])
    assert event["event"] == "response" and event["payload"] == answer["payload"]


def test_a_device_that_says_no(broker, via):
    device = broker.device().online(via)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        sent = pool.submit(broker.ctl_json, "send", device.id, 2005, "{}")
        code, body = device.platform_request()
        device.reply(code, body, result=100001)
        assert sent.result(20)["result"] == 100001


def test_undelivered_at_once(broker, feed):
    for device_id, reason in ((broker.device().id, "offline"), ("nobody", "refused")):
        result = broker.ctl("send", device_id, 2003, "{}", check=False)
        assert result.returncode == 1 and not result.stdout
        assert result.stderr.startswith("hearthctl: undelivered: %s\n" % reason), result.stderr
        told = json.loads(broker.ctl("send", device_id, 2003, "{}", "--json", check=False).stdout)
        assert told["ok"] is False and told["reason"] == reason
        event = outcome(feed, told["request"])
        assert event["event"] == "undelivered" and event["reason"] == reason


def test_nothing_is_sent_after_its_time(broker, feed, via):
    """One is outstanding; the second waits behind it, and its sender does not wait long."""
    device = broker.device().online(via)
    with Sender(broker) as sender:
        first = sender.send(device.id, 2003, {"n": 1})
        second = sender.send(device.id, 2003, {"n": 2}, expires_ms=300)
        code, body = device.platform_request()
        assert body["n"] == 1
        assert outcome(feed, second)["reason"] == "expired"
        device.reply(code, body)
        assert outcome(feed, first)["event"] == "response"
        device.silent()


def test_many_at_once(broker, feed, via):
    """In order for each device, each with one outcome, whoever sent them."""
    count = 30
    with Sender(broker) as one, Sender(broker) as two:
        devices = [broker.device().online(via) for _ in range(4)]
        asked = {}
        for n in range(count):
            for at, device in enumerate(devices):
                sender = (one, two)[at % 2]
                # 16 may wait for a device: its answers come as fast as they are asked
                asked[sender.send(device.id, 2031, {"n": n})] = (device.id, n)
                code, body = device.platform_request()
                assert body["n"] == n
                device.reply(code, body, n=n)
        for request, (device_id, n) in asked.items():
            event = outcome(feed, request)
            assert event["event"] == "response" and event["device"] == device_id
            assert event["payload"]["n"] == n
        assert all(len(outcomes(feed, request)) == 1 for request in asked)
        assert one.waiting() == two.waiting() == 0


def test_a_killed_sender(broker, feed, via):
    """Its ring goes when all is taken; what it sent is delivered all the same."""
    device = broker.device().online(via)
    wait_until(lambda: not rings(broker), "rings of senders that have ended")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            sender = Sender(broker, BACKEND)
            os.write(writer, b"%d\n" % sender.send(device.id, 2003, {"last": True}))
            signal.pause()
        finally:
            os._exit(1)
    request = int(os.read(reader, 64))
    listed = rings(broker)
    assert len(listed) == 1 and listed[0]["backend"] and listed[0]["alive"]
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    code, body = device.platform_request()
    assert body["last"] is True
    device.reply(code, body)
    assert outcome(feed, request)["event"] == "response"
    wait_until(lambda: not rings(broker), "the killed sender's ring")
    assert not list(broker.ring.parent.glob(broker.ring.name + ".commands.*"))


def test_all_rings_in_use(broker):
    wait_until(lambda: not rings(broker), "rings of senders that have ended")
    senders = [Sender(broker) for _ in range(RINGS)]
    try:
        with pytest.raises(OSError, match="16 processes that send commands are registered"):
            Sender(broker)
        result = broker.ctl("send", "nobody", 2003, "{}", check=False)
        assert result.returncode == 1 and "16 processes" in result.stderr
        senders.pop().close()
        assert "refused" in broker.ctl("send", "nobody", 2003, "{}", check=False).stderr
    finally:
        for sender in senders:
            sender.close()


def test_a_damaged_ring_harms_nobody_else(broker, feed):
    device = broker.device().online("tcp")
    with Sender(broker) as bad, Sender(broker) as good:
        # ids grow: the last ring but one is the bad one's
        number = sorted(rings(broker), key=lambda ring: ring["first_request"])[-2]["ring"]
        with open("%s.commands.%d" % (broker.ring, number), "r+b") as ring:
            ring.seek(4096)
            ring.write(b"\x01" * 8)
        wait_until(lambda: any(ring["damaged"] for ring in rings(broker)), "a damaged ring")
        request = good.send(device.id, 2003, {})
        code, body = device.platform_request()
        device.reply(code, body)
        assert outcome(feed, request)["event"] == "response"
        with pytest.raises(OSError):
            bad.send(device.id, 2003, {})
    wait_until(lambda: "is damaged and is not read any further" in broker.log.read_text(),
               "the log's line about it")
    device.heartbeat()


def test_sent_while_no_broker_runs(broker, feed):
    """A ring outlives the broker, what was sent meanwhile included; no id is used again."""
    device = broker.device().online("udp")
    feed.of(device, "uplink")
    with Sender(broker) as sender:
        before = sender.send("nobody", 2003, {})
        outcome(feed, before)
        broker.kill()
        sent = [sender.send(device.id, 2003, {"n": n}) for n in range(3)]
        assert sender.waiting() == 3
        broker.start()
        for n in range(3):
            # what left before this side had its addresses again is sent again after 10 s
            code, body = device.platform_request(timeout=25)
            assert body["n"] == n
            device.reply(code, body)
        for request in sent:
            assert outcome(feed, request)["event"] == "response"
        wait_until(lambda: not sender.waiting(), "the broker to take what was sent")
        broker.stop()
        broker.start()
        last = sender.send("nobody", 2003, {})
        assert outcome(feed, last)["reason"] == "refused"
        with Sender(broker) as other:
            assert other.send("nobody", 2003, {}) > last
        for request in (before, *sent, last):
            assert len(outcomes(feed, request)) == 1


# -- lanKey (section 6.2.2)


def test_lan_key(broker):
    device = broker.device()
    pin = device.pin if isinstance(device.pin, bytes) else device.pin.encode()
    words = "aZ09bY18cX27dW36"
    expected = mcdevice.encrypt(pin[:16], pin[16:], words.encode())
    assert broker.ctl("lan-key", device.id, words).stdout == expected + "\n"
    told = broker.ctl_json("lan-key", device.id, words)
    assert told["lan_key"] == expected and told["liveTime"] == 300
    assert expected not in broker.log.read_text()


@pytest.mark.parametrize("words", ["", "aZ09bY18cX27dW3", "aZ09bY18cX27dW366", "aZ09bY18cX27dW3-",
                                   '{"sequence":"1",', "aZ09bY18cX27dW3é"])
def test_lan_key_refused(broker, words):
    device = broker.device()
    result = broker.ctl("lan-key", device.id, words, check=False)
    assert result.returncode == 1 and "16 characters" in result.stderr and not result.stdout


def test_lan_key_of_a_stranger(broker):
    result = broker.ctl("lan-key", "nobody", "aZ09bY18cX27dW36", check=False)
    assert result.returncode == 1 and 'no device "nobody"' in result.stderr
