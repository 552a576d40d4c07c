# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Packaged servers with a configuration that lets them be as fast as they can on one core."""

import ctypes
import os
import pathlib
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ADDRESS, SOURCE = "198.18.0.1", "198.18.1.1"
READY_SECONDS = 30
FILES = 110000  # that a server or its load may have open, where the machine lets them
PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)

# Nothing is stored, nothing is logged, nothing is dropped for being too much.
REDIS = """\
bind %(address)s
port %(port)d
protected-mode no
daemonize no
save ""
appendonly no
loglevel warning
logfile ""
maxclients %(connections)d
tcp-backlog 4096
timeout 0
io-threads 1
dir %(directory)s
"""
MOSQUITTO = """\
listener %(port)d %(address)s
allow_anonymous true
user root
persistence false
max_inflight_messages 0
max_queued_messages 0
max_connections -1
sys_interval 0
log_type none
connection_messages false
set_tcp_nodelay true
"""
MOSQUITTO_TLS = """\
psk_hint hearth
psk_file %(directory)s/psk
tls_version tlsv1.2
ciphers PSK-AES128-GCM-SHA256
"""


class Failed(Exception):
    """A server did not start, or a run over it went wrong; the text says how."""


def isolate():
    """A network namespace of our own, in which 198.18.0.0/15 is local; it ends with its last process."""
    if libc.unshare(CLONE_NEWNET):
        raise Failed("needs root, for a network namespace of its own")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", ADDRESS + "/15", "dev", "lo"], check=True)
    for name, value in (("core/somaxconn", 8192), ("ipv4/tcp_max_syn_backlog", 8192),
                        ("ipv4/ip_local_port_range", "10000 60000"),
                        # not what the host prefers, which may be BBR with a timer for each segment
                        ("ipv4/tcp_congestion_control", "reno")):
        pathlib.Path("/proc/sys/net", name).write_text("%s\n" % value, "ascii")


def files_at_most():
    """Files that a process here may have open: what root without CAP_SYS_RESOURCE cannot raise."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        wanted = max(hard, FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        return wanted
    except (ValueError, PermissionError):
        return hard


def connections_at_most():
    """Connections to one process; some of its files are its own."""
    return files_at_most() - 100


def child(cpu):
    """Between fork and exec: on @cpu, with all the files there may be; no child outlives us."""
    files = files_at_most()

    def prepare():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, {cpu})
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    return prepare


class Server:
    """A server that runs on one CPU from __enter__ to __exit__."""

    name = binary = config = version_pattern = ""
    port = 0
    load_options = ()

    def __init__(self, cpu):
        self.cpu = cpu
        self.directory = self.process = None

    def settings(self):
        return self.config % {"address": ADDRESS, "port": self.port, "directory": self.directory,
                              "connections": connections_at_most()}

    def command(self, config):
        raise NotImplementedError

    def prepare(self):
        """Files besides the configuration."""

    @classmethod
    def missing(cls):
        """Why this server cannot be run; None if it can."""
        return None if shutil.which(cls.binary, path="/usr/sbin:/usr/bin") else \
            "%s is not installed" % cls.binary

    @classmethod
    def version(cls):
        flags = ["-h"] if cls.binary == "mosquitto" else ["--version"]
        path = shutil.which(cls.binary, path="/usr/sbin:/usr/bin")
        text = subprocess.run([path, *flags], capture_output=True, text=True, check=False).stdout
        found = re.search(cls.version_pattern, text)
        return found.group(1) if found else "unknown"

    def __enter__(self):
        missing = self.missing()
        if missing:
            raise Failed(missing)
        self.directory = tempfile.mkdtemp(prefix="hearth-peers.")
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        self.prepare()
        config = os.path.join(self.directory, "server.conf")
        pathlib.Path(config).write_text(self.settings(), "ascii")
        log = os.path.join(self.directory, "log")
        with open(log, "wb") as out:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                self.command(config), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=child(self.cpu))
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection((ADDRESS, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failed("%s does not start: %s" % (
            self.name, pathlib.Path(log).read_text("utf-8", "replace")[-500:]))

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def rss_bytes(self):
        text = pathlib.Path("/proc/%d/status" % self.process.pid).read_text("ascii", "replace")
        return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.M).group(1)) * 1024


class Redis(Server):
    name, binary, config, port = "redis", "redis-server", REDIS, 6379
    version_pattern = r"v=(\S+)"

    def command(self, config):
        return [shutil.which(self.binary), config]


class Mosquitto(Server):
    name, binary, config, port = "mosquitto", "mosquitto", MOSQUITTO, 1883
    version_pattern = r"mosquitto version (\S+)"

    def command(self, config):
        return [shutil.which(self.binary, path="/usr/sbin:/usr/bin"), "-c", config]


class MosquittoTls(Mosquitto):
    """All devices share one key: mosquitto looks keys up in a list, which would be its cost alone."""

    name, config, port = "mosquitto-tls", MOSQUITTO + MOSQUITTO_TLS, 8883

    def __init__(self, cpu):
        super().__init__(cpu)
        self.key = secrets.token_hex(16)
        self.load_options = ("--psk", "device:" + self.key)

    def prepare(self):
        path = pathlib.Path(self.directory, "psk")
        path.touch(0o600)
        path.write_text("device:%s\n" % self.key, "ascii")


SERVERS = {server.name: server for server in (Redis, Mosquitto, MosquittoTls)}
