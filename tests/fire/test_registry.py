# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The registry on disk: hearthctl dies at every call that changes a file, or the call fails.

Whatever happens, the devices are those of before or those of after; of after, if the command said
that it was done; and the registry goes on. (Q: what was confirmed as provisioned is there.)
"""

import json
import shutil
import subprocess

import pytest

import mcdevice
import paths
import shim

DEATHS = ("before", "after")
ERRORS = ("eio", "enospc", "short")
IMPORTED = 300  # more than fit into one page


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A registry of ten devices, and a file of more to import."""
    directory = tmp_path_factory.mktemp("template")
    rows = [("old%d" % n, mcdevice.new_pin()) for n in range(10)]
    mcdevice.write_csv(directory / "old.csv", rows)
    control(directory / "registry", "device", "import", directory / "old.csv")
    rows = [("new%d" % n, mcdevice.new_pin()) for n in range(IMPORTED)]
    mcdevice.write_csv(directory / "new.csv", rows)
    return directory


def control(registry, *words, **faults):
    command = [paths.HEARTHCTL, "--registry", registry, *words]
    if faults:
        return shim.run(command, path=registry.parent, **faults)
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            check=False, timeout=20)
    assert result.returncode == 0, result
    return result


def devices(registry):
    found = json.loads(control(registry, "device", "list", "--limit", "1000", "--json").stdout)
    return {row["id"] for row in found["devices"]}


VERBS = {
    "add": (("device", "add", "one", "p" * 32), {"one"}, set()),
    "import": (("device", "import", "new.csv"), {"new%d" % n for n in range(IMPORTED)}, set()),
    "remove": (("device", "remove", "old3"), set(), {"old3"}),
}


class Case:
    """One verb on a fresh copy of the registry, as often as it is asked for."""

    def __init__(self, template, directory, verb):
        words, self.more, self.fewer = VERBS[verb]
        self.words = [str(template / word) if word.endswith(".csv") else word for word in words]
        self.template, self.registry = template / "registry", directory / "registry"
        self.log = directory / "calls"
        self.before = {"old%d" % n for n in range(10)}
        self.after = (self.before | self.more) - self.fewer

    def run(self, **faults):
        shutil.rmtree(self.registry, ignore_errors=True)
        shutil.copytree(self.template, self.registry)
        self.log.unlink(missing_ok=True)
        return control(self.registry, *self.words, log=self.log, **faults)

    def count(self):
        assert self.run().returncode == 0 and devices(self.registry) == self.after
        return len(shim.calls(self.log))

    def still_works(self):
        control(self.registry, "device", "add", "another", "q" * 32)
        assert "another" in devices(self.registry)


@pytest.mark.parametrize("how", DEATHS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_death_at_any_write_leaves_all_or_nothing(template, tmp_path, verb, how):
    case = Case(template, tmp_path, verb)
    calls = case.count()
    assert calls >= 3
    for at in range(1, calls + 1):
        result = case.run(at=at, do=how)
        assert result.returncode == -9, (at, result)
        found = devices(case.registry)
        assert found in (case.before, case.after), (at, found ^ case.before)
        assert at < calls or how == "before" or found == case.after  # the last call is the commit
        case.still_works()


@pytest.mark.parametrize("how", ERRORS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_failure_of_any_write_is_told(template, tmp_path, verb, how):
    case = Case(template, tmp_path, verb)
    calls = case.count()
    for at in range(1, calls + 1):
        result = case.run(at=at, do=how)
        found = devices(case.registry)
        assert found in (case.before, case.after), (at, found ^ case.before)
        if result.returncode == 0:
            assert found == case.after, (at, result)
        else:
            assert result.returncode == 1 and found == case.before, (at, result)
            assert result.stderr.startswith("hearthctl: ") and "p" * 32 not in result.stderr
        case.still_works()


@pytest.mark.parametrize("how", DEATHS + ERRORS)
def test_a_registry_that_was_not_made_is_made_the_next_time(tmp_path, how):
    registry, log = tmp_path / "registry", tmp_path / "calls"
    words = ("device", "add", "one", "p" * 32)
    control(registry, *words, log=log)
    calls = len(shim.calls(log))
    assert calls > 5
    for at in range(1, calls + 1):
        shutil.rmtree(registry)
        result = control(registry, *words, at=at, do=how)
        assert result.returncode != 0 or how == "short" or devices(registry) == {"one"}
        assert devices(registry) in (set(), {"one"}), at
        control(registry, "device", "add", "two", "p" * 32)
        assert "two" in devices(registry)
