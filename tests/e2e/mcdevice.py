# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""An Mc device on plain sockets, written from the protocol's text alone (Q/CT X-2017 section 5)."""

import base64
import json
import os
import random
import select
import socket
import string
import struct
import threading
import time

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MISSING = object()


class Malformed(Exception):
    """Bytes that are no frame, or no content under the key."""


# s; how long what must come is waited for. What comes late on a busy machine has come: only a
# failure takes this long.
PATIENCE = 30.0
# s; by UDP a request without an answer for so long goes again.
REPEAT_AFTER = 5.0


class Silence(Exception):
    """Nothing came in time."""


class Closed(Exception):
    """The peer closed the connection."""


def encrypt(key, iv, plain):
    """AES-128-CBC with PKCS#7 padding, in standard Base64."""
    pad = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    secret = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
    return base64.b64encode(secret).decode("ascii")


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise Malformed("duplicate key")
    return dict(pairs)


def decrypt(key, iv, data):
    """The JSON object in a frame's data, as a dict; Malformed if it is none."""
    try:
        secret = base64.b64decode(data, validate=True)
    except ValueError as error:
        raise Malformed("Base64") from error
    if base64.b64encode(secret).decode("ascii") != data or not secret or len(secret) % 16:
        raise Malformed("Base64 not canonical, or not whole blocks")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plain = decryptor.update(secret) + decryptor.finalize()
    pad = plain[-1]
    if not 1 <= pad <= 16 or plain[-pad:] != bytes([pad]) * pad:
        raise Malformed("padding")
    try:
        body = json.loads(plain[:-pad].decode("utf-8"), object_pairs_hook=no_duplicates)
    except ValueError as error:
        raise Malformed("JSON") from error
    if not isinstance(body, dict):
        raise Malformed("no object")
    return body


def frame(code, data, **outer):
    """A whole frame; outer is token= or deviceId=."""
    envelope = {"code": code, **outer, "data": data}
    return b"CTS" + json.dumps(envelope, separators=(",", ":")).encode() + b"\r\n"


def parse(raw):
    """(code, data) of a frame from the platform; Malformed if it is not exactly one."""
    if not raw.startswith(b"CTS{") or not raw.endswith(b"}\r\n"):
        raise Malformed("not CTS, one object, CR LF: %r" % raw[:60])
    if b"\r" in raw[:-2] or b"\n" in raw[:-2]:
        raise Malformed("a line break inside")
    try:
        envelope = json.loads(raw[3:-2].decode("utf-8"), object_pairs_hook=no_duplicates)
    except ValueError as error:
        raise Malformed("envelope") from error
    if set(envelope) != {"code", "data"} or not isinstance(envelope["code"], int):
        raise Malformed("envelope: %r" % sorted(envelope))
    return envelope["code"], envelope["data"]


def new_pin():
    return "".join(random.choices(string.ascii_letters + string.digits, k=32))


def content(body):
    return body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()


