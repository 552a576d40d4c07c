# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""hearthctl, verb by verb, with and without a broker."""

import json
import os
import socket
import stat
import subprocess

import pytest

import hearth
import paths
from mcdevice import McDevice, new_pin


@pytest.fixture(params=["running", "offline"])
def ctl(request, broker, tmp_path):
    """hearthctl on a running broker, and on a registry of its own."""
    if request.param == "running":
        return broker.ctl
    own = hearth.Hearth(tmp_path)

    def run(*words, **options):
        return own.ctl(*words, offline=True, **options)
    return run


def failing(result, status=1):
    assert result.returncode == status and result.stderr.strip() and not result.stdout.strip()
    assert len(result.stderr.strip().splitlines()) <= 3, result.stderr
    return result.stderr


def test_device_verbs(ctl):
    pin = new_pin()
    ctl("device", "add", "verbs-1", pin, "--bind", "12345678", "--model", "HT-1")
    ctl("device", "add", "verbs-2", "-", "--gateway", "verbs-1", input=new_pin() + "\n")
    shown = json.loads(ctl("device", "show", "verbs-1", "--json").stdout)
    assert "verbs-1" in json.dumps(shown) and "HT-1" in json.dumps(shown)
    assert pin not in json.dumps(shown)
    assert pin in ctl("device", "show", "verbs-1", "--secrets").stdout
    assert "verbs-1" in ctl("device", "show", "verbs-2").stdout
    listed = ctl("device", "list", "--after", "verbs-0", "--json").stdout
    assert "verbs-1" in listed and "verbs-2" in listed and pin not in listed
    after = ctl("device", "list", "--after", "verbs-1", "--limit", "1").stdout
    assert "verbs-2" in after and "verbs-1\n" not in after
    ctl("device", "remove", "verbs-2")
    failing(ctl("device", "show", "verbs-2", check=False))
    failing(ctl("device", "remove", "verbs-2", check=False))
    ctl("device", "remove", "verbs-1")


def test_bad_devices(ctl):
    pin = new_pin()
    for words in (("x" * 65, pin), ("", pin), ('a"b', pin), ("a\\b", pin), ("gerät", pin),
                  ("a b\n", pin), ("short-pin", "123"), ("long-pin", pin + "x")):
        error = failing(ctl("device", "add", *words, check=False))
        assert pin not in error and "123" not in error.replace(words[0], "")


CSV_HEADER = "device_id,pin,bind_password,model,gateway\n"
GOOD = "csv-%%d,%s,,M,\n" % ("p" * 32)


@pytest.mark.parametrize("text,line", [
    (CSV_HEADER + GOOD % 1 + "csv-2,short,,M,\n", 3),
    (CSV_HEADER + GOOD % 1 + GOOD % 2 + ",%s,,M,\n" % ("p" * 32), 4),
    (CSV_HEADER + GOOD % 1 + GOOD % 1, 3),
    (CSV_HEADER + GOOD % 1 + "csv-3\n", 3),
    (CSV_HEADER + GOOD % 1 + "csv-3,%s,,M,,extra\n" % ("p" * 32), 3),
    ("device,secret\n" + GOOD % 1, 1),
    ("", 1),
])
def test_bad_csv_is_refused_whole(ctl, tmp_path, text, line):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    error = failing(ctl("device", "import", path, check=False))
    assert "%s:%d" % (path.name, line) in error or "line %d" % line in error, error
    assert "p" * 32 not in error
    failing(ctl("device", "show", "csv-1", check=False))


def test_import(ctl, tmp_path):
    path = tmp_path / "good.csv"
    path.write_text(CSV_HEADER + "".join(GOOD % n for n in range(10, 40)))
    ctl("device", "import", path)
    for n in (10, 39):
        ctl("device", "show", "csv-%d" % n)
    ctl("device", "import", path, check=False)
    for n in range(10, 40):
        ctl("device", "remove", "csv-%d" % n)


def test_status(broker):
    device = broker.device().online("tcp")
    text = broker.ctl("status").stdout
    assert "worker" in text.lower() and "net_tap0" in text
    status = broker.ctl_json("status")
    assert {"workers", "ports"} <= set(status), sorted(status)
    assert broker.counters()["session_logins"] >= 1
    device.link.close()


def test_sessions(broker, via):
    device = broker.device().online(via)
    shown = json.dumps(broker.ctl_json("session", device.id))
    assert device.id in shown and via in shown
    assert "%s:%d" % device.link.local in shown
    assert device.token not in shown and device.key.decode() not in shown
    assert device.id in broker.ctl("sessions", "--limit", 1000).stdout
    failing(broker.ctl("session", "nobody", check=False))
    failing(broker.ctl("kick", "nobody", check=False))
    broker.ctl("kick", device.id)


@pytest.mark.parametrize("words", [
    (), ("dance",), ("device",), ("device", "dance"), ("device", "add"), ("device", "add", "x"),
    ("kick",), ("session",), ("status", "extra"), ("--nonsense", "status"),
    ("device", "list", "--limit", "many"), ("send",), ("send", "x"),
])
def test_wrong_usage(broker, words):
    result = broker.ctl(*words, check=False)
    assert result.returncode == 2 and result.stderr, result


def test_without_a_broker(tmp_path):
    nobody = hearth.Hearth(tmp_path)
    failing(nobody.ctl("status", check=False))
    failing(nobody.ctl("status", offline=True, check=False), 2)


def test_registry_of_a_running_broker_is_left_to_it(broker):
    """Two writers would each keep their own picture of the devices."""
    row = ("both-ways", new_pin())
    result = broker.ctl("device", "add", *row, offline=True, check=False)
    if result.returncode:
        assert result.returncode == 1 and result.stderr
    else:
        McDevice(*row, hearth.BROKER).online("tcp")
        broker.ctl("device", "remove", row[0])


def test_socket_is_private(broker):
    assert stat.S_IMODE(os.stat(broker.socket).st_mode) == 0o600


def test_garbage_on_the_socket(broker):
    for raw in (b"\n", b"{}\n", b"[]\n", b"{\"verb\":1}\n", b"{\"verb\":\"dance\"}\n",
                b"\xff\xfe\n", b"{\"verb\":\"device show\"}\n", b"x" * 200000 + b"\n"):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(broker.socket))
            try:
                client.sendall(raw)
                answer = client.recv(65536)
            except (ConnectionError, BrokenPipeError):
                continue
            assert answer == b"" or json.loads(answer)["ok"] is False, (raw[:40], answer)
    clients = [socket.socket(socket.AF_UNIX) for _ in range(64)]
    for client in clients:
        client.connect(str(broker.socket))
    for client in clients:
        client.close()
    broker.wait(lambda: broker.ctl("status", check=False).returncode == 0, "status", 10)


def test_help():
    for program in (paths.HEARTHCTL, paths.HEARTH_FEED, paths.HEARTHD, paths.HEARTH_FLEET):
        result = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
        assert result.returncode == 0 and program.name in result.stdout, program
