# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Several workers on one port: packets come by any queue, devices are served all the same."""

import pytest

import hearth

TAP = "net_tap0,iface=hearth0"


def cpus_of(workers, shared):
    """One CPU for all, or as many as there are in turn."""
    cpus = sorted(hearth.ALL_CPUS)[-2:]
    return [cpus[-1]] * workers if shared else [cpus[-1 - n % len(cpus)] for n in range(workers)]


def by_worker(broker, layer, name):
    return [worker["counters"][layer][name] for worker in broker.ctl_json("status")["workers"]]


def total(broker, layer, name):
    return sum(by_worker(broker, layer, name))


@pytest.fixture(params=[(2, False), (2, True), (4, False), (4, True)],
                ids=lambda p: "%d-workers-%s" % (p[0], "one-core" if p[1] else "all-cores"))
def broker(request, tmp_path):
    workers, shared = request.param
    with hearth.Hearth(tmp_path, TAP, workers=cpus_of(workers, shared)) as started:
        started.start()
        yield started


def live_by_worker(broker):
    return [worker["sessions"]["live_tcp"] + worker["sessions"]["live_udp"]
            for worker in broker.ctl_json("status")["workers"]]


def test_a_fleet_over_any_queue(broker):
    """TCP and UDP devices, half and half: nothing lost, nothing twice, every worker at work."""
    workers = len(broker.settings["workers"])
    fleet = hearth.Fleet(broker, 100, "--tcp-share", 50, "--interval", 0.2, "--seconds", 5,
                         "--strict").generate()
    broker.ctl("device", "import", fleet.csv)
    feed = broker.feed()
    fleet.start()
    broker.wait(lambda: sum(live_by_worker(broker)) == 100, "100 sessions")
    live = live_by_worker(broker)
    status, summary = fleet.wait()
    assert status == 0, summary
    feed.quiet(0.5)
    reports = hearth.reports_in(feed.events)
    assert sorted(reports) == sorted(fleet.acknowledged()) and len(reports) > 1000
    hearth.check_feed(feed.events)
    # Each worker's ring has its devices' events.
    assert {event["id"].split("-")[0] for event in feed.events} == \
        {str(worker) for worker in range(workers)}
    assert min(live) > 0, live
    # The kernel spreads flows over the queues as it likes: most come by the wrong one.
    assert total(broker, "stack", "forwarded") > 0
    assert total(broker, "stack", "datagrams_handed") > 0
    assert total(broker, "worker", "fetches") > 0
    assert total(broker, "stack", "drop_wrong_worker") == 0
    assert total(broker, "stack", "drop_forward_full") == 0


def test_a_restart_keeps_sessions_of_all_workers(broker):
    """SIGKILL under load: UDP devices notice nothing, TCP devices come back."""
    fleet = hearth.Fleet(broker, 60, "--tcp-share", 50, "--interval", 0.2).generate()
    broker.ctl("device", "import", fleet.csv)
    feed = broker.feed()
    fleet.start()
    broker.wait(lambda: sum(live_by_worker(broker)) == 60, "60 sessions")
    for _ in range(2):
        feed.wait_for(lambda event: event["event"] == "uplink", "a report")
        broker.kill()
        broker.start()
        broker.wait(lambda: sum(live_by_worker(broker)) == 60, "60 sessions again")
        known = len(feed.read())
        broker.wait(lambda: len(feed.read()) > known + 200, "reports after the restart")
    fleet.finish()
    feed.quiet(0.5)
    reports = hearth.reports_in(feed.events)
    assert len(set(reports)) == len(reports), "a report stands under two ids"
    assert set(fleet.acknowledged()) <= set(reports), "an acknowledged report is lost"
    hearth.check_feed(feed.events)


def test_kick_and_show_wherever_a_session_lives(broker):
    broker.provision(8)
    feed = broker.feed()
    devices = [broker.device() for _ in range(8)]
    for number, device in enumerate(devices):
        device.online(via=("tcp", "udp")[number % 2])
        feed.of(device, "online")
    workers = len(broker.settings["workers"])
    for device in devices:
        shown = broker.ctl_json("session", device.id)["session"]
        assert 0 <= shown["worker"] < workers and shown["peer"].startswith("198.18.0.")
        broker.ctl("kick", device.id)
        assert feed.of(device, "offline")["reason"] == "kicked"
