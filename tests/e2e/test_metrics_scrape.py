# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""A real Prometheus, started here on loopback, scrapes the broker under load: what it has stored is
what hearthctl status says, and no alert is raised by a broker that is well."""

import json
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

import hearth
from test_metrics import RULES, counters_of, label

BROKER_HTTP = "127.0.0.1:9464"
PROMETHEUS = "127.0.0.1:9465"


def get(address, path, **headers):
    request = urllib.request.Request("http://%s%s" % (address, path), headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers, answer.read().decode()


class Prometheus:
    """The server in a directory of its own, killed with the test run."""

    def __init__(self, directory):
        program = shutil.which("prometheus")
        if not program:
            pytest.skip("needs prometheus (Debian's package)")
        config = directory / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            "rule_files: [%s]\n"
            "scrape_configs:\n"
            "  - job_name: hearth\n"
            "    static_configs: [{targets: ['%s']}]\n" % (RULES, BROKER_HTTP), encoding="ascii")
        self.log = directory / "prometheus.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [program, "--config.file=%s" % config, "--web.listen-address=" + PROMETHEUS,
                 "--storage.tsdb.path=%s" % (directory / "data")],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                preexec_fn=hearth.die_with_us)

    def query(self, expression):
        _, text = get(PROMETHEUS, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        answer = json.loads(text)
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            try:
                if condition():
                    return
            except OSError:
                pass  # it does not listen yet
            assert time.monotonic() < end, (what, self.log.read_text()[-4000:])
            time.sleep(0.1)

    def scraped_since(self, moment):
        """Was there a whole scrape that began after @moment?"""
        # of a selector alone: of anything else timestamp() is when it was asked
        last = self.query('timestamp(hearth_start_time_seconds{job="hearth"})')
        return bool(last) and float(last[0]["value"][1]) > moment

    def all(self):
        """{(name, labels): value} of the newest scrape."""
        found = {}
        for sample in self.query('{job="hearth"}'):
            labels = dict(sample["metric"])
            name = labels.pop("__name__")
            labels.pop("job"), labels.pop("instance")
            found[name, label(**labels)] = float(sample["value"][1])
        return found

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def test_prometheus_has_what_status_says(tmp_path):
    with hearth.Hearth(tmp_path, http={"listen": BROKER_HTTP}) as broker:
        broker.provision(8)
        broker.start()
        devices = [broker.device().online(via) for via in ("tcp", "udp") * 4]
        prometheus = Prometheus(tmp_path)
        try:
            under_load(prometheus, devices)
            before = broker.ctl_json("status")
            moment = time.time() + 1.1  # the server answers from a document of a second at most
            prometheus.wait(lambda: prometheus.scraped_since(moment), "a scrape")
            found = prometheus.all()
            after = {key[:2]: key[2] for key in counters_of(broker.ctl_json("status"))}
            seen = 0
            for family, labels, value in counters_of(before):
                assert value <= found[family, labels] <= after[family, labels], (family, labels)
                seen += 1
            assert seen > 200
            live = found["hearth_sessions", label(state="live", transport="tcp")] + \
                found["hearth_sessions", label(state="live", transport="udp")]
            assert live == len(devices)
            for result in prometheus.query('ALERTS{alertstate="firing",severity="page"}'):
                assert result["metric"]["alertname"] == "HearthConsumerStopped", result  # none reads
        finally:
            prometheus.stop()


def under_load(prometheus, devices):
    """Devices talk all the while that three scrapes take."""
    moment, done = time.time(), threading.Event()

    def talk():
        while not done.is_set():
            for device in devices:
                device.heartbeat()

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        prometheus.wait(lambda: prometheus.scraped_since(moment + 2), "scrapes under load")
    finally:
        done.set()
        talker.join()
    for expression in ("scrape_samples_scraped", "up"):
        assert float(prometheus.query(expression)[0]["value"][1]) > 0
    assert prometheus.query("hearth_mc_heartbeats_total")


def test_both_formats(tmp_path):
    with hearth.Hearth(tmp_path, http={"listen": BROKER_HTTP}) as broker:
        broker.provision(1)
        broker.start()
        headers, text = get(BROKER_HTTP, "/metrics")
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "# EOF" not in text and "# TYPE hearth_mc_logins_total counter" in text
        headers, text = get(BROKER_HTTP, "/metrics", Accept="application/openmetrics-text")
        assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert text.endswith("# EOF\n") and "# TYPE hearth_mc_logins counter" in text
