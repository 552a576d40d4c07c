# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The instrument's scenarios, tiny and short, over memif: what is counted adds up, whatever happens.

Nothing here depends on how fast anything was: a trial that others spoilt is void, and its counts
add up all the same. Answers are waited for as long as any is missing (drain)."""

import json
import subprocess

import pytest

import hearth
import paths

SCENARIOS = paths.ROOT / "bench" / "scenarios"
DEVICES = 200
LIMITS = {"devices": 1000, "sessions": 1000, "connections": 4000, "pending_logins": 1000}
# How a search may end, on any machine.
OUTCOMES = ("found", "beyond the highest rate", "no rate without loss", "no rate held",
            "void: others had too much of the machine")


def device(directory, role):
    """One end; its rings are long, so that a loop that loses its CPU for a while costs no frames."""
    return "net_memif0,role=%s,socket=%s,socket-abstract=no,rsize=13" % (
        role, directory / "memif.sock")


class Run:
    """One run of a scenario against a broker that knows its devices."""

    def __init__(self, broker, scenario, settings, options=()):
        self.broker, self.path = broker, broker.directory / "run.json"
        self.words = [paths.HEARTH_FLEET, "--scenario", SCENARIOS / (scenario + ".yaml")]
        for key, value in settings.items():
            self.words += ["--set", "%s=%s" % (key, value)]
        csv = broker.directory / "scenario.csv"
        subprocess.run([*self.words, "--csv", csv], check=True)
        broker.ctl("device", "import", csv, offline=True)
        broker.start()
        result = subprocess.run(
            [*self.words, "--via", "dpdk:" + device(broker.directory, "client"), "--pages",
             "no-huge", "--memory", "64", "--address", "198.18.1.1/16", "--login",
             "%s:%d" % (hearth.BROKER, hearth.LOGIN), "--feed", broker.ring, "--control",
             broker.socket, "--json", self.path, *options],
            capture_output=True, text=True, timeout=300, check=False,
            preexec_fn=hearth.die_with_us)
        print(result.stdout, result.stderr)
        self.status, self.output, self.errors = result.returncode, result.stdout, result.stderr
        self.found = json.loads(self.path.read_text())
        self.trials = self.found["trials"]

    @property
    def trial(self):
        return self.trials[-1] if self.trials else None

    def check(self, everything=True):
        """Each trial's accounts; @everything: no report is missing anywhere."""
        for trial in self.trials + ((self.found["search"] or {}).get("steps") or []):
            adds_up(trial)
            if everything:
                assert trial["answered"] == trial["sent"] and trial["lost"] == 0, trial
        assert self.status == (0 if self.found["kept"] else 1)
        return self.trial


def adds_up(trial):
    """No report is wrong, none came twice, and each is in one of the columns."""
    assert sum(trial["wrong"].values()) == 0, trial["first_wrong"]
    assert trial["doubled"] == 0
    assert trial["answered"] + trial["refused"] + trial["failed"] + trial["unanswered"] == \
        trial["sent"]
    # What was answered by an error is not owed; errors of heartbeats stand in the same column.
    if not (trial["denied"] and trial["heartbeats"]):
        assert trial["delivered"] + trial["lost"] + trial["denied"] == trial["sent_all"]
    # What is lost was never acknowledged: that promise holds on any machine.
    assert trial["lost"] <= trial["unanswered_all"]
    assert trial["latency"]["count"] == trial["answered"]
    assert trial["latency_clean"]["count"] <= trial["latency"]["count"]
    assert trial["verdict"] in ("passed", "failed", "void")


@pytest.fixture
def memif(tmp_path):
    ports = [{"device": device(tmp_path, "server"), "addresses": [hearth.BROKER + "/16"]}]
    with hearth.Hearth(tmp_path, interface=None, limits=LIMITS, ports=ports) as broker:
        yield broker


