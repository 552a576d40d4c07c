# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Other ports than TAP: AF_PACKET and AF_XDP over veth, memif; what a worker asks of the kernel."""

import collections
import pathlib
import re
import shutil
import subprocess
import time

import pytest

import hearth


def smoke(broker, seconds=3):
    """A small fleet, half and half, nothing lost."""
    fleet = hearth.Fleet(broker, 50, "--tcp-share", 50, "--interval", 0.2, "--seconds", seconds,
                         "--strict").generate()
    broker.ctl("device", "import", fleet.csv)
    feed = broker.feed()
    status, summary = fleet.start().wait()
    assert status == 0, summary
    feed.quiet(0.5)
    reports = hearth.reports_in(feed.events)
    assert sorted(reports) == sorted(fleet.acknowledged()) and len(reports) > 400
    hearth.check_feed(feed.events)


def test_af_packet_over_veth(tmp_path, veth):
    if not shutil.which("ethtool"):
        pytest.skip("ethtool is not installed: veth would hand over packets without checksums")
    with hearth.Hearth(tmp_path, "net_af_packet0,iface=" + veth[0], veth[1]) as broker:
        broker.start()
        smoke(broker)


def test_af_xdp_over_veth(tmp_path, veth):
    """One queue, so one worker: a veth pair does not name the pairs of queues that DPDK asks for."""
    if not shutil.which("ethtool"):
        pytest.skip("ethtool is not installed: veth would hand over packets without checksums")
    with hearth.Hearth(tmp_path, "net_af_xdp0,iface=" + veth[0], veth[1]) as broker:
        broker.start()
        smoke(broker)


class Bridge:
    """dpdk-testpmd between a memif and a TAP."""

    def __init__(self, directory):
        self.socket = directory / "memif.sock"
        self.log = open(directory / "testpmd.log", "w+b")
        self.process = None

    def start(self):
        cpu = min(hearth.ALL_CPUS)
        self.process = subprocess.Popen(
            ["dpdk-testpmd", "--no-huge", "--no-shconf", "-m", "192", "--no-pci",
             "--lcores=(0,1)@%d" % cpu,
             "--vdev", "net_memif0,role=client,socket=%s,socket-abstract=no" % self.socket,
             "--vdev", "net_tap0,iface=hearth0", "--", "--total-num-mbufs=8192",
             "--no-mlockall", "--forward-mode=io", "--auto-start", "--stats-period", "0"],
            stdin=subprocess.PIPE, stdout=self.log, stderr=self.log,
            preexec_fn=hearth.broker_start)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.log.close()


def memif_broker(directory, bridge):
    device = "net_memif0,role=server,socket=%s,socket-abstract=no" % bridge.socket
    broker = hearth.Hearth(directory, device, None)
    broker.launch()
    broker.wait(lambda: broker.ctl("status", check=False).returncode == 0, "hearthctl status")
    bridge.start()
    broker.interface = "hearth0"
    broker.wait(broker.interface_exists, "testpmd's TAP")
    broker.configure_interface()
    return broker


@pytest.fixture
def memif(tmp_path):
    if not shutil.which("dpdk-testpmd"):
        pytest.skip("dpdk-testpmd (package dpdk-dev) is not installed")
    with Bridge(tmp_path) as bridge:
        with memif_broker(tmp_path, bridge) as broker:
            time.sleep(1)
            yield broker


def test_memif(memif):
    smoke(memif)


def workers_of(process):
    """The threads that poll, by the name that DPDK gives them."""
    tasks = pathlib.Path("/proc/%d/task" % process.pid).iterdir()
    return [task.name for task in tasks
            if (task / "comm").read_text().startswith("rte-worker")]


def grace_periods(broker):
    return broker.ctl_json("status")["registry"]["grace_periods"]


def test_no_system_calls_under_load(memif, tmp_path):
    """On memif a worker asks the kernel for nothing but one wake-up per grace period of RCU."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    fleet = hearth.Fleet(memif, 50, "--tcp-share", 50, "--interval", 0.05, "--ramp", 200,
                         name="traced").generate()
    memif.ctl("device", "import", fleet.csv)
    feed = memif.feed()
    fleet.start()
    time.sleep(2)
    workers = workers_of(memif.process)
    assert workers, "no thread of hearthd polls"
    calls = collections.Counter()
    before, periods = len(feed.read()), grace_periods(memif)
    removed = [row[0] for row in memif.provision(3, first=900)]
    for worker in workers:
        trace = tmp_path / ("strace." + worker)
        tracer = subprocess.Popen(["strace", "-q", "-o", trace, "-p", worker],
                                  stderr=subprocess.PIPE, preexec_fn=hearth.die_with_us)
        time.sleep(1)
        for device in removed:
            memif.ctl("device", "remove", device)
        time.sleep(2)
        tracer.terminate()
        tracer.wait(10)
        for line in trace.read_text().splitlines():
            name = re.match(r"(\w+)\(", line)
            if name:
                calls[name.group(1)] += 1
    handled = len(feed.read()) - before
    status, summary = fleet.finish()
    assert status == 0, summary
    assert handled > 100, "no load while it was traced"
    print("system calls in 3 s and %d reports: %s" % (handled, dict(calls)))
    calls.pop("restart_syscall", None)
    assert set(calls) <= {"futex"}, calls
    assert calls["futex"] <= grace_periods(memif) - periods
