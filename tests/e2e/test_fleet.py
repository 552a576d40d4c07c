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


def run_until(condition, platform, path, *options, timeout=60):
    """The same, ended once the platform has seen what is waited for."""
    summary, end = path.with_suffix(".json"), time.monotonic() + timeout
    words = [paths.HEARTH_FLEET, "--login", "127.0.0.1:%d" % platform.login_port, "--devices", path,
             "--json", summary, "--interval", "0.1", "--quiet", *options]
    with subprocess.Popen(words) as fleet:
        while not condition() and fleet.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        fleet.terminate()
        return fleet.wait(timeout), json.loads(summary.read_text())


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
    # two 2006 and a 2022 after a connect
    assert summary["acknowledged"] == summary["sent"] == 6 * 8
    listed = numbers_of(acknowledged)
    assert sorted(listed) == sorted(numbers_of(sent)) and len(set(listed)) == 48
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


def test_answers_that_come_twice_may_be_expected(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path, "twice") as platform:
        status, summary = run(platform, path, "--tcp-share", "50", "--reports", "4", "--interval",
                              "0.01", "--strict", "--twice", "--heartbeat", "100")
    assert status == 0 and summary["wrong"] == 0 and summary["repeat_answers"] > 0


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
        status, summary = run_until(lambda: platform.connects["tcp"] >= 6, platform, path,
                                    "--time-scale", "0.05")
    assert status == 0 and summary["acknowledged"] == 0
    assert summary["connects_udp"] == 2 * summary["devices"]
    assert summary["connects_tcp"] >= summary["devices"] == 6 and platform.repeats > 0


def test_refusals_are_repeated_and_then_accepted(tmp_path):
    path = generate(tmp_path)
    with FakePlatform(path, "refuse") as platform:
        status, summary = run(platform, path, "--reports", "3", "--time-scale", "0.02",
                              "--refusals", "--tcp-share", "50")
    assert status == 0 and summary["refused"] == summary["acknowledged"] == 6 * 6
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
    assert summary["acknowledged"] == 6 * 23


@pytest.fixture
def ordered(tmp_path):
    """Run the fleet by TCP, without reports of its own, while a function gives orders."""
    def run_it(orders, *options, subdevices=0):
        path = generate(tmp_path, *(("--subdevices", str(subdevices)) if subdevices else ()))
        journal, summary = tmp_path / "journal", tmp_path / "summary.json"
        with FakePlatform(path) as platform:
            process = subprocess.Popen(
                [paths.HEARTH_FLEET, "--login", "127.0.0.1:%d" % platform.login_port, "--devices",
                 path, "--tcp-share", "100", "--interval", "0", "--ramp", "10000", "--journal",
                 journal, "--json", summary, *options], stdout=subprocess.PIPE, text=True)
            try:
                until(lambda: sum(code == 2022 for _, code, _ in platform.seen) >= 6)
                orders(platform)
                process.send_signal(signal.SIGTERM)
                status = process.wait(15)
            finally:
                process.kill()
                process.wait()
        lines = [line.split() for line in journal.read_text().splitlines()]
        return status, json.loads(summary.read_text()), platform, lines
    return run_it


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in %s s" % seconds
        time.sleep(0.02)


def reports_after(platform, code):
    """How many of a code came."""
    return sum(seen == code for _, seen, _ in platform.seen)


BODIES = {
    2001: {}, 2003: {}, 2005: {"cmd": [{"cmdName": "SET_POWER", "cmdParam": "1"}], "n": 5},
    2025: {"device": {"version": "002.000.000.000", "url": "http://x", "md5": "0"}},
    2031: {"resourceSerials": [{"n": 31}]},
}


