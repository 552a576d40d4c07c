# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""HTTP: the same documents as hearthctl's, changes with a token only, and no harm from strangers."""

import base64
import http.client
import json
import os
import pathlib
import socket
import time

import pytest

import hearth
import mcdevice

PORT = 9464
OTHER = 9465  # of brokers beside the one that most tests share
TOKEN = "a-token-for-this-run-0123456789"


def get(path, method="GET", body=None, port=PORT, **headers):
    """(status, body as text, headers)"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())
    finally:
        connection.close()


def api(path, status=200, **options):
    found, text, headers = get("/api/v1/" + path, **options)
    assert found == status, (path, found, text)
    assert headers["Content-Type"] == "application/json"
    answer = json.loads(text)
    if status >= 400:
        assert set(answer) == {"error", "remedy"} and answer["error"] and answer["remedy"]
    return answer


def token_file(directory):
    path = pathlib.Path(directory, "token")
    path.write_text(TOKEN + "\n", encoding="ascii")
    path.chmod(0o600)
    return str(path)


@pytest.fixture(scope="module")
def broker(tmp_path_factory, request):
    if not request.config.isolated:
        pytest.skip("needs root, for a network namespace of its own")
    hearth.set_all_cpus(request.config.cpus)
    directory = tmp_path_factory.mktemp("http")
    with hearth.Hearth(directory, http={"listen": "127.0.0.1:%d" % PORT,
                                        "token_file": token_file(directory)}) as instance:
        instance.provision(60)
        yield instance.start()


def still(ports):
    """Without what a stray frame of the host's own kernel moves."""
    moving = ("port_rx_frames", "port_tx_frames")
    return [{**{key: port[key] for key in ("device", "addresses", "state", "line")},
             "counters": {name: value for name, value in port["counters"].items()
                          if name not in moving}} for port in ports]


def without_time(status):
    """Figures that do not move while nothing happens; what nobody commits only grows older."""
    return {"ports": still(status["ports"]), "sessions": status["sessions"],
            "registry": {key: status["registry"][key] for key in ("devices", "limit")},
            "mc": status["counters"]["mc"], "commands": status["commands"],
            "started": status["started"], "memory": status["memory"],
            "feed": [{key: value for key, value in ring.items() if key != "lag_seconds"}
                     for ring in status["feed"]]}


def test_documents_are_those_of_hearthctl(broker):
    devices = [broker.device().online("udp") for _ in range(3)]
    want = without_time(broker.ctl_json("status"))
    end = time.monotonic() + 20  # what is shown may be a second old
    while (status := api("status")) and without_time(status) != want:
        assert time.monotonic() < end, (without_time(status), want)
    assert api("workers")["workers"][0]["counters"]["mc"] == want["mc"]
    assert still(api("ports")["ports"]) == want["ports"]
    drops = api("drops")["drops"]
    counts = [drop["count"] for drop in drops]
    assert counts == sorted(counts, reverse=True) and all(drop["help"] for drop in drops)
    for drop in drops:
        if drop["layer"] == "mc":
            assert drop["count"] == want["mc"][drop["name"]]
    shown = api("session/" + devices[0].id)["session"]
    told = broker.ctl_json("session", devices[0].id)["session"]
    for key in ("device", "state", "via", "peer", "session", "sequence", "connect_time"):
        assert shown[key] == told[key]


def test_sessions_by_pages(broker):
    devices = [broker.device().online("udp") for _ in range(7)]
    found, after = [], None
    while True:
        page = api("sessions?limit=3" + ("&after=" + after if after else ""))
        assert len(page["sessions"]) <= 3
        found += [session["device"] for session in page["sessions"]]
        after = page["after"]
        if after is None:
            break
    assert len(found) == len(set(found)) and {device.id for device in devices} <= set(found)
    # behind a device's session
    last = api("sessions?limit=1000&after=" + found[2])["sessions"]
    assert [session["device"] for session in last] == found[3:]
    api("sessions?after=nobody", status=410)
    api("sessions?after=@x", status=400)
    for limit in ("0", "x", "1001", "-1", ""):
        api("sessions?limit=" + limit, status=400)


def test_health(broker):
    assert get("/healthz")[:2] == (200, "alive\n")
    assert get("/readyz")[:2] == (200, "ready\n")
    assert get("/healthz", method="HEAD")[:2] == (200, "")


