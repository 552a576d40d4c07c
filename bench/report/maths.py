# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""What is made of several runs: medians, ratios within one repetition, and which runs are void."""

import statistics

VOID_SHARE = 0.05  # of the CPUs' time, taken by the host or by programs that are not ours


def median(values):
    """Of what there is; None if there is nothing."""
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def spread(values):
    """(highest - lowest) / median: how far repetitions lie apart; None if there are not two."""
    values = [value for value in values if value is not None]
    middle = median(values)
    if len(values) < 2 or not middle:
        return None
    return (max(values) - min(values)) / middle


def ratios(above, below):
    """{repetition: value} over {repetition: value}, where both have one: never across repetitions."""
    return {repetition: above[repetition] / below[repetition] for repetition in sorted(above)
            if above[repetition] is not None and below.get(repetition)}


def is_void(taken, most=VOID_SHARE):
    """Whether so much of the CPUs' time went elsewhere that a run tells nothing."""
    return taken is not None and taken > most


def reached(value, goal, better):
    """Whether a figure reaches its goal; None where either is not there."""
    if value is None or goal is None:
        return None
    return value >= goal if better == "higher" else value <= goal


def significant(value, digits=3):
    """Rounded to so many digits that count."""
    if not value:
        return 0
    return float("%.*g" % (digits, value))