def settings(**more):
    return {"devices": DEVICES, "seconds": 1, "warmup": 0.2, "drain": 60,
            **{key.replace("__", "."): value for key, value in more.items()}}


@pytest.mark.parametrize("scenario", ["steady-tcp", "steady-udp", "mixed", "sessions"])
def test_steady(memif, scenario):
    run = Run(memif, scenario, settings(rate=1000))
    trial = run.check()
    assert trial["sent"] > 0 and trial["relogins"] == trial["disconnected"] == 0
    assert run.found["login"]["devices"] == run.found["login"]["connects"] == DEVICES
    assert run.found["scenario"] == scenario and run.found["wire"] == "memif"
    # The broker counted the same, and says what each took it.
    assert trial["broker"]["requests"] == trial["sent_all"] + trial["broker"]["heartbeats"]
    assert trial["broker"]["cycles_per_request"] > 0
    assert set(trial["broker"]["stages"]) >= {"receive", "aes", "json", "transmit"}
    assert run.found["broker"]["sessions"] == DEVICES and run.found["broker"]["memory_bytes"] > 0
    percentiles = trial["latency"]["percentiles_us"]
    assert [share for share, _ in percentiles] == sorted({share for share, _ in percentiles})
    assert [us for _, us in percentiles] == sorted(us for _, us in percentiles)
    for shown in ("offered/s", "delivered", "p99.99", "broker busy", "1,000"):
        assert shown in run.output


def test_search(memif):
    """Whatever it finds on a machine that others use: every trial's accounts are right."""
    run = Run(memif, "steady-tcp", settings(load__search__from=500, load__search__to=1000,
                                            load__search__seconds=0.2, latency_at="[0.5]"))
    run.check()
    search = run.found["search"]
    assert search["outcome"] in OUTCOMES
    assert search["steps"] and search["voids"] == sum(
        step["verdict"] == "void" for step in search["steps"])
    assert search["rate"] <= 1000 and run.found["rate"] == search["rate"]
    if search["rate"]:
        assert [step["verdict"] for step in search["steps"][-2:]] == ["passed", "passed"]
        assert run.trial["share"] == 0.5 and run.trial["rate"] == search["rate"] / 2


def test_closed_loop(memif):
    """--set turns the file's search into another load."""
    run = Run(memif, "steady-tcp", settings(load__closed=4))
    trial = run.check()
    assert trial["purpose"] == "closed loop" and trial["sent"] > 0 and trial["rate"] == 0


def test_heartbeats(memif):
    run = Run(memif, "heartbeats", settings(heartbeat=1))
    trial = run.trial
    assert trial["sent_all"] == trial["delivered"] == 0
    assert trial["heartbeats"] == trial["heartbeats_answered"] > 0
    assert trial["broker"]["heartbeats"] == trial["heartbeats"]
    assert 0 < trial["latency"]["count"] <= trial["heartbeats"]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_loss(memif, transport):
    """Frames vanish in both directions; over TCP no report does. A datagram that is lost leaves a
    gap in the numbers, which ends its session: it comes back, and nothing acknowledged is lost."""
    run = Run(memif, "loss", settings(rate=1000, transport=transport, faults__loss=0.02))
    trial = run.check(everything=transport == "tcp")
    assert trial["sent"] > 0 and trial["faults"]["loss"] == 0.02


def test_slow_readers(memif):
    run = Run(memif, "slow-readers", settings(rate=1000, faults__slow_readers__share=0.2,
                                              faults__slow_readers__stall_ms=200))
    trial = run.check()
    assert trial["faults"]["stalls"] >= DEVICES * 0.2
    assert trial["disconnected"] == 0


def test_rebinding_udp(memif):
    """The session is found by its token: nobody logs in again, nothing is lost."""
    run = Run(memif, "rebind", settings(rate=1000, faults__rebind__per_second=200))
    trial = run.check()
    assert trial["faults"]["moved"] > 0
    assert trial["relogins"] == trial["disconnected"] == 0
    assert trial["broker"]["connects"] == 0


