# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Which runs are made, again, or left out: a clock that only moves when something is run."""

import programs
import schedule


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Watch:
    """Says of each run what the test wants it to say; the last is said for ever."""

    def __init__(self, *taken):
        self.taken = list(taken)

    def begin(self):
        return self

    def shares(self):
        taken = self.taken.pop(0) if len(self.taken) > 1 else self.taken[0]
        return {"stolen": taken, "others": 0.0, "idle": 0.0, "taken": taken}


class Bench:
    def __init__(self, seconds, watch):
        self.clock, self.kept, self.made = Clock(), [], []
        self.plan = schedule.Schedule(seconds, watch, lambda text: None, self.kept.append,
                                      clock=self.clock)

    def step(self, key, seconds, takes=None, error=None):
        def measure():
            self.made.append(key)
            self.clock.now += takes or seconds
            if error:
                raise error
            return {"rate": len(self.made)}
        return schedule.Step(key, key, seconds, measure)


def test_kinds_alternate():
    assert schedule.alternating(["a", "b", "c"], 2) == [
        ("a", 1), ("b", 1), ("c", 1), ("a", 2), ("b", 2), ("c", 2)]


def test_all_are_run_and_kept():
    bench = Bench(100, Watch(0.0))
    bench.plan.run_all(schedule.alternating([bench.step("a", 5), bench.step("b", 5)], 2))
    assert bench.made == ["a", "b", "a", "b"]
    assert [record.result["rate"] for record in bench.kept] == [1, 2, 3, 4]
    assert not bench.plan.left_out


def test_one_that_fails_fails_alone():
    bench = Bench(100, Watch(0.0))
    bench.plan.run_all([(bench.step("a", 5, error=RuntimeError("it broke")), 1), (bench.step("b", 5), 1)])
    assert bench.made == ["a", "b"]
    assert bench.kept[0].error == "it broke" and bench.kept[0].result is None
    assert not bench.kept[0].void  # a failure is none of the machine's
    assert bench.kept[1].error is None


def test_an_error_without_words_has_its_name():
    bench = Bench(100, Watch(0.0))
    bench.plan.run_all([(bench.step("a", 5, error=KeyError()), 1)])
    assert bench.kept[0].error == "KeyError"


def test_a_void_run_is_made_again():
    bench = Bench(100, Watch(0.2, 0.06, 0.01))
    bench.plan.run_all([(bench.step("a", 5), 1)])
    assert [record.void for record in bench.kept] == [True, True, False]
    assert {record.repetition for record in bench.kept} == {1}


def test_a_program_that_calls_its_run_void_is_believed():
    bench = Bench(100, Watch(0.0))
    bench.plan.run_all([(bench.step("a", 5, error=programs.Void("others had 20 %")), 1)])
    assert bench.made == ["a"] * schedule.TRIES
    assert all(record.void and record.error is None for record in bench.kept)


def test_a_void_run_is_not_made_for_ever():
    bench = Bench(100, Watch(0.2))
    bench.plan.run_all([(bench.step("a", 5), 1), (bench.step("b", 5), 1)])
    assert bench.made == ["a"] * schedule.TRIES + ["b"] * schedule.TRIES


def test_what_does_not_fit_is_left_out_and_what_does_is_run():
    bench = Bench(20, Watch(0.0))
    bench.plan.run_all([(bench.step("a", 5), 1), (bench.step("long", 16), 1), (bench.step("b", 5), 1)])
    assert bench.made == ["a", "b"]
    assert "16 s" in bench.plan.left_out["long"] and "15 s" in bench.plan.left_out["long"]


def test_a_step_that_took_longer_is_believed():
    bench = Bench(30, Watch(0.0))
    step = bench.step("a", 5, takes=14)
    bench.plan.run_all([(step, 1), (step, 2), (step, 3)])
    assert bench.made == ["a", "a"]
    assert "a" in bench.plan.left_out
    assert bench.clock.now <= 30


def test_void_runs_do_not_break_the_time():
    bench = Bench(12, Watch(0.9))
    bench.plan.run_all([(bench.step("a", 5), 1)])
    assert bench.made == ["a", "a"]
