# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""report.html: one file that needs nothing else, for reading by day and by night."""

import html

import axis
import figures

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --faint: #c4cad1;
  --grid: #e6e9ed; --panel: #f6f8fa; --good: #116a3c; --bad: #a3341f;
  --c1: #1f5fbf; --c2: #c2600c; --c3: #13806a; --c4: #a32f86; --c5: #7d6a00; --c6: #6552c9;
  --c7: #4b7d12; --c8: #8a4b3c; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e6e9ed; --soft: #9aa4af;
  --faint: #4c5561; --grid: #2a313a; --panel: #1c2229; --good: #5fc58b; --bad: #f08a72;
  --c1: #6ea8ff; --c2: #f2a154; --c3: #4cc9ac; --c4: #e484cb; --c5: #d3bd45; --c6: #a99bff;
  --c7: #94cf57; --c8: #d69a88; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 880px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 27px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 40px 0 8px; }
p { margin: 8px 0; } .soft { color: var(--soft); } small, .note { font-size: 14px; color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-size: 15px; } .wide { overflow-x: auto; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 14px; }
th, td { padding: 7px 10px 7px 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.reached { color: var(--good); font-weight: 600; } .missed { color: var(--bad); font-weight: 600; }
figure { margin: 14px 0 0; background: var(--panel); border-radius: 8px; padding: 14px 14px 10px; }
figcaption { font-size: 14px; color: var(--soft); padding-top: 6px; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
svg .label { fill: var(--soft); } svg .name { fill: var(--soft); font-weight: 600; }
svg .value { fill: var(--ink); font-weight: 600; } svg .grid { stroke: var(--grid); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; font-size: 15px; margin: 8px 0; }
dt { color: var(--soft); } dd { margin: 0; } pre { font-size: 13px; overflow-x: auto; background: var(--panel);
  padding: 10px 12px; border-radius: 8px; }
"""

UNITS = {"reports/s": "/s", "devices/s": "/s", "times": " x", "us": " us", "share": "", "bytes": "",
         "sessions": ""}


def value_text(value, unit):
    """A figure with its unit, with as many digits as count."""
    if value is None:
        return "-"
    if unit == "share":
        return "%.1f %%" % (100 * value)
    if unit == "bytes":
        return "%.2f GB" % (value / 1e9)
    if unit in ("times", "us"):
        return "%.3g%s" % (value, UNITS[unit])
    return "{:,.0f}".format(value) + UNITS[unit]


def remarks(one):
    """Of a figure: its conditions, what holds it back, what was tried."""
    return " ".join(one[name] if one[name].endswith(".") else one[name] + "."
                    for name in ("note", "holds", "tried") if one.get(name))


def range_text(one, unit):
    """From the lowest to the highest run, where there are several."""
    runs = one["runs"]
    return "%s to %s" % (value_text(min(runs), unit), value_text(max(runs), unit)) if len(runs) > 1 else ""


def verdict(figure, value, values):
    goal = figures.goal_of(figure, values)
    if value is None:
        return "", "not measured"
    if goal is None:
        return "", "no goal"
    good = figures.maths.reached(value, goal, figure.better)
    return ("reached", "reached") if good else ("missed", "missed")


def table(report):
    values = {name: one["value"] for name, one in report["figures"].items()}
    rows = []
    for figure in figures.FIGURES:
        one, goal = report["figures"][figure.id], figures.goal_of(figure, values)
        kind, word = verdict(figure, one["value"], values)
        remark = remarks(one)
        rows.append(
            "<tr><td>%s%s</td><td class=n>%s</td><td class=n>%s</td><td class='%s'>%s</td></tr>" % (
                html.escape(figure.title), note(remark),
                html.escape(value_text(one["value"], figure.unit)) + note(range_text(one, figure.unit)),
                html.escape(("&ge; " if figure.better == "higher" else "&le; ") +
                            value_text(goal, figure.unit)).replace("&amp;", "&") if goal else "",
                kind, word))
    return ("<div class=wide><table><thead><tr><th>figure<th class=n>measured<th class=n>goal<th>"
            "</tr></thead><tbody>%s</tbody></table></div>" % "".join(rows))


def note(text):
    return "<br><small>%s</small>" % html.escape(text) if text else ""


def facts_list(pairs):
    return "<dl>%s</dl>" % "".join("<dt>%s</dt><dd>%s</dd>" % (
        html.escape(name), html.escape(str(value))) for name, value in pairs)


def machine_pairs(machine):
    return [("processor", "%s, %s CPUs%s%s" % (
                machine.get("cpu"), machine.get("cpus"),
                " at %.0f MHz" % machine["mhz"] if machine.get("mhz") else "",
                ", a virtual machine" if machine.get("virtual") else "")),
            ("instructions", ", ".join(machine.get("features", [])) or "none of those looked for"),
            ("memory", "%.1f GiB" % (machine.get("memory_bytes", 0) / 2**30)),
            ("system", "%s, Linux %s" % (machine.get("system"), machine.get("kernel")))]


def records_table(records):
    """Every run that was made, those that were void or failed too."""
    rows = []
    for record in records:
        shares = record["shares"] or {}
        state = record["error"] or ("void" if record["void"] else "")
        rows.append("<tr><td>%s</td><td class=n>%d</td><td class=n>%.0f s</td><td class=n>%.1f %%</td>"
                    "<td class=n>%.1f %%</td><td>%s</td></tr>" % (
                        html.escape(record["step"]), record["repetition"], record["seconds"],
                        100 * shares.get("stolen", 0), 100 * shares.get("others", 0),
                        html.escape(state)))
    return ("<div class=wide><table><thead><tr><th>run<th class=n>repetition<th class=n>time<th class=n>"
            "stolen<th class=n>others<th></tr></thead><tbody>%s</tbody></table></div>" % "".join(rows))


def plot(drawing, caption):
    if drawing is None:
        return "<p class=note>%s: nothing was measured for it.</p>" % html.escape(caption)
    return "<figure>%s<figcaption>%s</figcaption></figure>" % (drawing, html.escape(caption))


def render(report, records, sections):
    """@sections: [(heading, [html])] between the table and the runs."""
    body = ["<h1>Hearth, measured side by side</h1>",
            "<p class=soft>%s, %s run. %s</p>" % (html.escape(report["date"]), html.escape(
                report.get("kind", "")), html.escape(report["wire"])),
            "<h2>Figures</h2>", table(report)]
    for heading, parts in sections:
        body += ["<h2>%s</h2>" % html.escape(heading), *parts]
    body += ["<h2>Machine</h2>", facts_list(machine_pairs(report["machine"])),
             "<h2>Runs</h2>", "<p class=note>Void: more than %s of the CPUs' time went to the host or to "
             "other programs; such runs count nowhere.</p>" % axis.percent(
                 report.get("void_share", figures.maths.VOID_SHARE)), records_table(records)]
    return ("<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content="
            "'width=device-width, initial-scale=1'><title>Hearth, measured side by side</title><style>%s"
            "</style></head><body><main>%s</main></body></html>\n" % (STYLE, "".join(body)))
