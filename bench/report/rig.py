# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""A broker and the instrument on two cores: configured, started, driven, ended."""

import os
import pathlib
import shutil
import tempfile
import time

import programs

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_SECONDS = 120

CONFIG = """\
memory: { mode: auto, megabytes: %(megabytes)d }
limits: { devices: %(devices)d, sessions: %(devices)d, connections: %(connections)d, pending_logins: 100000 }
workers: [%(workers)s]
ports:
%(ports)s
mc:
  login: { tcp: 7700 }
  connect: { tcp: 7701, udp: 7701 }
registry: { path: "%(registry)s" }
feed: { path: "%(ring)s", bytes: %(ring_mib)dMiB }
control: { socket: "./control.sock" }
"""
PORT = """\
  - device: "net_memif%(i)d,role=server,socket=%(directory)s/memif%(i)d.sock,socket-abstract=no,rsize=%(rsize)d"
    addresses: ["198.18.0.1/15"]
"""
KERNEL_PORT = """\
  - device: "net_tap0"
    addresses: ["198.18.0.1/15"]
"""
# Its buffers one behind the other: at 2,048 bytes each they would share a quarter of a cache's sets.
MEMIF = "dpdk:net_memif0,role=client,socket=%s/memif0.sock,socket-abstract=no,rsize=%d,bsize=576"
RING_MIB = 64  # the default


class Rig:
    """What all runs share: a folder, the devices' registries, the CPUs."""

    def __init__(self, build, say, cpus=None):
        self.build, self.say = pathlib.Path(build), say
        self.cpus = sorted(cpus or os.sched_getaffinity(0))
        self.broker_cpu, self.load_cpu = self.cpus[-1], self.cpus[0]
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="hearth-benchmark."))
        (self.directory / "pid").write_text("%d" % os.getpid(), "ascii")
        os.environ["TMPDIR"] = str(self.directory)  # of programs that keep things: they go with us
        self.ring = pathlib.Path("/dev/shm", self.directory.name)
        self.rsize = 11  # small enough to stay in the caches; a full one is waited for
        self.memory = 256
        self.registries = {}

    def close(self):
        self.remove_ring()
        shutil.rmtree(self.directory, ignore_errors=True)

    def remove_ring(self):
        for path in self.ring.parent.glob(self.ring.name + "*"):
            path.unlink(missing_ok=True)

    def program(self, path):
        program = self.build / path
        if not program.exists():
            raise programs.Failed("%s is not built" % program.name)
        return program

    def scenario(self, name):
        return ROOT / "bench/scenarios" / (name + ".yaml")

    def registry(self, scenario, sets, devices):
        """Devices that the broker knows; made once for each number of them."""
        if devices in self.registries:
            return self.registries[devices]
        self.forget_registries()
        csv = self.directory / "devices.csv"
        registry = self.directory / ("registry-%d" % devices)
        log = self.directory / "provision.log"
        steps = ([self.program("bench/hearth-fleet"), "--scenario", self.scenario(scenario), *sets,
                  "--csv", csv],
                 [self.program("tools/hearthctl"), "--registry", registry, "device", "import", csv])
        for command in steps:
            if programs.run(command, log, self.cpus, 900):
                raise programs.Failed("%d devices cannot be provisioned: %s" % (
                    devices, programs.last_words(log, command[0])))
        csv.unlink()
        self.registries[devices] = registry
        return registry

    def forget_registries(self):
        """Ten million devices take gigabytes on the disk: one registry at a time."""
        for registry in self.registries.values():
            shutil.rmtree(registry, ignore_errors=True)
        self.registries = {}

    def config(self, devices, registry, kernel):
        path = self.directory / "hearth.yaml"
        port = KERNEL_PORT if kernel else PORT % {
            "i": 0, "directory": self.directory, "rsize": self.rsize}
        path.write_text(CONFIG % {
            "megabytes": self.memory, "devices": devices + 1000, "workers": self.broker_cpu,
            "connections": devices + devices // 20 + 50000, "ports": port.rstrip("\n"),
            "registry": registry, "ring": self.ring, "ring_mib": RING_MIB}, "utf-8")
        return path

    def run(self, scenario, devices, settings=(), seconds=120, twin=False, options=()):
        """A scenario from a cold broker to its figures: the instrument's JSON."""
        sets = [word for setting in ("devices=%d" % devices, *settings) for word in ("--set", setting)]
        registry = self.registry(scenario, sets, devices)
        name = "bench/hearth-twin" if twin else "broker/hearthd"
        with Broker(self, self.program(name), self.config(devices, registry, twin)) as broker:
            via = ["--via", "sockets", "--address", "198.19.0.0/16"] if twin else [
                "--via", MEMIF % (self.directory, self.rsize), "--address", "198.18.1.1/15",
                "--memory", str(self.memory)]
            found = programs.run_json(
                [self.program("bench/hearth-fleet"), "--scenario", self.scenario(scenario), *sets,
                 *via, "--cpu", str(self.load_cpu), "--beside", str(self.broker_cpu), "--login", "198.18.0.1:7700", "--feed", self.ring,
                 "--control", self.directory / "control.sock", *options],
                self.directory, "instrument", self.cpus, seconds)
            if not broker.alive():
                raise programs.Failed("the broker ended: %s" % programs.last_words(broker.log, self.program(name)))
            found["broker_memory_line"] = broker.said("memory:")
        if ((found.get("search") or {}).get("outcome") or "").startswith("void"):
            raise programs.Void(found["search"]["outcome"])
        return found


class Broker:
    """As a context: hearthd, or the twin, from its start to its end; ring and sessions are new."""

    def __init__(self, rig, program, config):
        self.rig, self.program, self.config = rig, program, config
        self.log = rig.directory / "broker.log"
        self.process = None

    def __enter__(self):
        self.rig.remove_ring()
        self.log.unlink(missing_ok=True)
        for path in self.rig.directory.glob("*.sock"):
            path.unlink()
        self.process = programs.start([self.program, self.config], self.log, self.rig.cpus)
        try:
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait(self):
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self.alive():
            if self.said("ready"):
                return
            time.sleep(0.05)
        raise programs.Failed("%s does not start: %s" % (
            self.program.name, programs.last_words(self.log, self.program)))

    def alive(self):
        return self.process.poll() is None

    def said(self, word):
        """The first of its lines that begins with @word."""
        for line in self.log.read_text("utf-8", "replace").splitlines():
            text = line.partition(": ")[2]
            if text.startswith(word):
                return text
        return None

    def __exit__(self, *_):
        programs.finish(self.process, 30)
        self.rig.remove_ring()
