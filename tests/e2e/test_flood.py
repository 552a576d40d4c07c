# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Floods (catalogue kind L): what a canary feels of them, and who still gets in; no pool leaks.

The figures go to flood.txt in the build folder; none of them decides whether a test passes.
"""

import json
import subprocess
import threading
import time

import pytest

import hearth
import paths
from mcdevice import Canary

FLOOD = paths.BUILD / "tests/load/hearth-flood"
SECONDS = 4
RATE = 60000
NEWCOMERS = 12
# Hosts of the flood are 198.18.128.0 and up: on the link, as the worst case is.
CONFIG = {"ports": [{"device": "net_tap0,iface=hearth0", "addresses": [hearth.BROKER + "/16"]}]}

# Kind, options, the counter that has to show it.
FLOODS = {
    "T17_syn": ("syn", [], "tcp_cookie_sent"),
    "T18_T19_ack": ("ack", [], "tcp_drop_no_connection"),
    "A3_arp": ("arp", ["--hosts", "32768"], "drop_arp_limit"),
    "A2_poison": ("poison", [], "drop_arp_unsolicited"),
    "F3_fragment": ("fragment", [], "drop_ipv4_fragment"),
    "D2_udp": ("udp", [], None),
    "C3_echo": ("echo", [], "drop_icmp_limit"),
    "T16_sockstress": ("sockstress", ["--hosts", "3000"], "tcp_opened"),
    "T6_smack": ("smack", ["--hosts", "200"], "tcp_opened"),
}


class TimedCanary(Canary):
    """A canary that remembers how long its heartbeats took."""

    def __init__(self, device):
        super().__init__(device, pause=0.02)
        self.times = []
        heartbeat = device.heartbeat

        def timed():
            began = time.perf_counter()
            heartbeat()
            self.times.append(time.perf_counter() - began)

        device.heartbeat = timed


def percentile(times, share):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0


def mac_of(interface):
    return json.loads(hearth.ip("-j", "link", "show", interface).stdout)[0]["address"]


def newcomers(broker, results):
    """Devices that want in meanwhile: each tries once, with the patience of a device."""
    for number in range(NEWCOMERS):
        try:
            broker.device().online("tcp" if number % 2 else "udp").link.close()
            results.append(True)
        except Exception as error:  # counted as not served
            results.append(error)


def report(name, line):
    path = paths.BUILD / "flood.txt"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    lines = [old for old in lines if not old.startswith(name + " ")]
    path.write_text("\n".join(sorted(lines + ["%-16s %s" % (name, line)])) + "\n", "utf-8")


@pytest.mark.parametrize("name", FLOODS)
def test_flood(broker, name):
    kind, options, counter = FLOODS[name]
    before = broker.counters()
    served = []
    with TimedCanary(broker.device().online("tcp")) as tcp, \
            TimedCanary(broker.device().online("udp")) as udp:
        time.sleep(1)
        calm = len(tcp.times)
        flood = subprocess.Popen(
            [FLOOD, kind, "--interface", "hearth0", "--target", hearth.BROKER,
             "--target-mac", mac_of("hearth0"), "--rate", str(RATE), "--seconds", str(SECONDS),
             "--port", str(hearth.CONNECT), *options], stdout=subprocess.PIPE, text=True,
            preexec_fn=hearth.die_with_us)
        thread = threading.Thread(target=newcomers, args=(broker, served))
        thread.start()
        done = json.loads(flood.communicate(timeout=60)[0])
        thread.join()
    assert done["sent"] > 100  # how fast is this machine's matter, and stands in the report
    after = broker.counters()
    if counter:
        assert after[counter] > before[counter], counter
    good = sum(one is True for one in served)
    report(name, "%7.0f packets/s  canary p50 %.2f ms, p99 %.2f ms (before: p50 %.2f ms)  "
           "newcomers served %d of %d" % (
               done["sent"] / done["seconds"], percentile(tcp.times[calm:], 0.5),
               percentile(tcp.times[calm:], 0.99), percentile(tcp.times[:calm], 0.5), good,
               len(served)))
    # The canaries never missed a beat (their context says so); devices got in throughout.
    assert good == NEWCOMERS, served
