# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""From what the programs found to the figures: medians, ratios, notes, and what holds one back."""

import figures
import maths
import tried

FULL_ONLY = ("sessions", "sessions_bytes", "reports_all_sessions", "idle_share")


class Found:
    """The records of all runs, by step: those that count, and why others do not."""

    def __init__(self, records, left_out):
        self.records, self.left_out = records, left_out

    def results(self, step):
        """{repetition: what the program found}, of runs that are neither void nor failed."""
        return {record["repetition"]: record["result"] for record in self.records
                if record["step"] == step and not record["void"] and record["error"] is None}

    def one(self, step):
        """The last of them, or None."""
        results = self.results(step)
        return results[max(results)] if results else None

    def values(self, step, take):
        """{repetition: number}; a result that lacks it gives none."""
        found = {}
        for repetition, result in self.results(step).items():
            value = attempt(take, result)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
                found[repetition] = float(value)
        return found

    def why_not(self, step):
        """One line about a step that no figure came of."""
        mine = [record for record in self.records if record["step"] == step]
        if not mine:
            return self.left_out.get(step, "%s was not run" % step)
        failed = [record["error"] for record in mine if record["error"] is not None]
        if failed:
            return "%s failed: %s" % (step, failed[-1])
        if all(record["void"] for record in mine):
            return "all runs of %s are void: others had up to %.0f %% of the CPUs' time" % (
                step, 100 * max(record["shares"]["taken"] for record in mine))
        return attempt(outcome_of, mine[-1]["result"]) or "%s found no such figure" % step


def attempt(take, result):
    """What @take finds, or None where the result has no such thing."""
    try:
        return take(result)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, StopIteration,
            ZeroDivisionError):
        return None


def outcome_of(result):
    said = [part for part in (result.get("search") and result["search"]["outcome"],
                              result.get("said")) if part]
    return "; ".join(said)


# ---- one figure each ----

def of_runs(found, step, take):
    runs = found.values(step, take)
    if not runs:
        return figures.empty(found.why_not(step))
    return {"value": maths.median(runs.values()), "runs": [runs[key] for key in sorted(runs)]}


def of_ratio(found, above, below):
    ratios = maths.ratios(found.values(above, rate_of), found.values(below, rate_of))
    if not ratios:
        missing = next((step for step in (below, above) if not found.values(step, rate_of)), below)
        return figures.empty(found.why_not(missing))
    note = (found.one(below) or {}).get("note")
    return {"value": maths.median(ratios.values()), "runs": [ratios[key] for key in sorted(ratios)],
            **({"note": note} if note else {})}


def rate_of(result):
    return result["rate"]


def half_load(result):
    """Of the trial at half of the rate, if it was not void."""
    latency = result["latency"]["0.5"]
    return None if latency["verdict"] == "void" else latency


def latency_of(name):
    return lambda result: half_load(result)["clean"][name]


def left_out(result):
    """The share of the reports that are not in the latencies without gaps."""
    latency = half_load(result)
    return 1 - latency["clean"]["count"] / latency["raw"]["count"]


def left_out_by(core):
    """The share that gaps of one core ("own": the instrument's, "broker") and what they kept waiting touched."""
    return lambda result: half_load(result)["gaps"][core]["left_out_share"]


def unseen(result):
    """Gaps of the broker's core that its log held no more, and slow answers that no gap was looked up for."""
    broker = half_load(result)["gaps"]["broker"]
    return broker["unseen"] + broker["unkept"]


def in_words(what, share):
    return "" if share is None else what % (100 * share)


def gaps_note(results):
    """What is not in the latencies without gaps."""
    def median(one):
        return maths.median(attempt(one, result) for result in results)

    broker = median(left_out_by("broker"))
    note = "stolen gaps left out, and what they had kept waiting%s%s%s%s" % (
        in_words(": %.2f %% of the reports", median(left_out)),
        in_words(" (the instrument's core %.2f %%", median(left_out_by("own"))) if broker is not None else "",
        in_words(", the broker's %.2f %%)", broker) if broker is not None else "; those of the broker's core are in it",
        in_words("; stolen: %.2f %% of the time", median(lambda r: half_load(r)["stolen_share"])))
    if any(attempt(unseen, result) for result in results):
        note += "; some gaps of the broker's core were not seen and are in it"
    return note


