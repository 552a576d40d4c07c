# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""Results as the programs write them, with numbers that are made up."""

STAGES = {"receive": 520, "frame": 90, "lookup": 130, "base64": 60, "aes": 410, "json": 190,
          "decide": 160, "answer": 70, "publish": 20, "transmit": 450, "timers": 5}
QUIET = {"stolen": 0.001, "others": 0.002, "idle": 0.4, "taken": 0.003}
PLOT = [[0.0, 4.0], [0.5, 9.5], [0.75, 14.0], [0.9, 22.0], [0.99, 48.0], [0.999, 190.0],
        [0.9999, 300.0], [1.0, 410.0]]


def latency(scale=1.0):
    return {"count": 100000, "mean_us": 11 * scale, "p50": 9.5 * scale, "p90": 22 * scale,
            "p99": 48 * scale, "p99.9": 190 * scale, "longest": 410 * scale,
            "percentiles_us": [[share, us * scale] for share, us in PLOT]}


def trial(rate, verdict="passed", share=None, answered=None):
    cycles = float(sum(STAGES.values()))
    found = {"purpose": "latency" if share else "bisecting", "rate": rate, "verdict": verdict, "why": "",
             "answered_rate": rate if answered is None else answered, "seconds": 2.0,
             "busy_share": 0.8, "stolen_share": 0.0002, "lost": 0, "heartbeats": 100,
             "heartbeats_answered": 100, "disconnected": 0, "offline": 0, "latency": latency(),
             "latency_clean": latency(),
             "broker": {"busy_share": 0.97, "cycles_per_request": cycles, "stolen_share": 0.0,
                        "requests": 1000, "stages": dict(STAGES), "counters": {}}}
    if share:
        found["share"] = share
    return found


def hearth(rate, scale=1.0):
    return {"scenario": "steady-tcp", "wire": "memif", "rate": rate, "kept": True, "exit": 0,
            "login": {"devices": 100000, "seconds": 0.5, "rate": 200000.0, "busy_share": 0.7,
                      "broker_cycles_per_device": 11000.0, "broker_stages": dict(STAGES)},
            "search": {"outcome": "found", "rate": rate, "steps": [
                trial(rate / 2), trial(rate * 1.2, "failed", answered=rate), trial(rate * 0.9),
                trial(rate)]},
            "trials": [trial(rate * 0.5, share=0.5), trial(rate * 0.9, share=0.9)],
            "latency": {share: {"rate": rate, "verdict": "passed", "stolen_share": 0.0002,
                                "raw": latency(scale), "clean": dict(latency(scale), count=99500),
                                "gaps": {"own": {"left_out_share": 0.003},
                                         "broker": {"left_out_share": 0.002, "unseen": 0, "unkept": 0}}}
                        for share in ("0.5", "0.9")},
            "broker": {"workers": 1, "sessions": 100000, "memory_bytes": 90e6, "bytes_per_session": 900.0,
                       "memory": {"anonymous": 40e6, "shared": 30e6, "huge_pages": 20e6}}}


def peer(name, rate):
    trials = [{"offered": offered, "acknowledged_rate": rate if offered is None else offered,
               "consumed_rate": rate if offered is None else offered, "kept": True, "lost": 0,
               "load_busy": 0.8, "server_busy": 0.99,
               "latency": {"count": 10, "mean_us": 90.0,
                           "percentiles_us": [[share, us * 12] for share, us in PLOT]}}
              for offered in (None, rate / 2, rate * 0.9)]
    return {"peer": name, "version": "1.2", "settings": ["port 1"], "rate": rate, "exit": 0,
            "runs": [{"connections": 16, "rate": rate, "trials": trials}], "memory": []}


def memory(name):
    return {"peer": name, "version": "1.2", "settings": [], "rate": None, "runs": [], "exit": 0, "memory": [
        {"connections": 1000, "server_bytes": 9000.0, "kernel_bytes": 3900.0, "bytes": 12900.0},
        {"connections": 100000, "bytes": None, "note": "files"}]}


def stages():
    parts = {name: {"cycles": {"median": cycles, "least": cycles * 0.9}, "tcp": tcp, "udp": 1}
             for name, cycles, tcp in (("parse_tcp", 100.0, 1), ("parse_ack", 50.0, 2), ("parse_udp", 70.0, 0),
                                       ("json", 300.0, 1), ("aes_decrypt", 400.0, 1),
                                       ("headers_tcp", 150.0, 1), ("something_new", 50.0, 1))}
    return {"report_bytes": 300, "ports": {"tcp": 700.0, "udp": 400.0}, "large": {
        "sessions": 100000, "stages": parts, "sum_tcp": {"median": 1100.0, "least": 990.0},
        "ratio_tcp": 1.2}}


def instructions():
    return {"report_bytes": 300, "march": "haswell", "sum": {"tcp": 900.0, "udp": 700.0},
            "whole": {"tcp": 1100.0, "udp": 800.0},
            "stages": {"json": {"instructions": 420.5, "tcp": 1, "udp": 1},
                       "tcp_in": {"instructions": 150.0, "tcp": 1, "udp": 0}}}


def record(step, result, repetition=1, error=None, void=False, shares=None):
    return {"step": step, "repetition": repetition, "seconds": 3.0, "shares": shares or dict(QUIET),
            "result": result, "error": error, "void": void}


def records():
    """Three repetitions of all that is compared, one of the rest."""
    found = []
    for repetition, factor in ((1, 1.0), (2, 1.1), (3, 0.9)):
        found += [record("hearth-tcp", hearth(1000000.0 * factor), repetition),
                  record("twin", dict(hearth(150000.0 * factor, 20), note="19000 devices"), repetition),
                  record("redis", peer("redis", 120000.0 * factor), repetition),
                  record("mosquitto", peer("mosquitto", 45000.0), repetition),
                  record("hearth-udp", hearth(1300000.0 * factor), repetition)]
    overload = hearth(1200000.0)
    overload["trials"] = [dict(trial(3600000.0, answered=1140000.0), purpose="overload", sender_drops=7,
                               faults={"offered_times_peak": 3.0, "goodput_of_peak": 0.95})]
    return found + [
        record("stages", stages()), record("instructions", instructions()),
        record("overload", overload), record("mosquitto-tls", peer("mosquitto-tls", 38000.0)),
        record("redis-memory", memory("redis")), record("mosquitto-memory", memory("mosquitto"))]