class Link:
    """One connection or datagram socket, and the frames that come by it."""

    def __init__(self, address, tcp, source=None, timeout=PATIENCE):
        self.tcp = tcp
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, kind)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind(source)
        host, _, scope = address[0].partition("%")
        if scope:
            address = (host, address[1], 0, socket.if_nametoindex(scope))
        self.socket.connect(address)
        if tcp:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held = b""

    @property
    def local(self):
        return self.socket.getsockname()

    def send(self, raw):
        self.socket.sendall(raw) if self.tcp else self.socket.send(raw)

    def receive(self, timeout=PATIENCE):
        """The next whole frame, raw. Silence or Closed if there is none."""
        end = time.monotonic() + timeout
        while True:
            if self.tcp and b"\r\n" in self.held:
                raw, self.held = self.held.split(b"\r\n", 1)
                return raw + b"\r\n"
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise Silence("no frame within %s s" % timeout)
            try:
                got = self.socket.recv(65536)
            except ConnectionRefusedError:
                continue
            except OSError as error:
                raise Closed(str(error)) from error
            if not self.tcp:
                return got
            if not got:
                raise Closed("end of stream, %d bytes held" % len(self.held))
            self.held += got

    def close(self):
        self.socket.close()

    def abort(self):
        """Close with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class McDevice:
    """A device that does as it is told, rightly or wrongly."""

    def __init__(self, device_id, pin, host, login_port=7700, numbers=False):
        self.id, self.pin = device_id, pin
        self.login_address = (host, login_port)
        self.numbers = numbers
        self.sequence = random.randrange(65536)
        self.key = self.token = self.link = None
        self.login_answer = self.connect_answer = None
        self.last = None  # the newest request as sent
        self.platform = []  # requests from the platform that came meanwhile
        self.repeated = []  # (code, sequence) of answers that may come once more

    # -- building

    def number(self, sequence):
        return sequence if self.numbers else str(sequence)

    def next(self):
        self.sequence = (self.sequence + 1) & 0xFFFF
        return self.sequence

    def build(self, code, body, key=None, token=None):
        key = key or self.key
        data = encrypt(key, key, content(body))
        return frame(code, data, token=token or self.token)

    def body(self, code, sequence=None, **members):
        """A request's members with those that every request has; MISSING leaves one out."""
        sequence = self.next() if sequence is None else sequence
        own = {"token": self.token} if code in (1000, 1004) else {"deviceId": self.id}
        whole = {"sequence": self.number(sequence), **own, **members}
        whole.setdefault("time", int(time.time()))
        return {name: value for name, value in whole.items() if value is not MISSING}

    # -- login and connect

    def login_frame(self, **members):
        pin = self.pin.encode()
        body = {"sequence": self.number(self.next()), "deviceId": self.id,
                "version": "001.000.000.000", "time": int(time.time()), **members}
        body = {name: value for name, value in body.items() if value is not MISSING}
        return frame(1002, encrypt(pin[:16], pin[16:], content(body)), deviceId=self.id)

    def login(self, timeout=PATIENCE, keep_open=False):
        """Log in; the answer, checked and remembered."""
        link = Link(self.login_address, True)
        try:
            link.send(self.login_frame())
            code, data = parse(link.receive(timeout))
            answer = decrypt(self.pin.encode()[:16], self.pin.encode()[16:], data)
            assert code == 1003 and answer["result"] == 0, (code, answer)
            assert answer["sequence"] == self.number(self.sequence), answer
            assert abs(answer["time"] - time.time()) < 30
            for name in ("sessionKey", "token"):
                assert len(answer[name]) == 16, answer[name]
            assert isinstance(answer["tcpHost"], str) and isinstance(answer["udpHost"], str)
            self.key, self.token = answer["sessionKey"].encode(), answer["token"]
            self.login_answer = answer
            return link if keep_open else answer
        finally:
            if not keep_open:
                link.close()

    @staticmethod
    def address(text):
        host, port = text.rsplit(":", 1)
        return host.strip("[]"), int(port)

    def open(self, via, source=None):
        """A new socket towards where the login's answer pointed."""
        host = self.login_answer["tcpHost" if via == "tcp" else "udpHost"]
        self.link = Link(self.address(host), via == "tcp", source)
        return self.link

    def connect(self, via="tcp", source=None, timeout=PATIENCE, **members):
        """Open and send 1004; the answer."""
        self.open(via, source)
        members.setdefault("devVersion", "001.002.003.004")
        members.setdefault("model", "HT-AC-01")
        self.connect_answer = self.request(1004, timeout=timeout, **members)
        return self.connect_answer

    def online(self, via="tcp", source=None):
        """Login, connect, full report, version: what a device does after power-up."""
        self.login()
        answer = self.connect(via, source)
        assert answer["result"] == 0, answer
        for name in ("heartBeat", "authInterval"):
            assert isinstance(answer[name], int), answer
        self.report()
        return self

    # -- requests

    def send(self, code, sequence=None, **members):
        """Send a request; the sequence it carries."""
        body = self.body(code, sequence, **members)
        self.last = self.build(code, body)
        self.link.send(self.last)
        return body["sequence"] if "sequence" in body else None

    def receive(self, timeout=PATIENCE):
        """(code, body) of the next frame, whatever it is."""
        code, data = parse(self.link.receive(timeout))
        return code, decrypt(self.key, self.key, data)

    def answer_to(self, code, sequence, timeout=PATIENCE):
        """The answer to a request; platform requests that come first are kept."""
        end = time.monotonic() + timeout
        while True:
            got, body = self.receive(max(0.0, end - time.monotonic()))
            if got in (2001, 2003, 2005, 2015, 2025, 2031):
                self.platform.append((got, body))
                continue
            if (got, body["sequence"]) in self.repeated and body["sequence"] != sequence:
                self.repeated.remove((got, body["sequence"]))  # each sending may be answered
                continue
            assert got == code + 1, "answer %d to %d: %r" % (got, code, body)
            assert body["sequence"] == sequence, (body["sequence"], sequence)
            assert type(body["sequence"]) is type(sequence)
            assert isinstance(body["result"], int)
            assert abs(body["time"] - time.time()) < 30
            if code >= 2000:
                assert "deviceId" in body, body
            return body

    def request(self, code, sequence=None, timeout=PATIENCE, **members):
        """Ask; by UDP twice if need be, as any datagram may be lost."""
        sequence = self.send(code, sequence, **members)
        if not self.link.tcp:
            try:
                return self.answer_to(code, sequence, min(REPEAT_AFTER, timeout / 2))
            except Silence:
                self.repeat()
                self.repeated.append((code + 1, sequence))
        return self.answer_to(code, sequence, timeout)

    def repeat(self):
        """The newest request again, the same bytes."""
        self.link.send(self.last)

    def report(self, n=0, **members):
        status = [{"serialId": "1", "n": n, "statusSerial": [
            {"statusName": "POWER", "curStatusValue": str(n % 2)}]}]
        answer = self.request(2006, **{"statusSerials": status, **members})
        assert answer["result"] == 0 and answer["deviceId"] == self.id, answer
        return answer

    def heartbeat(self):
        answer = self.request(1000)
        assert answer["result"] == 0, answer
        return answer

    def reply(self, code, body, **members):
        """Answer the platform's request (code, body)."""
        answer = {"result": 0, "sequence": body["sequence"], "deviceId": self.id,
                  "time": int(time.time()), **members}
        self.link.send(self.build(code - 1, answer))

    def platform_request(self, timeout=PATIENCE):
        if self.platform:
            return self.platform.pop(0)
        return self.receive(timeout)

    # -- expectations

    def silent(self, seconds=0.5):
        """Nothing comes and nothing closes."""
        try:
            got = self.link.receive(seconds)
        except Silence:
            return
        raise AssertionError("unexpected: %r" % got[:80])

    def closed(self, timeout=PATIENCE):
        """The peer closes without another byte."""
        try:
            got = self.link.receive(timeout)
        except Closed:
            return
        raise AssertionError("unexpected: %r" % got[:80])


