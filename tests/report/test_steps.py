# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""What is run in which order: figures before repetitions, repetitions before what only plots show."""

import pathlib

import pytest
import steps


class Rig:
    """A machine with so many CPUs; nothing is run on it."""

    def __init__(self, cpus):
        self.cpus = list(range(cpus))
        self.broker_cpu, self.load_cpu = self.cpus[-1], 0


def runs(full=False, cpus=2, repetitions=3):
    return [(step.key, repetition) for step, repetition in
            steps.Steps(Rig(cpus), full, repetitions).all()]


def test_quick():
    found = runs()
    assert found[:5] == [(kind, 1) for kind in ("hearth-tcp", "twin", "redis", "mosquitto", "hearth-udp")]
    assert found[5:7] == [("stages", 1), ("overload", 1)]
    assert found[7:12] == [(kind, 2) for kind, _ in found[:5]]
    assert found[12:17] == [(kind, 3) for kind, _ in found[:5]]
    assert len(found) == len(set(found))
    assert not any(kind in ("sessions", "idle") for kind, _ in found)


def test_full_begins_with_all_figures():
    found = runs(True)
    assert [kind for kind, _ in found[5:9]] == ["stages", "overload", "sessions", "idle"]
    assert {kind for kind, _ in found} >= set(steps.FAULTS)
    assert set(runs()) <= set(found)


@pytest.mark.parametrize("cpus,curve", [(1, []), (2, []), (3, []), (4, [1, 2]), (12, [1, 2, 4, 6])])
def test_more_cores_add_the_curve(cpus, curve):
    assert [kind for kind, _ in runs(cpus=cpus) if kind.startswith("scaling")] == [
        "scaling-%d" % count for count in curve]


def test_every_scenario_there_is():
    folder = pathlib.Path(steps.__file__).resolve().parents[1] / "scenarios"
    names = {path.stem for path in folder.glob("*.yaml")}
    assert set(steps.FAULTS) | {"steady-tcp", "steady-udp", "overload", "sessions"} == names


def test_a_search_begins_near_what_the_last_one_found():
    asked = []
    all_steps = steps.Steps(Rig(2), False)
    all_steps.hearth = lambda scenario, settings, **how: asked.append(settings) or {"rate": 1000000.0}
    all_steps.tcp()
    all_steps.tcp()
    all_steps.udp()
    assert "load.search.from=%d" % steps.FIRST in asked[0]
    assert {"load.search.from=850000", "load.search.to=4000000"} <= set(asked[1])
    assert "load.search.from=%d" % steps.FIRST in asked[2]


def test_no_step_outlives_the_run():
    all_steps = steps.Steps(Rig(2), False)
    all_steps.left = lambda: 12
    assert all_steps.at_most(60) == 17
    assert all_steps.at_most(10) == 10
