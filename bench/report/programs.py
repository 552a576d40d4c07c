# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Programs that are run: none outlives us, each has its time, and what it said is kept."""

import ctypes
import json
import os
import pathlib
import signal
import subprocess

PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)


class Void(Exception):
    """What was measured says nothing: others had too much of the machine."""


class Failed(Exception):
    """Something could not be measured; the text says why, in one line."""


class Late(Failed):
    """It took more time than it has; it was asked to end, and may have said what it had."""


def isolate():
    """A network namespace of our own: it ends with its last process, nothing of it can stay.

    In it 198.18.0.0/15 is local, for what uses the kernel's sockets; they may be many.
    """
    if libc.unshare(CLONE_NEWNET):
        raise Failed("needs root, for a network namespace of its own")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", "198.18.0.1/15", "dev", "lo"], check=True)
    for name, value in (("core/somaxconn", 8192), ("ipv4/tcp_max_syn_backlog", 8192),
                        ("ipv4/ip_local_port_range", "10000 60000"),
                        # not what the host prefers, which may be BBR with a timer for each segment
                        ("ipv4/tcp_congestion_control", "reno")):
        pathlib.Path("/proc/sys/net", name).write_text("%s\n" % value, "ascii")


def prepare(cpus):
    """Between fork and exec."""
    def before():
        os.setpgid(0, 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, cpus)
    return before


def last_words(log, program):
    """How a program ended, for a note: its last complaint, or whatever it said last."""
    try:
        lines = [line for line in pathlib.Path(log).read_text("utf-8", "replace").splitlines() if line]
    except OSError:
        return ""
    name = pathlib.Path(program).name + ": "
    complaints = [line[len(name):] for line in lines if line.startswith(name)]
    return ((complaints or lines or [""])[-1])[:300]


def start(command, log, cpus):
    """In the background; its output is the log's, alone."""
    with open(log, "wb") as out:
        return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                stdout=out, stderr=out, preexec_fn=prepare(cpus))


def finish(process, seconds=10):
    """Ask it to end, insist after a while; whatever it started goes with it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def run(command, log, cpus, seconds):
    """To its end, or for so long; its exit status."""
    process = start(command, log, cpus)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise Late("%s took more than %d s" % (pathlib.Path(command[0]).name, seconds)) from None
    finally:
        finish(process)


def run_json(command, directory, name, cpus, seconds):
    """A program with --json FILE; what it wrote there, even if it ended with an error or was ended."""
    log, out = pathlib.Path(directory, name + ".log"), pathlib.Path(directory, name + ".json")
    out.unlink(missing_ok=True)
    if not pathlib.Path(command[0]).exists():
        raise Failed("%s is not there" % pathlib.Path(command[0]).name)
    late = None
    try:
        status = run([*command, "--json", out], log, cpus, seconds)
    except Late as error:
        late, status = error, None
    try:
        found = json.loads(out.read_text("utf-8"))
    except (OSError, ValueError):
        if late:
            raise late from None
        raise Failed("%s ended with %d: %s" % (
            pathlib.Path(command[0]).name, status, last_words(log, command[0]))) from None
    if isinstance(found, dict):
        found["exit"] = status
        if late:
            found["said"] = "%s" % late
        elif status:
            found["said"] = last_words(log, command[0])
    return found
