# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The reference backend: what it keeps of the events, over its own death and the broker's."""

import json
import sqlite3
import subprocess
import time

import pytest

import hearth
import mcdevice
import paths

BACKEND = paths.BUILD / "tools" / "hearth-backend"
pytestmark = pytest.mark.skipif(not BACKEND.exists(), reason="built without SQLite")


class Backend:
    def __init__(self, broker, path, *options):
        self.broker, self.path, self.options = broker, path, options
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [BACKEND, "--database", self.path, "--control", self.broker.socket, *self.options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=hearth.die_with_us)
        return self

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def stop(self):
        self.process.terminate()
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return out, err

    def rows(self, query, *values):
        if not self.path.exists():
            return []
        database = sqlite3.connect(self.path, timeout=20)
        try:
            return database.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return []
        finally:
            database.close()

    def wait(self, query, *values, seconds=60):
        """The rows, once there are some."""
        end = time.monotonic() + seconds
        while not (rows := self.rows(query, *values)):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end, query
            time.sleep(0.02)
        return rows


def run(*words):
    return subprocess.run([str(word) for word in (BACKEND, *words)], capture_output=True, text=True,
                          check=False, timeout=20)


@pytest.fixture
def backend(broker, tmp_path):
    instance = Backend(broker, tmp_path / "backend.db", "--voice", "hello").start()
    yield instance
    instance.kill()


@pytest.fixture(scope="module")
def broker(tmp_path_factory, request):
    """Its events are read by the backend of each test."""
    if not request.config.isolated:
        pytest.skip("needs root, for a network namespace of its own")
    hearth.set_all_cpus(request.config.cpus)
    with hearth.Hearth(tmp_path_factory.mktemp("hearth")) as instance:
        instance.provision(200)
        instance.start()
        yield instance


def reported(backend, device, n):
    backend.wait("SELECT 1 FROM events WHERE device = ? AND json LIKE ?", device.id,
                 '%%"n":%d%%' % n)


def test_devices_states_and_lives(broker, backend):
    device = broker.device().online("tcp")
    device.report(7)
    reported(backend, device, 7)
    assert backend.rows("SELECT online, via, model, version, reports FROM devices "
                        "WHERE device = ?", device.id) == [
                            (1, "tcp", "HT-AC-01", "001.002.003.004", 2)]
    assert backend.rows("SELECT serial, name, value FROM states WHERE device = ?", device.id) == [
        ("1", "POWER", "1")]
    device.link.close()
    backend.wait("SELECT 1 FROM devices WHERE device = ? AND online = 0", device.id)
    out, err = backend.stop()
    assert out.startswith("backend: ") and " reports, " in out and not err


ODD = (
    {"statusSerials": [1, "x", None, [], {"serialId": {"a": 1}, "statusSerial": 7}]},
    {"statusSerials": [{"statusSerial": {"a\"b'c": {"statusName": "S"}, "$.x[0]": {}}}]},
    {"statusSerials": [{"statusSerial": [{"statusName": ["list"], "curStatusValue": {}}]}]},
    {"resourceSerials": [{"resourceSerial": "{bad"}], "statusSerials": mcdevice.MISSING},
)


def test_no_payload_stops_it(broker, backend):
    """Devices' JSON may have any shape: the event is kept, and the next is understood."""
    device = broker.device().online("tcp")
    accepted = sum(device.request(2006, **members)["result"] == 0 for members in ODD)
    device.report(99)
    reported(backend, device, 99)
    counts = [row[0] for row in backend.rows(
        "SELECT json_extract(json, '$.count') FROM events WHERE device = ? AND "
        "json_extract(json, '$.event') = 'uplink' ORDER BY id", device.id)]
    assert len(counts) == 2 + accepted == 6 and counts == sorted(set(counts))
    assert backend.rows("SELECT value FROM states WHERE device = ? AND name = 'POWER'",
                        device.id) == [("1",)]


def test_nothing_is_lost_or_doubled_by_its_death(broker, backend):
    device, said = broker.device().online("udp"), 0
    for _ in range(6):
        for _ in range(20):
            said += 1
            device.report(said)
        backend.kill()
        backend.start()
    device.report(5000)
    reported(backend, device, 5000)
    counts = [row[0] for row in backend.rows(
        "SELECT json_extract(json, '$.count') FROM events WHERE device = ? AND "
        "json_extract(json, '$.event') = 'uplink' ORDER BY id", device.id)]
    assert counts == list(range(1, said + 3))
    assert backend.rows("SELECT reports FROM devices WHERE device = ?", device.id) == [(said + 2,)]


def test_it_outlives_the_broker(broker, backend):
    device = broker.device().online("udp")
    device.report(1)
    reported(backend, device, 1)
    broker.kill()
    broker.start()
    device.report(2)
    reported(backend, device, 2)


