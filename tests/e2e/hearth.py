# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""A broker under test: configuration, start, stop, kill, hearthctl and the feed."""

import collections
import ctypes
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import mcdevice
import paths

BROKER = "198.18.0.1"
DEVICES = ("198.18.0.2", "198.18.0.3", "198.18.0.4")
BROKER6 = "fd77::1"
DEVICES6 = ("fd77::2", "fd77::3", "fd77::4")
LOGIN, CONNECT = 7700, 7701
READY_SECONDS = 60
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)
counter = itertools.count()


def worker_cpus(count=1):
    """The last CPUs of those that this process started with."""
    return sorted(ALL_CPUS)[-count:]


ALL_CPUS = set(os.sched_getaffinity(0))


def set_all_cpus(cpus):
    global ALL_CPUS
    ALL_CPUS = set(cpus)


def die_with_us():
    """Between fork and exec: no child outlives the test run, whatever happens to it."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def broker_start():
    die_with_us()
    os.sched_setaffinity(0, ALL_CPUS)


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def yaml(value, depth=0):
    """Block YAML of dicts; lists and plain values in flow form."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines.append("%s%s:" % ("  " * depth, key))
            lines.extend(yaml(item, depth + 1))
        else:
            text = item if isinstance(item, str) and key == "bytes" else json.dumps(item)
            lines.append("%s%s: %s" % ("  " * depth, key, text))
    return lines


def merge(base, changes):
    """base with changes; a change of None takes a key out."""
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