def of_latency(found, name):
    figure = of_runs(found, "hearth-tcp", latency_of(name))
    if figure["value"] is not None:
        figure["note"] = gaps_note(list(found.results("hearth-tcp").values()))
    return figure


def whole_cycles(result):
    """Of the trial nearest to the full rate that was kept: what the broker counted itself."""
    trials = [trial for trial in result["trials"] if trial.get("broker") and trial.get("share")]
    return max(trials, key=lambda trial: trial["share"])["broker"]["cycles_per_request"]


# Which of the broker's stages a part belongs to that is measured alone.
STAGE_OF = {
    "parse_tcp": "receive", "parse_ack": "receive", "tcp_in": "receive", "tcp_ack": "receive",
    "framing": "frame", "envelope": "frame", "lookup": "lookup", "aes_expand": "lookup",
    "base64_decode": "base64", "aes_decrypt": "aes", "json": "json", "decide": "decide",
    "publish": "publish", "aes_encrypt": "aes", "base64_encode": "answer",
    "tcp_queue": "answer", "tcp_out": "transmit", "headers_tcp": "transmit",
}


def alone_stages(result):
    """{stage: cycles a report over TCP}, and what the ports take: stages measured alone."""
    stages = {}
    for name, part in result["large"]["stages"].items():
        if part["tcp"]:
            stage = STAGE_OF.get(name, name)
            stages[stage] = stages.get(stage, 0) + part["tcp"] * part["cycles"]["median"]
    if result.get("ports"):
        stages["ports"] = result["ports"]["tcp"]
    return stages


def alone_cycles(result):
    """Their sum: the floor. Without the ports it would be none of a broker that has them."""
    return result["large"]["sum_tcp"]["median"] + result["ports"]["tcp"]


def of_cycles(found):
    alone = maths.median(found.values("stages", alone_cycles).values())
    if alone is None:
        return figures.empty(found.why_not("stages"))
    figure = of_runs(found, "hearth-tcp", whole_cycles)
    if figure["value"] is None:
        return figure
    return {"value": figure["value"] / alone, "runs": [value / alone for value in figure["runs"]],
            "note": "%.0f cycles as a whole, %.0f as a sum of stages and ports%s" % (
                figure["value"], alone, plain_text(found))}


def plain_text(found):
    """The same of a worker over plain memory, where neither side waits for the other."""
    ratio = maths.median(found.values("stages", lambda result: result["large"]["ratio_tcp"]).values())
    return "" if ratio is None else "; over plain memory, without ports: %.2f x" % ratio


def overload_of(result):
    return next(trial for trial in result["trials"] if trial["purpose"] == "overload" and
                trial["verdict"] != "void")


def of_overload(found):
    """Answered a second under three times the peak, over the peak; sessions that ended spoil it."""
    figure = of_runs(found, "overload", lambda result: overload_of(result)["faults"]["goodput_of_peak"])
    trial = attempt(overload_of, found.one("overload"))
    if figure["value"] is not None and trial:
        figure["note"] = "%s/s offered; %d sessions ended; dropped at the sender: %s%s" % (
            "{:,.0f}".format(trial["rate"]), max(trial["disconnected"], trial["offline"]),
            "{:,}".format(trial["sender_drops"]), "; " + trial["why"] if trial["why"] else "")
    return figure


def of_sessions(found):
    figure = of_runs(found, "sessions", lambda result: result["broker"]["sessions"])
    result = found.one("sessions")
    if figure["value"] is not None and result:
        trial = attempt(lambda r: r["trials"][-1], result) or {}
        figure["note"] = "heartbeats %s, answered %s; sessions that ended: %s" % (
            trial.get("heartbeats", "?"), trial.get("heartbeats_answered", "?"),
            trial.get("disconnected", "?"))
    return figure


