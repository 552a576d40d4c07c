# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""DPDK's telemetry socket: the figures of status under /hearth, for who asks for it."""

import json
import pathlib
import re
import socket

import hearth


class Telemetry:
    """A client of DPDK's socket: a message each way."""

    def __init__(self, process):
        found = re.search(r"--file-prefix=(\S+)", process.log.read_text())
        path = "/var/run/dpdk/%s/dpdk_telemetry.v2" % found.group(1)
        self.path = pathlib.Path(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.socket.recv(4096)  # what DPDK says of itself

    def ask(self, command):
        self.socket.send(command.encode())
        answer = json.loads(self.socket.recv(65536))
        return next(iter(answer.values()))


def test_telemetry_says_the_same(tmp_path):
    """Only for who asks for it; then the same figures, and nothing is left of it afterwards."""
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(2)
        broker.program = ("/bin/sh", "-c", 'exec "$0" "$1" -- --telemetry', *broker.program)
        broker.start()
        device = broker.device().online("udp")
        device.heartbeat()
        client = Telemetry(broker)
        listed = client.ask("/")
        assert "/hearth/worker" in listed and "/hearth/drops" in listed
        before = broker.ctl_json("status")
        ring, mc = client.ask("/hearth/ring,0"), client.ask("/hearth/counters,mc")
        worker = client.ask("/hearth/worker,0")
        after = broker.ctl_json("status")
        assert ring["head"] == before["feed"][0]["head"] == after["feed"][0]["head"]
        assert set(mc) == set(before["counters"]["mc"])
        for name, value in mc.items():
            assert before["counters"]["mc"][name] <= value <= after["counters"]["mc"][name], name
        assert mc["logins"] == 1 and mc["heartbeats"] == before["counters"]["mc"]["heartbeats"] > 0
        assert before["workers"][0]["turns"] <= worker["turns"] <= after["workers"][0]["turns"]
        assert "counters" in worker["members"]
        assert client.ask("/hearth/sessions")["live_udp"] == 1
        answers = client.ask("/hearth/histograms,answer_seconds")
        assert sum(answers["buckets"]) == answers["count"] > 0
        for wrong in ("/hearth/worker,9", "/hearth/worker,0.no", "/hearth/counters," + "x" * 300):
            assert client.ask(wrong) in (None, {}), wrong
        # a client that asks and goes does not hold up the end
        client.socket.send(b"/hearth/status")
        broker.stop()
        assert not client.path.exists() and not client.path.parent.exists()


def test_no_telemetry_unasked(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(1)
        broker.start()
        found = re.search(r"--file-prefix=(\S+)", broker.log.read_text())
        assert not pathlib.Path("/var/run/dpdk/" + found.group(1)).exists()
