# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""A broker, its consumer and a fleet under load, and SIGKILL for any of them at any time."""

import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import hearth  # noqa: E402
import consumers  # noqa: E402
import verdict  # noqa: E402

DEVICES = 30  # of each transport
INTERVAL = 0.05  # seconds between a device's reports
# Waits of a device are 10 s and more: shortened, so that several fit into a cycle. By UDP a session
# outlives the broker's death and a few repeats; by TCP there is a new connect after each.
SCALE = {"udp": 0.08, "tcp": 0.03}
SETTLE = 4.0
# The first digit of devices' ids, and of their sub-devices'.
DIGITS = {"udp": ("1", "2"), "tcp": ("3", "4")}
GATEWAYS, SUBDEVICES = 5, 10  # among the devices of each transport; beside them


class Rig:
    """One run of kill cycles with a directory, a registry and a ring of its own."""

    def __init__(self, directory, seed, consumer, acknowledge, workers):
        self.random = random.Random(seed)
        self.seed, self.acknowledge = seed, acknowledge
        self.directory = pathlib.Path(directory)
        self.broker = hearth.Hearth(
            directory, workers=hearth.worker_cpus() * workers,
            limits={"devices": 1000, "sessions": 500, "connections": 1000, "pending_logins": 500},
            memory={"megabytes": 128}, mc={"auth_interval": 10, "flap": {"connects": 0}},
            feed={"bytes": "4MiB", "acknowledge": acknowledge})
        self.consumer = consumer(self.broker, self.random)
        self.fleets = []
        self.kills = {"broker": 0, "consumer": 0, "both": 0, "starting": 0}

    def fleet(self, via):
        share = 100 if via == "tcp" else 0
        fleet = hearth.Fleet(
            self.broker, DEVICES, "--tcp-share", share, "--interval", INTERVAL, "--ramp", 200,
            "--heartbeat", 2, "--time-scale", SCALE[via], "--journal", self.journal(via),
            "--seed", self.seed % (1 << 32), "--quiet", "--refusals", "--commands-late", 3,
            "--commands-late-by", 0.8, "--commands-wrong", 2, "--rebind", 5, "--voice", 3,
            # one that was answered, but not yet noted so when the broker died: again (feed.h)
            *(["--twice"] if self.acknowledge == "commit" else []), name=via)
        self.generate(fleet, *DIGITS[via])
        self.broker.ctl("device", "import", fleet.csv, offline=True)
        return fleet

    @staticmethod
    def generate(fleet, device, subdevice):
        """Devices, some of them gateways; ids of this fleet alone."""
        subprocess.run([hearth.paths.HEARTH_FLEET, "--generate", str(DEVICES), "--csv", fleet.csv,
                        "--gateways", str(GATEWAYS), "--subdevices", str(SUBDEVICES)], check=True)
        digits = {"1": device, "2": subdevice, "": ""}
        header, *rows = fleet.csv.read_text().splitlines()
        for at, row in enumerate(rows):
            name, *rest, gateway = row.split(",")
            rows[at] = ",".join([digits[name[0]] + name[1:], *rest,
                                 digits[gateway[:1]] + gateway[1:]])
        fleet.csv.write_text("\n".join([header, *rows]) + "\n")

    def journal(self, via):
        return self.directory / (via + ".journal")

    def start(self):
        self.fleets = [self.fleet(via) for via in ("udp", "tcp")]
        self.broker.start()
        self.consumer.start()
        for fleet in self.fleets:
            fleet.start()
        time.sleep(1)

    def pause(self, longest):
        time.sleep(self.random.uniform(0, longest))

    def start_broker(self):
        """Start it; at times it dies again on the way, while it attaches to what is there."""
        while self.random.random() < 0.25:
            self.broker.launch()
            self.pause(0.6)
            self.broker.kill()
            self.kills["starting"] += 1
        self.broker.start()

    def cycle(self):
        """Load for a moment, then a death, and what follows it."""
        self.pause(0.8)
        victim = self.random.choices(("broker", "consumer", "both"), (5, 3, 2))[0]
        self.kills[victim] += 1
        if victim != "consumer":
            self.broker.kill()
        if victim != "broker":
            self.consumer.kill()
            self.pause(0.3)
            self.consumer.start()
        if victim != "consumer":
            self.start_broker()
        self.check_alive()

    def check_alive(self):
        for fleet in self.fleets:
            if fleet.process.poll() is not None:
                raise verdict.Broken("fleet %s ended with %s\n%s" % (
                    fleet.name, fleet.process.returncode, fleet.output.read_text()[-2000:]))
        if not self.consumer.alive():
            raise verdict.Broken("the consumer ended with %s\n%s" % (
                self.consumer.process.returncode,
                self.consumer.log.read_text()[-2000:]))
        if self.broker.process.poll() is not None:
            raise verdict.Broken("hearthd ended with %s\n%s" % (
                self.broker.process.returncode, self.broker.log.read_text()[-2000:]))

    def finish(self):
        """Everything comes to rest; the figures, or Broken."""
        self.consumer.rest()
        time.sleep(SETTLE)
        self.check_alive()
        for fleet in self.fleets:
            fleet.process.terminate()
        for fleet in self.fleets:
            status = fleet.process.wait(40)
            if status:
                raise verdict.Broken("fleet %s found something wrong\n%s" % (
                    fleet.name, fleet.output.read_text()[-2000:]))
        events = self.consumer.finish()
        if self.broker.stop():
            raise verdict.Broken("hearthd did not end well")
        lines = [line for via in ("udp", "tcp") for line in verdict.read_journal(self.journal(via))]
        figures = verdict.Verdict(lines, events, self.consumer.commands()).check()
        figures.update(self.kills)
        if figures["acknowledged"] < 5 * DEVICES or figures["connects"] < 2 * DEVICES:
            raise verdict.Broken("there was no load: %r" % figures)
        return figures

    def remove(self):
        for fleet in self.fleets:
            if fleet.process and fleet.process.poll() is None:
                fleet.process.kill()
                fleet.process.wait()
        self.consumer.stop()
        self.broker.remove()
