# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Where the programs under test are: build/, or $HEARTH_BUILD."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD", ROOT / "build"))
HEARTHD = BUILD / "broker" / "hearthd"
HEARTHCTL = BUILD / "tools" / "hearthctl"
HEARTH_FEED = BUILD / "tools" / "hearth-feed"
HEARTH_FLEET = pathlib.Path(
    os.environ.get("HEARTH_FLEET", BUILD / "bench" / "hearth-fleet"))
HEARTH_TWIN = BUILD / "bench" / "hearth-twin"