def test_platform_requests_are_answered_and_followed(ordered):
    """Code - 1, the same number; 2006, 2028 or 2026 with what changed (5.4.3)."""
    def orders(platform):
        before = {code: reports_after(platform, code) for code in (2006, 2028, 2026)}
        for done, (code, body) in enumerate(BODIES.items()):
            platform.order(code, **body)
            until(lambda: len(platform.answers) == 6 * (done + 1))
        until(lambda: reports_after(platform, 2006) >= before[2006] + 12)
        until(lambda: reports_after(platform, 2028) >= before[2028] + 6)
        until(lambda: reports_after(platform, 2026) >= before[2026] + 6)

    status, summary, platform, journal = ordered(orders)
    assert status == 0 and platform.problems == []
    answers = collections.Counter(code for _, code, _ in platform.answers)
    assert answers == {2000: 6, 2002: 6, 2004: 6, 2024: 6, 2030: 6}
    numbers = {(device, int(body["sequence"])) for device, _, body in platform.answers}
    assert len(numbers) == 30 and all(body["result"] == 0 for _, _, body in platform.answers)
    results = [body for _, code, body in platform.seen if code == 2026]
    assert all(body["version"] == "002.000.000.000" for body in results)
    assert summary["executed"] == summary["platform_requests"] == 30
    marks = collections.Counter((line[5], line[6]) for line in journal if line[0] == "executed")
    assert marks[("2005", "5")] == marks[("2031", "31")] == marks[("2003", "-")] == 6


def test_a_repeated_request_is_answered_again_and_not_executed(ordered):
    def orders(platform):
        platform.order(2005, **BODIES[2005])
        until(lambda: len(platform.answers) == 6)
        for times in (2, 3):
            platform.order(2005, repeat=True)
            until(lambda: len(platform.answers) == 6 * times)

    status, summary, platform, journal = ordered(orders)
    assert status == 0 and summary["executed"] == 6 and summary["command_repeats"] == 12
    assert len({(device, body["sequence"]) for device, _, body in platform.answers}) == 6
    assert sum(line[0] == "executed" for line in journal) == 6
    assert sum(line[0] == "answered" for line in journal) == 18


@pytest.mark.parametrize("fault", ["gap", "another"])
def test_wrong_numbers_of_requests_are_named(ordered, fault):
    def orders(platform):
        platform.order(2005, **BODIES[2005])
        until(lambda: len(platform.answers) == 6)
        if fault == "gap":
            platform.order(2005, step=2)
        else:
            platform.order(2031, step=0)
        until(lambda: len(platform.answers) == 12 or fault == "another")
        time.sleep(0.3)

    status, summary, _, _ = ordered(orders)
    assert status == 1 and summary["deviations"]["request"] == 6


def test_silent_devices_execute_once(ordered):
    def orders(platform):
        platform.order(2005, n=1)
        platform.order(2005, repeat=True)
        time.sleep(0.5)

    status, summary, platform, _ = ordered(orders, "--commands-silent", "100")
    assert status == 0 and platform.answers == []
    assert summary["executed"] == 6 and summary["command_repeats"] == 6


def test_late_answers_come_late_and_once(ordered):
    def orders(platform):
        platform.order(2005, n=1)
        platform.order(2005, repeat=True)
        time.sleep(0.2)
        assert platform.answers == []
        until(lambda: len(platform.answers) == 6)

    status, summary, platform, _ = ordered(
        orders, "--commands-late", "100", "--commands-late-by", "0.7")
    assert status == 0 and summary["executed"] == 6 and len(platform.answers) == 6


def test_wrong_answers_settle_nothing(ordered):
    def orders(platform):
        platform.order(2005, n=1)
        until(lambda: len(platform.answers) + len(platform.problems) == 6)
        platform.order(2005, repeat=True)
        until(lambda: len(platform.answers) + len(platform.problems) == 12)

    _, summary, platform, _ = ordered(orders, "--commands-wrong", "100")
    right = [body for device, code, body in platform.answers if code == 2004 and
             "result" in body and "sequence" in body and
             int(body["sequence"]) in [session.order for session in platform.sessions.values()
                                       if session.device_id == device]]
    assert summary["executed"] == 6 and len(right) == 6


