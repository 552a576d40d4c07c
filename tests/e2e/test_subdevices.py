# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Gateways with sub-devices on a running broker: bound, on-line, moved, killed, removed."""

import pytest

import hearth
from mcdevice import new_pin

STATUS = [{"serialId": "1", "statusSerial": []}]


@pytest.fixture(params=[1, 2], ids=["one-worker", "two-workers"])
def house(request, tmp_path):
    """A broker of its own: these tests kill it and fill its tables."""
    cpus = sorted(hearth.ALL_CPUS)
    with hearth.Hearth(tmp_path, workers=[cpus[-1]] * request.param,
                       limits={"subdevices": 300}) as broker:
        broker.provision(10)
        broker.start()
        broker.events = broker.feed()
        yield broker


def children_of(broker, count, gateway="", first=0):
    rows = [("child-%d" % (first + n), new_pin(), gateway) for n in range(count)]
    broker.import_rows(rows)
    return rows


def bind(gateway, child):
    answer = gateway.request(2012, subDeviceId=child[0], pin=child[1])
    assert (answer["result"], answer["authResult"]) == (0, "0"), answer


def seen(feed, child, event, gateway=None, count=1, reason=None):
    """So many such events of a sub-device, and no more."""
    def those():
        return [line for line in feed.read()
                if line["device"] == child and line["event"] == event and
                reason in (None, line.get("reason")) and
                (gateway is None or line["gateway"] == gateway.id)]
    feed.wait_for(lambda _: len(those()) >= count, "%s of %s" % (event, child))
    assert len(those()) == count, those()
    return those()[-1]


def test_bindings_and_states_survive_a_kill(house):
    """What was answered before kill -9 is so after it; UDP gateways notice nothing."""
    feed = house.events
    udp, tcp = house.device().online("udp"), house.device().online("tcp")
    children = children_of(house, 4)
    for gateway, ours in ((udp, children[:2]), (tcp, children[2:])):
        for child in ours:
            bind(gateway, child)
        assert gateway.request(2020, subDeviceId=ours[0][0], onLine=1)["result"] == 0
        seen(feed, ours[0][0], "online", gateway)
    house.kill()
    house.start()
    status = house.ctl_json("status")["bindings"]
    assert (status["bound"], status["online"], status["limit"]) == (4, 2, 300)
    assert udp.request(2016, subDeviceId=children[1][0])["result"] == 0
    assert udp.request(2006, deviceId=children[0][0], statusSerials=STATUS)["result"] == 0
    assert udp.request(2006, deviceId=children[1][0], statusSerials=STATUS)["result"] == 0
    seen(feed, children[1][0], "online", udp)
    # The TCP gateway comes back by a connect: its session ended, its sub-devices with it.
    tcp.link.close()
    assert tcp.connect("tcp", time=tcp_time(tcp))["result"] == 0
    seen(feed, children[2][0], "offline", tcp, reason="replaced")
    assert tcp.request(2006, deviceId=children[2][0], statusSerials=STATUS)["result"] == 0
    seen(feed, children[2][0], "online", tcp, count=2)
    feed.quiet()
    seen(feed, children[0][0], "online", udp)  # once, over the kill
    hearth.check_feed(feed.events)


def tcp_time(device):
    """A connect has to be newer than the last one with this token."""
    return device.connect_answer["time"] + 2


def test_a_move_between_gateways(house):
    feed = house.events
    first, second = house.device().online("tcp"), house.device().online("udp")
    child, = children_of(house, 1)
    bind(first, child)
    assert first.request(2006, deviceId=child[0], statusSerials=STATUS)["result"] == 0
    seen(feed, child[0], "online", first)
    bind(second, child)
    seen(feed, child[0], "offline", first, reason="replaced")
    assert first.request(2006, deviceId=child[0], statusSerials=STATUS)["result"] == 200001
    assert second.request(2006, deviceId=child[0], statusSerials=STATUS)["result"] == 0
    seen(feed, child[0], "online", second)
    # To and fro: wherever it is, it is there once.
    for turn in range(10):
        to, other = ((first, second), (second, first))[turn % 2]
        bind(to, child)
        assert to.request(2020, subDeviceId=child[0], onLine=1)["result"] == 0
        assert other.request(2016, subDeviceId=child[0])["result"] == 200001
    feed.quiet()
    states = [line["event"] for line in feed.events if line["device"] == child[0]]
    assert states.count("online") == 12 and states.count("offline") == 11
    assert house.ctl_json("device", "show", child[0])["device"]["bound_to"] == second.id


