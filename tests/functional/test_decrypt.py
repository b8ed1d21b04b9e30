"""`--decrypt`: one object read back, whoever has encrypted it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
from typing import Any, NamedTuple

import pytest

from cos_migrate.cli.main import main
from cos_migrate.cos.crypto import Encryptor
from cos_migrate.cos.envelope import EncryptionSettings, plain_length
from cos_migrate.cos.payload import BytesPayload
from cos_migrate.emulator import EmbeddedCos, Fault
from tests.fakes.cos_server import sdk_of
from tests.functional.tool import BUCKET, ROOT, SECRET_ID, SECRET_KEY, Tool, end
from tests.polling import wait_until

RECORDED = json.loads((ROOT / "tests/data/encrypted/java_sdk.json").read_text(encoding="utf-8"))
KEY = bytes(range(32))


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Place:
    """A folder to work in, a bucket, and the command."""

    def __init__(self, tool: Tool, cos: EmbeddedCos, capsys: pytest.CaptureFixture[str]) -> None:
        self.tool = tool
        self.cos = cos
        self.capsys = capsys
        self.key = tool.folder / "master key"
        self.use_key(KEY)
        tool.common |= {"keyPath": str(self.key), "requestTryCount": "1"}
        self.sdk = sdk_of(cos, (SECRET_ID, SECRET_KEY))

    def use_key(self, key: bytes) -> None:
        self.key.write_bytes(key)

    def put(self, name: str, content: bytes, metadata: dict[str, str]) -> None:
        self.sdk.put_object(Bucket=BUCKET, Key=name, Body=content, Metadata=metadata)

    def put_encrypted(self, name: str, plain: bytes, **more: str) -> None:
        settings = EncryptionSettings(KEY)
        payload, headers = Encryptor(settings).encrypt_object(BytesPayload(plain), [])
        assert isinstance(payload, BytesPayload)
        self.put(name, payload.data, {**dict(headers), **more})

    def decrypt(self, name: str, local: str = "local", *words: str) -> Said:
        self.tool.write_config()
        code = main(["--decrypt", name, local, *words])
        said = self.capsys.readouterr()
        return Said(code, said.out, said.err)

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in self.tool.folder.iterdir())


@pytest.fixture
def place(
    tool: Tool,
    cos: EmbeddedCos,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    monkeypatch.chdir(tool.folder)
    return Place(tool, cos, capsys)


def test_what_the_java_sdk_has_encrypted_is_read(place: Place) -> None:
    for number, recorded in enumerate(RECORDED):
        name = f"/{recorded['name']}"
        plain = base64.b64decode(recorded["plain"])
        stored = base64.b64decode(recorded["stored"])
        place.use_key(base64.b64decode(recorded["masterKey"]))
        place.put(name, stored, recorded["metadata"])
        local = place.tool.folder / f"local {number}"
        said = place.decrypt(name, local.name)
        assert plain_length(recorded["metadata"], len(stored)) == len(plain)
        if recorded["name"] == "CBC":
            assert said.code == 1
            assert "AES/CBC/PKCS5Padding, not AES/CTR/NoPadding" in said.err
            assert not local.exists()
            continue
        assert said == Said(0, f"[ok] decrypted {name} to {local}, {len(plain)} bytes\n", "")
        assert local.read_bytes() == plain


def test_the_command_as_users_start_it(tool: Tool, cos: EmbeddedCos, place: Place) -> None:
    place.put_encrypted(
        "/a/ü b", b"content", **{"x-cos-meta-md5": hashlib.md5(b"content").hexdigest()}
    )
    tool.local["localPath"] = str(tool.folder / "gone")
    local = tool.folder / "deeper" / "local"
    local.parent.mkdir()
    ended = tool.run("--decrypt", "/a/ü b", str(local), "-Xmx4g")
    assert (ended.code, ended.err.count("\n")) == (0, 1)
    assert "ignored, meant for the Java virtual machine: -Xmx4g" in ended.err
    assert local.read_bytes() == b"content"
    assert os.listdir(local.parent) == ["local"]
    assert not list((tool.folder / "db").iterdir())
    assert cos.requests


def test_several_pieces(place: Place) -> None:
    plain = os.urandom((2 << 20) + 1001)
    place.put_encrypted("/big", plain)
    assert place.decrypt("/big").code == 0
    assert (place.tool.folder / "local").read_bytes() == plain
    ranges = [r.headers["range"] for r in place.cos.requests if r.operation == "GetObject"]
    assert ranges == ["bytes=0-2097151", f"bytes=2097152-{len(plain) - 1}"]


def test_a_broken_answer_is_asked_for_again(place: Place) -> None:
    place.tool.common["requestTryCount"] = "2"
    place.put_encrypted("/a", b"content")
    place.cos.faults.append(Fault("truncate", operation="GetObject"))
    assert place.decrypt("/a").code == 0
    assert (place.tool.folder / "local").read_bytes() == b"content"


def test_nothing_is_overwritten(place: Place) -> None:
    place.put_encrypted("/a", b"content")
    (place.tool.folder / "local").write_bytes(b"precious")
    (place.tool.folder / "link").symlink_to("nowhere")
    for local in ("local", "link"):
        said = place.decrypt("/a", local)
        assert said.code == 2
        assert "exists already and is not overwritten" in said.err
    assert (place.tool.folder / "local").read_bytes() == b"precious"
    said = place.decrypt("/a", "nowhere/local")
    assert (said.code, "is no folder; make it first" in said.err) == (2, True)


def damaged_md5(place: Place) -> None:
    place.put_encrypted("/a", b"content", **{"x-cos-meta-md5": "0" * 32})


def other_key(place: Place) -> None:
    place.put_encrypted("/a", b"content")
    place.use_key(bytes(32))


def damaged_on_the_way(place: Place) -> None:
    place.put_encrypted("/a", b"content")
    place.cos.faults.append(Fault("wrong-crc", operation="HeadObject"))


def plain_object(place: Place) -> None:
    place.put("/a", b"content", {})


def nothing(place: Place) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (nothing, "there is no such object (code: NoSuchKey)"),
        (plain_object, "it is not client-side encrypted: download it as it is"),
        (other_key, "it was encrypted with another key than that in keyPath"),
        (damaged_on_the_way, "its CRC-64 differs (code: ChecksumMismatch, requestid: "),
        (damaged_md5, "its MD5 is not that in x-cos-meta-md5 (code: ChecksumMismatch)"),
    ],
)
def test_what_cannot_be_decrypted_leaves_nothing_behind(
    place: Place, prepare: Any, why: str
) -> None:
    prepare(place)
    before = place.left
    said = place.decrypt("/a")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("[fail] cannot decrypt /a: ")
    assert why in said.err
    assert place.left == before


def test_the_key_must_be_there(place: Place) -> None:
    place.tool.common["keyPath"] = ""
    said = place.decrypt("/a")
    assert (said.code, "keyPath is required when clientEncryption is on" in said.err) == (2, True)
    place.tool.common["keyPath"] = str(place.key)
    place.use_key(b"x" * 33)
    said = place.decrypt("/a")
    assert (said.code, "does not hold an AES key" in said.err) == (2, True)
    assert "xxx" not in said.err


def test_no_source_is_needed(place: Place) -> None:
    place.put_encrypted("/a", b"content")
    place.tool.common["batchTaskPath"] = str(place.tool.folder / "conf" / "config.ini")
    said = place.decrypt("/a", "local", "-DmigrateLocal.excludes=/nowhere")
    assert (said.code, said.err) == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(place: Place, number: signal.Signals, code: int) -> None:
    place.put_encrypted("/a", b"content")
    place.cos.faults.append(Fault("hang", operation="GetObject", seconds=60, times=-1))
    place.tool.write_config()
    before = place.left
    process = place.tool.start("--decrypt", "/a", "local")
    wait_until(lambda: place.left != before, lambda: process.poll() is None)
    process.send_signal(number)
    ended = end(process)
    assert (ended.code, ended.out, ended.err) == (code, "", "")
    assert place.left == before
