# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Who reads the events in a rig: hearth-feed into a file, or the reference backend into SQLite."""

import json
import pathlib
import random
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import hearth  # noqa: E402
import paths  # noqa: E402
import verdict  # noqa: E402

HEARTH_BACKEND = paths.BUILD / "tools" / "hearth-backend"
COMMANDS_PER_SECOND = 30
# Three sends of 10 s each, and a session's end behind them.
OUTCOME_SECONDS = 75


class Consumer:
    """A process that is killed and started again; what it has is the backend's."""

    def __init__(self, broker):
        self.broker = broker
        self.process = None
        self.log = broker.directory / "consumer.log"

    def words(self):
        raise NotImplementedError

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in self.words()], stdout=log,
                                            stderr=log, preexec_fn=hearth.die_with_us)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def alive(self):
        return self.process.poll() is None

    def size(self):
        """Grows with what it has."""
        raise NotImplementedError

    def events(self):
        raise NotImplementedError

    def rest(self):
        """What must be over before the devices go."""

    def finish(self):
        """Once nothing more comes, its end and what it has."""
        size = -1
        while self.size() != size:
            size = self.size()
            time.sleep(0.5)
        self.process.terminate()
        status = self.process.wait(10)
        if status:
            raise verdict.Broken("the consumer ended with %d: %s" % (
                status, self.log.read_text()[-1000:]))
        return self.events()

    def commands(self):
        """Rows of verdict.Command."""
        return []

    def stop(self):
        """Whatever state it is in."""
        if self.process and self.alive():
            self.kill()


class FeedConsumer(Consumer):
    name = "hearth-feed"

    def __init__(self, broker, rig_random):
        super().__init__(broker)
        self.path = broker.directory / "events"

    def words(self):
        return [paths.HEARTH_FEED, self.broker.ring, "--to", "file:%s" % self.path]

    def size(self):
        return self.path.stat().st_size

    def events(self):
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]


class BackendConsumer(Consumer):
    """Besides, somebody fills in the table of commands all the time."""

    name = "backend"

    def __init__(self, broker, rig_random):
        super().__init__(broker)
        self.path = broker.directory / "backend.db"
        self.random = random.Random(rig_random.random())
        self.devices = []
        self.orders = threading.Thread(target=self.order, daemon=True)
        self.stopping, self.error = threading.Event(), None

    def words(self):
        return [HEARTH_BACKEND, "--database", self.path, "--control", self.broker.socket,
                "--keep", 0, "--voice", "hello", "--quiet"]

    def start(self):
        super().start()
        if not self.devices:
            for csv in self.broker.directory.glob("*.csv"):
                rows = csv.read_text().splitlines()[1:]
                self.devices.extend(row.split(",")[0] for row in rows)
            self.orders.start()

    def database(self):
        return sqlite3.connect(self.path, timeout=20)

    def order(self):
        """A command at a time, each with a mark of its own."""
        number = 0
        try:
            while not self.path.exists():
                time.sleep(0.1)
            time.sleep(0.5)
            database = self.database()
            while not self.stopping.wait(self.random.expovariate(COMMANDS_PER_SECOND)):
                number += 1
                payload = {"cmd": [{"cmdName": "SET_TEMP", "cmdParam": str(number % 30)}],
                           "n": "c%d" % number}
                device = self.random.choice(self.devices) if number % 50 else "nobody"
                database.execute(
                    "INSERT INTO commands (device, code, payload, expires_ms) VALUES (?, ?, ?, ?)",
                    (device, self.random.choice((2001, 2003, 2005, 2005, 2031)),
                     json.dumps(payload), self.random.choice((0, 0, 0, 700))))
                database.commit()
            database.close()
        except sqlite3.Error as error:  # shown by rest()
            self.error = error

    def size(self):
        with self.database() as database:
            return database.execute("SELECT count(*) FROM events").fetchone()[0]

    def events(self):
        with self.database() as database:
            return [json.loads(row[0]) for row in database.execute(
                "SELECT json FROM events ORDER BY worker, id")]

    def open_commands(self):
        with self.database() as database:
            return database.execute("SELECT count(*) FROM commands WHERE state IN "
                                    "('new', 'sending', 'sent')").fetchone()[0]

    def rest(self):
        """Every command has its outcome."""
        self.stopping.set()
        self.orders.join()
        if self.error:
            raise verdict.Broken("the table of commands: %r" % self.error)
        end = time.monotonic() + OUTCOME_SECONDS
        while self.open_commands():
            if time.monotonic() > end:
                raise verdict.Broken("%d commands without outcome" % self.open_commands())
            time.sleep(0.2)

    def commands(self):
        with self.database() as database:
            return [verdict.Command(*row) for row in database.execute(
                "SELECT device, code, json_extract(payload, '$.n'), state, request, reason, answer "
                "FROM commands")]

    def stop(self):
        self.stopping.set()
        super().stop()
