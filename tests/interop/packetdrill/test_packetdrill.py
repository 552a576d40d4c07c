# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Every script of scripts/, over IPv4 and IPv6, by packetdrill against the stack in its process.

The tool is taken from $PACKETDRILL or PATH; without it all is skipped. A script whose name ends in
-v4 or -v6 runs over that family only. No network is touched: time and wire are the adapter's.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
BUILD = pathlib.Path(os.environ.get("HEARTH_BUILD", ROOT / "build"))
ADAPTER = BUILD / "tests" / "interop" / "packetdrill" / "hearth-packetdrill.so"
TOOL = os.environ.get("PACKETDRILL") or shutil.which("packetdrill")

FAMILIES = {
    "v4": ["--ip_version=ipv4", "--local_ip=198.18.0.1", "--remote_ip=198.19.0.1",
           "--gateway_ip=198.18.0.254", "--netmask_ip=255.255.255.0"],
    "v6": ["--ip_version=ipv6", "--local_ip=fd77::1", "--remote_ip=fd78::1",
           "--gateway_ip=fd77::fe"],
}
# Segments of one size, so that a script fits both families: IPv6 takes 20 bytes off.
SETTINGS = {"v4": "mss=1440,window=65535", "v6": "mss=1460,window=65535"}
# A script that hangs; time in it is virtual, so this says nothing about the stack's speed.
HUNG_SECONDS = 120


def runs():
    for path in sorted((HERE / "scripts").rglob("*.pkt")):
        name = str(path.relative_to(HERE / "scripts").with_suffix(""))
        for family in FAMILIES:
            if name.endswith(("-v4", "-v6")) and not name.endswith("-" + family):
                continue
            yield pytest.param(path, family, id="%s[%s]" % (name, family))


@pytest.mark.skipif(not TOOL, reason="packetdrill is neither in PATH nor $PACKETDRILL")
@pytest.mark.parametrize("script, family", runs())
def test_script(script, family):
    if not ADAPTER.exists():
        pytest.skip("%s is not built (a sanitizer build has none)" % ADAPTER)
    done = subprocess.run(
        [TOOL, "--so_filename=%s" % ADAPTER, *FAMILIES[family], str(script)],
        env=dict(os.environ, HEARTH_PACKETDRILL=SETTINGS[family]),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HUNG_SECONDS,
        check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
