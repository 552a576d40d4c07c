# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Programs run under faults.c: the k-th call that changes a file fails, or is their last."""

import os
import subprocess

import paths

LIBRARY = paths.BUILD / "tests" / "fire" / "libhearth-faults.so"


def environment(path, at=0, do="", row=1, armed=None, log=None):
    """For a program whose calls on files below path are counted; see faults.c."""
    values = {"LD_PRELOAD": str(LIBRARY), "HEARTH_FAULT_PATH": str(path),
              "HEARTH_FAULT_AT": str(at), "HEARTH_FAULT_FOR": str(row), "HEARTH_FAULT_DO": do}
    if armed:
        values["HEARTH_FAULT_ARMED"] = str(armed)
    if log:
        values["HEARTH_FAULT_LOG"] = str(log)
    return {**os.environ, **values}


def run(words, timeout=20, **faults):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          check=False, timeout=timeout, env=environment(**faults))


def calls(log):
    """The names of the calls that were counted."""
    return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []
