"""clientEncryption=on: what is stored, who can read it, and what a stopped run goes on with."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from cos_migrate.emulator import EmbeddedCos
from tests.fakes import java_sdk
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Tool, records
from tests.functional.waiting import HeldCos, parts_written, wait_until

MIB = 1 << 20
MASTER = hashlib.sha256(b"master").digest()
META = "x-cos-meta-client-side-encryption-"
IV = "fedcba9876543210"
posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
ACCOUNT = (BUCKET, SECRET_ID, SECRET_KEY)


@pytest.fixture
def tool(tool: Tool) -> Tool:
    key = tool.folder / "master.key"
    key.write_bytes(MASTER)
    tool.common |= {"clientEncryption": "on", "keyPath": str(key), "workerProcessNum": "1"}
    return tool


@pytest.fixture
def java() -> None:
    if not java_sdk.class_path():
        pytest.skip("no Java SDK on this machine; see tests/fakes/java_sdk.py")


def metadata(cos: EmbeddedCos, key: str) -> dict[str, str]:
    return dict(cos.object_head(BUCKET, key).headers)


def opened(cos: EmbeddedCos, key: str, master: bytes = MASTER) -> bytes:
    """Decrypt an object by the standards themselves."""
    meta = metadata(cos, key)
    content_key = aes_key_unwrap(master, base64.b64decode(meta[META + "key"]))
    iv = aes_key_unwrap(master, base64.b64decode(meta[META + "start"]))
    assert (len(content_key), len(iv)) == (32, 16)
    cipher = Cipher(algorithms.AES(content_key), modes.CTR(iv)).decryptor()
    return cipher.update(cos.object_bytes(BUCKET, key))


def fill(tool: Tool) -> dict[str, bytes]:
    """Make files of every way there: in memory, streamed, in parts; return what they hold."""
    sizes = {"empty": 0, "small": 1001, "deeper/ü b": 17, "streamed": 2 * MIB + 3}
    found = {name: os.urandom(size) for name, size in sizes.items()}
    found["parts"] = os.urandom(12 * MIB + 5)
    for name, content in found.items():
        tool.put(name, content)
    return found


@pytest.mark.parametrize("processes", ["0", "2"])
def test_everything_is_encrypted_and_nothing_twice(
    cos: EmbeddedCos, tool: Tool, processes: str
) -> None:
    tool.common["workerProcessNum"] = processes
    files = fill(tool)
    ended = tool.run()
    assert (ended.code, ended.counts()["new"]) == (0, 5), ended.out + ended.err
    keys = set()
    for name, content in files.items():
        meta, stored = metadata(cos, name), cos.object_bytes(BUCKET, name)
        assert len(stored) == len(content)
        assert not content or stored != content
        assert opened(cos, name) == content
        sizes = {"unencrypted-content-length": str(len(content))}
        if name == "parts":
            sizes = {"data-size": str(len(content)), "part-size": str(5 * MIB)}
        said = {k.removeprefix(META): v for k, v in meta.items() if k.startswith(META)}
        keys |= {said.pop("key"), said.pop("start")}
        assert said == {"cek-alg": "AES/CTR/NoPadding", "wrap-alg": "AESWrap", **sizes}
        assert meta["x-cos-meta-md5"] == hashlib.md5(content).hexdigest()
    assert len(keys) == 2 * len(files)
    assert "unverified" not in ended.out
    cos.reset()
    assert tool.run().counts()["skip"] == 5
    assert cos.operations() == ["HeadObject"]


def test_our_own_command_reads_it_back(tool: Tool) -> None:
    files = fill(tool)
    assert tool.run().code == 0
    for name in ("small", "parts"):
        local = tool.folder / f"{name} again"
        ended = tool.run("--decrypt", f"/{name}", str(local), "--quiet")
        assert (ended.code, ended.err) == (0, "")
        assert local.read_bytes() == files[name]


@pytest.mark.usefixtures("java")
def test_the_java_sdk_reads_it(cos: EmbeddedCos, tool: Tool) -> None:
    # Java wants whole blocks in each part; ours may be cut anywhere.
    tool.common["bigFileUploadPartSize"] = str(MIB + 1)
    files = fill(tool)
    assert tool.run().code == 0
    words = []
    for number, name in enumerate(files):
        words += ["get", name, str(tool.folder / f"local {number}")]
    java_sdk.drive(cos, ACCOUNT, tool.folder / "master.key", *words)
    for number, content in enumerate(files.values()):
        assert (tool.folder / f"local {number}").read_bytes() == content


@pytest.mark.usefixtures("java")
def test_what_the_java_sdk_writes_is_read(cos: EmbeddedCos, tool: Tool) -> None:
    content = os.urandom(3 * MIB + 7)
    source = tool.folder / "source"
    source.write_bytes(content)
    words = ["put", "one", str(source), "parts", "two", str(source), str(MIB)]
    java_sdk.drive(cos, ACCOUNT, tool.folder / "master.key", *words, iv=IV)
    for name in ("one", "two"):
        local = tool.folder / name
        assert tool.run("--decrypt", f"/{name}", str(local)).code == 0
        assert local.read_bytes() == content


def test_a_given_vector_and_part_sizes_of_no_whole_blocks(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common |= {"encryptIV": IV, "bigFileUploadPartSize": str(MIB + 7)}
    files = fill(tool)
    assert tool.run().code == 0
    for name, content in files.items():
        assert opened(cos, name) == content
        start = base64.b64decode(metadata(cos, name)[META + "start"])
        assert aes_key_unwrap(MASTER, start) == IV.encode()
    assert metadata(cos, "parts")[META + "part-size"] == str(MIB + 7)


def test_a_folder_of_a_file_list(cos: EmbeddedCos, tool: Tool) -> None:
    (tool.data / "folder").mkdir()
    listed = tool.folder / "list"
    listed.write_text("folder\n", encoding="utf-8")
    tool.local |= {"fileListMode": "on", "fileListPath": str(listed)}
    assert tool.run().counts()["new"] == 1
    assert opened(cos, "folder/") == b""
    assert metadata(cos, "folder/")["content-type"] == "application/x-directory"


def killed_half_way(cos: HeldCos, tool: Tool) -> int:
    """Kill a run in the middle of a big object; return how many parts are recorded."""
    tool.common["bigFileExecutorNum"] = "2"
    cos.hold(3, "UploadPart")
    process = tool.start("--quiet")
    wait_until(lambda: parts_written(tool) == 3, lambda: process.poll() is None)
    process.kill()
    process.communicate()
    cos.wait_until_left()
    cos.reset()
    return sum(1 for key in records(tool.database) if key.startswith("[cosmigrate part]"))


@posix
def test_a_killed_upload_goes_on_with_its_key(cos: HeldCos, tool: Tool) -> None:
    content = os.urandom(40 * MIB + 9)
    tool.put("big", content)
    confirmed = killed_half_way(cos, tool)
    assert confirmed == 3
    kept = records(tool.database)
    (value,) = [v for k, v in kept.items() if k.startswith("[cosmigrate upload]")]
    assert set(json.loads(value)) >= {"envelope", "uploadId"}
    # The Java tool could not go on with it, and would try for ever.
    assert not [key for key in kept if "upload_savepoint" in key]
    ended = tool.run()
    assert ended.code == 0, ended.out + ended.err
    assert "InitiateMultipartUpload" not in cos.operations()
    assert cos.operations().count("UploadPart") == 9 - confirmed
    assert opened(cos, "big") == content
    assert metadata(cos, "big")[META + "key"] == json.loads(value)["envelope"][0]


@posix
@pytest.mark.parametrize("change", ["off", "on", "key"])
def test_an_upload_that_was_begun_otherwise_begins_anew(
    cos: HeldCos, tool: Tool, change: str
) -> None:
    content = os.urandom(30 * MIB)
    tool.put("big", content)
    if change == "on":
        tool.common["clientEncryption"] = "off"
    assert killed_half_way(cos, tool) == 3
    master = bytes(16) if change == "key" else MASTER
    (tool.folder / "master.key").write_bytes(master)
    tool.common["clientEncryption"] = "off" if change == "off" else "on"
    ended = tool.run()
    assert ended.code == 0, ended.out + ended.err
    operations = cos.operations()
    assert operations.count("AbortMultipartUpload") == 1
    assert operations.count("UploadPart") == 6
    if change == "off":
        assert cos.object_bytes(BUCKET, "big") == content
        assert not [name for name in metadata(cos, "big") if name.startswith(META)]
    else:
        assert opened(cos, "big", master) == content


def test_keys_are_written_nowhere(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a", b"content")
    tool.put("parts", os.urandom(6 * MIB))
    ended = tool.run("--debug")
    assert ended.code == 0
    meta = metadata(cos, "parts")
    secrets = [MASTER, aes_key_unwrap(MASTER, base64.b64decode(meta[META + "key"]))]
    forms = [f(s) for s in secrets for f in (bytes, base64.b64encode, lambda s: s.hex().encode())]
    forms += [repr(s)[2:-1].encode() for s in secrets]
    written = [p for name in ("db", "log") for p in (tool.folder / name).rglob("*") if p.is_file()]
    texts = [ended.out.encode() + ended.err.encode(), *(path.read_bytes() for path in written)]
    assert len(texts) > 4
    assert not [form for form in forms for text in texts if form in text]


def test_the_key_file_must_be_readable_at_the_start(tool: Tool, cos: EmbeddedCos) -> None:
    tool.put("a")
    Path(tool.common["keyPath"]).unlink()
    ended = tool.run()
    assert (ended.code, "keyPath" in ended.err) == (2, True)
    assert not cos.requests