class Canary(threading.Thread):
    """A session that must keep working while others misbehave: heartbeats and reports."""

    def __init__(self, device, pause=0.1):
        super().__init__(daemon=True)
        self.device, self.pause = device, pause
        self.rounds, self.error = 0, None
        self.stopping = threading.Event()

    def run(self):
        try:
            while not self.stopping.wait(self.pause):
                self.device.heartbeat()
                self.device.report(self.rounds)
                self.rounds += 1
        except Exception as error:  # shown by finish()
            self.error = error

    def finish(self, rounds=2):
        """It goes on working after whatever happened, then ends."""
        end, rounds = time.monotonic() + 10, self.rounds + rounds
        while self.rounds < rounds and not self.error and time.monotonic() < end:
            time.sleep(0.02)
        self.stopping.set()
        self.join(10)
        assert self.error is None, "the canary session failed: %r" % self.error
        assert self.rounds >= rounds, "the canary session made only %d rounds" % self.rounds

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.finish()
        else:
            self.stopping.set()
            self.join(10)


def write_csv(path, devices):
    """devices: (id, pin[, gateway]). As hearthctl device import takes it, mode 0600."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("device_id,pin,bind_password,model,gateway\n")
        for row in devices:
            gateway = row[2] if len(row) > 2 else ""
            file.write("%s,%s,,HT-AC-01,%s\n" % (row[0], row[1], gateway))
