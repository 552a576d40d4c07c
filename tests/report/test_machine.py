# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
import machine
import pytest

STAT = "cpu  %d 0 %d %d 0 %d %d %d 0 0\ncpu0 1 2 3\n"


def watch(before, after, own):
    texts, seconds = iter([before, after]), iter([0.0, own])
    return machine.Watch(lambda: next(texts), lambda: next(seconds)).begin()


def test_shares_of_host_and_others():
    # 1,000 ticks: 500 of user, 100 of the system, 250 idle, 50 interrupts, 100 stolen; 5 s are ours
    shares = watch(STAT % (0, 0, 0, 0, 0, 0), STAT % (500, 100, 250, 20, 30, 100),
                   500 / machine.TICKS).shares()
    assert shares["stolen"] == pytest.approx(0.1)
    assert shares["others"] == pytest.approx(0.1)
    assert shares["idle"] == pytest.approx(0.25)
    assert shares["taken"] == pytest.approx(0.2)


def test_all_ours_leaves_nothing_to_others():
    # what is counted in ticks and what in nanoseconds differ a little: never below nothing
    shares = watch(STAT % (0, 0, 0, 0, 0, 0), STAT % (100, 0, 0, 0, 0, 0), 101 / machine.TICKS).shares()
    assert shares["others"] == 0


def test_facts_of_this_machine():
    facts = machine.facts()
    assert facts["cpus"] >= 1 and facts["memory_bytes"] > 0
    assert isinstance(facts["features"], list) and facts["kernel"]
