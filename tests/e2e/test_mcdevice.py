# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026, the Hearth authors
"""The tests' own device against the shared vectors: the oracle is checked before it judges."""

import json
import pathlib

import pytest

import mcdevice

VECTORS = json.loads(
    (pathlib.Path(__file__).parent.parent / "vectors" / "mc.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["name"])
def test_valid(vector):
    key, iv = vector["key"].encode(), vector["iv"].encode()
    plain = vector["plain"].encode()
    data = mcdevice.encrypt(key, iv, plain)
    assert data == vector["data"]
    assert mcdevice.decrypt(key, iv, vector["data"]) == json.loads(vector["plain"])
    outer = {}
    if vector["by"] == "device":
        outer = {"token": VECTORS["token"]}
        if vector["code"] == 1002:
            outer = {"deviceId": VECTORS["deviceId"]}
    else:
        assert mcdevice.parse(vector["frame"].encode()) == (vector["code"], data)
    assert mcdevice.frame(vector["code"], data, **outer) == vector["frame"].encode()


@pytest.mark.parametrize("change", range(0, 128, 5))
def test_changed_ciphertext_is_noticed_or_other_text(change):
    vector = VECTORS["valid"][6]
    key = vector["key"].encode()
    raw = bytearray(mcdevice.base64.b64decode(vector["data"]))
    raw[-1 - change % 16] ^= 1 << change // 16
    data = mcdevice.base64.b64encode(bytes(raw)).decode()
    try:
        assert mcdevice.decrypt(key, key, data) != json.loads(vector["plain"])
    except mcdevice.Malformed:
        pass


@pytest.mark.parametrize("raw", [
    b"", b"CTS\r\n", b"CTS{}\r\n", b'{"code":1001,"data":""}\r\n',
    b'CTS{"code":1001,"data":""}\n', b'CTS{"code":1001,"data":""}\r\nCTS{}\r\n',
    b'CTS{"code":1001,"code":1001,"data":""}\r\n', b'CTS{"code":"1001","data":""}\r\n',
    b'CTS{"code":1001,"data":"","token":"x"}\r\n', b'CTS{"code":1001,"data":""} \r\n',
])
def test_malformed_envelope(raw):
    with pytest.raises(mcdevice.Malformed):
        mcdevice.parse(raw)
