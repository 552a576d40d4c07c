# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""What is measured, by which program, with which settings: quick and full."""

import os
import pathlib
import resource
import sys
import threading
from concurrent import futures

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
import kernel_memory  # noqa: E402  (its folder is known only now)
import programs  # noqa: E402
import rig as rigs  # noqa: E402
from schedule import Step, alternating  # noqa: E402

DEVICES, ALL_DEVICES = 100000, 10000000
# Of huge pages, for both sides; what of it is not there is made of small ones.
MEGABYTES, ALL_MEGABYTES = 1400, 11500
FAULTS = ("heartbeats", "storm", "mixed", "gateway", "slow-readers", "loss", "rebind", "hostile")

# Trials of a search are short in a quick run, its precision what short trials can tell.
QUICK = ("load.search.seconds=0.5", "load.search.repeat=1", "load.search.precision=0.04",
         "load.search.within=9", "seconds=2", "warmup=0.2")
FULL = ("load.search.within=120",)
FIRST, FIRST_TWIN = 200000, 20000  # reports/s at which the first search begins


def most_sockets(wanted):
    """Kernel sockets that one process may have: root may not be allowed to raise it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, wanted + 1000),) * 2)
        return wanted
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return min(wanted, hard - 1000)


class Steps:
    """All steps over one rig; @full: for an hour rather than five minutes."""

    def __init__(self, rig, full, repetitions=3):
        self.rig, self.full, self.repetitions = rig, full, repetitions
        self.settings = FULL if full else QUICK
        self.found = {}  # by kind: the rate that its last search found
        self.left = lambda: 3600.0  # seconds of the whole run; the schedule says

    # ---- Hearth, over memif and on kernel sockets ----

    def hearth(self, scenario, settings=(), devices=DEVICES, seconds=None, twin=False):
        return self.rig.run(scenario, devices, settings,
                            self.at_most(seconds or (600 if self.full else 60)), twin)

    def at_most(self, seconds):
        """No step goes far beyond the end of the whole run, whatever the machine is busy with."""
        return min(seconds, max(self.left(), 0) + 5)

    def search(self, kind, first, scenario, **how):
        """A search; those after the first of its kind begin near what that one found."""
        last = self.found.get(kind)
        bounds = ("load.search.from=%d" % first,) if not last else (
            "load.search.from=%d" % (0.85 * last), "load.search.to=%d" % (4 * last))
        found = self.hearth(scenario, (*self.settings, *bounds), **how)
        if found.get("rate"):
            self.found[kind] = found["rate"]
        return found

    def tcp(self):
        return self.search("tcp", FIRST, "steady-tcp")

    def udp(self):
        return self.search("udp", FIRST, "steady-udp")

    def twin(self):
        devices = most_sockets(DEVICES)
        found = self.search("twin", FIRST_TWIN, "steady-tcp", devices=devices, twin=True)
        found["connections"] = devices
        if devices < DEVICES:
            found["note"] = "%d devices: a process here may not have more files open" % devices
        return found

    def twin_memory(self):
        """What connections cost the twin, and the kernel for its end of them: most while all are live."""
        devices = min(most_sockets(DEVICES), 10000)
        before, most = kernel_memory.snapshot(), {}
        done = threading.Event()

        def look():
            while not done.wait(0.2):
                now = kernel_memory.grown(before, kernel_memory.snapshot(), 2 * devices)
                if sum(now.values()) > sum(most.values()):
                    most.update(now)
        looking = threading.Thread(target=look)
        looking.start()
        try:
            found = self.hearth("steady-tcp", ("load.rate=1000", "seconds=3"), devices, twin=True)
        finally:
            done.set()
            looking.join()
        broker = found["broker"]
        # both ends of a connection are this kernel's
        found["memory"] = dict(broker["memory"], kernel=sum(most.values()) / 2)
        return found

    def overload(self):
        """Three times the peak that the same broker has just had: it looks for that itself."""
        return self.search("udp", FIRST, "overload")

    def sessions(self):
        # half of the rate for longer than a heartbeat's period: each device's comes once at least
        return self.hearth("sessions", ("latency_at=[0.5]", "seconds=50"), ALL_DEVICES, 1500)

    # ---- programs that measure by themselves ----

    def tool(self, command, name, seconds):
        return programs.run_json(
            command, self.rig.directory, name, self.rig.cpus, self.at_most(seconds))

    def peer(self, name, *options):
        connections = "16,64,1000,10000" if self.full else "16"
        seconds = ("--seconds", "1") if self.full else ("--seconds", "0.4", "--warmup", "0.15")
        return self.tool(
            [rigs.ROOT / "bench/peers/run", name, "--connections", connections, "--search", *seconds,
             "--load", self.rig.program("bench/hearth-peers"), *options], name, 300)

    def peer_memory(self, name):
        """With and without encryption: what a connection that says nothing costs."""
        connections = "1000,10000,100000" if self.full else "10000"
        return self.tool([rigs.ROOT / "bench/peers/run", name, "--connections", "", "--memory", connections,
                          "--load", self.rig.program("bench/hearth-peers")], name + "-memory", 300)

    def on_broker_cpu(self, command):
        return ["/usr/bin/taskset", "-c", str(self.rig.broker_cpu), *command]

    def stages(self):
        program = self.rig.program("bench/hearth-bench-stages")
        return self.tool(self.on_broker_cpu([program]), "stages", 300)

    def instructions(self):
        program = rigs.ROOT / "bench/stages/instructions"
        if not os.access(program, os.X_OK):
            raise programs.Failed("bench/stages/instructions is not there")
        return self.tool([program], "instructions", 900)

    def worker(self, *options):
        program = self.rig.program("bench/hearth-bench-worker")
        return self.tool(self.on_broker_cpu([program, *options]), "worker", 600)

    def idle(self):
        return self.worker("-m", "idle", "-s", str(ALL_DEVICES), "-w", "30", "-H")

    # ---- more cores ----

    def scaling(self, count):
        """@count brokers of one worker, each with an instrument and two CPUs of its own, all at once.

        What cores share (caches, memory) is seen; an instrument fills one queue of one port, so that
        one broker of many workers would be measured by what the first of them hands on.
        """
        pairs = list(zip(self.rig.cpus[::2], self.rig.cpus[1::2]))[:count]
        rigs_of = [rigs.Rig(self.rig.build, self.rig.say, pair) for pair in pairs]
        try:
            with futures.ThreadPoolExecutor(count) as pool:
                found = list(pool.map(lambda rig: rig.run(
                    "steady-tcp", DEVICES, ("load.closed=4096", "seconds=5", "warmup=2"), 120), rigs_of))
        finally:
            for rig in rigs_of:
                rig.close()
        return {"workers": count, "rates": [one["trials"][-1]["answered_rate"] for one in found],
                "rate": sum(one["trials"][-1]["answered_rate"] for one in found), "runs": found}

    def scaling_steps(self):
        """1, 2, 4, .. pairs of CPUs, as many as there are; none where there is one pair."""
        pairs = len(self.rig.cpus) // 2
        counts = sorted({count for count in (1, 2, 4, 8, 16, 32, 64, pairs) if count <= pairs})
        return [Step("scaling-%d" % count, "%d brokers side by side" % count, 30,
                     lambda count=count: self.scaling(count), MEGABYTES * count)
                for count in counts if pairs > 1]

    # ---- in which order ----

    def side_by_side(self):
        """The kinds that ratios are made of, alternating."""
        long = self.full
        kinds = [Step("hearth-tcp", "Hearth over TCP", 120 if long else 18, self.tcp, MEGABYTES),
                 Step("twin", "the same on kernel sockets", 120 if long else 18, self.twin, MEGABYTES),
                 Step("redis", "Redis, SET", 60 if long else 7, lambda: self.peer("redis")),
                 Step("mosquitto", "Mosquitto, QoS 1", 60 if long else 7, lambda: self.peer("mosquitto")),
                 Step("hearth-udp", "Hearth over UDP", 120 if long else 18, self.udp, MEGABYTES)]
        return alternating(kinds, self.repetitions)

    def singles(self):
        steps = [
            Step("stages", "each stage alone", 60 if self.full else 20, self.stages),
            Step("worker-tcp", "a worker over plain memory", 10, lambda: self.worker("-t", "tcp")),
            Step("overload", "UDP, three times the peak", 90 if self.full else 18, self.overload,
                 MEGABYTES),
            Step("mosquitto-tls", "Mosquitto, QoS 1, TLS-PSK", 60 if self.full else 7,
                 lambda: self.peer("mosquitto-tls")),
        ]
        steps += [Step(name + "-memory", "memory of connections", 5,
                       lambda name=name: self.peer_memory(name))
                  for name in ("redis", "mosquitto", "mosquitto-tls")]
        steps += [Step("twin-memory", "memory of connections, kernel sockets", 10, self.twin_memory)]
        steps += self.scaling_steps()
        if not self.full:
            return alternating(steps, 1)
        steps += [Step("sessions", "ten million sessions", 600, self.sessions, ALL_MEGABYTES),
                  Step("idle", "ten million sessions, no traffic", 120, self.idle, ALL_MEGABYTES)]
        steps += [Step(name, "scenario %s" % name, 40, lambda name=name: self.hearth(name), MEGABYTES)
                  for name in FAULTS]
        steps += [Step("worker-udp", "a worker over plain memory, UDP", 10,
                       lambda: self.worker("-t", "udp")),
                  Step("instructions", "instructions of each stage", 120, self.instructions)]
        return alternating(steps, 1)

    def all(self):
        """Every figure once, then the repetitions, then what only plots show: time may be short."""
        return in_order(self.side_by_side(), self.singles())


def in_order(compared, singles, figures=("stages", "overload", "sessions", "idle")):
    return ([run for run in compared if run[1] == 1] +
            [run for run in singles if run[0].key in figures] +
            [run for run in compared if run[1] > 1] +
            [run for run in singles if run[0].key not in figures])


def complain_without_root():
    if os.geteuid() != 0:
        sys.exit("benchmark: needs root, for huge pages and network namespaces")
