# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The registry under a running broker: death at every write, a disk that fails, a disk that is full.

After an error of the disk nothing more is written until the registry is opened anew: what the kernel
could not write it may take for written the next time. A full disk is no such error. Neither touches
live sessions.
"""

import contextlib
import subprocess

import pytest

import hearth
import mcdevice
import shim

PIN = "p" * 32


def broker_on(directory):
    return hearth.Hearth(directory, memory={"megabytes": 128},
                         limits={"devices": 1000, "sessions": 500, "connections": 1000,
                                 "pending_logins": 500})


def add(broker, name, **options):
    return broker.ctl("device", "add", name, PIN, **options)


def devices(broker):
    return {row["id"] for row in broker.ctl_json("device", "list", "--limit", "1000")["devices"]}


@contextlib.contextmanager
def canaries(broker):
    """Sessions on both transports that must keep working."""
    with mcdevice.Canary(broker.device().online("tcp")), \
            mcdevice.Canary(broker.device().online("udp")):
        yield


def run_into(broker, **faults):
    """Start the broker and let it die at the call that is named."""
    broker.environment = shim.environment(broker.registry, **faults)
    process = broker.launch()
    assert process.wait(60) == -9, broker.log.read_text()[-2000:]
    broker.environment = None


def life(broker, feed):
    """(id, session) of a connect that the one device makes now."""
    device = mcdevice.McDevice(*broker.pool[0], hearth.BROKER, hearth.LOGIN)
    device.online("tcp")
    event = feed.of(device, "online")
    return int(event["id"].split("-")[1]), event["session"]


def test_death_at_any_write_of_a_start(tmp_path):
    """Ids and session numbers grow over all of it: neither is ever used again."""
    with broker_on(tmp_path) as broker:
        broker.provision(1)
        log = tmp_path / "calls"
        broker.start()
        feed = broker.feed()
        newest = life(broker, feed)
        broker.kill()
        broker.environment = shim.environment(broker.registry, log=log)
        broker.start()  # with a ring and sessions to attach to
        broker.kill()
        calls = len(shim.calls(log))
        assert calls >= 3
        for at in range(1, calls + 1):
            run_into(broker, at=at, do="before" if at < calls else "after")
            broker.start()
            newest, older = life(broker, feed), newest
            assert newest[0] > older[0] and newest[1] > older[1], at
            broker.kill()
        hearth.check_feed(feed.read())


def test_death_at_any_write_of_an_addition(tmp_path):
    with broker_on(tmp_path) as broker:
        broker.provision(3)
        armed, log = tmp_path / "armed", tmp_path / "calls"
        broker.environment = shim.environment(broker.registry, armed=armed, log=log)
        broker.start()
        armed.touch()
        add(broker, "first")
        calls = len(shim.calls(log))
        assert calls >= 3
        confirmed = devices(broker)
        for number, (at, how) in enumerate(
                [(at, "before") for at in range(1, calls + 1)] + [(calls, "after")]):
            armed.unlink()
            broker.kill()
            broker.environment = shim.environment(broker.registry, armed=armed, at=at, do=how)
            broker.start()
            armed.touch()
            name = "new%d" % number
            assert add(broker, name, check=False).returncode != 0
            assert broker.process.wait(20) == -9
            broker.environment = None
            broker.start()
            found = devices(broker)
            assert found in (confirmed, confirmed | {name}), (at, how, found ^ confirmed)
            assert how == "before" or name in found
            confirmed = found


@pytest.mark.parametrize("how", ["eio", "short"])
def test_an_error_of_the_disk_ends_all_changes(tmp_path, how):
    with broker_on(tmp_path) as broker:
        broker.provision(20)
        armed, log = tmp_path / "armed", tmp_path / "calls"
        broker.environment = shim.environment(broker.registry, armed=armed, log=log)
        broker.start()
        armed.touch()
        add(broker, "first")
        calls, confirmed = len(shim.calls(log)), devices(broker)
        for at in range(1, calls + 1):
            armed.unlink()
            broker.kill()
            broker.environment = shim.environment(broker.registry, armed=armed, at=at, do=how)
            broker.start()
            with canaries(broker):
                armed.touch()
                refused = add(broker, "refused%d" % at, check=False)
                assert refused.returncode == 1 and PIN not in refused.stderr, refused
                assert refused.stderr.strip()
                again = add(broker, "again%d" % at, check=False)
                if how == "eio":
                    assert again.returncode == 1, "written after an error, as if it were none"
                elif again.returncode == 0:
                    confirmed = confirmed | {"again%d" % at}
            broker.kill()
            broker.environment = None
            broker.start()
            assert devices(broker) == confirmed, at
            add(broker, "after%d" % at)
            confirmed = devices(broker)


def test_a_full_disk_leaves_live_sessions_alone(tmp_path):
    with broker_on(tmp_path) as broker:
        rows = broker.provision(6)
        armed = tmp_path / "armed"
        broker.environment = shim.environment(
            broker.registry, armed=armed, at=1, row=0, do="enospc")
        broker.start()
        with canaries(broker):
            confirmed = devices(broker)
            armed.touch()
            for words in (("add", "x", PIN), ("remove", rows[0][0])):
                result = broker.ctl("device", *words, check=False)
                assert result.returncode == 1 and "full" in result.stderr, result
            assert devices(broker) == confirmed
            armed.unlink()
            add(broker, "x")
            assert devices(broker) == confirmed | {"x"}
        broker.kill()
        broker.start()
        assert devices(broker) == confirmed | {"x"}


def test_a_disk_that_is_full_at_the_start_is_told(tmp_path):
    with broker_on(tmp_path) as broker:
        broker.provision(1)
        broker.environment = shim.environment(broker.registry, at=1, row=0, do="enospc")
        process = broker.launch()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        assert process.returncode in (1, 2), broker.log.read_text()[-2000:]
        assert "full" in broker.log.read_text().lower() or \
            "space" in broker.log.read_text().lower()