class Hearth:
    """One broker in a directory of its own."""

    program = (paths.HEARTHD,)

    def __init__(self, directory, device="net_tap0,iface=hearth0", interface="hearth0", **changes):
        self.directory = pathlib.Path(directory)
        self.interface = interface
        self.ring = pathlib.Path("/dev/shm/hearth-test-%d-%d" % (os.getpid(), next(counter)))
        self.socket = self.directory / "control.sock"
        self.registry = self.directory / "registry"
        self.config = self.directory / "hearth.yaml"
        self.log = self.directory / "hearthd.log"
        self.process = None
        self.environment = None  # of hearthd, if not ours
        self.feeds = []
        self.pool = []
        self.settings = merge({
            "memory": {"mode": "no-huge", "megabytes": 256},
            "limits": {"devices": 10000, "sessions": 5000, "connections": 10000,
                       "pending_logins": 5000},
            "workers": worker_cpus(),
            "ports": [{"device": device, "addresses": [BROKER + "/24"]}],
            "mc": {"login": {"tcp": LOGIN}, "connect": {"tcp": CONNECT, "udp": CONNECT}},
            "registry": {"path": str(self.registry)},
            "feed": {"path": str(self.ring), "bytes": "16MiB"},
            "control": {"socket": str(self.socket)},
        }, changes)
        self.write_config()

    def write_config(self, text=None):
        self.config.write_text(text or "\n".join(yaml(self.settings)) + "\n", encoding="ascii")

    # -- life

    def launch(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.program, self.config], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                preexec_fn=broker_start, env=self.environment)
        return self.process

    def start(self):
        self.launch()
        self.wait_ready()
        return self

    def wait(self, condition, what, seconds=READY_SECONDS):
        end = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError("hearthd ended with %s\n%s" % (
                    self.process.returncode, self.log.read_text()[-4000:]))
            if time.monotonic() > end:
                raise AssertionError("%s did not happen in %d s\n%s" % (
                    what, seconds, self.log.read_text()[-4000:]))
            time.sleep(0.02)

    def wait_ready(self):
        if self.interface:
            self.wait(self.interface_exists, "interface " + self.interface)
            self.configure_interface()
        self.wait(lambda: self.ctl("status", check=False).returncode == 0, "hearthctl status")
        if self.has_ipv6() and self.interface:
            self.wait(self.answers_ipv6, "a connection to [%s]" % BROKER6)

    def has_ipv6(self):
        return any(":" in address for port in self.settings["ports"]
                   for address in port["addresses"])

    @staticmethod
    def answers_ipv6():
        """Its addresses are used once nobody else was found to have them."""
        try:
            socket.create_connection((BROKER6, LOGIN), timeout=1).close()
        except OSError:
            return False
        return True

    def interface_exists(self):
        return pathlib.Path("/sys/class/net", self.interface).exists() or \
            ip("link", "show", self.interface, check=False).returncode == 0

    def configure_interface(self):
        for address in DEVICES:
            ip("address", "replace", address + "/24", "dev", self.interface)
        for address in DEVICES6 if self.has_ipv6() else ():
            ip("address", "replace", address + "/64", "dev", self.interface, "nodad")
        # A poll loop that loses its CPU for a while must not cost datagrams.
        ip("link", "set", self.interface, "txqueuelen", "20000", "up")

    def stop(self, timeout=READY_SECONDS):
        """An orderly end; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def remove(self):
        """End everything and take the shared memory away."""
        for feed in self.feeds:
            feed.kill()
        if self.process and self.process.poll() is None:
            self.kill()
        for path in (self.ring, *self.ring.parent.glob(self.ring.name + ".*")):
            path.unlink(missing_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    # -- hearthctl

    def ctl(self, *words, check=True, offline=False, timeout=30, **options):
        where = ["--registry", self.registry] if offline else ["--socket", self.socket]
        result = subprocess.run(
            [paths.HEARTHCTL, *where, *map(str, words)], capture_output=True, text=True,
            timeout=timeout, check=False, **options)
        assert not check or result.returncode == 0, (words, result)
        return result

    def has_verb(self, verb):
        return re.search(r"^ +%s\b" % verb, self.ctl("--help").stdout, re.M) is not None

    def ctl_json(self, *words, **options):
        return json.loads(self.ctl(*words, "--json", **options).stdout)

    def counters(self):
        """All counters of all workers by name, from status --json."""
        found = collections.Counter()

        def walk(value):
            if isinstance(value, dict):
                for key, item in value.items():
                    if isinstance(item, int) and not isinstance(item, bool):
                        found[key] += item
                    walk(item)
            elif isinstance(value, list):
                for item in value:
                    walk(item)

        status = self.ctl_json("status")
        for sums in ("counters", "drops", "outcomes", "histograms"):  # of what each worker has
            status.pop(sums)
        walk(status)
        return found

    # -- devices

    def provision(self, count, first=0):
        """Import devices before or after the start; they are handed out by device()."""
        rows = [("%024d" % (10 ** 20 + first + n), mcdevice.new_pin()) for n in range(count)]
        self.import_rows(rows)
        self.pool.extend(rows)
        return rows

    def import_rows(self, rows):
        path = self.directory / "import.csv"
        mcdevice.write_csv(path, rows)
        running = self.process and self.process.poll() is None
        self.ctl("device", "import", path, offline=not running)
        path.unlink()

    def device(self, host=BROKER, **options):
        device_id, pin = self.pool.pop()
        return mcdevice.McDevice(device_id, pin, host, LOGIN, **options)

    # -- feed

    def feed(self, *options):
        feed = Feed(self, options)
        self.feeds.append(feed)
        return feed


class Feed:
    """hearth-feed --to stdout, its lines parsed as they come; may be killed and started again."""

    def __init__(self, hearth, options=()):
        self.hearth, self.options = hearth, options
        self.events, self.broken = [], 0
        self.process = self.reader = None
        self.partial = b""
        self.start()

    def start(self):
        path = self.hearth.directory / ("feed.%d" % next(counter))
        with open(path, "wb") as out, open(self.hearth.directory / "feed.log", "ab") as log:
            self.process = subprocess.Popen(
                [paths.HEARTH_FEED, self.hearth.ring, "--to", "stdout", *self.options],
                stdout=out, stderr=log, preexec_fn=die_with_us)
        self.read()
        if self.reader:
            self.reader.close()
        self.reader = open(path, "rb")
        path.unlink()

    def read(self):
        """Take in what has been written since."""
        if not self.reader:
            return self.events
        *lines, self.partial = (self.partial + self.reader.read()).split(b"\n")
        self.events.extend(json.loads(line) for line in lines)
        return self.events

    def stop(self):
        self.process.terminate()
        status = self.process.wait(mcdevice.PATIENCE)
        self.read()
        return status

    def kill(self):
        """SIGKILL: a line that was cut is not committed and comes again."""
        self.process.kill()
        self.process.wait()
        self.read()
        self.partial = b""

    def wait_for(self, condition, what="event", seconds=mcdevice.PATIENCE):
        """The first event for which condition holds."""
        seen, end = 0, time.monotonic() + seconds
        while True:
            events = self.read()
            for event in itertools.islice(events, seen, None):
                if condition(event):
                    return event
            seen = len(events)
            if time.monotonic() > end:
                raise AssertionError("no %s in the feed after %d s, of %d events: %r" % (
                    what, seconds, seen, events[-5:]))
            time.sleep(0.02)

    def of(self, device, event=None, code=None, seconds=mcdevice.PATIENCE):
        """The next such event of a device, not taken before."""
        taken = self.__dict__.setdefault("taken", set())
        found = self.wait_for(
            lambda line: line["device"] == device.id and line["id"] not in taken and
            event in (None, line["event"]) and code in (None, line.get("code")),
            "%s %s of %s" % (event, code, device.id), seconds)
        taken.add(found["id"])
        return found

    def all_of(self, device, event=None):
        return [line for line in self.read()
                if line["device"] == device.id and event in (None, line["event"])]

    def quiet(self, seconds=0.3, of=None):
        """All events, once none (none of that device) has come for a while."""
        size, end = -1, time.monotonic() + 60
        while True:
            found = len(self.all_of(of) if of else self.read())
            if found == size:
                return self.events
            assert time.monotonic() < end, "the feed never comes to rest"
            size = found
            time.sleep(seconds)


class Fleet:
    """hearth-fleet in the background."""

    def __init__(self, hearth, count, *options, name="fleet", login="%s:%d" % (BROKER, LOGIN)):
        self.login = login
        self.directory = hearth.directory
        self.csv = hearth.directory / (name + ".csv")
        self.summary_path = hearth.directory / (name + ".json")
        self.acknowledged_path = hearth.directory / (name + ".acknowledged")
        self.sent_path = hearth.directory / (name + ".sent")
        self.options, self.count, self.name = options, count, name
        self.process = None
        self.output = hearth.directory / (name + ".log")

    def generate(self, first=0, like="text"):
        subprocess.run(
            [paths.HEARTH_FLEET, "--generate", str(self.count), "--csv", self.csv,
             "--like", like], check=True)
        if first:
            # Another fleet's ids: the leading digit changes.
            text = self.csv.read_text().replace("\n1", "\n%d" % first)
            self.csv.write_text(text)
        return self

    def start(self):
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                [paths.HEARTH_FLEET, "--login", self.login, "--devices", self.csv,
                 "--json", self.summary_path, "--acknowledged", self.acknowledged_path,
                 "--sent", self.sent_path, *map(str, self.options)],
                stdout=out, stderr=subprocess.STDOUT, preexec_fn=die_with_us)
        return self

    def wait(self, timeout=120):
        """(exit status, summary) once it ends by itself."""
        status = self.process.wait(timeout)
        print(self.output.read_text()[-3000:])
        return status, json.loads(self.summary_path.read_text())

    def finish(self, timeout=120):
        self.process.terminate()
        return self.wait(timeout)

    @staticmethod
    def keys(path):
        return [tuple(line.split()) for line in path.read_text().splitlines()]

    def acknowledged(self):
        return self.keys(self.acknowledged_path)

    def sent(self):
        return self.keys(self.sent_path)


def number_in(payload):
    """The number that hearth-fleet put into a report."""
    if isinstance(payload, dict):
        if "n" in payload:
            return str(payload["n"])
        payload = payload.values()
    elif not isinstance(payload, list):
        return None
    for item in payload:
        found = number_in(item)
        if found is not None:
            return found
    return None


UNNUMBERED = (2012, 2016, 2018, 2020, 3000, 3002)


def reports_in(events):
    """(device, number, code) of every fleet report in a feed, one per event id."""
    by_id = {}
    for event in events:
        if event["event"] == "uplink" and event["id"] in by_id:
            assert by_id[event["id"]] == event, "one id, two events"
        by_id[event["id"]] = event
    return [(event["device"], number_in(event["payload"]), str(event["code"]))
            for event in by_id.values()
            if event["event"] == "uplink" and event["code"] not in UNNUMBERED]


def exactly_once(fleet, events):
    """Every acknowledged report lies in the ring exactly once, and nothing that was not sent.
    How many reports there are."""
    reports = collections.Counter(reports_in(events))
    assert max(reports.values()) == 1
    assert set(fleet.acknowledged()) <= set(reports) <= set(fleet.sent())
    return len(reports)


def check_feed(events):
    """What must hold for every feed: ids grow per worker, nothing stands under two ids."""
    counts, newest = {}, {}
    for event in events:
        worker, position = event["id"].split("-")
        assert int(position) > newest.get(worker, -1) or event["id"] in counts.values(), event
        newest[worker] = max(int(position), newest.get(worker, -1))
        if event["event"] != "uplink":
            continue
        key = (event["device"], event["session"], event["count"])
        assert counts.setdefault(key, event["id"]) == event["id"], "twice: %r" % (event,)
