# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The whole run lives in a network namespace of its own, which ends with its last process."""

import ctypes
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

import hearth
import mcdevice

CLONE_NEWNET = 0x40000000


def on_terminate(number, frame):
    """As Ctrl-C: fixtures take down what they put up."""
    raise KeyboardInterrupt


def remove_leftovers():
    """Rings of test runs that were killed: their names carry the run's process id."""
    for path in pathlib.Path("/dev/shm").glob("hearth-test-*"):
        if path.is_file() and not os.path.exists("/proc/%s/exe" % path.name.split("-")[2]):
            path.unlink(missing_ok=True)


def pytest_configure(config):
    config.isolated = False
    signal.signal(signal.SIGTERM, on_terminate)
    remove_leftovers()
    if os.geteuid() != 0:
        return
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        return
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # Workers poll on the last CPU: everything else keeps off it.
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) > 1:
        os.sched_setaffinity(0, cpus[:-1])
    config.isolated = True
    config.cpus = cpus


@pytest.fixture(autouse=True)
def isolated(request):
    if not request.config.isolated:
        pytest.skip("needs root, for a network namespace of its own")
    hearth.set_all_cpus(request.config.cpus)


@pytest.fixture(scope="module")
def broker(tmp_path_factory, request):
    """A running broker with devices to hand out and a feed that reads along."""
    if not request.config.isolated:
        pytest.skip("needs root, for a network namespace of its own")
    hearth.set_all_cpus(request.config.cpus)
    changes = getattr(request.module, "CONFIG", {})
    with hearth.Hearth(tmp_path_factory.mktemp("hearth"), **changes) as instance:
        instance.provision(200)
        instance.start()
        instance.events = instance.feed()
        yield instance


@pytest.fixture
def feed(broker):
    return broker.events


@pytest.fixture
def canary(broker):
    """A TCP and a UDP session that must keep working throughout the test."""
    with mcdevice.Canary(broker.device().online("tcp")) as tcp, \
            mcdevice.Canary(broker.device().online("udp")) as udp:
        yield tcp, udp


@pytest.fixture(params=["tcp", "udp"])
def via(request):
    return request.param


@pytest.fixture
def platform_requests(broker):
    if not broker.has_verb("send"):
        pytest.skip("this hearthctl has no verb send: no platform requests")


@pytest.fixture
def veth():
    hearth.ip("link", "add", "hearth-v0", "type", "veth", "peer", "name", "hearth-v1")
    try:
        hearth.ip("link", "set", "hearth-v0", "up")
        # Checksums of packets that never meet a NIC are left out by the kernel otherwise.
        if shutil.which("ethtool"):
            subprocess.run(["ethtool", "-K", "hearth-v1", "tx", "off"], check=False,
                           capture_output=True)
        yield "hearth-v0", "hearth-v1"
    finally:
        hearth.ip("link", "del", "hearth-v0", check=False)
