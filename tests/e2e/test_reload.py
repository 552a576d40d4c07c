# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The configuration changes while the broker runs: what takes effect, what waits, what is refused."""

import signal
import time

import pytest

import hearth
from test_load import compare

RELOADS = 100


def write(broker, **changes):
    """The broker's file with changes; the process keeps its settings."""
    settings = hearth.merge(broker.settings, changes)
    text = "\n".join(hearth.yaml(settings)) + "\n"
    # As an editor does: never half a file.
    other = broker.config.with_suffix(".new")
    other.write_text(text, encoding="ascii")
    other.rename(broker.config)


def shown(broker):
    answer = broker.ctl_json("config", "show")
    return {row["key"]: row["value"] for row in answer["keys"]}


def test_what_takes_effect(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(6)
        broker.start()
        before = broker.device().online()
        assert before.connect_answer["heartBeat"] == 45
        early = broker.device()
        early.login()
        assert early.connect(time=int(time.time()) - 600)["result"] != 0

        # New values for whoever comes from now on.
        write(broker, mc={"heartbeat": 20, "auth_interval": 7, "time_window": 3600})
        answer = broker.ctl_json("reload")
        assert {row["key"]: (row["now"], row["file"]) for row in answer["changes"]} == {
            "mc.heartbeat": ("45", "20"), "mc.auth_interval": ("600", "7"),
            "mc.time_window": ("300", "3600")}
        assert answer["restart"] == [] and answer["generation"] == 2
        assert answer["before"]["generation"] == 1 and answer["before"]["changed_by"] == "start"
        after = broker.device().online("udp")
        assert after.connect_answer["heartBeat"] == 20
        assert after.connect_answer["authInterval"] == 7
        late = broker.device()
        late.login()
        assert late.connect(time=int(time.time()) - 600)["result"] == 0
        before.heartbeat()
        before.report()
        assert shown(broker)["mc.heartbeat"] == "20"

        # What needs a restart is named, the rest is taken; --strict takes neither.
        write(broker, mc={"heartbeat": 30}, limits={"connections": 5000, "sessions": 6000},
              workers=[0, 1])
        strict = broker.ctl("reload", "--strict", check=False)
        assert strict.returncode == 1 and "needs a restart, and so do 2 more" in strict.stderr
        assert shown(broker)["mc.heartbeat"] == "20"
        told = broker.ctl("reload").stdout
        assert "mc.heartbeat: 20 -> 30\n" in told
        assert "limits.connections: 10000 -> 5000: needs a restart" in told
        values = shown(broker)
        assert values["limits.connections"] == "10000" and values["limits.sessions"] == "5000"
        assert values["mc.heartbeat"] == "30"
        assert "workers: [0, 1] waits for a restart" in broker.ctl("config", "show").stdout

        # A device of limits.devices is one too many; a bound goes down and up again.
        write(broker, limits={"devices": 6})
        broker.ctl("reload")
        refused = broker.ctl("device", "add", "1" * 24, "x" * 32, check=False)
        assert refused.returncode == 1 and "full" in refused.stderr
        write(broker)
        broker.ctl("reload")
        broker.ctl("device", "add", "1" * 24, "x" * 32)
        assert broker.stop() == 0


def test_login_room_is_a_bound(tmp_path):
    """limits.sessions and limits.pending_logins may go down: what is there stays."""
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(4)
        broker.start()
        live = [broker.device().online() for _ in range(2)]
        write(broker, limits={"sessions": 1, "pending_logins": 1})
        broker.ctl("reload")
        third = broker.device()
        with pytest.raises(hearth.mcdevice.Closed):
            third.login()
        assert broker.counters()["session_full"] == 1
        for device in live:
            device.heartbeat()
        write(broker)
        broker.ctl("reload")
        third.online()


@pytest.mark.parametrize("how", ["reload", "SIGHUP"])
def test_a_bad_file_changes_nothing(tmp_path, how):
    with hearth.Hearth(tmp_path) as broker:
        broker.provision(1)
        broker.start()
        device = broker.device().online()
        values = shown(broker)
        good = broker.config.read_text()
        broker.config.write_text(good.replace("mc:\n", "mc:\n  hearbeat: 30\n"))
        line = good[:good.index("mc:\n")].count("\n") + 2
        complaint = "%s:%d: unknown key \"hearbeat\" in mc: did you mean \"heartbeat\"?" % (
            broker.config, line)
        if how == "reload":
            refused = broker.ctl("reload", check=False)
            assert refused.returncode == 1 and complaint in refused.stderr
        else:
            broker.process.send_signal(signal.SIGHUP)
            broker.wait(lambda: complaint in broker.log.read_text(), "a complaint in the log")
        check = broker.ctl("config", "check", broker.config, check=False)
        assert check.returncode == 1 and complaint in check.stderr
        diff = broker.ctl("config", "diff", broker.config, check=False)
        assert diff.returncode == 1 and complaint in diff.stderr
        assert shown(broker) == values
        assert broker.ctl_json("config", "show")["generation"] == 1
        device.report()
        broker.config.unlink()
        refused = broker.ctl("reload", check=False)
        assert refused.returncode == 1 and "cannot be opened" in refused.stderr
        device.heartbeat()


def test_two_administrators(tmp_path):
    """Whoever comes second is told that the ground has moved, and by whom."""
    with hearth.Hearth(tmp_path) as broker:
        broker.start()
        mine = tmp_path / "mine.yaml"
        mine.write_text(broker.config.read_text().replace("mc:\n", "mc:\n  udp_gap: 3\n"))
        diff = broker.ctl_json("config", "diff", mine)
        assert [row["key"] for row in diff["changes"]] == ["mc.udp_gap"]
        assert diff["generation"] == 1
        write(broker, mc={"heartbeat": 50})
        broker.ctl("reload", "--expect", 1)
        mine.rename(broker.config)
        late = broker.ctl("reload", "--expect", 1, check=False)
        assert late.returncode == 1
        assert "of generation 2 by now, not 1: socket" in late.stderr
        values = shown(broker)
        assert values["mc.heartbeat"] == "50" and values["mc.udp_gap"] == "0"
        assert broker.ctl_json("reload", "--expect", 2)["generation"] == 3
        assert shown(broker)["mc.udp_gap"] == "3"
        again = broker.ctl_json("reload")
        assert again["changes"] == [] and again["generation"] == 3
        wrong = broker.ctl("reload", "--expect", "soon", check=False)
        assert wrong.returncode == 2


def test_shown_file_starts_a_broker(tmp_path):
    with hearth.Hearth(tmp_path) as broker:
        broker.start()
        text = broker.ctl("config", "show").stdout
        same = tmp_path / "same.yaml"
        same.write_text(text)
        assert "good" in broker.ctl("config", "check", same).stdout
        assert "no difference" in broker.ctl("config", "diff", same).stdout
        assert broker.stop() == 0
        broker.write_config(text)
        broker.start()
        assert broker.ctl("config", "show").stdout.split("\n", 1)[1] == text.split("\n", 1)[1]


def test_reloads_under_load(tmp_path):
    """A hundred changes while devices report, over TCP and UDP: nothing ends, nothing is lost."""
    with hearth.Hearth(tmp_path) as broker:
        fleet = hearth.Fleet(broker, 300, "--tcp-share", 50, "--interval", 0.5, "--heartbeat", 1,
                             "--ramp", 500)
        fleet.generate()
        broker.ctl("device", "import", fleet.csv, offline=True)
        broker.start()
        feed = broker.feed()
        fleet.start()
        broker.wait(lambda: broker.ctl_json("status")["sessions"]["live_tcp"] +
                    broker.ctl_json("status")["sessions"]["live_udp"] == 300, "300 sessions")
        for turn in range(RELOADS):
            write(broker, mc={
                "heartbeat": 10 + turn % 7, "time_window": 300 + turn, "udp_gap": turn % 3,
                "token_seconds": 86400 + turn, "flap": {"connects": turn % 5},
                "login_budget": {"failures": turn % 4, "per_seconds": 1 + turn},
                "commands": {"sends": 1 + turn % 3, "queue": 1 + turn}})
            assert broker.ctl_json("reload")["generation"] == turn + 2
        for turn in range(5):
            reports = broker.counters()["requests"]
            if turn == 3:
                broker.config.write_text("mc: [", encoding="ascii")
                assert broker.ctl("reload", check=False).returncode == 1
            else:
                write(broker, mc={"heartbeat": 60 + turn})
            broker.process.send_signal(signal.SIGHUP)
            # seen by its effect, while reports go on
            broker.wait(lambda: broker.counters()["requests"] > reports + 100, "more reports")
        broker.wait(lambda: shown(broker)["mc.heartbeat"] == "64", "the last SIGHUP's value")
        assert broker.ctl_json("config", "show")["changed_by"] == "signal SIGHUP"
        status, summary = fleet.finish()
        assert status == 0, summary["first_deviation"]
        assert summary["lost_connections"] == 0 and summary["logins"] == 300
        reports = compare(fleet, feed.quiet(1))
        assert summary["acknowledged"] <= sum(reports.values()) <= summary["sent"]
        ends = [event for event in feed.events if event["event"] == "offline" and
                event["reason"] not in ("closed", "kicked")]
        assert not ends, ends[:3]
        assert broker.stop() == 0
        log = broker.log.read_text()
        assert "mc.heartbeat" in log and "ERROR: AddressSanitizer" not in log