def test_errors_say_what_to_do(broker):
    api("session/nobody", status=404)
    api("session/" + broker.pool[0][0], status=404)
    api("session/%ff%fe", status=404)
    api("nothing", status=404)
    assert get("/nothing/here")[0] == 404
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert get("/api/v1/status", method=method)[0] == 405
    assert get("/api/v1/status", method="POST", body="")[0] == 405
    assert get("/api/v1/session//kick", method="POST", body="")[0] == 405


def test_every_answer_forbids_what_is_foreign(broker):
    for path in ("/api/v1/status", "/healthz", "/nothing"):
        headers = get(path)[2]
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';") and "unsafe" not in policy
        assert "*" not in policy and "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "127.0.0.1", "localhost:80",
                                  "", "127.0.0.1.evil.example:9464"])
def test_dns_rebinding(broker, host):
    for path in ("/", "/api/v1/status", "/metrics", "/healthz"):
        assert get(path, Host=host)[0] in (400, 421)


def test_kick_takes_the_token(broker):
    device = broker.device().online("udp")
    path = "/api/v1/session/%s/kick" % device.id
    own = "http://127.0.0.1:%d" % PORT
    for headers, status in (
            ({}, 401),
            ({"X_Hearth_Token": TOKEN[:-1]}, 401),
            ({"X_Hearth_Token": TOKEN + "x"}, 401),
            ({"X_Hearth_Token": ""}, 401),
            ({"X_Hearth_Token": "x" * 5000}, 401),
            ({"Authorization": "Bearer"}, 401),
            ({"Authorization": "Bearer " + TOKEN[::-1]}, 401),
            ({"X_Hearth_Token": TOKEN, "Origin": "http://evil.example"}, 403),
            ({"X_Hearth_Token": TOKEN, "Origin": "null"}, 403),
            ({"X_Hearth_Token": TOKEN, "Sec_Fetch_Site": "cross-site"}, 403)):
        found, text, _ = get(path, method="POST", body="", **headers)
        assert found == status, (headers, text)
        assert TOKEN not in text
    # a browser would send Basic along by itself
    basic = "Basic " + base64.b64encode(("x:" + TOKEN).encode()).decode()
    assert get(path, method="POST", body="", Authorization=basic)[0] == 401
    assert get(path, method="GET")[0] == 404
    assert api("session/" + device.id)["session"]["state"] == "live"
    found, text, _ = get(path, method="POST", body="", X_Hearth_Token=TOKEN, Origin=own,
                         Sec_Fetch_Site="same-origin")
    assert found == 200 and json.loads(text)["id"] == device.id
    end = time.monotonic() + 20
    while "session" in (shown := broker.ctl("session", device.id, check=False).stdout) and \
            "live" in shown:
        assert time.monotonic() < end
    found, text, _ = get(path, method="POST", body="", Authorization="Bearer " + TOKEN)
    assert found == 404 and "not connected" in text
    assert TOKEN not in broker.log.read_text()


# ---- strangers

def resident(broker):
    text = pathlib.Path("/proc/%d/status" % broker.process.pid).read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("RssAnon"))


def descriptors(broker):
    return len(os.listdir("/proc/%d/fd" % broker.process.pid))


def stranger():
    return socket.create_connection(("127.0.0.1", PORT), timeout=20)


def comes_back_to(broker, count):
    end = time.monotonic() + 40
    while descriptors(broker) > count:
        assert time.monotonic() < end, descriptors(broker)
        time.sleep(0.1)


