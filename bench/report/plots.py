# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The report's plots. Each takes plain lists and returns a drawing, or None if there is nothing."""

import axis
import svg

WIDTH, HEIGHT = 760, 410
LEFT, RIGHT, TOP, BOTTOM = 68, 40, 40, 52
UNDER_LEGEND = 70  # the top of plots whose legend may take two rows


def frame(drawing, across, along, x_title, y_title, x_text=axis.short):
    """Grid, numbers and names of both axes."""
    bottom = drawing.height - BOTTOM
    top = along.end
    for value in along.ticks():
        y = along.at(value)
        drawing.line(LEFT, y, drawing.width - RIGHT, y)
        drawing.text(LEFT - 8, y + 4, axis.short(value), "end")
    for value in across.ticks():
        x = across.at(value)
        drawing.line(x, top, x, bottom)
        drawing.text(x, bottom + 18, x_text(value), "middle")
    drawing.text((LEFT + drawing.width - RIGHT) / 2, drawing.height - 10, x_title, "middle", "name")
    drawing.text(8, 14, y_title, "start", "name")


def throughput(series):
    """@series: [(name, [(offered, answered, kept)])], reports/s: what is asked, what is done.

    Both axes are logarithmic: servers that lie a factor of thirty apart are to be read alike.
    """
    series = [(name, sorted(point for point in points if point[0] > 0 and point[1] > 0))
              for name, points in series]
    series = [(name, points) for name, points in series if points]
    if not series:
        return None
    drawing = svg.Drawing(WIDTH, HEIGHT, "Throughput against offered load")
    numbers = [number for _, points in series for point in points for number in point[:2]]
    across = axis.Log(min(numbers), max(numbers), LEFT, WIDTH - RIGHT)
    along = axis.Log(min(numbers), max(numbers), HEIGHT - BOTTOM, UNDER_LEGEND)
    frame(drawing, across, along, "offered, reports/s", "answered, reports/s")
    drawing.path([(across.at(across.low), along.at(across.low)),
                  (across.at(across.high), along.at(across.high))], "var(--faint)", dashed=True)
    for i, (name, points) in enumerate(series):
        drawing.path([(across.at(x), along.at(y)) for x, y, _ in points], svg.colour(i))
        for offered, answered, kept in points:
            drawing.dot(across.at(offered), along.at(answered), svg.colour(i),
                        "%s: %s offered, %s answered%s" % (
                            name, axis.short(offered), axis.short(answered),
                            "" if kept else ", not all"), hollow=not kept)
    drawing.legend(LEFT, 32, [(name, svg.colour(i)) for i, (name, _) in enumerate(series)])
    return drawing


def latency(series):
    """@series: [(name, [(share, microseconds)])]: the whole distribution, its tail drawn wide."""
    series = [(name, sorted((share, us) for share, us in points if us > 0))
              for name, points in series]
    series = [(name, points) for name, points in series if points]
    if not series:
        return None
    drawing = svg.Drawing(WIDTH, HEIGHT, "Answer latency by percentile")
    times = [us for _, points in series for _, us in points]
    across = axis.Nines(5, LEFT, WIDTH - RIGHT)
    along = axis.Log(min(times), max(times), HEIGHT - BOTTOM, UNDER_LEGEND)
    frame(drawing, across, along, "answered within", "microseconds", axis.percent)
    for i, (name, points) in enumerate(series):
        drawing.path([(across.at(share), along.at(us)) for share, us in points], svg.colour(i))
        for share, us in points:
            if any(abs(share - tick) < 1e-9 for tick in (0.5, 0.9, 0.99, 0.999, 0.9999)):
                drawing.dot(across.at(share), along.at(us), svg.colour(i), "%s: %s within %.4g us" % (
                    name, axis.percent(share), us))
    drawing.legend(LEFT, 32, [(name, svg.colour(i)) for i, (name, _) in enumerate(series)])
    return drawing


def bars(rows, title, unit, ours=1):
    """@rows: [(name, value, remark)]: one bar each, its value behind it; the first @ours stand out."""
    ours = sum(1 for row in rows[:ours] if row[1])
    rows = [row for row in rows if row[1]]
    if not rows:
        return None
    left, step = 190, 34
    drawing = svg.Drawing(WIDTH, TOP + step * len(rows) + BOTTOM - 12, title)
    across = axis.Linear(0, max(value for _, value, _ in rows), left, WIDTH - 110)
    bottom = TOP + step * len(rows)
    for value in across.ticks():
        drawing.line(across.at(value), TOP - 6, across.at(value), bottom)
        drawing.text(across.at(value), bottom + 16, axis.short(value), "middle")
    for i, (name, value, remark) in enumerate(rows):
        y = TOP + step * i
        drawing.text(left - 10, y + 16, name, "end")
        drawing.rect(left, y, across.at(value) - left, 22, svg.colour(0 if i < ours else 1),
                     "%s: %s %s%s" % (name, axis.short(value), unit, remark and ", " + remark), rx=2)
        drawing.text(across.at(value) + 8, y + 16, axis.short(value), kind="value")
    drawing.text((left + WIDTH - 110) / 2, bottom + 34, unit, "middle", "name")
    return drawing


