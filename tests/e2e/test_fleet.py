# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""hearth-fleet against a platform of its own: right answers pass, each wrong one is named."""

import collections
import csv
import json
import re
import signal
import stat
import subprocess
import time

import pytest

import paths
from fakeplatform import FakePlatform


def generate(tmp_path, *options):
    path = tmp_path / "devices.csv"
    subprocess.run([paths.HEARTH_FLEET, "--generate", "6", "--csv", path, *options], check=True)
    return path


def run(platform, path, *options, timeout=30):
    """Exit status and final summary of a run."""
    summary = path.with_suffix(".json")
    result = subprocess.run(
        [paths.HEARTH_FLEET, "--login", "127.0.0.1:%d" % platform.login_port,
         "--devices", path, "--json", summary, "--interval", "0.1", "--quiet", *options],
        timeout=timeout, capture_output=True, text=True, check=False)
    print(result.stdout, result.stderr)
    return result.returncode, json.loads(summary.read_text())


def numbers_of(path):
    return [tuple(line.split()) for line in path.read_text().splitlines()]


def test_generated_file(tmp_path):
    path = generate(tmp_path, "--subdevices", "3")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with open(path, encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["device_id", "pin", "bind_password", "model", "gateway"]
    assert len(rows) == 9 and len({row["pin"] for row in rows}) == 9
    assert all(len(row["pin"]) == 32 and len(row["device_id"]) == 24 for row in rows)
    assert [bool(row["gateway"]) for row in rows] == [False] * 6 + [True] * 3


@pytest.mark.parametrize("like", ["text", "firmware"])
@pytest.mark.parametrize("share", ["0", "50", "100"])
def test_right_answers_pass(tmp_path, like, share):
    path = generate(tmp_path, "--like", like)
    acknowledged, sent = tmp_path / "acknowledged", tmp_path / "sent"
    with FakePlatform(path) as platform:
        status, summary = run(platform, path, "--like", like, "--tcp-share", share, "--reports",
                              "5", "--strict", "--acknowledged", acknowledged, "--sent", sent)
    assert status == 0 and platform.problems == []
    assert summary["connects_tcp"] == 6 * int(share) // 100
    assert summary["connects_udp"] == 6 - summary["connects_tcp"]
    assert summary["acknowledged"] == summary["sent"] == 6 * 7  # 2006 and 2022 after a connect
    listed = numbers_of(acknowledged)
    assert sorted(listed) == sorted(numbers_of(sent)) and len(set(listed)) == 42
    seen = collections.Counter()
    for device, code, body in platform.seen:
        if code >= 2006:
            n = re.search(r'"n": "?(\d+)', json.dumps(body)).group(1)
            seen[(device, n, str(code))] += 1
            assert isinstance(body["sequence"], int if like == "firmware" else str)
    assert seen == collections.Counter(listed)


def test_every_report_code_comes(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path) as platform:
        status, _ = run(platform, path, "--reports", "16", "--interval", "0.01", "--strict")
    assert status == 0
    codes = {code for _, code, _ in platform.seen}
    assert codes >= {1004, 2006, 2008, 2010, 2022, 2026, 2028, 2032}


def test_gateways_bring_their_subdevices(tmp_path):
    path = generate(tmp_path, "--subdevices", "12")
    with FakePlatform(path) as platform:
        status, summary = run(platform, path, "--reports", "1", "--strict")
    assert status == 0 and summary["devices"] == 6
    seen = collections.Counter(code for _, code, _ in platform.seen)
    assert seen[2012] == seen[2020] == 12 and seen[2006] >= 18


def test_heartbeats_come(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path) as platform:
        status, summary = run(
            platform, path, "--heartbeat", "1", "--interval", "0", "--seconds", "3.5", "--strict")
    assert status == 0 and summary["heartbeats"] >= 12
    assert sum(code == 1000 for _, code, _ in platform.seen) == summary["heartbeats"]


@pytest.mark.parametrize("fault,kind", [
    ("sequence", "sequence"), ("form", "sequence-form"), ("key", "decrypt"), ("code", "code"),
    ("result", "result"), ("refuse", "result"), ("member", "member"), ("device", "member"),
    ("time", "time"), ("heartbeat", "member"), ("udphost", "member"), ("token", "member"),
    ("twice", "unasked"), ("base64", "base64"), ("envelope", "envelope"), ("garbage", "frame"),
])
@pytest.mark.parametrize("like", ["text", "firmware"])
def test_wrong_answers_are_named(tmp_path, fault, kind, like):
    path = generate(tmp_path, "--like", like)
    with FakePlatform(path, fault) as platform:
        status, summary = run(platform, path, "--like", like, "--tcp-share", "50",
                              "--seconds", "0.6", "--time-scale", "0.05")
    assert status == 1 and summary["deviations"][kind] > 0
    assert summary["first_deviation"]


def test_firmware_takes_one_frame_per_read(tmp_path):
    path = generate(tmp_path, "--like", "firmware")
    with FakePlatform(path, "merge") as platform:
        status, summary = run(platform, path, "--like", "firmware", "--tcp-share", "100",
                              "--seconds", "1", "--time-scale", "0.05")
    assert status == 1 and summary["deviations"]["frames-per-read"] > 0


def test_text_devices_take_many_frames_per_read(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path, "merge") as platform:
        status, summary = run(
            platform, path, "--tcp-share", "100", "--reports", "3", "--strict")
    assert status == 0 and summary["platform_requests"] > 0
    assert platform.answers and all(code == 2002 for _, code, _ in platform.answers)


def test_lost_datagrams_are_repeated(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path, "drop") as platform:
        status, summary = run(
            platform, path, "--reports", "10", "--time-scale", "0.02", "--interval", "0.02")
    assert status == 0 and summary["repeats"] > 0 and summary["wrong"] == 0
    assert platform.problems == []
    assert summary["acknowledged_udp"] == summary["acknowledged"]


def test_firmware_never_repeats(tmp_path):
    path = generate(tmp_path, "--like", "firmware")
    with FakePlatform(path, "silent") as platform:
        status, summary = run(platform, path, "--like", "firmware", "--seconds", "1.5",
                              "--time-scale", "0.02")
    assert status == 0 and summary["repeats"] == platform.repeats == 0
    assert summary["unanswered"] > 0 and summary["acknowledged"] == 0
    assert summary["logins"] > summary["devices"]  # gives up after three


def test_silence_leads_to_login_and_the_third_login_to_tcp(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path, "silent") as platform:
        status, summary = run(platform, path, "--seconds", "3", "--time-scale", "0.02")
    assert status == 0 and summary["acknowledged"] == 0
    assert summary["connects_udp"] == 2 * summary["devices"]
    assert summary["connects_tcp"] > 0 and platform.repeats > 0


def test_refusals_are_repeated_and_then_accepted(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path, "refuse") as platform:
        status, summary = run(platform, path, "--reports", "3", "--time-scale", "0.02",
                              "--refusals", "--tcp-share", "50")
    assert status == 0 and summary["refused"] == summary["acknowledged"] == 6 * 5
    assert platform.problems == []


def test_lost_connections_lead_back(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path, "close") as platform:
        status, summary = run(platform, path, "--tcp-share", "100", "--seconds", "2",
                              "--time-scale", "0.05")
        assert status == 0 and summary["lost_connections"] >= 6
        assert summary["relogins_tcp"] > 0 and platform.problems == []
        status, summary = run(platform, path, "--tcp-share", "100", "--seconds", "2",
                              "--time-scale", "0.05", "--strict")
        assert status == 1


def test_refused_logins_wait(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path, "refuse-login") as platform:
        status, summary = run(
            platform, path, "--seconds", "2", "--time-scale", "0.01", "--ramp", "1000")
    assert status == 1 and summary["connects_tcp"] + summary["connects_udp"] == 0
    # 60 s scaled is 0.6 s: tries at 0, 0.6, 1.2, 1.8 and nothing in between
    assert 2 * 6 <= summary["login_failures"] <= 4 * 6


def test_without_udp_everything_goes_by_tcp(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path, udp=False) as platform:
        status, summary = run(platform, path, "--tcp-share", "0", "--reports", "2", "--strict")
    assert status == 0 and summary["connects_tcp"] == 6


@pytest.mark.parametrize("manners", [
    ("--split", "3"), ("--merge", "4"), ("--split", "40", "--merge", "8"),
    ("--bytes", "900"), ("--bytes", "30000", "--merge", "2"),
])
def test_ugly_writes_are_still_right(tmp_path, manners):
    path = generate(tmp_path)
    with FakePlatform(path) as platform:
        status, summary = run(
            platform, path, "--tcp-share", "100", "--reports", "20", "--strict", *manners)
    assert status == 0 and platform.problems == []
    assert summary["acknowledged"] == 6 * 22


def test_platform_requests_are_answered(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path) as platform:
        process = subprocess.Popen(
            [paths.HEARTH_FLEET, "--login", "127.0.0.1:%d" % platform.login_port, "--devices",
             path, "--tcp-share", "100", "--interval", "0", "--ramp", "10000"],
            stdout=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + 5
            while len(platform.writers) < 6 and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.3)
            for code in (2003, 2005, 2015, 2025, 2031):
                platform.order(code)
            deadline = time.monotonic() + 5
            while len(platform.answers) < 30 and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
        finally:
            process.kill()
            process.wait()
    seen = collections.Counter(code for _, code, _ in platform.answers)
    assert seen == {2002: 6, 2004: 6, 2014: 6, 2024: 6, 2030: 6}
    assert all(body["sequence"] == "40000" for _, _, body in platform.answers)


@pytest.mark.parametrize("options", [
    [], ["--devices", "/nonexistent"], ["--login", "127.0.0.1:1"],
    ["--login", "localhost", "--devices", "x"], ["--tcp-share", "101"], ["--interval", "x"],
    ["--like", "toaster"], ["--via", "pigeon"], ["extra"], ["--unknown"],
    ["--bytes", "1200", "--login", "127.0.0.1:1", "--devices", "x"],
    ["--like", "firmware", "--merge", "2", "--login", "127.0.0.1:1", "--devices", "x"],
])
def test_wrong_usage(options):
    result = subprocess.run(
        [paths.HEARTH_FLEET, *options], capture_output=True, text=True, check=False)
    assert result.returncode == 2 and result.stderr and result.stdout == ""


@pytest.mark.parametrize("text", [
    "device_id,pin\n", "device_id,pin\na,short\n", "device_id,pin\n,%s\n" % ("p" * 32),
    "device_id,pin,bind_password,model,gateway\na,%s,,,nowhere\n" % ("p" * 32),
])
def test_bad_device_file(tmp_path, text):
    path = tmp_path / "devices.csv"
    path.write_text(text)
    result = subprocess.run(
        [paths.HEARTH_FLEET, "--login", "127.0.0.1:1", "--devices", path],
        capture_output=True, text=True, check=False)
    assert result.returncode == 2 and str(path) in result.stderr
    assert "p" * 32 not in result.stderr


def test_nothing_there_fails(tmp_path):
    path = generate(tmp_path)
    result = subprocess.run(
        [paths.HEARTH_FLEET, "--login", "127.0.0.1:1", "--devices", path, "--seconds", "0.5"],
        capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 1 and "nothing connected" in result.stderr