def test_hostile_clients_slow_nothing_and_leak_nothing(broker):
    """Slow requests, endless headers, endless bodies, thousands of connections, rubbish - and all
    the while devices are answered, hearthctl too, and whoever asks properly over HTTP."""
    get("/api/v1/status")
    descriptors_before = descriptors(broker)
    kilobytes = resident(broker)
    with mcdevice.Canary(broker.device().online("tcp")), \
            mcdevice.Canary(broker.device().online("udp")):
        base = descriptors(broker)
        # more than there is room for, each a byte further now and then
        slow = [stranger() for _ in range(400)]
        for byte in b"GET / HTTP/1.1\r\nX":
            for one in slow:
                try:
                    one.send(bytes([byte]))
                except OSError:
                    pass
            assert get("/healthz")[0] == 200
        assert descriptors(broker) <= base + 130
        assert api("status")["ok"] and broker.ctl("status").returncode == 0
        # headers without an end: it is closed, whatever was sent
        for head in (b"X: " + b"a" * 60000, b"X-%d: a\r\n" * 8000):
            sent = 0
            with stranger() as one:
                one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n")
                try:
                    while sent < 100 << 20:
                        sent += one.send(head)
                except OSError:
                    pass
            assert sent < 100 << 20, "it took them all"
        with stranger() as one:  # and a line without one
            try:
                for _ in range(2000):
                    one.sendall(b"GET /" + b"a" * 60000)
                raise AssertionError("it took them all")
            except OSError:
                pass
        assert get("/api/v1/session/x/kick", method="POST", body="x" * 4097)[0] == 413
        with stranger() as one:  # announced, never sent
            one.sendall(b"POST /api/v1/session/x/kick HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n"
                        b"Content-Length: 99999999999\r\n\r\n")
            assert b" 413 " in one.recv(1000)
        for rubbish in (b"\0" * 100, b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\0\x01",
                        b"GET / HTTP/9.9\r\n\r\n", b"GET http://[::1 HTTP/1.1\r\n\r\n",
                        b"POST / HTTP/1.1\r\nHost: 127.0.0.1:9464\r\nTransfer-Encoding: chunked"
                        b"\r\n\r\nffffffffffffffffff\r\n"):
            with stranger() as one:
                one.sendall(rubbish)
                one.shutdown(socket.SHUT_WR)
                try:
                    while one.recv(4096):
                        pass
                except ConnectionError:
                    pass
        for number in range(3000):
            stranger().close()
            if number % 500 == 0:
                assert get("/healthz")[0] == 200
        for one in slow:
            one.close()
        assert api("sessions?limit=1000")["ok"] and broker.ctl("status").returncode == 0
    comes_back_to(broker, descriptors_before)
    assert resident(broker) < kilobytes + 16 * 1024


def test_many_ask_for_one_document(broker):
    """However many ask, the control thread makes one a second."""
    began, seen = time.monotonic(), set()
    for _ in range(100):
        seen.add(api("status")["workers"][0]["turns"])
    assert len(seen) <= time.monotonic() - began + 2


# ---- where others can reach it

def test_beyond_this_machine_everything_takes_the_token(tmp_path):
    with hearth.Hearth(tmp_path, http={"listen": "0.0.0.0:%d" % OTHER}) as broker:
        assert broker.launch().wait(20) == 2
        assert "token_file" in broker.log.read_text()
    with hearth.Hearth(tmp_path, http={"listen": "0.0.0.0:%d" % OTHER,
                                       "token_file": token_file(tmp_path)}) as broker:
        broker.start()
        for path in ("/", "/api/v1/status", "/metrics"):
            status, _, headers = get(path, port=OTHER)
            assert status == 401 and headers["WWW-Authenticate"].startswith("Basic ")
        assert get("/healthz", port=OTHER)[0] == 200 and get("/readyz", port=OTHER)[0] == 200
        assert get("/api/v1/status", port=OTHER, Authorization="Bearer " + TOKEN)[0] == 200
        basic = base64.b64encode(("x:" + TOKEN).encode()).decode()
        assert get("/api/v1/status", port=OTHER, Authorization="Basic " + basic)[0] == 200


def test_a_token_that_others_can_read_is_refused(tmp_path):
    path = token_file(tmp_path)
    os.chmod(path, 0o644)
    with hearth.Hearth(tmp_path, http={"listen": "127.0.0.1:%d" % OTHER,
                                       "token_file": path}) as broker:
        assert broker.launch().wait(20) == 2
        text = broker.log.read_text()
        assert "chmod 600" in text and TOKEN not in text


def test_without_a_token_nothing_can_be_changed(tmp_path):
    with hearth.Hearth(tmp_path, http={"listen": "127.0.0.1:%d" % OTHER}) as broker:
        broker.start()
        status, text, _ = get("/api/v1/session/x/kick", method="POST", body="",
                              port=OTHER, X_Hearth_Token="")
        assert status == 403 and "token_file" in text