def stacked(rows, title, unit):
    """@rows: [(name, {kind: value})]: bars in parts, a colour for each kind."""
    rows = [(name, {kind: value for kind, value in parts.items() if value > 0})
            for name, parts in rows]
    rows = [(name, parts) for name, parts in rows if parts]
    if not rows:
        return None
    kinds = list(dict.fromkeys(kind for _, parts in rows for kind in parts))
    left, step, top = 190, 40, UNDER_LEGEND
    drawing = svg.Drawing(WIDTH, top + step * len(rows) + BOTTOM - 6, title)
    across = axis.Linear(0, max(sum(parts.values()) for _, parts in rows), left, WIDTH - 90)
    bottom = top + step * len(rows)
    drawing.legend(20, 18, [(kind, svg.colour(i)) for i, kind in enumerate(kinds)])
    for value in across.ticks():
        drawing.line(across.at(value), top - 6, across.at(value), bottom)
        drawing.text(across.at(value), bottom + 16, axis.short(value), "middle")
    for i, (name, parts) in enumerate(rows):
        y, total = top + step * i, 0
        drawing.text(left - 10, y + 18, name, "end")
        for kind, value in parts.items():
            drawing.rect(across.at(total), y, across.at(total + value) - across.at(total) - 1.0, 26,
                         svg.colour(kinds.index(kind)),
                         "%s, %s: %s %s" % (name, kind, axis.short(value), unit))
            total += value
        drawing.text(across.at(total) + 8, y + 18, axis.short(total), kind="value")
    drawing.text((left + WIDTH - 90) / 2, bottom + 36, unit, "middle", "name")
    return drawing


def paired(rows, names, title, unit):
    """@rows: [(label, first, second)]: two bars each; either may be None."""
    rows = [row for row in rows if row[1] or row[2]]
    if not rows:
        return None
    left, step = 190, 42
    drawing = svg.Drawing(WIDTH, TOP + step * len(rows) + BOTTOM - 12, title)
    across = axis.Linear(0, max(max(a or 0, b or 0) for _, a, b in rows), left, WIDTH - 90)
    bottom = TOP + step * len(rows)
    drawing.legend(left, 16, [(name, svg.colour(i)) for i, name in enumerate(names)])
    for value in across.ticks():
        drawing.line(across.at(value), TOP - 6, across.at(value), bottom)
        drawing.text(across.at(value), bottom + 16, axis.short(value), "middle")
    for i, row in enumerate(rows):
        y = TOP + step * i
        drawing.text(left - 10, y + 20, row[0], "end")
        for j, value in enumerate(row[1:3]):
            if value is None:
                continue
            drawing.rect(left, y + 15 * j, across.at(value) - left, 13, svg.colour(j),
                         "%s, %s: %s %s" % (row[0], names[j], axis.short(value), unit), rx=2)
            drawing.text(across.at(value) + 6, y + 11 + 15 * j, axis.short(value), kind="value")
    drawing.text((left + WIDTH - 90) / 2, bottom + 34, unit, "middle", "name")
    return drawing


def scaling(points):
    """@points: [(workers, reports/s)], against what one worker does times their number."""
    points = sorted(points)
    if len(points) < 2:
        return None
    drawing = svg.Drawing(WIDTH, HEIGHT, "Reports a second by workers")
    one = points[0][1] / points[0][0]
    most = max(max(rate for _, rate in points), one * points[-1][0])
    across = axis.Linear(0, points[-1][0], LEFT, WIDTH - RIGHT, points[-1][0])
    along = axis.Linear(0, most, HEIGHT - BOTTOM, TOP)
    frame(drawing, across, along, "workers", "reports/s")
    drawing.path([(across.at(0), along.at(0)), (across.at(points[-1][0]), along.at(
        one * points[-1][0]))], "var(--faint)", dashed=True)
    drawing.path([(across.at(workers), along.at(rate)) for workers, rate in points], svg.colour(0))
    for workers, rate in points:
        drawing.dot(across.at(workers), along.at(rate), svg.colour(0),
                    "%d workers: %s reports/s" % (workers, axis.short(rate)))
    return drawing
