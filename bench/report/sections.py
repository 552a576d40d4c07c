# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The report's sections: which plot shows what, out of which runs."""

import html

import collect
import page
import plots

PEERS = (("redis", "Redis, SET"), ("mosquitto", "Mosquitto, QoS 1"),
         ("mosquitto-tls", "Mosquitto, TLS-PSK"))


def search_points(result):
    """[(offered, answered, kept)] of every trial of a search, and those beside it."""
    steps = (result.get("search") or {}).get("steps", []) + result.get("trials", [])
    return [(step["rate"], step["answered_rate"], step["verdict"] == "passed")
            for step in steps if step["rate"] > 0 and step["verdict"] != "void"]


def peer_points(result):
    best = max((run for run in result["runs"] if run["rate"]), key=lambda run: run["rate"])
    return [(trial["offered"], min(trial["acknowledged_rate"], trial["consumed_rate"]), trial["kept"])
            for trial in best["trials"] if trial["offered"]]


def throughput_series(found):
    series = [(name, collect.attempt(search_points, found.one(step)) or []) for step, name in (
        ("hearth-tcp", "Hearth, TCP"), ("hearth-udp", "Hearth, UDP"), ("twin", "kernel sockets"))]
    return series + [(name, collect.attempt(peer_points, found.one(step)) or [])
                     for step, name in PEERS]


def plot_of(share):
    return lambda result: result["latency"][share]["clean"]["percentiles_us"]


def peer_plot(result):
    """Of the open loop nearest to half of the highest rate."""
    best = max((run for run in result["runs"] if run["rate"]), key=lambda run: run["rate"])
    trial = min((trial for trial in best["trials"] if trial["offered"]),
                key=lambda trial: abs(trial["offered"] - best["rate"] / 2))
    return trial["latency"]["percentiles_us"]


def latency_series(found):
    series = [(name, collect.attempt(plot_of(share), found.one(step)) or []) for step, name, share in (
        ("hearth-tcp", "Hearth TCP, 50 %", "0.5"), ("hearth-tcp", "TCP, 90 %", "0.9"),
        ("hearth-udp", "UDP, 50 %", "0.5"), ("twin", "kernel sockets", "0.5"))]
    return series + [(name, collect.attempt(peer_plot, found.one(step)) or [])
                     for step, name in (("redis", "Redis"), ("mosquitto", "Mosquitto"))]


def memory_rows(found):
    rows = []
    for step, name in (("sessions", "Hearth, 10 M"), ("hearth-tcp", "Hearth, 100,000"),
                       ("twin-memory", "kernel sockets, 10,000")):
        parts = collect.attempt(lambda result: {
            kind.replace("_", " "): value / result["broker"]["sessions"]
            for kind, value in result.get("memory", result["broker"]["memory"]).items()}, found.one(step))
        if parts:
            rows.append((name, parts))
    for step, name in PEERS:
        last = collect.attempt(lambda result: [row for row in result["memory"] if row["bytes"]][-1],
                               found.one(step + "-memory"))
        if last:
            rows.append(("%s, %s" % (name.split(",")[0] + (" TLS" if "tls" in step else ""),
                                     "{:,}".format(last["connections"])),
                         {"server": last["server_bytes"], "its kernel's sockets": last["kernel_bytes"]}))
    return rows


def stage_rows(found):
    """[(stage, whole, alone)]"""
    whole = collect.attempt(lambda result: max(
        (trial for trial in result["trials"] if trial.get("broker")),
        key=lambda trial: trial["rate"])["broker"]["stages"], found.one("hearth-tcp")) or {}
    if not whole:
        whole = collect.attempt(lambda result: {
            name: value["median"] for name, value in result["report"]["stages"].items()},
            found.one("worker-tcp")) or {}
    alone = collect.attempt(collect.alone_stages, found.one("stages")) or {}
    return [(name, whole.get(name), alone.get(name)) for name in dict.fromkeys([*whole, *alone])]


def rate_rows(report, found):
    rows = [("Hearth, TCP", report["figures"]["reports_tcp"]["value"], "encrypted, memif"),
            ("Hearth, UDP", report["figures"]["reports_udp"]["value"], "encrypted, memif"),
            ("kernel sockets", median_rate(found, "twin"), "encrypted, the same code on epoll")]
    return rows + [(name, median_rate(found, step), "loopback") for step, name in PEERS]


def median_rate(found, step):
    return collect.of_runs(found, step, collect.rate_of)["value"]


def peers_text(found):
    parts = []
    for step, name in PEERS:
        result = found.one(step)
        if not result:
            parts.append("<p class=note>%s: %s</p>" % (name, html.escape(found.why_not(step))))
            continue
        rates = "; ".join("%s connections: %s/s, the server's CPU %s busy, the load's %s" % (
            "{:,}".format(run["connections"]), "{:,.0f}".format(run["rate"] or 0),
            share(run["trials"][0]["server_busy"]), share(run["trials"][0]["load_busy"]))
                          for run in result["runs"])
        parts.append("<p>%s %s, each connection with one report outstanding. %s.</p><pre>%s</pre>" % (
            html.escape(name), html.escape(result["version"]), rates,
            html.escape("\n".join(result["settings"]))))
    return "".join(parts)