def test_an_old_version_asks_for_an_upgrade_once(broker, backend):
    model = "HT-OLD"
    assert run("--database", backend.path, "firmware", model, "002.000.000.000", "http://x/2",
               "0" * 32).returncode == 0
    device = broker.device().online("tcp")
    for version in ("001.000.000.000", "001.000.000.000", "002.000.000.000"):
        device.request(2022, model=model, device={"version": version})
    rows = backend.wait("SELECT code, payload FROM commands WHERE device = ?", device.id)
    backend.wait("SELECT 1 FROM devices WHERE device = ? AND version = '002.000.000.000'",
                 device.id)
    assert len(rows) == 1 and rows[0][0] == 2025
    assert json.loads(rows[0][1]) == {
        "device": {"version": "002.000.000.000", "url": "http://x/2", "md5": "0" * 32}}


def test_commands_of_the_table_are_sent_and_their_outcome_kept(broker, backend):
    device = broker.device().online("tcp")
    reported(backend, device, 0)
    for words, state, reason in (((device.id, 2005), "answered", None),
                                 (("nobody", 2005), "undelivered", "refused"),
                                 ((device.id, 2006), "undelivered", "refused")):
        result = run("--database", backend.path, "send", *words, '{"cmd":[],"n":"a"}')
        number = int(result.stdout.split()[1])
        if state == "answered":
            code, body = device.platform_request()
            assert code == 2005 and body["deviceId"] == device.id and body["n"] == "a"
            device.reply(code, body, dscp="done")
        row, = backend.wait("SELECT state, reason, answer FROM commands WHERE number = ? AND "
                            "state NOT IN ('new', 'sending', 'sent')", number)
        assert row[:2] == (state, reason)
        assert state != "answered" or json.loads(row[2])["dscp"] == "done"
    # What somebody else put there: columns of any kind.
    database = sqlite3.connect(backend.path, timeout=20)
    database.execute("INSERT INTO commands (device, code, payload) VALUES (?, 'x', '[]')",
                     (device.id,))
    database.commit()
    database.close()
    backend.wait("SELECT 1 FROM commands WHERE code = 'x' AND state IN ('failed', 'undelivered')")


def test_what_was_being_sent_by_a_killed_one_is_not_sent_again(broker, backend):
    device = broker.device().online("tcp")
    reported(backend, device, 0)
    backend.kill()
    number = int(run("--database", backend.path, "send", device.id, 2005, "{}").stdout.split()[1])
    database = sqlite3.connect(backend.path, timeout=20)
    database.execute("UPDATE commands SET state = 'sending' WHERE number = ?", (number,))
    database.commit()
    database.close()
    backend.start()
    backend.wait("SELECT 1 FROM commands WHERE number = ? AND state = 'uncertain'", number)
    device.silent()


def test_an_upgrade_from_notice_to_result(broker, backend):
    assert run("--database", backend.path, "firmware", "HT-UP", "003.000.000.000", "http://x/3",
               "0" * 32).returncode == 0
    device = broker.device().online("tcp")
    device.request(2022, model="HT-UP", device={"version": "002.999.000.000"})
    code, body = device.platform_request()
    assert code == 2025 and body["device"]["version"] == "003.000.000.000"
    device.reply(code, body)
    device.request(2026, type="0", status="0", version="003.000.000.000")
    backend.wait("SELECT 1 FROM devices WHERE device = ? AND version = '003.000.000.000'",
                 device.id)
    backend.wait("SELECT 1 FROM commands WHERE device = ? AND state = 'answered'", device.id)


def test_voice_is_answered(broker, backend):
    device = broker.device().online("tcp")
    reported(backend, device, 0)
    answer = device.request(3002, ctrlParam={"format": "amr", "audioData": "IyFBTVIK"})
    assert answer["result"] == 0 and answer["ctrlResult"]["rawText"] == "hello"
    answer = device.request(3000, ttsParam={"content": "hello"})
    assert answer["result"] == 0 and answer["ttsResult"]["audioData"]


@pytest.mark.parametrize("words", [
    (), ("--database", "x"), ("--database", "x", "fly"), ("--database", "x", "send", "device"),
    ("--database", "x", "--keep", "many", "--feed", "y"), ("--bogus",),
    ("--database", "x", "--feed", "a", "--control", "b"),
])
def test_wrong_usage(tmp_path, words):
    words = [str(tmp_path / "db") if word == "x" else word for word in words]
    result = run(*words)
    assert result.returncode == 2 and result.stderr and result.stdout == ""


def test_errors_are_for_people(tmp_path):
    (tmp_path / "text").write_text("no database, but long enough to look like a file of its own" * 9)
    result = run("--database", tmp_path / "text", "status")
    assert result.returncode == 1 and "not a database" in result.stderr
    result = run("--database", tmp_path / "db", "send", "device", "2005", "{bad")
    assert result.returncode == 1 and "JSON" in result.stderr
    assert run("--help").returncode == 0
