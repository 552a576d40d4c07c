# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Metrics: of a real broker's status every counter is there, Debian's promtool finds nothing wrong
with them, the rules and the dashboard speak of families that there are, and a real Prometheus that
scrapes under load has what hearthctl status says."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

import hearth

CONTRIB = pathlib.Path(__file__).resolve().parents[2] / "contrib"
RULES = CONTRIB / "prometheus" / "hearth.rules.yml"
DASHBOARD = CONTRIB / "grafana" / "hearth.json"


def promtool(*words, **options):
    tool = shutil.which("promtool")
    if not tool:
        pytest.skip("needs promtool (Debian's package prometheus)")
    return subprocess.run([tool, *words], capture_output=True, text=True, check=False, **options)


def samples(text):
    """{name: {labels: value}} of a text in either format."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))
            family = found.setdefault(name, {})
            assert labels not in family, line
            family[labels] = float(value)
    return found


def label(**labels):
    return frozenset((name, str(value)) for name, value in labels.items())


def counters_of(status):
    """Every counter of the document: (family, labels, value)."""
    for worker in status["workers"]:
        for layer, counters in worker["counters"].items():
            for name, value in counters.items():
                full = name if name.startswith(layer + "_") else layer + "_" + name
                yield "hearth_%s_total" % full, label(worker=worker["worker"]), value
    for port in status["ports"]:
        device = port["device"].split(",")[0]
        for name, value in port["counters"].items():
            yield "hearth_%s_total" % name, label(port=device), value
        for queue in port["queues"]:
            for name, value in queue["counters"].items():
                yield ("hearth_port_queue_%s_total" % name.removeprefix("port_"),
                       label(port=device, queue=queue["queue"], worker=queue["worker"]), value)
    for layer, counters in status["drops"].items():
        for name, value in counters.items():
            yield "hearth_drops_total", label(layer=layer, reason=name), value
    for outcome, value in status["outcomes"].items():
        yield "hearth_commands_ended_total", label(outcome=outcome), value


@pytest.fixture(scope="module")
def busy(tmp_path_factory, request):
    """A broker that has served, with its document and its metrics."""
    if not request.config.isolated:
        pytest.skip("needs root, for a network namespace of its own")
    hearth.set_all_cpus(request.config.cpus)
    directory = tmp_path_factory.mktemp("metrics")
    with hearth.Hearth(directory, log={"audit": str(directory / "audit.log")}) as broker:
        broker.provision(4)
        broker.start()
        for transport in ("tcp", "udp"):
            device = broker.device().online(transport)
            for _ in range(5):
                device.heartbeat()
        yield broker


def test_every_counter_is_a_metric(busy):
    """Between two documents: what did not move in between is what the metrics say, the rest lies
    in between."""
    before = busy.ctl_json("status")
    found = samples(busy.ctl("metrics").stdout)
    after = {key[:2]: key[2] for key in counters_of(busy.ctl_json("status"))}
    seen = 0
    for family, labels, value in counters_of(before):
        assert value <= found[family][labels] <= after[family, labels], (family, labels)
        seen += 1
    assert seen > 200
    sessions = found["hearth_sessions"]
    assert sessions[label(state="live", transport="tcp")] == before["sessions"]["live_tcp"]
    assert sessions[label(state="live", transport="udp")] == before["sessions"]["live_udp"]
    assert found["hearth_registry_devices"][label()] == before["registry"]["devices"]
    for ring in before["feed"]:
        assert found["hearth_ring_size_bytes"][label(worker=ring["worker"])] == ring["bytes"]


def test_histograms_hold_together(busy):
    found = samples(busy.ctl("metrics").stdout)
    for name in ("answer_seconds", "turn_seconds", "turn_frames"):
        family = "hearth_worker_" + name
        count = found[family + "_count"][label(worker=0)]
        buckets = sorted((float(dict(labels)["le"]), value)
                         for labels, value in found[family + "_bucket"].items())
        assert count > 0 and buckets[-1] == (float("inf"), count)
        assert [value for _, value in buckets] == sorted(value for _, value in buckets)
        assert found[family + "_sum"][label(worker=0)] > 0
    # each device: login, connect, heartbeats
    assert found["hearth_worker_answer_seconds_count"][label(worker=0)] >= 2 * (2 + 5)


def test_promtool_finds_nothing_wrong(busy):
    done = promtool("check", "metrics", input=busy.ctl("metrics").stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_right():
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    done = promtool("test", "rules", "hearth.rules.test.yml", cwd=RULES.parent)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_dashboard_speak_of_what_there_is(busy):
    """A family that was renamed would leave an alert silent and a panel empty."""
    found = set(samples(busy.ctl("metrics").stdout))
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    texts = {"rules": RULES.read_text(encoding="utf-8"),
             **{panel["title"]: " ".join(target["expr"] for target in panel["targets"])
                for panel in dashboard["panels"] if panel["type"] != "row"}}
    assert len(texts) > 20
    for where, text in texts.items():
        text = re.sub(r"^ *#.*$", "", text, flags=re.M)
        for name in re.findall(r"\bhearth_\w+", text):
            assert name in found, (where, name)
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_every_alert_says_what_to_do():
    text = RULES.read_text(encoding="utf-8")
    alerts = re.split(r"\n      - alert: ", text)[1:]
    assert len(alerts) > 15
    tests = (RULES.parent / "hearth.rules.test.yml").read_text(encoding="utf-8")
    for alert in alerts:
        name = alert.split("\n")[0]
        assert re.search(r"severity: (page|ticket)", alert), name
        assert "summary:" in alert and "action:" in alert, name
        assert 'alertname="%s"' % name in tests, name
