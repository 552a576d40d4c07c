# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The machine: what it is, and who had its CPUs while something was measured."""

import os
import pathlib
import platform
import re
import resource

TICKS = os.sysconf("SC_CLK_TCK")


def read(path):
    try:
        return pathlib.Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def first(pattern, text, default=None):
    found = re.search(pattern, text, re.M)
    return found.group(1).strip() if found else default


def facts():
    """Everything that a figure depends on."""
    cpu, memory = read("/proc/cpuinfo"), read("/proc/meminfo")
    flags = (first(r"^flags\s*:(.*)", cpu) or "").split()
    return {
        "cpu": first(r"^model name\s*:(.*)", cpu, platform.machine()),
        "cpus": len(os.sched_getaffinity(0)),
        "mhz": float(first(r"^cpu MHz\s*:(.*)", cpu, "0")),
        "features": [name for name in ("aes", "vaes", "avx2", "avx512f", "avx512vbmi", "gfni")
                     if name in flags],
        "memory_bytes": int(first(r"^MemTotal:\s*(\d+)", memory, "0")) * 1024,
        "virtual": "hypervisor" in flags,
        "kernel": platform.release(),
        "system": first(r'^PRETTY_NAME="(.*)"', read("/etc/os-release"), "unknown"),
    }


class Watch:
    """Shares of all CPUs' time since begin(): taken by the host, by other programs, idle."""

    def __init__(self, read_stat=lambda: read("/proc/stat"), own_seconds=None):
        self.read_stat = read_stat
        self.own_seconds = own_seconds or own_cpu_seconds
        self.began = self.own = None

    def begin(self):
        self.began, self.own = parse_stat(self.read_stat()), self.own_seconds()
        return self

    def shares(self):
        """Whatever ended and was waited for since begin() is ours; the rest of the busy time is not.

        The kernel's interrupts are nobody's: packets of ours are worked off there, too.
        """
        now = parse_stat(self.read_stat())
        passed = {name: now[name] - self.began[name] for name in now}
        total = sum(passed.values()) or 1
        own = (self.own_seconds() - self.own) * TICKS
        busy = passed["user"] + passed["nice"] + passed["system"]
        others = max(busy - own, 0) / total
        stolen = passed["steal"] / total
        return {"stolen": stolen, "others": others, "idle": (passed["idle"] + passed["iowait"]) / total,
                "taken": stolen + others}


def parse_stat(text):
    """The first line of /proc/stat, in ticks."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    return dict(zip(names, (int(word) for word in text.split("\n", 1)[0].split()[1:9])))


def own_cpu_seconds():
    """Of this process and of all that it has waited for."""
    return sum(usage.ru_utime + usage.ru_stime for usage in
               (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))
