# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Several workers on one port, TAP or memif: packets come by any queue, devices are served."""

import pytest

import hearth

TAP = "net_tap0,iface=hearth0"


def cpus_of(workers, shared):
    """One CPU for all, or as many as there are in turn."""
    cpus = sorted(hearth.ALL_CPUS)[-2:]
    return [cpus[-1]] * workers if shared else [cpus[-1 - n % len(cpus)] for n in range(workers)]


def by_worker(team, layer, name):
    return [worker["counters"][layer][name] for worker in team.ctl_json("status")["workers"]]


def total(team, layer, name):
    return sum(by_worker(team, layer, name))


def name_of(param):
    return "%d-workers-%s" % (param[0], "one-core" if param[1] else "all-cores")


@pytest.fixture
def team(request, tmp_path):
    workers, shared = request.param
    with hearth.Hearth(tmp_path, TAP, workers=cpus_of(workers, shared)) as started:
        started.start()
        yield started


def teams(*params):
    return pytest.mark.parametrize("team", params, ids=name_of, indirect=True)


def live_by_worker(team):
    return [worker["sessions"]["live_tcp"] + worker["sessions"]["live_udp"]
            for worker in team.ctl_json("status")["workers"]]


def check_fleet(team, *options):
    """TCP and UDP devices, half and half: nothing lost, nothing twice, every worker at work."""
    workers = len(team.settings["workers"])
    fleet = hearth.Fleet(team, 100, "--tcp-share", 50, "--interval", 0.2, "--seconds", 5,
                         "--strict", *options).generate()
    team.ctl("device", "import", fleet.csv)
    feed = team.feed()
    fleet.start()
    team.wait(lambda: sum(live_by_worker(team)) == 100, "100 sessions")
    live = live_by_worker(team)
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
    # The other end spreads flows over the queues as it likes: most come by the wrong one.
    assert total(team, "stack", "forwarded") > 0
    assert total(team, "stack", "datagrams_handed") > 0
    assert total(team, "worker", "fetches") > 0
    assert total(team, "stack", "drop_wrong_worker") == 0
    assert total(team, "stack", "drop_forward_full") == 0


@teams((2, False), (2, True), (4, False), (4, True))
def test_a_fleet_over_any_queue(team):
    check_fleet(team)


def memif_end(directory, role):
    """Its rings are long, so that a loop that loses its CPU for a while costs no frames."""
    return "net_memif0,role=%s,socket=%s,socket-abstract=no,rsize=13" % (
        role, directory / "memif.sock")


def memif_team(directory, workers, shared, queues):
    port = {"device": memif_end(directory, "server"), "addresses": [hearth.BROKER + "/24"]}
    if queues:
        port["queues"] = queues
    return hearth.Hearth(directory, interface=None, workers=cpus_of(workers, shared), ports=[port])


def memif_fleet(directory, queues):
    return ("--via", "dpdk:" + memif_end(directory, "client"), "--address", "198.18.0.2/24",
            "--pages", "no-huge", "--memory", 128, "--queues", queues)


@pytest.mark.parametrize("shared", (False, True), ids=("all-cores", "one-core"))
@pytest.mark.parametrize("workers,queues", ((2, 2), (4, 4), (2, 1), (4, 1), (4, 2)))
def test_a_fleet_over_memif(tmp_path, workers, queues, shared):
    """A ring each way for each worker; or fewer, and some send through the queue of another."""
    with memif_team(tmp_path, workers, shared, queues) as team:
        team.start()
        check_fleet(team, *memif_fleet(tmp_path, queues))
        counters = team.counters()
        assert (counters["port_tx_relayed"] > 0) == (queues < workers)
        assert counters["port_tx_relay_full"] == 0


def test_memif_peers_of_one_queue_go_with_any_number_of_workers(tmp_path):
    """Unless told otherwise: a peer with fewer queues than the server's would spoil its first."""
    with memif_team(tmp_path, 2, True, None) as team:
        team.start()
        assert "1 queue for 2 workers" in team.log.read_text()
        check_fleet(team, *memif_fleet(tmp_path, 1))


def test_memif_peers_with_more_queues_are_refused(tmp_path):
    with memif_team(tmp_path, 2, True, None) as team:
        fleet = hearth.Fleet(team, 2, *memif_fleet(tmp_path, 2)).generate()
        team.start()
        fleet.start()
        assert fleet.process.wait(60) == 2
        assert "with as many queues" in fleet.output.read_text()


@teams((2, False), (4, True))
def test_a_restart_keeps_sessions_of_all_workers(team):
    """SIGKILL under load: UDP devices notice nothing, TCP devices come back."""
    fleet = hearth.Fleet(team, 60, "--tcp-share", 50, "--interval", 0.2).generate()
    team.ctl("device", "import", fleet.csv)
    feed = team.feed()
    fleet.start()
    team.wait(lambda: sum(live_by_worker(team)) == 60, "60 sessions")
    for _ in range(2):
        feed.wait_for(lambda event: event["event"] == "uplink", "a report")
        team.kill()
        team.start()
        team.wait(lambda: sum(live_by_worker(team)) == 60, "60 sessions again")
        known = len(feed.read())
        team.wait(lambda: len(feed.read()) > known + 200, "reports after the restart")
    fleet.finish()
    feed.quiet(0.5)
    reports = hearth.reports_in(feed.events)
    assert len(set(reports)) == len(reports), "a report stands under two ids"
    assert set(fleet.acknowledged()) <= set(reports), "an acknowledged report is lost"
    hearth.check_feed(feed.events)


@teams((4, False))
def test_kick_and_show_wherever_a_session_lives(team):
    team.provision(8)
    feed = team.feed()
    devices = [team.device() for _ in range(8)]
    for number, device in enumerate(devices):
        device.online(via=("tcp", "udp")[number % 2])
        feed.of(device, "online")
    workers = len(team.settings["workers"])
    for device in devices:
        shown = team.ctl_json("session", device.id)["session"]
        assert 0 <= shown["worker"] < workers and shown["peer"].startswith("198.18.0.")
        team.ctl("kick", device.id)
        assert feed.of(device, "offline")["reason"] == "kicked"
