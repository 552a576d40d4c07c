# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Huge pages: reserved for a while, given back whatever happens."""

import pathlib

PAGE_BYTES = 2 << 20
SYSCTL = "/proc/sys/vm/nr_hugepages"


class HugePages:
    """As a context: at least @megabytes free meanwhile; only what was added is given back.

    @owed: a file that says how many that are, for who comes after us if we are killed.
    """

    def __init__(self, megabytes, owed=None, sysctl=SYSCTL, meminfo="/proc/meminfo"):
        self.wanted = -(-megabytes * (1 << 20) // PAGE_BYTES)
        self.sysctl, self.meminfo = pathlib.Path(sysctl), pathlib.Path(meminfo)
        self.owed = owed
        self.added = 0

    def count(self):
        return int(self.sysctl.read_text("ascii"))

    def free(self):
        for line in self.meminfo.read_text("ascii").splitlines():
            if line.startswith("HugePages_Free:"):
                return int(line.split()[1])
        return 0

    def __enter__(self):
        missing = self.wanted - self.free()
        if missing > 0:
            before = self.count()
            self.sysctl.write_text("%d\n" % (before + missing), "ascii")
            self.added = max(self.count() - before, 0)  # it may be fewer: memory is in pieces
            if self.owed:
                pathlib.Path(self.owed).write_text("%d" % self.added, "ascii")
        return self

    def enough(self):
        return self.free() >= self.wanted

    def __exit__(self, *_):
        give_back(self.added, self.sysctl)
        self.added = 0
        if self.owed:
            pathlib.Path(self.owed).unlink(missing_ok=True)


def give_back(pages, sysctl=SYSCTL):
    """So many fewer than there are now."""
    if pages:
        sysctl = pathlib.Path(sysctl)
        sysctl.write_text("%d\n" % max(int(sysctl.read_text("ascii")) - pages, 0), "ascii")