def test_a_gateway_with_many(house):
    """All of them on-line, then all of them off-line, each once; and no more than the limit."""
    feed = house.events
    gateway = house.device().online("tcp")
    children = children_of(house, 301)
    for child in children[:300]:
        bind(gateway, child)
        assert gateway.request(2006, deviceId=child[0], statusSerials=STATUS)["result"] == 0
    answer = gateway.request(2012, subDeviceId=children[300][0], pin=children[300][1])
    assert answer["result"] == 999999
    shown = house.ctl_json("session", gateway.id)["session"]["subdevices"]
    assert (shown["bound"], shown["online"], len(shown["shown"])) == (300, 300, 100)
    assert "300 sub-devices are bound to it, 300 on-line; the first 100" in \
        house.ctl("session", gateway.id).stdout
    gateway.link.abort()
    feed.wait_for(lambda _: sum(line["event"] == "offline" for line in feed.events) == 301)
    feed.quiet()
    ends = [line for line in feed.events if line["event"] == "offline"]
    assert {line["device"] for line in ends} == \
        {gateway.id, *(child[0] for child in children[:300])}
    assert len(ends) == 301 and {line["reason"] for line in ends} == {"closed"}
    assert house.ctl_json("status")["bindings"]["online"] == 0
    hearth.check_feed(feed.events)


def test_removed_devices(house):
    feed = house.events
    gateway = house.device().online("udp")
    children = children_of(house, 3)
    for child in children:
        bind(gateway, child)
        assert gateway.request(2020, subDeviceId=child[0], onLine="1")["result"] == 0
    house.ctl("device", "remove", children[0][0])
    seen(feed, children[0][0], "offline", gateway, reason="removed")
    assert gateway.request(2016, subDeviceId=children[0][0])["result"] == 200001
    assert gateway.request(2016, subDeviceId=children[1][0])["result"] == 0
    house.ctl("device", "remove", gateway.id)
    feed.of(gateway, "offline")
    for child in children[1:]:
        seen(feed, child[0], "offline", gateway, reason="removed")
        assert "bound_to" not in house.ctl_json("device", "show", child[0])["device"]
    house.kill()
    house.start()
    assert house.ctl_json("status")["bindings"]["bound"] == 0


def test_provisioned_for_a_gateway(house):
    """device add --gateway: no other one gets it, and what is heard of that is a refusal."""
    ours, other = house.device().online("tcp"), house.device().online("tcp")
    pin = new_pin()
    house.ctl("device", "add", "belongs", pin, "--gateway", ours.id)
    answer = other.request(2012, subDeviceId="belongs", pin=pin)
    assert (answer["result"], answer["authResult"]) == (0, "1")
    bind(ours, ("belongs", pin))
    assert house.ctl_json("device", "show", "belongs")["device"]["bound_to"] == ours.id
    assert "bound to" in house.ctl("device", "show", "belongs").stdout


def test_strict(tmp_path):
    """mc.subdevices: strict: after a new login each PIN has to be shown again."""
    with hearth.Hearth(tmp_path, mc={"subdevices": "strict"}) as broker:
        broker.provision(1)
        broker.start()
        child, = children_of(broker, 1)
        gateway = broker.device().online("tcp")
        bind(gateway, child)
        assert gateway.request(2006, deviceId=child[0], statusSerials=STATUS)["result"] == 0
        gateway.online("tcp")
        assert gateway.request(2006, deviceId=child[0], statusSerials=STATUS)["result"] == 200003
        assert broker.counters()["subdevice_early"] == 1
        bind(gateway, child)
        assert gateway.request(2006, deviceId=child[0], statusSerials=STATUS)["result"] == 0
