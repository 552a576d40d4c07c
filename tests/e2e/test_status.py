# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""What status shows: every counter of every layer, every pool; what the start-up lines say."""

import pathlib
import re
import socket

import pytest

import hearth

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def lists():
    """The X-macro lists of counters: {"stack": {name: help}, ...}, from the source."""
    found = {}
    for header in [*SOURCE.glob("dpdk/**/*.h"), *SOURCE.glob("broker/**/*.h")]:
        text = header.read_text(encoding="utf-8")
        for layer, body in re.findall(r"#define (\w+)_COUNTERS\(X\)((?:.*\\\n)+.*\n)", text):
            rows = re.findall(r'X\(\w+,\s*"(\w+)",((?:[\s\\]*"[^"]*")+)\)', body)
            assert len(rows) == body.count("X("), (layer, "a row that this test cannot read")
            if "FLOW_FULL" in body:
                continue  # the example in counter.h
            found[layer.lower()] = {
                name: "".join(re.findall(r'"([^"]*)"', words)) for name, words in rows}
    return found


@pytest.fixture
def broker(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(4)
        yield broker.start()


def test_every_counter_is_shown(broker):
    status = broker.ctl_json("status")
    known = lists()
    assert set(known) == {"stack", "tcp", "stream", "worker", "session", "feed", "commands", "mc",
                          "port"}
    ports = known.pop("port")
    for port in status["ports"]:
        assert set(port["counters"]) == set(ports) and port["help"] == ports
    for worker in status["workers"]:
        assert {layer: set(names) for layer, names in worker["counters"].items()} == \
            {layer: set(names) for layer, names in known.items()}
    assert {layer: set(names) for layer, names in status["counters"].items()} == \
        {layer: set(names) for layer, names in known.items()}


def test_drops_are_named_and_sorted(broker):
    """What strangers send shows up by reason, the most frequent first; zeros do not."""
    device = broker.device().online("udp")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for port, count in ((9999, 7), (hearth.CONNECT, 3)):
            for _ in range(count):
                stranger.sendto(b"nobody", (hearth.BROKER, port))
    device.heartbeat()
    shown = broker.ctl("status").stdout.split("\ndrops\n")[1].splitlines()
    rows = [re.fullmatch(r" +(\d+)  (\w+)\.(\w+): (.+)", line).groups() for line in shown if line]
    counts = [int(row[0]) for row in rows]
    assert counts == sorted(counts, reverse=True) and 0 not in counts
    names = {row[1] + "." + row[2]: int(row[0]) for row in rows}
    assert names["stack.drop_udp_port"] == 7 and names["worker.drop_datagram"] == 3
    known = lists()
    for _, layer, name, why in rows:
        assert known[layer][name] == why


def test_pools_and_memory_are_told(broker):
    log = broker.log.read_text()
    told = re.search(r"memory of each worker, records \(MiB\): (.*)", log).group(1)
    told = {name: int(limit) for name, limit in re.findall(r"(\w+) (\d+) \([0-9.]+\)", told)}
    assert told["connections"] == 10000 and told["sessions"] == 10000
    pools = broker.ctl_json("status")["workers"][0]["pools"]
    assert told == {name: pool["limit"] for name, pool in pools.items()}
    assert re.search(r"memory: 1 worker of [0-9.]+ MiB \(10000 TCP connections in all\), 10000 "
                     r"sessions of 96 bytes .* MiB in all", log)
    assert pools["sessions"]["bytes"] == 10000 * 96 and pools["sessions"]["used"] == 0
    device = broker.device().online("tcp")
    pools = broker.ctl_json("status")["workers"][0]["pools"]
    assert pools["sessions"]["used"] == 1 and pools["connections"]["used"] >= 1
    device.heartbeat()
