# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Speech (specs, Voice): recordings in segments, answered by a backend on the reader library."""

import ctypes
import json
import time

import pytest

import hearth
import mcdevice
import paths

BACKEND = 1  # HEARTH_COMMANDS_BACKEND


class Record(ctypes.Structure):
    """struct hearth_record, as far as it is looked at here."""
    _fields_ = [("length", ctypes.c_uint32), ("checksum", ctypes.c_uint32),
                ("id", ctypes.c_uint64), ("time", ctypes.c_uint64),
                ("session", ctypes.c_uint64), ("handle", ctypes.c_uint64),
                ("request", ctypes.c_uint64), ("count", ctypes.c_uint32),
                ("window", ctypes.c_uint32), ("code", ctypes.c_uint32),
                ("result", ctypes.c_int32), ("device_time", ctypes.c_uint32),
                ("payload_length", ctypes.c_uint32), ("sequence", ctypes.c_uint16),
                ("peer_port", ctypes.c_uint16), ("event", ctypes.c_uint8)]


class Item(ctypes.Structure):
    _fields_ = [("record", ctypes.POINTER(Record)), ("device", ctypes.c_void_p),
                ("gateway", ctypes.c_void_p), ("payload", ctypes.c_void_p),
                ("worker", ctypes.c_uint)]


def library():
    lib = ctypes.CDLL(str(paths.BUILD / "broker" / "feed" / "libhearth-feed.so"))
    for name in ("hearth_feed_open", "hearth_commands_open"):
        getattr(lib, name).restype = ctypes.c_void_p
        getattr(lib, name).argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_char_p,
                                       ctypes.c_size_t]
    for name in ("hearth_feed_close", "hearth_feed_commit", "hearth_commands_close"):
        getattr(lib, name).argtypes = [ctypes.c_void_p]
    lib.hearth_feed_next.argtypes = [ctypes.c_void_p, ctypes.POINTER(Item)]
    lib.hearth_command_answer.argtypes = [ctypes.c_void_p, ctypes.POINTER(Item), ctypes.c_char_p,
                                          ctypes.c_size_t]
    return lib


class Backend:
    """Reads events and answers those that it is told to; commits what it has read."""

    def __init__(self, broker):
        self.lib, error = library(), ctypes.create_string_buffer(256)
        self.commands = self.lib.hearth_commands_open(
            str(broker.socket).encode(), BACKEND, error, 256)
        assert self.commands, error.value
        self.feed = self.lib.hearth_feed_open(str(broker.ring).encode(), 0, error, 256)
        assert self.feed, error.value

    def next(self, seconds=30.0):
        """(record, payload, item) of the next voice request, not committed; or None."""
        item, end = Item(), time.monotonic() + seconds
        while True:
            got = self.lib.hearth_feed_next(self.feed, ctypes.byref(item))
            assert got >= 0
            if got and item.record.contents.code in (3000, 3002):
                record = item.record.contents
                return record, json.loads(
                    ctypes.string_at(item.payload, record.payload_length)), item
            if not got:
                if time.monotonic() > end:
                    return None
                time.sleep(0.005)

    def answer(self, item, body):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        assert self.lib.hearth_command_answer(
            self.commands, ctypes.byref(item), text, len(text)) == 0

    def commit(self):
        self.lib.hearth_feed_commit(self.feed)

    def close(self):
        self.lib.hearth_commands_close(self.commands)
        self.lib.hearth_feed_close(self.feed)
        self.commands = self.feed = None


@pytest.fixture(scope="module", params=["ring", "commit"])
def broker(request, tmp_path_factory):
    if not request.config.isolated:
        pytest.skip("needs root, for a network namespace of its own")
    hearth.set_all_cpus(request.config.cpus)
    with hearth.Hearth(tmp_path_factory.mktemp("hearth"),
                       feed={"acknowledge": request.param}) as started:
        started.provision(100)
        started.start()
        yield started


@pytest.fixture
def backend(broker):
    started = Backend(broker)
    yield started
    if started.commands:
        started.close()


