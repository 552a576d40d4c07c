# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""From results to report.json: every figure there, medians and ratios right, nothing null without why."""

import copy
import json

import collect
import figures
import pytest
import sample
import tried


def report_of(records, left_out=None, full=False):
    collected = collect.collect(collect.Found(records, left_out or {}), full)
    return {"date": "2026-01-02T03:04:05+00:00", "machine": {"cpus": 2}, "wire": "memif",
            "figures": collected}


def test_figures_of_a_whole_run():
    report = report_of(sample.records())
    assert not figures.problems(report)
    values = {name: one["value"] for name, one in report["figures"].items()}
    assert values["reports_tcp"] == 1000000
    assert values["reports_udp"] == 1300000
    assert values["twin_ratio"] == pytest.approx(1000000 / 150000)
    assert values["redis_ratio"] == pytest.approx(1000000 / 120000)
    # mosquitto's rate is the same in all repetitions, Hearth's is not: ratios, then their median
    assert report["figures"]["mosquitto_ratio"]["runs"] == pytest.approx(
        [1000 / 45, 1100 / 45, 900 / 45])
    assert values["logins"] == 200000
    assert values["latency_p50_us"] == 9.5
    assert values["latency_p99_us"] == 48
    assert values["latency_p999_us"] == 190
    assert values["cycles_ratio"] == pytest.approx(sum(sample.STAGES.values()) / 1800)
    assert "1.20 x" in report["figures"]["cycles_ratio"]["note"]
    assert values["overload_goodput"] == pytest.approx(0.95)
    assert report["figures"]["overload_goodput"]["note"] == (
        "3,600,000/s offered; 0 sessions ended; dropped at the sender: 7")
    assert report["figures"]["twin_ratio"]["note"] == "19000 devices"
    assert report["figures"]["latency_p99_us"]["note"] == (
        "stolen gaps left out, and what they had kept waiting: 0.50 % of the reports "
        "(the instrument's core 0.30 %, the broker's 0.20 %); stolen: 0.02 % of the time")
    json.dumps(report)


def test_the_note_says_which_gaps_are_in_it():
    result = sample.hearth(1e6)
    result["latency"]["0.5"]["gaps"]["broker"]["unseen"] = 3
    assert collect.gaps_note([result]).endswith("; some gaps of the broker's core were not seen and are in it")
    result["latency"]["0.5"]["gaps"]["broker"] = None
    assert collect.gaps_note([result]) == (
        "stolen gaps left out, and what they had kept waiting: 0.50 % of the reports; "
        "those of the broker's core are in it; stolen: 0.02 % of the time")


def test_parts_measured_alone_add_up_to_the_brokers_stages():
    # a part counts as often as a report over TCP takes it; one without a place stands for itself
    assert collect.alone_stages(sample.stages()) == {
        "receive": 200.0, "json": 300.0, "aes": 400.0, "transmit": 150.0, "something_new": 50.0,
        "ports": 700.0}
    assert collect.alone_cycles(sample.stages()) == 1800


def test_what_a_quick_run_leaves_out_says_so():
    report = report_of(sample.records())
    for name in collect.FULL_ONLY:
        assert report["figures"][name]["value"] is None
        assert "--full" in report["figures"][name]["note"]


def test_ten_million():
    sessions = sample.hearth(700000.0)
    sessions["broker"] = {"sessions": 10000000, "memory_bytes": 4.2e9, "memory": {}}
    records = sample.records() + [sample.record("sessions", sessions),
                                  sample.record("idle", {"idle": {"idle_share": -0.02, "accounted_share": 0.011}})]
    values = report_of(records, full=True)["figures"]
    assert values["sessions"]["value"] == 10000000
    assert values["sessions_bytes"]["value"] == 4.2e9
    assert values["reports_all_sessions"]["value"] == 700000
    assert values["idle_share"]["value"] == 0.011
    assert "heartbeats 100, answered 100" in values["sessions"]["note"]


def test_nothing_at_all_is_all_null_with_notes():
    for full in (False, True):
        report = report_of([], full=full)
        assert not figures.problems(report)
        assert all(one["value"] is None and one["note"] for one in report["figures"].values())


@pytest.mark.parametrize("step", ["hearth-tcp", "twin", "redis", "mosquitto", "hearth-udp", "stages",
                                  "overload"])
@pytest.mark.parametrize("result", [None, {}, [], "text", {"rate": None}, {"rate": 0.0, "trials": []},
                                    {"search": {"outcome": "no rate without loss"}}])
