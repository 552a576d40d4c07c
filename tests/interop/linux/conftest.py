# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The whole run lives in a network namespace of its own, which ends with its last process."""

import ctypes
import os
import subprocess

import pytest

CLONE_NEWNET = 0x40000000
ISOLATED = False


def pytest_configure(config):
    global ISOLATED
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        return
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    ISOLATED = True


@pytest.fixture(autouse=True)
def isolated():
    if not ISOLATED:
        pytest.skip("needs root, for a network namespace of its own")