def connected(broker, way):
    device = broker.device()
    device.login()
    assert device.connect(way)["result"] == 0
    return device


def segment(device, sn, last=False, sequence=None, **more):
    return device.send(3002, sequence, ctrlParam={
        "voiceId": "v1", "sn": str(sn), "isLast": "01"[last], "format": "amr",
        "audioData": "AAAA" * sn, **more})


HEARD = {"result": 0, "ctrlResult": {"rawText": "on", "resultDesc": "turned on"}}


def test_whole_recording_and_synthesis(broker, backend, via):
    device = connected(broker, via)
    sequence = device.send(3002, ctrlParam={"format": "amr", "audioData": "AAAA"})
    record, payload, item = backend.next()
    assert payload["ctrlParam"]["audioData"] == "AAAA" and str(record.sequence) == sequence
    device.silent(0.2)
    backend.answer(item, HEARD)
    backend.commit()
    answer = device.answer_to(3002, sequence)
    assert answer["result"] == 0 and answer["ctrlResult"] == HEARD["ctrlResult"]
    sequence = device.send(3000, ttsParam={"content": "hello"})
    record, payload, item = backend.next()
    assert payload["ttsParam"] == {"content": "hello"}
    backend.answer(item, {"result": 0, "ttsResult": {"audioData": "QUJD"}, "else": 1})
    backend.commit()
    answer = device.answer_to(3000, sequence)
    assert answer["result"] == 0 and answer["ttsResult"] == {"audioData": "QUJD"}
    assert "else" not in answer
    device.silent(0.2)


def test_series_beside_other_requests(broker, backend, via):
    """Segments share a number and a count, other requests go on counting beside them."""
    device = connected(broker, via)
    sequence, counts = None, set()
    for sn in range(1, 5):
        sequence = segment(device, sn, sn == 4, sequence)
        record, payload, item = backend.next()
        counts.add(record.count)
        assert payload["ctrlParam"]["sn"] == str(sn)
        backend.commit()
        if sn == 4:
            break
        answer = device.answer_to(3002, sequence)
        assert answer["result"] == 400002 and answer["ctrlResult"] == {}
        device.heartbeat()
        if sn == 2:  # the same segment again: the same answer, no event
            segment(device, sn, False, sequence)
            assert device.answer_to(3002, sequence)["result"] == 400002
            assert backend.next(0.3) is None
    backend.answer(item, HEARD)
    assert device.answer_to(3002, sequence)["ctrlResult"] == HEARD["ctrlResult"]
    assert len(counts) == 1
    device.heartbeat()


def test_segment_out_of_order_ends_the_series(broker, backend, via):
    device = connected(broker, via)
    sequence = segment(device, 1)
    assert device.answer_to(3002, sequence)["result"] == 400002
    segment(device, 3, False, sequence)
    assert device.answer_to(3002, sequence)["result"] == 100001
    sequence = segment(device, 1)  # another one begins
    assert device.answer_to(3002, sequence)["result"] == 400002
    segment(device, 2, True, sequence)
    item = None
    while item is None or json.loads(ctypes.string_at(
            item.payload, item.record.contents.payload_length))["ctrlParam"]["isLast"] == "0":
        item = backend.next()[2]
    backend.answer(item, HEARD)
    backend.commit()
    assert device.answer_to(3002, sequence)["result"] == 0


def test_repeats(broker, backend):
    """While it waits: nothing new. Once answered: the same answer, never a second event."""
    device = connected(broker, "udp")
    sequence = device.send(3002, ctrlParam={"audioData": "AAAA"})
    _, _, item = backend.next()
    device.repeat()
    device.silent(0.3)
    backend.answer(item, HEARD)
    backend.commit()
    for _ in range(2):
        answer = device.answer_to(3002, sequence)
        assert answer["ctrlResult"] == HEARD["ctrlResult"]
        device.repeat()
    assert device.answer_to(3002, sequence)["result"] == 0
    assert backend.next(0.3) is None


