# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""What hearthd refuses: one clear line, exit 2, nothing left behind."""

import pathlib
import re
import socket
import subprocess

import pytest

import hearth
import paths


def left_behind(broker):
    found = [str(path) for path in pathlib.Path("/dev/shm").glob(broker.ring.name + "*")]
    if broker.socket.exists():
        found.append(str(broker.socket))
    if broker.interface and broker.interface_exists():
        found.append(broker.interface)
    if broker.registry.exists():
        found.append(str(broker.registry))
    return found


def refused(broker, *expected, keeps=()):
    """Start it: it must refuse. Its one line."""
    before = set(left_behind(broker))
    result = subprocess.run([paths.HEARTHD, broker.config], capture_output=True, text=True,
                            timeout=60, check=False, preexec_fn=hearth.broker_start)
    assert result.returncode == 2, result
    lines = [line for line in result.stderr.splitlines() if line.startswith("hearthd:")]
    assert len(lines) == 1, result.stderr
    for word in expected:
        assert word in lines[0], lines[0]
    new = set(left_behind(broker)) - before - {str(path) for path in keeps}
    assert not new, new
    return lines[0]


BAD = {
    "unknown key": ({"mc": {"hartbeat": 45}}, "hartbeat"),
    "unknown section": ({"mqtt": {"port": 1883}}, "mqtt"),
    "wrong type": ({"limits": {"sessions": "many"}}, "sessions"),
    "out of range": ({"mc": {"heartbeat": 5}}, "heartbeat"),
    "too large": ({"mc": {"heartbeat": 3601}}, "heartbeat"),
    "no ports": ({"ports": []}, "port"),
    "no workers": ({"workers": []}, "worker"),
    "bad address": ({"ports": [{"device": "net_tap0", "addresses": ["198.18.0.300/24"]}]},
                    "198.18.0.300"),
    "no prefix": ({"ports": [{"device": "net_tap0", "addresses": ["198.18.0.1"]}]}, "198.18.0.1"),
    "port number": ({"mc": {"login": {"tcp": 70000}}}, "tcp"),
    "one port twice": ({"mc": {"login": {"tcp": 7701}}}, "7701"),
    "bad size": ({"feed": {"bytes": "many"}}, "bytes"),
    "acknowledge": ({"feed": {"acknowledge": "maybe"}}, "acknowledge"),
    "memory mode": ({"memory": {"mode": "swap"}}, "mode"),
    "unanswered": ({"mc": {"commands": {"unanswered": "shrug"}}}, "unanswered"),
    "advertise": ({"mc": {"advertise": {"tcp": "nowhere"}}}, "advertise"),
}


@pytest.mark.parametrize("name", BAD)
def test_configuration_refused(tmp_path, name):
    changes, word = BAD[name]
    with hearth.Hearth(tmp_path, **changes) as broker:
        line = refused(broker, word)
        assert re.search(r"hearth\.yaml:\d+: ", line), line
        check = subprocess.run([paths.HEARTHD, "--check", broker.config], capture_output=True,
                               text=True, timeout=20, check=False)
        assert check.returncode == 2 and line.split(": ", 1)[1] in check.stderr


@pytest.mark.parametrize("text", ["", "workers: [1\n", "- a\n- b\n", "workers: {a: *b}\n",
                                  "\x00", "a: 1\na: 2\n", "memory:\n\tmode: auto\n"])
def test_not_a_configuration(tmp_path, text):
    with hearth.Hearth(tmp_path) as broker:
        broker.config.write_text(text, encoding="ascii")
        refused(broker, "hearth.yaml")


