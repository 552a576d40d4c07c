# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""What is run in which order, how often, and for how long at most: within the time that there is."""

import time

import maths
import programs

TRIES = 3  # of a run that was void, time permitting


class Step:
    """Something to run: @measure() returns what the program found, or raises.

    @seconds: about how long, as long as it has not been run; @megabytes: of huge pages meanwhile.
    """

    def __init__(self, key, title, seconds, measure, megabytes=0):
        self.key, self.title, self.seconds, self.measure = key, title, seconds, measure
        self.megabytes = megabytes


class Record:
    """One run of a step, as it is kept under raw/."""

    def __init__(self, step, repetition):
        self.step, self.repetition = step.key, repetition
        self.seconds = 0.0
        self.shares = None
        self.result = self.error = None
        self.void = False

    def as_dict(self):
        return dict(vars(self))


def alternating(groups, repetitions):
    """(step, repetition) for each: one of each kind after the other, then all again.

    What drifts (a host that warms up, a neighbour that comes) meets all kinds alike then.
    """
    return [(step, repetition) for repetition in range(1, repetitions + 1) for step in groups]


class Schedule:
    """Runs steps until all are done or the time is over; one that fails fails alone."""

    def __init__(self, seconds, watch, say, keep, void_share=maths.VOID_SHARE, clock=time.monotonic):
        self.watch, self.say, self.keep = watch, say, keep
        self.void_share, self.clock = void_share, clock
        self.until = clock() + seconds
        self.took = {}     # by step: the longest run so far
        self.records = []
        self.left_out = {}  # by step: why no (further) run was made

    def expected(self, step):
        return max(self.took.get(step.key, 0), step.seconds)

    def left(self):
        """Seconds until the end of the time that there is."""
        return self.until - self.clock()

    def time_for(self, step):
        return self.expected(step) <= self.left()

    def run_all(self, runs):
        for number, (step, repetition) in enumerate(runs, 1):
            if not self.time_for(step):
                self.left_out[step.key] = "left out: it needs about %d s, and %d s were left" % (
                    self.expected(step), max(self.left(), 0))
                self.say("%s: %s" % (step.key, self.left_out[step.key]))
                continue
            self.run(step, repetition, "%d/%d" % (number, len(runs)))

    def run(self, step, repetition, place):
        for attempt in range(TRIES):
            self.say("[%s] %s: %s, run %d%s, about %d s" % (
                place, step.key, step.title, repetition, ", again" if attempt else "",
                self.expected(step)))
            record = self.run_once(step, repetition)
            if not record.void or not self.time_for(step):
                return

    def run_once(self, step, repetition):
        record = Record(step, repetition)
        began = self.clock()
        self.watch.begin()
        try:
            record.result = step.measure()
        except programs.Void:
            record.void = True
        except Exception as error:  # pylint: disable=broad-except  # one step never ends the rest
            record.error = "%s" % error or type(error).__name__
        record.seconds = self.clock() - began
        record.shares = self.watch.shares()
        if record.error is None and maths.is_void(record.shares["taken"], self.void_share):
            record.void = True
        if record.error is None:
            self.took[step.key] = max(self.took.get(step.key, 0), record.seconds)
        self.records.append(record)
        self.keep(record)
        self.say("    %s" % outcome(record))
        return record


def outcome(record):
    if record.error is not None:
        return "failed after %.0f s: %s" % (record.seconds, record.error)
    text = "%.0f s; the host took %.1f %% of the CPUs, other programs %.1f %%" % (
        record.seconds, 100 * record.shares["stolen"], 100 * record.shares["others"])
    return text + (" - void" if record.void else "")
