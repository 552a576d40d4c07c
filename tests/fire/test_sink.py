# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""hearth-feed --to file dies at every call on the file, or the call fails: nothing is committed that
is not safe there, and in the end every event stands in the file, each once, whole lines only.
"""

import json
import subprocess
import time

import pytest

import hearth
import mcdevice
import paths
import shim

REPORTS = 20


@pytest.fixture(scope="module")
def broker(tmp_path_factory, request):
    if not request.config.isolated:
        pytest.skip("needs root, for a network namespace of its own")
    hearth.set_all_cpus(request.config.cpus)
    with hearth.Hearth(tmp_path_factory.mktemp("sink"), memory={"megabytes": 128}) as instance:
        instance.provision(200)
        instance.start()
        yield instance


class Talker:
    """A device that reports, and what must be in the file of it."""

    def __init__(self, broker):
        self.device = mcdevice.McDevice(*broker.pool.pop(), hearth.BROKER, hearth.LOGIN)
        self.device.online("tcp")
        self.said = 1  # the full report
        self.say(REPORTS)

    def say(self, times=1):
        for _ in range(times):
            self.device.report(self.said)
            self.said += 1

    def is_whole(self, path):
        """Is the last of it there? Lines that are not whole yet do not count."""
        text = path.read_bytes()
        return any(event["device"] == self.device.id and event.get("count") == self.said
                   for event in map(json.loads, text[:text.rfind(b"\n") + 1].splitlines()))

    def check(self, path):
        """Everything in order, whole lines, no id with two events."""
        text, found = path.read_bytes(), {}
        assert text.endswith(b"\n")
        for event in map(json.loads, text.splitlines()):
            assert found.setdefault(event["id"], event) == event
        counts = [event["count"] for event in found.values()
                  if event["device"] == self.device.id and event["event"] == "uplink"]
        assert counts == list(range(1, self.said + 1))


def feed(broker, path, talker, **faults):
    """hearth-feed until it ends or the last report is there. Return: (status, its words)."""
    process = subprocess.Popen(
        [paths.HEARTH_FEED, broker.ring, "--to", "file:%s" % path], stderr=subprocess.PIPE,
        text=True, env=shim.environment(path, **faults) if faults else None)
    try:
        end = time.monotonic() + 20
        while process.poll() is None and not talker.is_whole(path):
            assert time.monotonic() < end, path.read_bytes()[-500:]
            time.sleep(0.01)
        time.sleep(0.05)  # it may be about to fail: at fdatasync
        process.terminate()
        words = process.communicate(timeout=10)[1]
    finally:
        process.kill()
        process.wait()
    return process.returncode, words


@pytest.mark.parametrize("how", ["before", "after", "eio", "enospc", "short"])
@pytest.mark.parametrize("at", range(1, 4))
def test_every_event_stands_there_once(broker, tmp_path, how, at):
    """The second run's calls count; the first leaves half a line, as a killed one may."""
    talker, path, log = Talker(broker), tmp_path / "events", tmp_path / "calls"
    path.write_text('{"id":"0-1')
    status, words = feed(broker, path, talker, at=at, do=how, log=log)
    calls = shim.calls(log)
    assert calls[:at] == ["ftruncate", "write", "fdatasync"][:at], "half a line, lines, their end"
    if how in ("before", "after"):
        assert status == -9
    elif how == "short" and calls[at - 1] == "write":
        assert status == 0, words
    else:
        assert status == 1 and str(path) in words and len(words.splitlines()) <= 2, words
    talker.say()
    assert feed(broker, path, talker)[0] == 0
    talker.check(path)


def test_a_full_disk_holds_the_reader_up_and_nothing_else(broker, tmp_path):
    """It ends with a message; devices go on, and nothing of what they said is lost."""
    talker, path = Talker(broker), tmp_path / "events"
    path.write_text("")
    for _ in range(3):
        status, words = feed(broker, path, talker, at=1, row=0, do="enospc")
        assert status == 1 and "No space" in words
        talker.say()
        assert path.read_bytes() == b""
    assert feed(broker, path, talker)[0] == 0
    talker.check(path)
