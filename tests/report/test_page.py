# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The page stands alone, has every figure, and survives whatever results look like."""

import html.parser
import xml.etree.ElementTree as tree

import axis
import collect
import figures
import main
import page
import plots
import pytest
import sample
import sections
import steps

VOID = {"meta", "br"}


class Checker(html.parser.HTMLParser):
    """Every element that is opened is closed in its turn; nothing is fetched from anywhere."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.drawings = [], [], 0

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            assert name not in ("src", "href"), (tag, name)
            assert "http" not in (value or "") or name == "xmlns", value
        assert tag not in ("script", "link", "iframe", "img")
        self.drawings += tag == "svg"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in ("th", "td", "tr", "dt", "dd"):
            self.open.pop()  # their ends may be left out
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def render(records, full=True):
    found = collect.Found(records, {})
    report = {"date": "2026-01-02", "kind": "full", "machine": {"cpu": "<CPU>", "cpus": 2},
              "wire": "memif & co", "figures": collect.collect(found, full)}
    text = page.render(report, records, sections.build(report, found, steps.FAULTS))
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert "url(" not in text and "@import" not in text
    return text, checker, report


def test_whole_page():
    text, checker, _ = render(sample.records())
    assert checker.drawings == 5
    for figure in figures.FIGURES:
        assert figure.title in "".join(checker.text)
    assert "&lt;CPU&gt;" in text and "<CPU>" not in text
    assert "reached" in text and "missed" in text and "not measured" in text
    assert "420" in text and "by callgrind" in text
    assert "prefers-color-scheme: dark" in text


def test_page_of_nothing():
    _, checker, _ = render([])
    assert checker.drawings == 0


@pytest.mark.parametrize("result", [None, {}, [], "text", {"runs": []}, {"trials": [{}]}, {"memory": [{}]}])
def test_page_of_strange_results(result):
    render([sample.record(record["step"], result) for record in sample.records()])


def test_drawings_are_xml():
    drawings = [
        plots.throughput([("a", [(1000.0, 900.0, False), (500.0, 500.0, True)]), ("none", [])]),
        plots.latency([("a & b", sample.PLOT)]), plots.bars([("x", 5.0, ""), ("y", None, "")], "t", "u"),
        plots.stacked([("row", {"a": 1.0, "b": 2.0, "zero": 0})], "t", "bytes"),
        plots.paired([("stage", 5.0, None), ("other", 3.0, 4.0)], ("one", "two"), "t", "u"),
        plots.scaling([(1, 10.0), (2, 19.0)])]
    for drawing in drawings:
        root = tree.fromstring(str(drawing))
        assert root.tag.endswith("svg")
        numbers = [float(value) for element in root.iter() for name, value in element.attrib.items()
                   if name in ("x", "y", "x1", "x2", "y1", "y2", "width", "height", "cx", "cy")]
        assert all(-1 <= value <= 800 for value in numbers)


def test_no_points_no_drawing():
    assert plots.throughput([("a", [])]) is None
    assert plots.latency([("a", [])]) is None
    assert plots.bars([("a", None, "")], "t", "u") is None
    assert plots.stacked([("a", {"b": 0})], "t", "u") is None
    assert plots.paired([("a", None, None)], ("b", "c"), "t", "u") is None
    assert plots.scaling([(1, 5.0)]) is None


def test_scales():
    linear = axis.Linear(0, 1234567, 0, 100)
    assert linear.ticks() == [0, 500000, 1000000, 1500000]
    assert linear.at(0) == 0 and linear.at(1500000) == 100
    log = axis.Log(3, 800, 0, 90)
    assert log.ticks() == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    assert log.at(1) == 0 and log.at(1000) == pytest.approx(90) and log.at(10) == pytest.approx(30)
    nines = axis.Nines(5, 0, 100)
    assert nines.at(0) == 0 and nines.at(0.9) == pytest.approx(20) and nines.at(1) == 100
    assert nines.at(0.999999999) == 100


@pytest.mark.parametrize("value,text", [(0, "0"), (12, "12"), (1500, "1.5 k"), (1250000, "1.25 M"),
                                        (4.2e9, "4.2 G"), (0.25, "0.25")])
def test_short_numbers(value, text):
    assert axis.short(value) == text


@pytest.mark.parametrize("value,text", [(0.5, "50 %"), (0.999, "99.9 %"), (0.9999, "99.99 %"), (0, "0 %"),
                                        (0.05, "5 %")])
def test_percents(value, text):
    assert axis.percent(value) == text


def test_readme_of_a_kept_result():
    _, _, report = render(sample.records(), full=False)
    text = main.readme(report)
    for figure in figures.FIGURES:
        assert figure.title in text
    assert "1,000,000/s" in text and "not measured" in text
