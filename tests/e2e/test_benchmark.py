# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""tools/benchmark's program: a part of it in small, its files, and what it leaves behind: nothing."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import pytest

import hearth
import paths

REPORT = pathlib.Path(__file__).resolve().parents[2] / "bench/report"
sys.path.insert(0, str(REPORT))
sys.path.insert(0, str(REPORT.parent / "peers"))
import figures  # noqa: E402  (its folder is known only now)
import servers  # noqa: E402  (its folder is known only now)


def command(*options):
    return ["/usr/bin/python3", REPORT / "main.py", "--build", paths.BUILD, *options]


def folders():
    """Of benchmarks that run or were killed."""
    return {path for path in pathlib.Path("/tmp").glob("hearth-benchmark.*")}


@pytest.fixture
def redis():
    missing = servers.Redis.missing()
    if missing:
        pytest.skip(missing)


def test_part_of_it(redis, tmp_path):
    kept = tmp_path / "kept"
    done = subprocess.run(
        command("--only", "redis,redis-memory", "--void", "1", "--out", tmp_path, "--keep", kept),
        capture_output=True, text=True, check=False, timeout=300, preexec_fn=hearth.die_with_us)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert not figures.problems(report)
    # what was not run is null, and says so
    assert report["figures"]["reports_tcp"] == {
        "value": None, "runs": [], "unit": "reports/s", "note": "hearth-tcp was not run"}
    raw = [json.loads(path.read_text("utf-8")) for path in sorted((tmp_path / "raw").iterdir())]
    assert [record["step"] for record in raw] == ["redis"] * 3 + ["redis-memory"]
    assert [record["repetition"] for record in raw] == [1, 2, 3, 1]
    for record in raw[:3]:
        assert record["error"] is None and record["result"]["peer"] == "redis"
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Redis, SET" in page and "maxclients" in page
    assert sorted(path.name for path in kept.iterdir()) == ["README.md", "report.html", "report.json"]


def test_a_step_that_there_is_not(tmp_path):
    done = subprocess.run(command("--only", "nothing", "--out", tmp_path), capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode != 0
    assert "no step nothing" in done.stderr


def test_a_missing_program_costs_its_figures_only(redis, tmp_path):
    build = tmp_path / "build/bench"
    build.mkdir(parents=True)
    (build / "hearth-peers").symlink_to(paths.BUILD / "bench/hearth-peers")
    done = subprocess.run(
        ["/usr/bin/python3", REPORT / "main.py", "--build", tmp_path / "build", "--only", "stages,redis",
         "--void", "1", "--out", tmp_path], capture_output=True, text=True, check=False, timeout=300,
        preexec_fn=hearth.die_with_us)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["figures"]["cycles_ratio"]["value"] is None
    assert "hearth-bench-stages is not built" in report["figures"]["cycles_ratio"]["note"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_ended_in_the_middle_nothing_stays(redis, tmp_path, number):
    before = folders()
    process = subprocess.Popen(command("--only", "redis", "--void", "1", "--out", tmp_path),
                               stdout=subprocess.PIPE, text=True, preexec_fn=hearth.die_with_us)
    for line in process.stdout:
        if "redis: Redis" in line:
            break
    time.sleep(0.5)  # the server is up, or about to be: either is to be ended
    process.send_signal(number)
    process.stdout.read()
    assert process.wait(60) == 130
    for _ in range(600):
        if not servers_left():
            break
        time.sleep(0.1)
    assert not servers_left()
    assert folders() <= before


def servers_left():
    """Servers of this test's run: others' are in namespaces of their own, with other parents."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
            line = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if b"hearth-peers." in line and fields[1] == "1":
            found.append(line)
    return found
