# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""As the end-to-end tests: the whole run lives in a network namespace of its own."""

import importlib.util
import pathlib
import sys

E2E = pathlib.Path(__file__).resolve().parent.parent / "e2e"
sys.path.insert(0, str(E2E))
specification = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
e2e_conftest = importlib.util.module_from_spec(specification)
specification.loader.exec_module(e2e_conftest)
pytest_configure = e2e_conftest.pytest_configure
isolated = e2e_conftest.isolated