def test_backend_says_nothing(broker, backend):
    """8 s: the device gives up at 10."""
    device, other = connected(broker, "tcp"), connected(broker, "udp")
    first = device.send(3002, ctrlParam={"audioData": "AAAA"})
    second = other.send(3000, ttsParam={"content": "x"})
    assert backend.next() and backend.next()
    assert device.answer_to(3002, first, 10)["result"] == 400005
    answer = other.answer_to(3000, second, 10)
    assert answer["result"] == 999999 and answer["ttsResult"] == {"audioData": ""}
    backend.commit()


def test_answers_that_are_none(broker, backend, via):
    """Not well-formed, or too large for the transport."""
    device = connected(broker, via)
    sequence = device.send(3002, ctrlParam={"audioData": "AAAA"})
    _, _, item = backend.next()
    for bad in (b'{"result":0}', b'{"ctrlResult":{}}', b'{"result":"x","ctrlResult":{}}',
                b'{"result":0,"ctrlResult":[]}', b'{"result":0,"ttsResult":{}}'):
        backend.answer(item, bad)
    device.silent(0.3)
    backend.answer(item, HEARD)
    assert device.answer_to(3002, sequence)["result"] == 0
    sequence = device.send(3000, ttsParam={"content": "x"})
    _, _, item = backend.next()
    size = 36000 if via == "tcp" else 700
    backend.answer(item, {"result": 0, "ttsResult": {"audioData": "A" * size}})
    assert len(device.answer_to(3000, sequence)["ttsResult"]["audioData"]) == size
    sequence = device.send(3000, ttsParam={"content": "x"})
    _, _, item = backend.next()
    backend.answer(item, {"result": 0, "ttsResult": {"audioData": "A" * (50000 if via == "tcp"
                                                                         else 1400)}})
    answer = device.answer_to(3000, sequence)
    assert answer["result"] == 999999 and answer["ttsResult"] == {"audioData": ""}
    backend.commit()


def test_answer_goes_to_who_asked(broker, backend):
    """Two devices ask at once; a device that has gone takes its question along."""
    first, second, gone = (connected(broker, way) for way in ("tcp", "udp", "tcp"))
    asked = {}
    for device in (first, second, gone):
        device.asked = device.send(3002, ctrlParam={"audioData": device.id})
    for _ in range(3):
        _, payload, item = backend.next()
        asked[payload["ctrlParam"]["audioData"]] = item
    gone.link.abort()
    for device in (second, gone, first):
        backend.answer(asked[device.id], {"result": 0, "ctrlResult": {"rawText": device.id}})
    for device in (first, second):
        assert device.answer_to(3002, device.asked)["ctrlResult"]["rawText"] == device.id
    assert gone.connect("tcp")["result"] == 0
    gone.silent(0.3)
    gone.heartbeat()
    backend.commit()


def test_backend_ends(broker):
    """Without one: 400004 at once, as soon as the broker has seen it go."""
    backend = Backend(broker)
    device = connected(broker, "tcp")
    sequence = device.send(3000, ttsParam={"content": "x"})
    assert backend.next()
    backend.commit()
    backend.close()
    assert device.answer_to(3000, sequence, 10)["result"] in (999999, 400004)
    end = time.monotonic() + 10
    while True:
        sequence = device.send(3000, ttsParam={"content": "x"})
        try:
            if device.answer_to(3000, sequence, 1)["result"] == 400004:
                break
        except mcdevice.Silence:
            pass
        assert time.monotonic() < end, "the backend is gone and nobody noticed"


def test_broker_killed_while_it_waits(broker):
    """The device asks again, by the same number: the event that is there is answered."""
    backend = Backend(broker)
    device = connected(broker, "udp")
    sequence = device.send(3002, ctrlParam={"audioData": "AAAA"})
    _, _, item = backend.next()
    broker.kill()
    broker.start()
    device.repeat()
    device.silent(0.2)
    backend.answer(item, HEARD)
    assert device.answer_to(3002, sequence)["ctrlResult"] == HEARD["ctrlResult"]
    assert backend.next(0.3) is None
    backend.commit()
    backend.close()
    device.heartbeat()
