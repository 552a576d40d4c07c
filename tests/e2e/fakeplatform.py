# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""A small Mc platform on asyncio: the peer that hearth-fleet is tested against.

It answers as the text says, or wrongly in one named way, so that a test can see whether the fleet
notices. FAULTS lists the ways.
"""

import asyncio
import collections
import csv
import json
import random
import string
import threading
import time

from mcdevice import content, decrypt, encrypt, no_duplicates

FAULTS = (
    "sequence",      # answers another number
    "form",          # a string where a number came, and the reverse
    "key",           # encrypts under another key
    "code",          # answers with another code
    "result",        # a result other than 0
    "refuse",        # 999999 the first time, 0 when it is repeated
    "member",        # leaves deviceId out
    "device",        # another device's deviceId
    "time",          # an hour late
    "heartbeat",     # 1005 without heartBeat
    "udphost",       # 1003 without udpHost
    "token",         # a token of 15 characters
    "merge",         # two frames in one segment
    "twice",         # every answer twice
    "base64",        # URL-safe Base64
    "envelope",      # an extra member beside code and data
    "drop",          # every third datagram is not seen, its repeat is
    "silent",        # no report is answered
    "close",         # TCP: closes after the third report
    "refuse-login",  # closes login connections
    "garbage",       # bytes that are no frame
)


def word(length):
    return "".join(random.choices(string.ascii_letters + string.digits + "-_", k=length))


class Session:
    def __init__(self, device_id):
        self.device_id, self.key, self.token = device_id, word(16), word(16)
        self.answers, self.newest, self.reports = {}, None, 0
        self.series = None         # (sequence, sn) of the newest voice segment
        self.order = random.randrange(65536)  # number of the newest platform request
        self.ordered = None        # that request as it was sent
        self.stream = None         # writes to its TCP connection


class FakePlatform(threading.Thread):
    """Serves on an address of this host until stopped; counts what it saw."""

    def __init__(self, csv_path, fault=None, heartbeat=10, udp=True, host="127.0.0.1"):
        super().__init__(daemon=True)
        assert fault is None or fault in FAULTS
        self.fault, self.heartbeat, self.udp, self.host = fault, heartbeat, udp, host
        with open(csv_path, encoding="ascii", newline="") as file:
            self.pins = {row["device_id"]: row["pin"] for row in csv.DictReader(file)}
        self.sessions = {}
        self.seen = []       # (device, code, body) of every request that was accepted
        self.problems = []   # what a device did that no device may do
        self.repeats = self.logins = self.datagrams = 0
        self.dropped = set()
        self.connects = collections.Counter()  # by transport
        self.answers = []    # devices' answers to platform requests
        self.ready = threading.Event()
        self.loop = asyncio.new_event_loop()

    # -- the thread

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.serve())
        self.ready.set()
        self.loop.run_forever()

    async def serve(self):
        self.login_server = await asyncio.start_server(self.login, self.host, 0)
        self.server = await asyncio.start_server(self.stream, self.host, 0, limit=1 << 20)
        self.login_port = self.login_server.sockets[0].getsockname()[1]
        self.port = self.server.sockets[0].getsockname()[1]
        platform = self

        class Datagrams(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, address):
                platform.datagrams += 1
                if platform.fault == "drop" and data not in platform.dropped and \
                        platform.datagrams % 3 == 0:
                    platform.dropped.add(data)
                    return
                platform.frame(data, lambda raw: self.transport.sendto(raw, address), "udp")

        self.transport, _ = await self.loop.create_datagram_endpoint(
            Datagrams, local_addr=(self.host, self.port))

    def __enter__(self):
        self.start()
        assert self.ready.wait(5)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join(5)

    # -- frames

    def reply(self, session, send, code, body, key=None):
        key = (key or session.key).encode()
        iv = key[16:] or key
        if self.fault == "key":
            key = iv = b"0123456789abcdef"
        data = encrypt(key[:16], iv, content(body))
        if self.fault == "base64":
            data = data.replace("+", "-").replace("/", "_").rstrip("=")
        envelope = {"code": code, "data": data}
        if self.fault == "envelope":
            envelope["token"] = session.token
        raw = b"CTS" + json.dumps(envelope, separators=(",", ":")).encode() + b"\r\n"
        if self.fault == "garbage" and code == 2007:
            raw = b"\x00\xff\r\n"
        if self.fault == "twice" and code > 1005:
            send(raw)
        send(raw)
        return raw

    async def login(self, reader, writer):
        try:
            raw = await reader.readuntil(b"\r\n")
            outer = json.loads(raw[3:], object_pairs_hook=no_duplicates)
            pin = self.pins[outer["deviceId"]]
            body = decrypt(pin[:16].encode(), pin[16:].encode(), outer["data"])
            assert raw[:3] == b"CTS" and outer["code"] == 1002
            assert body["deviceId"] == outer["deviceId"]
        except Exception as error:
            self.problems.append(repr(error))
            writer.close()
            return
        if self.fault == "refuse-login":
            writer.close()
            return
        self.logins += 1
        session = Session(outer["deviceId"])
        self.sessions[session.token] = session
        answer = {
            "result": 0, "sequence": body["sequence"], "sessionKey": session.key,
            "token": session.token[:15] if self.fault == "token" else session.token,
            "tcpHost": "%s:%d" % (self.host, self.port),
            "udpHost": "%s:%d" % (self.host, self.port) if self.udp else "",
            "time": int(time.time()),
        }
        if self.fault == "udphost":
            del answer["udpHost"]
        self.reply(session, writer.write, 1003, answer, pin)
        await reader.read()
        writer.close()

    async def stream(self, reader, writer):
        while True:
            try:
                raw = await reader.readuntil(b"\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            if not self.frame(raw, writer.write, "tcp"):
                break
        writer.close()

    def frame(self, raw, send, via):
        """One frame from a device. False: close."""
        try:
            assert raw[:3] == b"CTS" and raw[-2:] == b"\r\n"
            outer = json.loads(raw[3:], object_pairs_hook=no_duplicates)
            session = self.sessions[outer["token"]]
            key = session.key.encode()
            body = decrypt(key, key, outer["data"])
            sequence = int(body["sequence"])
            code = outer["code"]
            if via == "tcp":
                session.stream = send
        except Exception as error:
            self.problems.append("%s: %r" % (via, error))
            return True
        if code % 2 == 0 and code in (2000, 2002, 2004, 2014, 2024, 2030):
            self.answers.append((session.device_id, code, body))
            return True
        if sequence in session.answers and session.answers[sequence][0] == raw:
            self.repeats += 1
            if self.fault == "refuse":
                del session.answers[sequence]
            else:
                for again in session.answers[sequence][1]:
                    send(again)
                return True
        elif code == 3002 and self.next_segment(session, sequence, body):
            pass
        elif session.newest is not None and sequence != (session.newest + 1) & 0xFFFF:
            self.problems.append("%s: sequence %d after %d" % (via, sequence, session.newest))
        else:
            session.newest = sequence
            if body.get("ctrlParam", {}).get("sn") == 1:
                session.series = (sequence, 1)
        return self.request(session, raw, send, via, code, body, sequence)

    @staticmethod
    def next_segment(session, sequence, body):
        """A further segment of the series: its number is the series', its sn the next."""
        sn = body["ctrlParam"].get("sn")
        if not sn or session.series != (sequence, sn - 1):
            return False
        session.series = (sequence, sn)
        return True

    def request(self, session, raw, send, via, code, body, sequence):
        answer = {"result": 0, "sequence": body["sequence"], "time": int(time.time())}
        if code == 1004:
            self.connects[via] += 1
            answer.update(heartBeat=self.heartbeat, authInterval=600)
            if self.fault == "heartbeat":
                del answer["heartBeat"]
        elif code >= 2006:
            answer["deviceId"] = body["deviceId"]
            session.reports += 1
        if code == 2012:
            answer.update(subDeviceId=body["subDeviceId"], authResult="0")
        if code in (2016, 2018, 2020):
            answer.update(subDeviceId=body["subDeviceId"])
        if code == 3000:
            answer.update(ttsResult={"audioData": "IyFBTVIK"})
        if code == 3002:
            if body["ctrlParam"].get("isLast", "1") == "0":
                answer.update(result=400002, ctrlResult={})
            else:
                answer.update(ctrlResult={"rawText": "hello", "resultDesc": "done"})
        self.seen.append((session.device_id, code, body))
        number = code + 1
        if code >= 2006:
            number, answer = self.distort(session, code, number, answer, sequence)
        if answer is None:
            session.answers = {sequence: (raw, [])}
            return True
        sent = []
        # Only at first: what 2003 asks for is a 2006.
        if self.fault == "merge" and code == 2006 and session.reports <= 2:
            self.reply(session, sent.append, number, answer)
            session.order = (session.order + 1) & 0xFFFF
            order = {"sequence": session.order, "deviceId": session.device_id,
                     "time": int(time.time())}
            self.reply(session, sent.append, 2003, order)
            send(b"".join(sent))
        else:
            self.reply(session, lambda out: (sent.append(out), send(out)), number, answer)
        session.answers = {sequence: (raw, sent), **dict(list(session.answers.items())[:32])}
        return not (self.fault == "close" and via == "tcp" and session.reports == 3)

    def distort(self, session, code, number, answer, sequence):
        if self.fault == "sequence":
            other = (sequence + 1) & 0xFFFF
            answer["sequence"] = other if isinstance(answer["sequence"], int) else str(other)
        elif self.fault == "form":
            form = str if isinstance(answer["sequence"], int) else int
            answer["sequence"] = form(answer["sequence"])
        elif self.fault == "code":
            number += 2
        elif self.fault == "result":
            answer["result"] = 100001
        elif self.fault == "refuse" and code != 2012 and code != 2020:
            refused = session.__dict__.setdefault("refused", set())
            if sequence not in refused:
                refused.add(sequence)
                answer["result"] = 999999
        elif self.fault == "member":
            del answer["deviceId"]
        elif self.fault == "device":
            answer["deviceId"] = "0" * 24
        elif self.fault == "time":
            answer["time"] -= 3600
        elif self.fault == "silent":
            return number, None
        return number, answer

    def order(self, code, repeat=False, step=1, **members):
        """Send a request to every TCP session; or the newest again."""
        def all_of_them():
            for session in self.sessions.values():
                if not session.stream:
                    continue
                if repeat:
                    session.stream(session.ordered)
                    continue
                session.order = (session.order + step) & 0xFFFF
                body = {"sequence": str(session.order), "deviceId": session.device_id,
                        "time": int(time.time()), **members}
                session.ordered = self.reply(session, session.stream, code, body)
        self.loop.call_soon_threadsafe(all_of_them)