def test_no_such_file(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.config.unlink()
        refused(broker, "hearth.yaml")


def test_check_starts_nothing(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        result = subprocess.run([paths.HEARTHD, "--check", broker.config], capture_output=True,
                                text=True, timeout=20, check=False)
        assert result.returncode == 0 and not left_behind(broker)


def test_usage():
    for words in ([], ["--nonsense"], ["a", "b"]):
        result = subprocess.run([paths.HEARTHD, *words], capture_output=True, text=True,
                                timeout=20, check=False)
        assert result.returncode == 2 and result.stderr, words


def test_ports_of_both_families_are_shown(tmp_path):
    addresses = [hearth.BROKER + "/24", "fd77::1/64"]
    port = {"device": "net_tap0,iface=hearth0", "addresses": addresses,
            "gateways": ["fe80::1 02:00:00:00:00:01"]}
    with hearth.Hearth(tmp_path, ports=[port]) as broker:
        broker.provision(2)
        broker.start()
        broker.device().online("tcp")
        shown = broker.ctl_json("status")["ports"][0]
        assert shown["addresses"] == addresses and shown["vlan"] is None
        assert shown["gateways"] == port["gateways"]
        assert "has no effect" not in broker.log.read_text()


def test_device_that_does_not_exist(tmp_path):
    port = {"device": "net_af_packet0,iface=nonesuch0", "addresses": [hearth.BROKER + "/24"]}
    with hearth.Hearth(tmp_path, interface=None, ports=[port]) as broker:
        refused(broker, "net_af_packet0", keeps=[broker.registry])


def test_cpu_that_does_not_exist(tmp_path):
    with hearth.Hearth(tmp_path, workers=[1023]) as broker:
        refused(broker, "1023", keeps=[broker.registry])


def test_second_broker_on_the_same_ring(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with hearth.Hearth(tmp_path / "one") as first, \
            hearth.Hearth(tmp_path / "two", "net_tap1,iface=hearth1", "hearth1") as second:
        first.provision(2)
        first.start()
        feed = first.feed()
        second.settings["feed"]["path"] = str(first.ring)
        second.write_config()
        refused(second, first.ring.name, keeps=[second.registry])
        device = first.device().online("tcp")
        feed.of(device, "uplink")


def test_second_broker_on_the_same_registry_or_socket(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with hearth.Hearth(tmp_path / "one") as first, \
            hearth.Hearth(tmp_path / "two", "net_tap1,iface=hearth1", "hearth1") as second:
        first.provision(2)
        first.start()
        second.settings["control"]["socket"] = str(first.socket)
        second.write_config()
        refused(second, "control.sock", keeps=[second.registry])
        first.device().online("tcp")


def test_registry_that_cannot_be_read(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.registry.write_text("not a registry")
        refused(broker, "registry")
        broker.registry.unlink()
        broker.registry.mkdir()
        (broker.registry / "data.mdb").write_bytes(b"garbage" * 4096)
        refused(broker, "registry")


def test_ring_that_is_none(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.ring.write_bytes(b"precious" * 4096)
        refused(broker, broker.ring.name, keeps=[broker.registry])
        assert broker.ring.read_bytes() == b"precious" * 4096


def test_ring_size_changed_with_undrained_events(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(2)
        broker.start()
        device = broker.device().online("tcp")
        broker.stop()
        broker.settings["feed"]["bytes"] = "8MiB"
        broker.write_config()
        refused(broker, broker.ring.name)
        feed = broker.feed()
        feed.of(device, "uplink")
        feed.stop()
        broker.start()
        broker.device().online("tcp")


def test_stale_control_socket_is_replaced(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(str(broker.socket))
        stale.close()
        broker.provision(2)
        broker.start()
        broker.device().online("udp")


def test_an_orderly_end_leaves_sessions_and_ring_only(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(2)
        broker.start()
        broker.device().online("tcp")
        assert broker.stop() == 0
        assert not broker.interface_exists() and not broker.socket.exists()
        assert broker.ring.exists()
        for suffix in (".sessions", ".commands"):
            path = pathlib.Path(str(broker.ring) + suffix)
            assert path.stat().st_mode & 0o777 == 0o600


def test_secrets_are_nowhere(tmp_path):
    """PINs and keys: not in a log, an event, an error, or in what hearthctl prints."""
    with hearth.Hearth(tmp_path) as broker:
        rows = broker.provision(3)
        broker.start()
        feed = broker.feed()
        device = broker.device().online("tcp")
        feed.of(device, "uplink")
        said = broker.log.read_text() + str(feed.events)
        for words in (("status",), ("session", device.id), ("sessions",),
                      ("device", "show", device.id), ("device", "list")):
            for form in ((), ("--json",)):
                result = broker.ctl(*words, *form)
                said += result.stdout + result.stderr
        for secret in [row[1] for row in rows] + [device.key.decode(), device.token]:
            assert secret not in said
        shown = broker.ctl("device", "show", device.id, "--secrets").stdout
        assert device.pin in shown