def test_rebinding_tcp(memif):
    """Each comes back with its token, on a new connection, without a login."""
    run = Run(memif, "rebind", settings(rate=1000, transport="tcp",
                                        faults__rebind__per_second=100))
    trial = run.check(everything=False)
    counters = trial["broker"]["counters"]
    assert trial["faults"]["moved"] > 0
    assert trial["relogins"] == trial["disconnected"] == counters["offline_replaced"] == \
        trial["broker"]["connects"] > 0
    assert "logins" not in counters


def test_storm(memif):
    run = Run(memif, "storm", settings(rate=1000, faults__storm__devices=100,
                                       faults__storm__at=0.3))
    trial = run.check(everything=False)
    faults = trial["faults"]
    assert faults["thrown_out"] == trial["disconnected"] == trial["relogins"] == 100
    assert faults["seconds_until_all_live"] > 0
    assert trial["broker"]["counters"]["offline_replaced"] == 100
    assert 0 <= faults["answers_meanwhile"] <= trial["answered"]
    # Only what was under way on a connection that ended may be missing.
    assert trial["unanswered"] <= 100 * 16


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_hot_gateway(memif, transport):
    """Sub-devices are bound by their PINs, and each report of one is its own at the ring."""
    run = Run(memif, "gateway", settings(rate=1000, transport=transport,
                                         faults__hot_gateway__subdevices=20))
    trial = run.check()
    assert trial["subdevices_bound"] == 20
    assert 0 < trial["of_subdevices"] < trial["sent_all"]
    assert memif.counters()["subdevice_authentic"] == 20


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_hostile(memif, transport):
    """Honest devices lose nothing; each stranger's frame stands in one of the broker's counters."""
    run = Run(memif, "hostile", settings(rate=1000, transport=transport))
    trial = run.check()
    faults, counters = trial["faults"], trial["broker"]["counters"]
    replays = faults["stranger_replays_" + transport]
    lost = faults.get("stranger_not_sent", 0)
    assert trial["disconnected"] == 0
    assert replays > 0 and faults["stranger_syns"] > 0
    for counter, sent in (("drop_frame", faults["stranger_garbage"]),
                          ("drop_unknown_token", faults["stranger_tokens"])):
        assert sent - lost <= counters[counter] <= sent, counter
    segments = faults["stranger_segments"] + (replays if transport == "tcp" else 0)
    # While SYNs flood in, a segment of no connection may be somebody's who holds a cookie.
    assert counters["tcp_drop_no_connection"] + counters.get("tcp_cookie_bad", 0) >= \
        segments - lost
    # An answer to a stranger tells him that somebody is there: repeats alone are answered.
    assert faults.get("stranger_datagrams_in", 0) <= (replays if transport == "udp" else 0)


def test_overload_of_the_peak_that_was_found(memif):
    """The search is one like any other; what follows has its rate from it."""
    run = Run(memif, "overload", settings(load__search__from=500, load__search__to=1000,
                                          load__search__seconds=0.2, load__search__precision=0.5,
                                          offered=3, drain=1))
    trial = run.check(everything=False)
    assert run.found["search"]["outcome"] in OUTCOMES
    assert all(step["repeated"] == 0 for step in run.found["search"]["steps"])
    assert (trial is not None) == (run.found["rate"] > 0)
    if trial:
        assert trial["purpose"] == "overload"
        assert trial["rate"] == 3 * run.found["rate"]
        assert trial["disconnected"] == trial["offline"] == 0


def test_overload(memif):
    """Frames made ahead, more of them than are asked for: no session ends."""
    run = Run(memif, "overload", settings(rate=500, offered=3, drain=1))
    trial = run.check(everything=False)
    assert trial["purpose"] == "overload" and trial["rate"] == 1500
    assert trial["faults"]["offered_times_peak"] == 3
    assert trial["disconnected"] == 0


