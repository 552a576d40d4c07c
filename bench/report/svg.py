# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Drawing: elements of SVG, by the few that the plots need. Colours are the page's variables."""

from xml.sax.saxutils import escape, quoteattr


def element(name, text=None, **attributes):
    words = "".join(" %s=%s" % (key.strip("_").replace("_", "-"), quoteattr(number(value)))
                    for key, value in attributes.items() if value is not None)
    return "<%s%s/>" % (name, words) if text is None else "<%s%s>%s</%s>" % (name, words, text, name)


def number(value):
    return ("%.2f" % value).rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


class Drawing:
    """A figure of a given size; what it shows stands in @title for those who cannot see it."""

    def __init__(self, width, height, title):
        self.width, self.height, self.title = width, height, title
        self.parts = []

    def add(self, name, text=None, **attributes):
        self.parts.append(element(name, text, **attributes))

    def line(self, x1, y1, x2, y2, kind="grid"):
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)

    def text(self, x, y, words, anchor="start", kind="label", **attributes):
        self.add("text", escape(words), x=x, y=y, text_anchor=anchor, class_=kind, **attributes)

    def rect(self, x, y, width, height, colour, tip=None, **attributes):
        self.add("rect", element("title", escape(tip)) if tip else "", x=x, y=y,
                 width=max(width, 0.0), height=max(height, 0.0), fill=colour, **attributes)

    def dot(self, x, y, colour, tip=None, hollow=False):
        self.add("circle", element("title", escape(tip)) if tip else "", cx=x, cy=y, r=3.5,
                 fill="var(--paper)" if hollow else colour, stroke=colour, stroke_width=1.5)

    def path(self, points, colour, dashed=False):
        if not points:
            return
        steps = " ".join("%s%s %s" % ("L" if i else "M", number(float(x)), number(float(y)))
                         for i, (x, y) in enumerate(points))
        self.add("path", d=steps, fill="none", stroke=colour, stroke_width=2,
                 stroke_linejoin="round", stroke_dasharray="5 4" if dashed else None)

    def legend(self, x, y, entries):
        """Coloured squares and names, in as many rows as it takes; returns their number."""
        at, rows = x, 1
        for name, fill in entries:
            width = 15 + 6.8 * len(name) + 16
            if at > x and at + width > self.width:
                at, rows = x, rows + 1
            row = y + 17 * (rows - 1)
            self.add("rect", x=at, y=row - 9, width=10, height=10, rx=2, fill=fill)
            self.text(at + 15, row, name)
            at += width
        return rows

    def __str__(self):
        return element("svg", element("title", escape(self.title)) + "".join(self.parts),
                       xmlns="http://www.w3.org/2000/svg", role="img",
                       viewBox="0 0 %d %d" % (self.width, self.height))


def colour(index):
    """Categories have colours in a fixed order; the page gives each a light and a dark form."""
    return "var(--c%d)" % (index % 8 + 1)