def share(value):
    return "?" if value is None else "%.0f %%" % (100 * value)


def scenario_table(found, names):
    rows = []
    for name in names:
        result = found.one(name)
        trial = collect.attempt(lambda result: result["trials"][-1], result)
        if not trial:
            rows.append("<tr><td>%s<td colspan=5><small>%s</small></tr>" % (
                name, html.escape(found.why_not(name))))
            continue
        clean = trial.get("latency_clean") or {}
        rows.append("<tr><td>%s<td class=n>%s<td class=n>%s<td class=n>%s<td class=n>%s<td>%s</tr>" % (
            name, "{:,.0f}".format(trial["rate"]), "{:,.0f}".format(trial["answered_rate"]),
            trial["lost"], "%.4g us" % clean["p99"] if "p99" in clean else "",
            "kept" if trial["verdict"] == "passed" else html.escape(
                "%s: %s" % (trial["verdict"], trial["why"]))))
    return ("<div class=wide><table><thead><tr><th>scenario<th class=n>offered /s<th class=n>answered /s"
            "<th class=n>lost<th class=n>99 %%<th></tr></thead><tbody>%s</tbody></table></div>" %
            "".join(rows))


def guarded(make, *arguments):
    """One part of the page; where a result has another form than expected, the others stay."""
    try:
        return make(*arguments)
    except Exception as error:  # pylint: disable=broad-except  # figures go before plots
        return "<p class=note>%s: %s</p>" % (make.__name__, html.escape(repr(error)))


def side_by_side(report, found):
    return page.plot(
        plots.bars(rate_rows(report, found), "Reports a second on one core", "reports/s", 2),
        "Reports of 300 bytes a second, answered and delivered, nothing lost: server and load on one core "
        "each, medians.")


def throughput(report, found):
    return page.plot(
        plots.throughput(throughput_series(found)),
        "Answered against offered, every trial of a search; hollow: not all was answered and delivered "
        "in time.")


def latency(report, found):
    return page.plot(
        plots.latency(latency_series(found)),
        "From when a report was due until its answer was checked, at half (and nine tenths) of each one's "
        "highest rate.")


def cycles(report, found):
    return page.plot(
        plots.paired(stage_rows(found), ("in the whole", "alone"), "Cycles by stage", "cycles a report"),
        "Cycles a report, by stage: within the broker under load (receive and transmit with the ports), and "
        "each stage measured alone.")


def instructions(report, found):
    """Counted, not timed: the same on any machine, busy or not."""
    result = found.one("instructions")
    if not result:
        return ""
    rows = "".join("<tr><td>%s<td class=n>%s<td class=n>%s<td class=n>%s</tr>" % (
        html.escape(name), "{:,.0f}".format(part["instructions"]), part["tcp"] or "", part["udp"] or "")
                   for name, part in result["stages"].items())
    sums = "".join("<tr><td>%s<td class=n>%s<td class=n>%s<td class=n>%s</tr>" % (
        name, "", "{:,.0f}".format(result[key]["tcp"]), "{:,.0f}".format(result[key]["udp"]))
                   for name, key in (("sum of the stages", "sum"), ("whole turns", "whole")))
    return ("<p class=note>Instructions, counted by callgrind in a build for %s, without ports; how often a "
            "report takes a stage over TCP and UDP.</p><div class=wide><table><thead><tr><th>stage<th class=n>"
            "instructions<th class=n>TCP<th class=n>UDP</tr></thead><tbody>%s%s</tbody></table></div>" % (
                html.escape(result["march"]), rows, sums))


def memory(report, found):
    return page.plot(
        plots.stacked(memory_rows(found), "Bytes per device by kind", "bytes a device"),
        "Bytes for each connected device, everything counted; of packaged servers the kernel's share of "
        "their sockets, too.")


def scaling(report, found):
    return page.plot(plots.scaling(report["scaling"]), "Reports a second by the number of workers.")


def build(report, found, scenarios=()):
    """[(heading, [html])] for page.render()."""
    sections = [("Side by side", (side_by_side, throughput)), ("Latency", (latency,)),
                ("Where the cycles go", (cycles, instructions)), ("Memory", (memory,))]
    if report.get("scaling"):
        sections.append(("Workers", (scaling,)))
    built = [(heading, [guarded(make, report, found) for make in parts]) for heading, parts in sections]
    if scenarios:
        built.append(("When things go wrong", [guarded(scenario_table, found, scenarios)]))
    return built + [("The servers beside it", [guarded(peers_text, found)])]
