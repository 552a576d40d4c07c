# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""hearth-fleet --scenario: every report of a short run is found answered and in the ring - and what
is missing there, or damaged on its way, is told. Closed loops: nothing depends on the machine's speed."""

import json
import shutil
import socketserver
import socket
import subprocess
import threading

import pytest

import hearth
import paths
from test_twin import Twin, addresses  # noqa: F401

DEVICES = 500
LIMITS = {"devices": 1000, "sessions": 800, "connections": 4000, "pending_logins": 800}
SCENARIO = """name: short
devices: %d
transport: %s
report: {bytes: %s}
load: {closed: %d}
warmup: 0.1
seconds: 0.5
"""


def memif(directory, role):
    return "net_memif0,role=%s,socket=%s,socket-abstract=no,rsize=13" % (role, directory / "memif.sock")


def run(broker, directory, text, *words, ring=None):
    """A run of a scenario against a broker that is made ready for it. Return: status, what it found."""
    scenario, figures = directory / "scenario.yaml", directory / "figures.json"
    scenario.write_text(text)
    subprocess.run([paths.HEARTH_FLEET, "--scenario", scenario, "--csv", directory / "devices.csv"],
                   check=True)
    broker.ctl("device", "import", directory / "devices.csv", offline=True)
    broker.start()
    feed = ring() if ring else broker.ring
    done = subprocess.run([paths.HEARTH_FLEET, "--scenario", scenario, "--feed", feed, "--control",
                           broker.socket, "--json", figures, *map(str, words)], check=False,
                          timeout=120, capture_output=True, text=True)
    assert figures.exists(), done.stderr
    return done.returncode, json.loads(figures.read_text())


@pytest.fixture
def broker(tmp_path):
    with hearth.Hearth(tmp_path, memif(tmp_path, "server"), None, limits=LIMITS,
                       feed={"bytes": "64MiB"}) as made:
        yield made


def over_memif(directory):
    return ("--via", "dpdk:" + memif(directory, "client"), "--address", "198.18.0.2/24", "--login",
            "%s:%d" % (hearth.BROKER, hearth.LOGIN), "--pages", "no-huge", "--memory", 64)


def is_clean(trial, but=()):
    for name in ("lost", "doubled", "refused", "failed", "unanswered_all", "sender_drops",
                 "disconnected"):
        assert name in but or trial[name] == 0, (name, trial)
    return {name for name, count in trial["wrong"].items() if count}


@pytest.mark.parametrize("transport, sizes", [
    ("tcp", "300"), ("udp", "300"), ("tcp", "[112, 300, 1000, 8192]")])
def test_every_report_is_answered_and_delivered(broker, tmp_path, transport, sizes):
    _, found = run(broker, tmp_path, SCENARIO % (DEVICES, transport, sizes, 64), *over_memif(tmp_path))
    trial = found["trials"][0]
    assert found["login"]["devices"] == DEVICES
    assert is_clean(trial) == set()
    assert trial["answered"] == trial["sent"] > 0
    assert trial["delivered"] == trial["sent_all"]
    assert trial["checked"] > 0


def test_reports_that_the_ring_does_not_bring_are_lost(broker, tmp_path):
    """The instrument reads a copy of the ring that nobody writes to: all are answered, none arrives."""
    def copy():
        other = tmp_path / "ring"
        shutil.copy(broker.ring, other)
        shutil.copy(str(broker.ring) + ".commit", str(other) + ".commit")
        return other

    status, found = run(broker, tmp_path, SCENARIO % (DEVICES, "tcp", "300", 64),
                        *over_memif(tmp_path), ring=copy)
    trial = found["trials"][0]
    assert status != 0
    assert is_clean(trial, but=("lost",)) == set()
    assert trial["answered"] == trial["sent"] > 0
    assert trial["delivered"] == 0 and trial["lost"] == trial["sent_all"]


class Between(socketserver.ThreadingTCPServer):
    """Hands on what devices and broker say, but for one character of one answer."""

    allow_reuse_address = daemon_threads = True
    answers, damaged, lock = 0, 0, threading.Lock()

    def pump(self, source, sink, spoils):
        try:
            while data := source.recv(65536):
                if spoils and b'"code":2007' in data:
                    with Between.lock:
                        Between.answers += 1
                        if Between.answers == 5:
                            Between.damaged += 1
                            data = data[:40] + b"-" + data[41:]
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Pipe(socketserver.BaseRequestHandler):
    def handle(self):
        with socket.create_connection((hearth.BROKER, self.server.server_address[1])) as broker:
            back = threading.Thread(target=self.server.pump, args=(broker, self.request, True))
            back.start()
            self.server.pump(self.request, broker, False)
            back.join()


def test_a_damaged_answer_is_told(tmp_path):
    """K: one character that is no Base64, in one answer of many."""
    here = "198.18.0.3"
    hearth.ip("address", "replace", here + "/32", "dev", "lo")
    servers = [Between((here, port), Pipe) for port in (hearth.LOGIN, hearth.CONNECT)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with Twin(tmp_path) as twin:
            status, found = run(twin, tmp_path, SCENARIO % (20, "tcp", "300", 8), "--via", "sockets",
                                "--login", "%s:%d" % (here, hearth.LOGIN))
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        hearth.ip("address", "del", here + "/32", "dev", "lo")
    trial = found["trials"][0]
    assert Between.damaged == 1
    assert status != 0
    assert is_clean(trial, but=("unanswered_all",)) == {"base64"}
    assert trial["wrong"]["base64"] == 1 and trial["unanswered_all"] == 1
