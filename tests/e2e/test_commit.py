# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""feed.acknowledge: commit - an answer leaves once the consumer has the event where it wants it."""

import json
import random
import signal
import socket
import subprocess
import time

import pytest

import hearth
import mcdevice
import paths
from test_crash import fleets
from test_load import compare
from test_requests import gateway_with
from test_workers import cpus_of

SO_RCVBUFFORCE = 33
SMALL = {"bytes": "1MiB", "acknowledge": "commit"}
# Fails the calls that the names in $FAIL name, once the file $FAIL_WHEN is there.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int now(const char *name)
{
	return strstr(getenv("FAIL"), name) && access(getenv("FAIL_WHEN"), F_OK) == 0;
}
int fdatasync(int fd)
{
	if (now("fdatasync"))
		return errno = EIO, -1;
	return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
ssize_t write(int fd, const void *bytes, size_t length)
{
	static int calls;
	ssize_t (*real)(int, const void *, size_t) =
		(ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	if (fd > 2 && now("short"))
		return ++calls % 3 ? real(fd, bytes, length / 2 + 1) : (errno = EINTR, -1);
	if (fd > 2 && now("write"))
		return ++calls % 2 ? real(fd, bytes, length / 2) : (errno = EIO, -1);
	return real(fd, bytes, length);
}
"""


class FileFeed:
    """hearth-feed --to file:FILE."""

    def __init__(self, broker, path, **environment):
        self.broker, self.path, self.environment = broker, path, environment
        self.process = None
        self.start()

    def start(self):
        command = ["env", *("%s=%s" % pair for pair in self.environment.items()),
                   paths.HEARTH_FEED, self.broker.ring, "--to", "file:%s" % self.path]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            preexec_fn=hearth.die_with_us)
        self.broker.feeds.append(self)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def ended(self):
        """Its status and what it said, once it has ended by itself."""
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said

    def events(self):
        """What is in the file: whole lines, but for the last after a kill."""
        *lines, _ = self.path.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines]

    def wait_for(self, condition):
        end = time.monotonic() + 60
        while not condition(self.events() if self.path.exists() else []):
            assert time.monotonic() < end, "it does not come to be in %s" % self.path
            time.sleep(0.05)


@pytest.fixture
def broker(tmp_path):
    with hearth.Hearth(tmp_path, feed=SMALL) as started:
        started.provision(10)
        started.start()
        yield started


def connected(broker, way):
    device = broker.device()
    device.login()
    assert device.connect(way)["result"] == 0
    return device


def report(device, n, filler=""):
    return device.send(2006, statusSerials=[{"n": n, "filler": filler}])


def numbers(feed, device):
    return [event["payload"]["statusSerials"][0]["n"] for event in feed.all_of(device, "uplink")]


def test_consumer_stops_and_returns(broker, via):
    """Heartbeats go on, reports go unanswered, the ring full they are refused; then all flows."""
    feed = broker.feed()
    device, witness = connected(broker, via), connected(broker, via)
    # A thousand answers at once: none of them may be lost on this side.
    device.link.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    feed.process.send_signal(signal.SIGSTOP)
    sent, refused = [], None
    for n in range(200):
        sequence = report(device, n, "x" * 900)
        sent.append(sequence)
        if n == 20:
            device.silent(0.3)
            witness.heartbeat()
    for n in range(200, 100000):
        sequence = report(device, n, "x" * (20000 if via == "tcp" else 900))
        try:
            answer = device.answer_to(2006, sequence, 0.02 if n % 64 else 0.3)
        except mcdevice.Silence:
            sent.append(sequence)
            continue
        assert answer["result"] == 999999
        refused = sequence
        break
    assert refused is not None and len(sent) >= 200
    raw = device.last
    witness.heartbeat()
    feed.process.send_signal(signal.SIGCONT)
    for sequence in sent:
        assert device.answer_to(2006, sequence)["result"] == 0
    device.link.send(raw)
    assert device.answer_to(2006, refused)["result"] == 0
    device.link.send(raw)
    assert device.answer_to(2006, refused)["result"] == 0
    device.silent(0.3)
    feed.quiet()
    hearth.check_feed(feed.events)
    assert numbers(feed, device) == list(range(len(sent) + 1))
    counters = broker.counters()
    assert counters["commit_answers"] == len(sent) + 1 and counters["commit_gone"] == 0


def test_closed_meanwhile(broker):
    """What was taken stays taken; the next connection gets no answers of the last one's."""
    device = connected(broker, "tcp")
    for n in range(10):
        report(device, n)
    device.silent(0.2)
    device.link.abort()
    assert device.connect("tcp")["result"] == 0
    feed = broker.feed()
    feed.quiet()
    device.silent(0.3)
    assert numbers(feed, device) == list(range(10))
    device.report(10)
    assert broker.counters()["commit_gone"] == 10


def test_gateway(broker, via):
    """A binding is answered once it is durable and its event is committed."""
    gateway, children = gateway_with(broker, 1)
    child, pin, _ = children[0]
    gateway.login()
    assert gateway.connect(via)["result"] == 0
    sequence = gateway.send(2012, subDeviceId=child, pin=pin)
    gateway.silent(0.4)
    gateway.repeat()
    gateway.silent(0.2)
    feed = broker.feed()
    answer = gateway.answer_to(2012, sequence)
    assert answer["authResult"] == "0" and answer["subDeviceId"] == child
    assert feed.of(gateway, "uplink", 2012)["payload"]["authResult"] == "0"
    answer = gateway.request(2012, subDeviceId=child, pin="w" * 32)
    assert answer["result"] == 0 and answer["authResult"] == "1"
    answer = gateway.request(2006, deviceId=child, statusSerials=[])
    assert answer["result"] == 0 and answer["deviceId"] == child
    assert gateway.request(2018, subDeviceId=child)["subDeviceId"] == child
    feed.quiet()
    assert [event["code"] for event in feed.all_of(gateway, "uplink")] == [2012, 2012, 2006, 2018]


def test_repeats_wait_over_a_restart(broker, via):
    """Killed with reports that wait: UDP devices repeat and wait on, TCP ones connect again."""
    device = connected(broker, via)
    sequence = report(device, 1)
    device.silent(0.2)
    broker.kill()
    broker.start()
    if via == "tcp":
        assert device.connect("tcp")["result"] == 0
        feed = broker.feed()
        device.report(2)
    else:
        device.repeat()
        device.silent(0.3)
        feed = broker.feed()
        assert device.answer_to(2006, sequence)["result"] == 0
        device.repeat()
        assert device.answer_to(2006, sequence)["result"] == 0
    feed.quiet()
    hearth.check_feed(feed.events)
    assert len(feed.all_of(device, "uplink")) == 1 + (via == "tcp")


@pytest.mark.parametrize("workers", [1, 2], ids=["one-worker", "two-workers"])
def test_killed(tmp_path, workers):
    """kill -9 of the broker, the consumer, or both: whatever was acknowledged lies in the file."""
    with hearth.Hearth(tmp_path, workers=cpus_of(workers, True),
                       feed={"acknowledge": "commit"}) as broker:
        both = fleets(broker)
        broker.start()
        feed = FileFeed(broker, tmp_path / "events")
        for fleet in both:
            fleet.start()
        time.sleep(1.5)
        draw = random.Random(4711)
        for _ in range(6):
            what = draw.choice(("broker", "feed", "both"))
            if what != "feed":
                broker.kill()
            if what != "broker":
                feed.kill()
                feed.start()
            if what != "feed":
                broker.start()
            time.sleep(0.3 + draw.random())
        feed.kill()
        broker.kill()
        for fleet in both:
            fleet.process.terminate()
        results = [fleet.wait() for fleet in both]
        # Nobody has read on since: this is what the devices were promised.
        safe = set(hearth.reports_in(feed.events()))
        for fleet, (_, summary) in zip(both, results):
            missing = set(fleet.acknowledged()) - safe
            assert not missing, "%d acknowledged and not in the file" % len(missing)
            assert summary["acknowledged"] > 100
        broker.start()
        feed.start()
        feed.wait_for(lambda events: all(ring["lag"] == 0 for ring in broker.ctl_json(
            "status")["feed"]))
        events = once_each(feed.events())
        for fleet, digit in zip(both, "13"):
            compare(fleet, [event for event in events if event["device"][0] == digit])


def once_each(events):
    """A killed reader leaves lines that come again; of each ring in the order of its ids."""
    ids = {}
    for event in events:
        assert ids.setdefault(event["id"], event) == event
    return sorted(ids.values(), key=lambda event: [int(n) for n in event["id"].split("-")])


# -- the file


def test_disk_full(broker, tmp_path):
    """It ends and says so; nothing is committed, so nothing is acknowledged; then it goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        feed = FileFeed(broker, disk / "events")
        device = connected(broker, "tcp")
        sent = []
        while feed.process.poll() is None and len(sent) < 500:
            sequence = report(device, len(sent), "y" * 1000)
            sent.append(sequence)
            try:
                device.answer_to(2006, sequence, 0.5)
            except mcdevice.Silence:
                break
        status, said = feed.ended()
        assert status == 1 and "No space left" in said and "not committed" in said
        full = feed.events()
        assert feed.path.read_bytes().endswith(b"\n")  # no half a line
        assert len([event for event in full if event["event"] == "uplink"]) == len(sent) - 1
        for n in range(3):
            report(device, len(sent) + n)
        device.silent(0.3)
        device.heartbeat()
        subprocess.run(["mount", "-o", "remount,size=1m", disk], check=True)
        feed.start()
        assert device.answer_to(2006, sent[-1])["result"] == 0
        feed.wait_for(lambda events: len(events) == len(full) + 4)
        counts = [event["count"] for event in feed.events() if event["event"] == "uplink"]
        assert len(counts) == len(set(counts)) == len(sent) + 3
        feed.kill()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture
def shim(tmp_path):
    source = tmp_path / "shim.c"
    source.write_text(SHIM, encoding="ascii")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "shim.so", source, "-ldl"],
                   check=True)
    return tmp_path / "shim.so"


@pytest.mark.parametrize("call", ["fdatasync", "write"])
def test_disk_fails(broker, tmp_path, shim, call):
    """EIO: what the kernel could not write it may have forgotten; the batch is written anew, by
    a process that opens the file again."""
    when = tmp_path / "broken"
    feed = FileFeed(broker, tmp_path / "events", LD_PRELOAD=shim, FAIL=call, FAIL_WHEN=when)
    device = connected(broker, "tcp")
    device.report(1)
    when.touch()
    sequence = report(device, 2)
    status, said = feed.ended()
    assert status == 1 and "Input/output error" in said and "not committed" in said
    device.silent(0.3)
    assert [event.get("count") for event in feed.events() if event["event"] == "uplink"] == [1]
    when.unlink()
    feed.start()
    assert device.answer_to(2006, sequence)["result"] == 0
    assert [event.get("count") for event in feed.events() if event["event"] == "uplink"] == [1, 2]


def test_short_writes(broker, tmp_path, shim):
    when = tmp_path / "broken"
    when.touch()
    feed = FileFeed(broker, tmp_path / "events", LD_PRELOAD=shim, FAIL="short", FAIL_WHEN=when)
    device = connected(broker, "tcp")
    for n in range(20):
        device.report(n)
    assert [event["payload"]["statusSerials"][0]["n"] for event in feed.events()
            if event["event"] == "uplink"] == list(range(20))
