# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The figures: their names in report.json, what they say, and the goal of each."""

import collections

import maths

Figure = collections.namedtuple("Figure", "id unit goal better title")

# On the reference machine: two cores of 2.6 GHz, one for the broker and one for the load, memif.
FIGURES = (
    Figure("reports_tcp", "reports/s", 1000000, "higher",
           "300-byte reports answered and delivered, TCP, 100,000 devices, nothing lost, per worker"),
    Figure("reports_udp", "reports/s", 1250000, "higher", "the same reports over UDP"),
    Figure("twin_ratio", "times", 6, "higher",
           "reports over TCP against the same broker on kernel sockets"),
    Figure("redis_ratio", "times", 8, "higher", "against Redis, SET of 300 bytes, unpipelined"),
    Figure("mosquitto_ratio", "times", 10, "higher", "against Mosquitto, QoS 1, 300 bytes"),
    Figure("logins", "devices/s", 250000, "higher",
           "login and connect from cold, two TCP connections each, per worker"),
    Figure("sessions", "sessions", 10000000, "higher",
           "live TCP sessions, a heartbeat every 45 s, all answered"),
    Figure("sessions_bytes", "bytes", 5e9, "lower",
           "the broker's memory for them, everything counted"),
    Figure("reports_all_sessions", "reports/s", None, "higher",
           "reports with all of them live, from random devices"),
    Figure("latency_p50_us", "us", 15, "lower",
           "answer latency at half the rate over TCP, median, from when a report was due"),
    Figure("latency_p99_us", "us", 60, "lower", "the same, 99 %"),
    Figure("latency_p999_us", "us", 250, "lower", "the same, 99.9 %"),
    Figure("cycles_ratio", "times", 1.5, "lower",
           "cycles per report over the sum of its stages measured alone"),
    Figure("idle_share", "share", 0.02, "lower",
           "wall time in sweeps and timers, all sessions live, no traffic"),
    Figure("overload_goodput", "share", 0.9, "higher",
           "UDP goodput with three times the peak offered, over the peak"),
)
ALL_SESSIONS_SHARE = 0.6  # of reports_tcp: the goal of reports_all_sessions
IDS = tuple(figure.id for figure in FIGURES)


def goal_of(figure, values):
    """A figure's goal; one depends on what another came to."""
    if figure.id == "reports_all_sessions":
        tcp = values.get("reports_tcp")
        return ALL_SESSIONS_SHARE * tcp if tcp else None
    return figure.goal


def empty(note):
    """What stands for a figure that there is not."""
    return {"value": None, "runs": [], "note": note}


def problems(report):
    """What is wrong with a report.json, one line each: the form that others rely on."""
    found = ["no %s" % name for name in ("date", "machine", "wire", "figures")
             if name not in report]
    if not isinstance(report.get("machine", {}), dict):
        found.append("machine is no object")
    figures = report.get("figures", {})
    for figure in FIGURES:
        one = figures.get(figure.id)
        if not isinstance(one, dict):
            found.append("no figure %s" % figure.id)
            continue
        value = one.get("value")
        if one.get("unit") != figure.unit:
            found.append("%s: its unit is not %s" % (figure.id, figure.unit))
        if not isinstance(one.get("runs"), list):
            found.append("%s: no list of runs" % figure.id)
        if value is None and not one.get("note"):
            found.append("%s: null without a note" % figure.id)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            found.append("%s: %r is no number" % (figure.id, value))
    return found
