# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Huge pages in files of our own: a machine's are not for tests."""

import os

import leftovers
import pages
import pytest


class Kernel:
    """/proc/sys/vm/nr_hugepages and /proc/meminfo as files, @most pages at most, @used of them taken."""

    def __init__(self, folder, count, used, most):
        self.sysctl, self.meminfo = folder / "nr", folder / "meminfo"
        self.used, self.most = used, most
        self.set(count)

    def set(self, count):
        self.sysctl.write_text("%d\n" % count, "ascii")
        self.meminfo.write_text("HugePages_Total: %d\nHugePages_Free:  %d\n" % (
            count, count - self.used), "ascii")

    def count(self):
        return int(self.sysctl.read_text("ascii"))


def test_only_what_was_added_is_given_back(tmp_path):
    kernel = Kernel(tmp_path, 32, 2, 1000)
    with pages.HugePages(100, tmp_path / "owed", kernel.sysctl, kernel.meminfo) as huge:
        assert kernel.count() == 32 + 20  # 50 are wanted, 30 are free
        assert (tmp_path / "owed").read_text("ascii") == "20"
        kernel.set(kernel.count() + 8)  # somebody else's
        assert huge.enough()
    assert kernel.count() == 40
    assert not (tmp_path / "owed").exists()


def test_enough_is_left_alone(tmp_path):
    kernel = Kernel(tmp_path, 64, 0, 1000)
    with pages.HugePages(100, None, kernel.sysctl, kernel.meminfo):
        assert kernel.count() == 64
    assert kernel.count() == 64


def test_given_back_after_an_error(tmp_path):
    kernel = Kernel(tmp_path, 0, 0, 1000)
    with pytest.raises(RuntimeError):
        with pages.HugePages(64, None, kernel.sysctl, kernel.meminfo):
            assert kernel.count() == 32
            raise RuntimeError
    assert kernel.count() == 0


def test_a_killed_run_is_cleaned_up_after(tmp_path):
    gone, alive, given = tmp_path / "hearth-benchmark.a", tmp_path / "hearth-benchmark.b", []
    shared = tmp_path / "shm"
    shared.mkdir()
    for folder, pid in ((gone, 2**22 + 1), (alive, os.getpid())):
        folder.mkdir()
        (folder / "pid").write_text("%d" % pid, "ascii")
        (folder / "pages").write_text("7", "ascii")
        (shared / (folder.name + ".sessions")).write_text("x", "ascii")
    leftovers.remove(tmp_path, shared, given.append)
    assert given == [7]
    assert not gone.exists() and alive.exists()
    assert [path.name for path in shared.iterdir()] == ["hearth-benchmark.b.sessions"]