def test_refused_commands_are_not_executed(ordered):
    def orders(platform):
        platform.order(2005, n=1)
        until(lambda: len(platform.answers) == 6)

    status, summary, platform, _ = ordered(orders, "--commands-refused", "100")
    assert status == 0 and summary["executed"] == 0
    assert all(body["result"] == 300002 for _, _, body in platform.answers)


def test_an_unbound_subdevice_is_left_alone(ordered):
    def orders(platform):
        until(lambda: reports_after(platform, 2012) == 6)
        for session in list(platform.sessions.values()):
            session.child = "2%023d" % int(session.device_id[1:])
        platform.order(2015, subDeviceId="2" + "0" * 23)
        until(lambda: len(platform.answers) == 6)

    status, summary, platform, _ = ordered(orders, subdevices=6)
    results = collections.Counter(body["result"] for _, _, body in platform.answers)
    assert status == 0 and results == {0: 1, 200001: 5} and summary["executed"] == 1


def test_gateways_speak_for_their_subdevices(tmp_path):
    path = generate(tmp_path, "--subdevices", "4", "--gateways", "2")
    with FakePlatform(path) as platform:
        status, summary = run(platform, path, "--reports", "60", "--strict", "--interval", "0.01",
                              "--rebind", "20")
    assert status == 0 and summary["wrong"] == 0 and platform.problems == []
    seen = collections.Counter((code, body["deviceId"][0]) for _, code, body in platform.seen
                               if "deviceId" in body)
    assert seen[(2006, "2")] > 20 and seen[(2016, "1")] > 0 and seen[(2018, "1")] > 0
    assert seen[(2012, "1")] >= 4 + seen[(2018, "1")] == 4 + seen[(2018, "1")]


@pytest.mark.parametrize("share", ["0", "100"])
def test_voice(tmp_path, share):
    """Segments share their first one's number, other requests go on beside them (5.4.3.17)."""
    path = generate(tmp_path)
    with FakePlatform(path) as platform:
        status, summary = run(platform, path, "--tcp-share", share, "--reports", "40", "--strict",
                              "--interval", "0.01", "--voice", "50")
    assert status == 0 and platform.problems == [] and summary["voice_refused"] == 0
    voices = [body for _, code, body in platform.seen if code == 3002]
    last = [body for body in voices if body["ctrlParam"].get("isLast", "1") == "1"]
    spoken = sum(code == 3000 for _, code, _ in platform.seen)
    assert summary["voice_answered"] == len(last) + spoken and len(voices) > len(last) > 6
    assert spoken > 0 and any("sn" not in body["ctrlParam"] for body in last)


def test_journal(tmp_path):
    """Every line counts: sent before acknowledged, counts without a gap."""
    path, journal = generate(tmp_path), tmp_path / "journal"
    with FakePlatform(path) as platform:
        status, summary = run(platform, path, "--reports", "20", "--strict", "--interval", "0.02",
                              "--tcp-share", "50", "--journal", journal)
    assert status == 0
    lines = [line.split() for line in journal.read_text().splitlines()]
    seen = collections.defaultdict(list)
    for what, device, connect, count, _, code, number in lines:
        seen[what].append((device, connect, int(count), code, number))
    assert sorted(seen["sent"]) == sorted(seen["acknowledged"])
    assert len(seen["sent"]) == summary["acknowledged"] and len(seen["connected"]) == 6
    for device in {line[0] for line in seen["sent"]}:
        counts = [line[2] for line in seen["sent"] if line[0] == device]
        assert counts == list(range(1, len(counts) + 1))
    assert all(lines.index(["sent", *line[1:]]) < at for at, line in enumerate(lines)
               if line[0] == "acknowledged")


@pytest.mark.parametrize("options", [
    [], ["--devices", "/nonexistent"], ["--login", "127.0.0.1:1"],
    ["--login", "localhost", "--devices", "x"], ["--tcp-share", "101"], ["--interval", "x"],
    ["--commands-late", "60", "--commands-wrong", "60", "--login", "127.0.0.1:1", "--devices", "x"],
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
