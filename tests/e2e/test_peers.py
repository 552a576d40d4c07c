# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Packaged servers under the benchmark's load: what is counted adds up, and nothing stays behind."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import hearth
import paths

PEERS = pathlib.Path(__file__).resolve().parents[2] / "bench/peers"
sys.path.insert(0, str(PEERS))
import kernel_memory  # noqa: E402  (its folder is known only now)
import servers  # noqa: E402  (its folder is known only now)


@pytest.fixture(params=sorted(servers.SERVERS))
def peer(request):
    missing = servers.SERVERS[request.param].missing()
    if missing:
        pytest.skip(missing)
    return request.param


def run(peer, tmp_path, *options, status=0):
    result = tmp_path / "result.json"
    done = subprocess.run(
        [PEERS / "run", peer, "--load", paths.BUILD / "bench/hearth-peers", "--json", result,
         "--devices", "1000", *options], capture_output=True, text=True, check=False, timeout=120,
        preexec_fn=hearth.die_with_us)
    assert done.returncode == status, done.stderr
    return json.loads(result.read_text("utf-8")) if status == 0 else done.stderr


def processes():
    """Command lines of the servers that a run of ours may have left."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if b"hearth-peers." in line:
            found.append(line)
    return found


def check_trial(trial):
    counts = trial["counts"]
    assert counts["sent"] > 0
    assert counts["acknowledged"] == counts["consumed"] == counts["sent"]
    assert not any(counts[name] for name in ("refused", "doubled", "missing", "wrong"))
    assert trial["lost"] == 0
    times = [time for _, time in trial["latency"]["percentiles_us"]]
    assert times == sorted(times)


def test_counts_add_up(peer, tmp_path):
    found = run(peer, tmp_path, "--connections", "1,32", "--seconds", "0.3", "--warmup", "0.1")
    assert [one["connections"] for one in found["runs"]] == [1, 32]
    for one in found["runs"]:
        assert one["peer"] in peer and one["bytes"] == 300
        assert one["tls"] == (peer == "mosquitto-tls")
        for trial in one["trials"]:
            check_trial(trial)
        assert one["counts"]["wrong"] == 0
    assert found["rate"] == max(one["rate"] for one in found["runs"])
    assert not processes()


def test_search_tries_rates_below_and_above(peer, tmp_path):
    found = run(peer, tmp_path, "--connections", "16", "--seconds", "0.2", "--warmup", "0.1",
                "--search")
    trials = found["runs"][0]["trials"]
    assert trials[0]["offered"] is None
    assert len(trials) == 1 + 6 + 2
    for trial in trials:
        check_trial(trial)
    kept = [min(t["acknowledged_rate"], t["consumed_rate"]) for t in trials if t["kept"]]
    assert found["rate"] == max(kept)


def test_memory_of_connections(peer, tmp_path):
    found = run(peer, tmp_path, "--connections", "", "--memory", "500")
    row, = found["memory"]
    assert row["connections"] == 500
    # others' sockets come and go meanwhile: how many bytes there are is not for a test
    assert row["kernel_bytes"] == sum(row["kernel"].values()) > 0
    assert row["bytes"] == row["server_bytes"] + row["kernel_bytes"]


def test_a_server_that_does_not_listen_is_told(tmp_path):
    done = subprocess.run(
        [paths.BUILD / "bench/hearth-peers", "redis", "--server", "127.0.0.1:1"],
        capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "connect: Connection refused" in done.stderr


def test_a_key_is_never_shown(tmp_path):
    done = subprocess.run(
        [paths.BUILD / "bench/hearth-peers", "mosquitto", "--server", "127.0.0.1:1",
         "--psk", "device:00112233445566778899aabbccddeefg"],
        capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "0011" not in done.stderr + done.stdout


SLABS = """slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab>
TCP                  %d    299   2368   13    8 : tunables    0    0    0
filp                %d   2058    192   21    1 : tunables    0    0    0
dentry            %d 594783    192   21    1 : tunables    0    0    0
"""


def test_slabs_are_counted():
    before = kernel_memory.parse(SLABS % (10, 50, 900))
    after = kernel_memory.parse(SLABS % (210, 40, 100))
    assert before["TCP"] == (10, 2368)
    # others' dentries come and go: ours are as many as sockets; a cache that shrank gave nothing
    assert kernel_memory.grown(before, after, 200) == {
        "TCP": 200 * 2368, "filp": 0, "dentry": 200 * 192}
