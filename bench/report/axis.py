# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Scales of plots: where a value lies, and where lines and numbers are put."""

import math


class Linear:
    """From @low to @high onto @start..@end; both ends widened to round numbers."""

    def __init__(self, low, high, start, end, ticks=5):
        step = nice_step((high - low) or 1, ticks)
        self.low = math.floor(low / step) * step
        self.high = math.ceil(high / step - 1e-9) * step
        if self.high <= self.low:
            self.high = self.low + step
        self.start, self.end, self.step = start, end, step

    def at(self, value):
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        count = round((self.high - self.low) / self.step)
        return [self.low + i * self.step for i in range(count + 1)]


class Log:
    """Powers of ten, with 2 and 5 between where there is room."""

    def __init__(self, low, high, start, end):
        self.low = 10 ** math.floor(math.log10(low) + 1e-9)
        self.high = max(10 ** math.ceil(math.log10(high) - 1e-9), self.low * 10)
        self.start, self.end = start, end

    def at(self, value):
        value = min(max(value, self.low), self.high)
        share = math.log10(value / self.low) / math.log10(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        decades = round(math.log10(self.high / self.low))
        steps = (1, 2, 5) if decades <= 3 else (1,)
        found = [self.low * 10 ** decade * step for decade in range(decades) for step in steps]
        return found + [self.high]


class Nines:
    """Shares towards 1 as HDR histograms are drawn: each nine takes the same room."""

    def __init__(self, nines, start, end):
        self.nines, self.start, self.end = nines, start, end

    def at(self, share):
        left = max(1 - share, 10.0 ** -self.nines)
        return self.start - math.log10(left) / self.nines * (self.end - self.start)

    def ticks(self):
        return [0.0] + [1 - 10.0 ** -nine for nine in range(1, self.nines + 1)]


def nice_step(span, ticks):
    """1, 2 or 5 times a power of ten, so that about @ticks of them make up @span."""
    rough = span / max(ticks, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def short(value):
    """A number as it stands at an axis: 1.2 M, 250 k, 0.5."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return "%g%s" % (round(value / size, 2), letter)
    return "%g" % round(value, 3)


def percent(share):
    """0.999 as 99.9 %, with all its nines."""
    return "%s %%" % ("%.6f" % (share * 100)).rstrip("0").rstrip(".")