TAKERS = {
    "reports_tcp": lambda found: of_runs(found, "hearth-tcp", rate_of),
    "reports_udp": lambda found: of_runs(found, "hearth-udp", rate_of),
    "twin_ratio": lambda found: of_ratio(found, "hearth-tcp", "twin"),
    "redis_ratio": lambda found: of_ratio(found, "hearth-tcp", "redis"),
    "mosquitto_ratio": lambda found: of_ratio(found, "hearth-tcp", "mosquitto"),
    "logins": lambda found: of_runs(found, "hearth-tcp", lambda result: result["login"]["rate"]),
    "sessions": of_sessions,
    "sessions_bytes": lambda found: of_runs(
        found, "sessions", lambda result: result["broker"]["memory_bytes"]),
    "reports_all_sessions": lambda found: of_runs(found, "sessions", rate_of),
    "latency_p50_us": lambda found: of_latency(found, "p50"),
    "latency_p99_us": lambda found: of_latency(found, "p99"),
    "latency_p999_us": lambda found: of_latency(found, "p99.9"),
    "cycles_ratio": of_cycles,
    "idle_share": lambda found: of_runs(found, "idle", lambda result: result["idle"]["accounted_share"]),
    "overload_goodput": of_overload,
}


def collect(found, full):
    """{id: figure}, all of them."""
    collected = {}
    for figure in figures.FIGURES:
        if figure.id in FULL_ONLY and not full:
            one = figures.empty("left out of a quick run: ten million devices; tools/benchmark --full")
        else:
            one = TAKERS[figure.id](found)
        one["unit"] = figure.unit
        collected[figure.id] = one
    explain(collected, found)
    return collected


# ---- what holds a figure back ----

def explain(collected, found):
    """Gives each figure that misses its goal "holds", what the numbers say is in the way, and "tried"."""
    values = {name: one["value"] for name, one in collected.items()}
    for figure in figures.FIGURES:
        goal = figures.goal_of(figure, values)
        if maths.reached(values[figure.id], goal, figure.better) is False:
            step = {"reports_udp": "hearth-udp", "reports_all_sessions": "sessions",
                    "overload_goodput": "overload"}.get(figure.id, "hearth-tcp")
            text = attempt(holds_back, found.one(step) or {}) if figure.id in (
                "reports_tcp", "reports_udp", "reports_all_sessions", "twin_ratio", "redis_ratio",
                "mosquitto_ratio", "cycles_ratio", "overload_goodput") else None
            if figure.id == "logins":
                text = attempt(logins_hold_back, found.one("hearth-tcp") or {})
            if text:
                collected[figure.id]["holds"] = text
            if figure.id in tried.TRIED:
                collected[figure.id]["tried"] = tried.TRIED[figure.id]


def holds_back(result):
    """Which side is busy, and where the broker's cycles go."""
    trial = max((trial for trial in result["trials"] if trial.get("broker")),
                key=lambda trial: trial["rate"])
    stages = sorted(trial["broker"]["stages"].items(), key=lambda item: -item[1])
    total = trial["broker"]["cycles_per_request"]
    return "At %.0f/s the broker's core is %.0f %% busy, the instrument's %.0f %%; %.0f cycles a report, of " \
        "them %s." % (trial["rate"], 100 * trial["broker"]["busy_share"], 100 * trial["busy_share"],
                     total, ", ".join("%s %.0f" % stage for stage in stages[:4]))


def logins_hold_back(result):
    login = result["login"]
    stages = sorted(login["broker_stages"].items(), key=lambda item: -item[1])
    return "The broker takes %.0f cycles a device, of them %s; the instrument's core is %.0f %% busy." % (
        login["broker_cycles_per_device"], ", ".join("%s %.0f" % stage for stage in stages[:4]),
        100 * login["busy_share"])