def test_a_result_of_another_form_costs_its_figures_only(step, result):
    records = [record for record in sample.records() if record["step"] != step]
    report = report_of(records + [sample.record(step, result)])
    assert not figures.problems(report)
    untouched = "reports_udp" if step != "hearth-udp" else "reports_tcp"
    assert report["figures"][untouched]["value"]


def test_a_void_latency_trial_gives_none():
    records = sample.records()
    for record in records:
        if record["step"] == "hearth-tcp" and record["repetition"] != 2:
            record["result"]["latency"]["0.5"]["verdict"] = "void"
    figures_of = report_of(records)["figures"]
    assert figures_of["latency_p50_us"]["runs"] == [9.5]
    assert figures_of["reports_tcp"]["value"] == 1000000


def test_failed_void_and_left_out_are_told_apart():
    records = [sample.record("hearth-tcp", None, error="hearthd ended"),
               sample.record("hearth-udp", sample.hearth(1e6), void=True,
                             shares=dict(sample.QUIET, taken=0.31)),
               sample.record("redis", sample.peer("redis", 1.0))]
    notes = {name: one.get("note") for name, one in report_of(
        records, {"stages": "left out: no time", "hearth-udp": "left out: no time"})["figures"].items()}
    assert notes["reports_tcp"] == "hearth-tcp failed: hearthd ended"
    # runs that were made say more than those for which there was no time
    assert "void" in notes["reports_udp"] and "31 %" in notes["reports_udp"]
    assert notes["cycles_ratio"] == "left out: no time"
    assert notes["redis_ratio"] == "hearth-tcp failed: hearthd ended"
    assert notes["mosquitto_ratio"] == "mosquitto was not run"


def test_a_void_run_counts_nowhere():
    records = sample.records()
    records.append(sample.record("hearth-tcp", sample.hearth(9e9), 2, void=True))
    assert report_of(records)["figures"]["reports_tcp"]["value"] == 1000000


def test_a_search_that_found_nothing_says_what_it_said():
    result = sample.hearth(0.0)
    result["search"] = {"outcome": "no rate without loss", "steps": []}
    report = report_of([sample.record("hearth-tcp", result)])
    assert report["figures"]["reports_tcp"] == {
        "value": None, "runs": [], "note": "no rate without loss", "unit": "reports/s"}


def test_a_figure_that_misses_its_goal_says_what_holds_it_back():
    records = copy.deepcopy(sample.records())
    report = report_of(records)["figures"]
    assert "holds" not in report["reports_tcp"]
    assert "receive 520" in report["logins"]["holds"]  # 200,000 of 250,000
    for record in records:
        if record["step"] == "hearth-tcp":
            record["result"]["rate"] *= 0.5
    report = report_of(records)["figures"]
    assert "97 % busy" in report["reports_tcp"]["holds"]
    assert "transmit 450" in report["reports_tcp"]["holds"]
    assert report["reports_tcp"]["tried"] == tried.TRIED["reports_tcp"]
    assert "tried" not in report["reports_udp"]  # it is reached


def test_tried_is_about_figures():
    assert set(tried.TRIED) <= set(figures.IDS)


@pytest.mark.parametrize("spoil,problem", [
    (lambda report: report.pop("wire"), "no wire"),
    (lambda report: report["figures"].pop("logins"), "no figure logins"),
    (lambda report: report["figures"]["logins"].update(value=None), "logins: null without a note"),
    (lambda report: report["figures"]["logins"].update(value="3"), "logins: '3' is no number"),
    (lambda report: report["figures"]["logins"].update(unit="/s"), "logins: its unit is not devices/s"),
    (lambda report: report["figures"]["logins"].update(runs=None), "logins: no list of runs"),
])
def test_a_report_that_is_not_one_is_noticed(spoil, problem):
    report = report_of(sample.records())
    spoil(report)
    assert figures.problems(report) == [problem]


def test_all_names_that_others_rely_on():
    assert set(figures.IDS) == {
        "reports_tcp", "reports_udp", "twin_ratio", "redis_ratio", "mosquitto_ratio", "logins", "sessions",
        "sessions_bytes", "reports_all_sessions", "latency_p50_us", "latency_p99_us", "latency_p999_us",
        "cycles_ratio", "idle_share", "overload_goodput"}
    assert set(collect.TAKERS) == set(figures.IDS)