def test_the_json_may_be_standard_output(memif):
    """People then read on stderr."""
    run = Run(memif, "steady-tcp", settings(rate=500), ("--histograms", memif.directory / "h"))
    for name in ("h-rate.hgrm", "h-rate-clean.hgrm"):
        assert "Percentile" in (memif.directory / name).read_text()
    again = subprocess.run(
        [*run.words, "--via", "dpdk:" + device(memif.directory, "client"), "--pages", "no-huge",
         "--memory", "64", "--address", "198.18.1.1/16", "--login",
         "%s:%d" % (hearth.BROKER, hearth.LOGIN), "--feed", "none", "--json", "-", "--quiet"],
        capture_output=True, text=True, timeout=300, check=False)
    found = json.loads(again.stdout)
    assert found["scenario"] == "steady-tcp" and found["broker"] is None
    assert "no --control" in again.stderr and "offered/s" in again.stderr


# -- what people are told

def refused(*words):
    result = subprocess.run([paths.HEARTH_FLEET, *map(str, words)], capture_output=True, text=True,
                            timeout=120, check=False)
    assert result.returncode == 2, result
    return result.stderr


STEADY = SCENARIOS / "steady-tcp.yaml"
WAY = ("--via", "dpdk:net_memif0,role=client,socket=/nowhere/m.sock,socket-abstract=no",
       "--address", "198.18.1.1/16", "--login", "198.18.0.1:7700", "--pages", "no-huge")


@pytest.mark.parametrize("words,said", [
    ((), "--scenario needs --csv FILE, to write its devices, or --login, to run it"),
    (("--rate", 5, "--csv", "x"), "--rate is not for a --scenario"),
    (("--generate", 5, "--csv", "x"), "--generate is not for a --scenario"),
    (("--csv", "/nowhere/x"), "/nowhere/x: No such file"),
    (("--set", "devices=0", "--csv", "x"), "--set devices=0: devices is out of range"),
    (("--set", "device=5", "--csv", "x"), "did you mean \"devices\"?"),
    (WAY, "--feed PATH is needed"),
    ((*WAY, "--feed", "/nowhere/ring"), "--feed /nowhere/ring: No such file"),
    ((*WAY, "--feed", "none", "--control", "/nowhere/c"), "--control /nowhere/c: No such file"),
    (("--login", "198.18.0.1:7700", "--feed", "none", "--set", "rate=1", "--set", "devices=10",
      "--set", "faults.loss=0.1"), "need --via dpdk:DEVICE"),
    ((*WAY[:2], "--login", "198.18.0.1:7700"), "go together"),
])
def test_refused(words, said):
    assert said in refused("--scenario", STEADY, *words)


def test_refused_without_a_scenario():
    assert "go with --scenario" in refused("--set", "devices=5")
    assert "go with --scenario" in refused("--feed", "none")


def test_a_file_that_is_wrong(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("name: x\nload: {rate: many}\n", encoding="ascii")
    assert "%s:2: load.rate is \"many\": it must be a number" % path in \
        refused("--scenario", path, "--csv", "x")


def test_devices_that_the_broker_does_not_know(memif):
    memif.start()
    where = ("--login", "198.18.0.1:7700", "--address", "198.18.1.1/16", "--pages", "no-huge",
             "--via", "dpdk:" + device(memif.directory, "client"), "--feed", memif.ring,
             "--control", memif.socket)
    assert "the broker knows 0 devices, and the scenario has 100000" in \
        refused("--scenario", STEADY, *where)
    memif.provision(500)
    assert "room for 1000 sessions" not in refused("--scenario", STEADY, *where)


def test_no_carrier(memif):
    """A broker that runs, but has another port."""
    memif.start()
    other = memif.directory / "other"
    other.mkdir()
    said = refused("--scenario", STEADY, *WAY[2:], "--via", "dpdk:" + device(other, "client"),
                   "--feed", memif.ring)
    assert "(is a broker running with the other end?)" in said
