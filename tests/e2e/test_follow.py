# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""hearthctl session ID --follow: a device's frames and what was decided about each."""

import json
import os
import pty
import signal
import socket
import subprocess
import time

import pytest

import hearth
import paths
from mcdevice import McDevice, new_pin

CONFIG = {"workers": hearth.worker_cpus() * 2}


class Follower:
    """A running hearthctl session ID --follow."""

    def __init__(self, broker, device, *options):
        self.path = broker.directory / ("follow.%d" % next(hearth.counter))
        self.errors = broker.directory / (self.path.name + ".err")
        with open(self.path, "wb") as out, open(self.errors, "wb") as err:
            self.process = subprocess.Popen(
                [paths.HEARTHCTL, "--socket", broker.socket, "session", device.id, "--follow",
                 *options], stdout=out, stderr=err, preexec_fn=hearth.die_with_us)
        self.wait(lambda lines: lines)

    def lines(self):
        return self.path.read_text().split("\n")[:-1]

    def wait(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition(self.lines()):
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < end, self.lines()
            time.sleep(0.02)
        return self.lines()

    def wait_for(self, *texts):
        return self.wait(lambda lines: all(any(text in line for line in lines) for text in texts))

    def objects(self):
        return [json.loads(line) for line in self.lines()]

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def test_a_device_from_login_to_end(broker, via):
    device = broker.device()
    with Follower(broker, device) as follower:
        assert "not connected: waiting for it" in follower.lines()[0]
        device.online(via)
        device.link.send(device.last)
        if via == "udp":
            device.receive()
            device.send(2006, statusSerials=[], time=int(time.time()) - 412)
            follower.wait_for("out of time by 41")
        broker.ctl("kick", device.id)
        lines = follower.wait_for("an operator ended it")
        assert follower.stop() == 0
    text = "\n".join(lines)
    assert device.pin[:16] not in text and device.pin[16:] not in text
    assert device.token not in text and device.key.decode() not in text
    assert '"token":"***"' in text and '"sessionKey":"***"' in text
    login = next(line for line in lines if " 1002 " in line)
    assert "-> tcp 198.18.0.2:" in login and "login accepted" in login, login
    connect = [line for line in lines if "-> %s" % via in line and " 1004 " in line][-1]
    assert "begins: event" in connect and "answered 0" in connect
    report = next(line for line in lines if " 2006 status report #1 sequence " in line)
    assert "event " in report and "answered 0" in report and '"statusSerials"' in report
    assert any("repeat of %s: answered again, no event" % (device.sequence - (via == "udp"))
               in line for line in lines), lines
    assert any("<- %s" % via in line and "2007 status report answer" in line for line in lines)


def test_json_and_event_ids(broker, feed):
    device = broker.device()
    with Follower(broker, device, "--json") as follower:
        device.online("tcp")
        follower.wait_for('"code":2007')
        first, *lines = follower.objects()
        assert first == {"ok": True, "id": device.id, "connected": False}
        report = next(line for line in lines if line.get("code") == 2006)
        event = feed.of(device, "uplink", 2006)
        assert "event %s, answered 0" % event["id"] in report["decision"]
        assert report["payload"] == event["payload"]
        assert (report["session"], report["count"], report["sequence"]) == (
            event["session"], event["count"], event["sequence"])
        assert report["peer"] == event["peer"] and report["via"] == "tcp"
        # two workers: a connect may have to wait for its session
        frames = [line["what"] for line in lines
                  if line["what"] != "note" and "until its session" not in line["decision"]]
        assert frames == ["in", "out"] * 3
        assert follower.stop(signal.SIGTERM) == 0


def test_one_that_never_gets_in(broker):
    """The very case an operator looks for."""
    device = broker.device().online("udp")
    with Follower(broker, device) as follower:
        assert "which is connected" in follower.lines()[0]
        McDevice(device.id, new_pin(), hearth.BROKER)
        wrong = McDevice(device.id, new_pin(), hearth.BROKER)
        with pytest.raises(Exception):
            wrong.login()
        follower.wait_for("login refused: PIN does not decrypt it: silence, connection closed")
        device.heartbeat()
        device.token = "A" * 16
        device.send(2006, statusSerials=[])
        follower.wait_for("from this device's address, unknown token: dropped, silence")
        device.send(1004, time=1)
        assert follower.stop() == 0


def test_moves_between_workers(broker):
    """Whichever worker a connection comes to: the one that has the session lets go of it."""
    device = broker.device().online("udp")
    with Follower(broker, device, "--json") as follower:
        for _ in range(20):
            device.connect("tcp", time=int(time.time()) + _ + 1)
            device.heartbeat()
            if any("leaves for the worker" in line for line in follower.lines()):
                break
        follower.wait_for("leaves for the worker", "until its session has come")
        workers = {line["worker"] for line in follower.objects()[1:]}
        assert workers == {0, 1}


def test_refusals(broker):
    stranger = McDevice("nobody-at-all", new_pin(), hearth.BROKER)
    result = broker.ctl("session", stranger.id, "--follow", check=False)
    assert result.returncode == 1 and "no device" in result.stderr and not result.stdout
    result = broker.ctl("session", stranger.id, "--follow", "--json", check=False)
    assert result.returncode == 1 and json.loads(result.stdout)["ok"] is False
    devices = [broker.device() for _ in range(5)]
    followers = [Follower(broker, device) for device in devices[:4]]
    again = Follower(broker, devices[0])  # a second one who looks at the same device
    result = broker.ctl("session", devices[4].id, "--follow", check=False)
    assert result.returncode == 1 and "4 devices are followed already" in result.stderr
    for device in devices:
        device.online("udp")
    for device, follower in zip([*devices[:4], devices[0]], [*followers, again]):
        lines = follower.wait_for(" 2007 ")
        others = {other.id for other in devices} - {device.id}
        strange = [line for line in lines for other in others if other in line]
        assert not strange, strange
        assert follower.stop() == 0
    broker.wait(lambda: not isinstance(follow_briefly(broker, devices[4]), str), "a free place", 10)


def follow_briefly(broker, device):
    """None, or why it was refused."""
    with subprocess.Popen(
            [paths.HEARTHCTL, "--socket", broker.socket, "session", device.id, "--follow"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    return None if line else "refused"


def test_one_that_does_not_read_delays_nobody(broker):
    """Lines are dropped and counted; the broker and other clients go on."""
    device = broker.device().online("tcp")
    filling = [{"serialId": "x" * 40000}]
    with socket.socket(socket.AF_UNIX) as stopped:
        stopped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stopped.connect(str(broker.socket))
        stopped.sendall(b'{"verb":"follow","id":"%s"}\n' % device.id.encode())
        for n in range(60):
            device.report(n, statusSerials=filling)
        assert broker.ctl_json("session", device.id)["session"]["count"] >= 60
        stopped.settimeout(10)
        raw = b""
        while b'"lost":' not in raw.rsplit(b"\n", 1)[0]:
            got = stopped.recv(1 << 20)
            assert got
            raw += got
            device.heartbeat()
        lines = [json.loads(line) for line in raw.split(b"\n")[:-1]]
        lost = sum(line.get("lost", 0) for line in lines)
        told = sum(line.get("code") in (2006, 2007) for line in lines)
        assert lost > 20 and told < 100, (lost, told)


def test_clients_that_talk_while_they_follow(broker):
    device = broker.device()
    for tail in (b'{"verb":"status"}\n', b"x" * 100000):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(broker.socket))
            client.settimeout(10)
            client.sendall(b'{"verb":"follow","id":"%s"}\n' % device.id.encode())
            assert json.loads(client.recv(65536))["ok"] is True
            try:
                client.sendall(tail)
                assert client.recv(65536) == b""
            except ConnectionError:
                pass
    assert broker.ctl("status").returncode == 0


def test_a_terminal_gets_short_lines(broker):
    device = broker.device().online("tcp")
    parent, child = pty.openpty()
    os.set_inheritable(child, True)
    subprocess.run(["stty", "cols", "150"], stdin=child, check=True)
    with subprocess.Popen(
            [paths.HEARTHCTL, "--socket", broker.socket, "session", device.id, "--follow"],
            stdin=subprocess.DEVNULL, stdout=child, stderr=child,
            preexec_fn=hearth.die_with_us) as process:
        os.close(child)
        raw = b""
        while b"Ctrl-C" not in raw:
            raw += os.read(parent, 65536)
        device.report(7, statusSerials=[{"a": "\u007f\u009b31mX", "b": "\u6e29\u5ea6" * 200}])
        while b"2007" not in raw or not raw.endswith(b"\n"):
            raw += os.read(parent, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    os.close(parent)
    lines = [line for line in raw.decode("utf-8").split("\r\n") if " 2006 " in line]
    assert len(lines) == 1 and lines[0].endswith("..."), lines
    assert len(lines[0]) <= 150 and "\u009b" not in lines[0] and "\u007f" not in lines[0]


def test_requests_of_the_platform_and_their_outcomes(broker):
    device = broker.device()
    with Follower(broker, device, "--json") as follower:
        broker.ctl("send", device.id, 2003, '{"serials":[]}', "--wait", 5, check=False)
        follower.wait_for("(2003) is undelivered: ")
        device.online("udp")
        with subprocess.Popen(
                [paths.HEARTHCTL, "--socket", broker.socket, "send", device.id, "2003",
                 '{"pin":"secret-of-another","serials":[]}', "--wait", "10"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                preexec_fn=hearth.die_with_us) as sender:
            device.reply(*device.platform_request())
            sender.communicate(timeout=20)
            assert sender.returncode == 0
        follower.wait_for("(2003) is answered, event ")
        lines = follower.objects()[1:]
        sent = next(line for line in lines if line["what"] == "out" and line["code"] == 2003)
        assert sent["payload"]["pin"] == "***" and sent["decision"] == "request of the platform"
        answer = next(line for line in lines if line["what"] == "in" and line["code"] == 2002)
        assert answer["decision"] == "it answers a request: taken", answer
        assert "secret-of-another" not in "\n".join(follower.lines())
        assert follower.stop() == 0


def test_the_broker_goes_away(tmp_path):
    """The last one: it takes the interface of the others along."""
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(1)
        broker.start()
        device = broker.device()
        with Follower(broker, device) as follower:
            assert broker.stop() == 0
            assert follower.process.wait(60) == 1
            assert "has gone" in follower.errors.read_text()
