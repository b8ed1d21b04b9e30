"""The embedded COS under Tencent's own tools, and under a signature that something was done to."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qcloud_cos.cos_exception import CosServiceError

from cos_migrate.emulator import Account, EmbeddedCos, Refusal
from cos_migrate.emulator.messages import read_request
from cos_migrate.emulator.signature import check_signature
from tests.fakes.cos_server import coscmd, sdk_of, serve
from tests.fakes.cos_wire import BUCKET, SECRET_ID, SECRET_KEY, Call


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    with serve(tmp_path / "cos") as server:
        yield server


# --- signatures

ACCOUNTS = {SECRET_ID: Account(SECRET_ID, SECRET_KEY)}
SIGNED = Call(
    "PUT",
    "a b/%+é",
    params=(("partNumber", "12"), ("uploadId", "abc+/=")),
    headers={"x-cos-meta-a": "some value", "content-type": "text/plain"},
    body=b"body",
).head()


def accepted(head: bytes) -> bool:
    try:
        check_signature(read_request(io.BytesIO(head)), ACCOUNTS, time.time)
    except Refusal:
        return False
    return True


@settings(max_examples=400)
@given(at=st.integers(0, len(SIGNED) - 5), byte=st.integers(0x21, 0x7E))
def test_a_byte_that_was_changed(at: int, byte: int) -> None:
    """Whatever byte of a signed request changes, it is refused, or it means the same."""
    changed = SIGNED[:at] + bytes([byte]) + SIGNED[at + 1 :]
    try:
        request = read_request(io.BytesIO(changed))
    except Refusal:
        return
    right = read_request(io.BytesIO(SIGNED))
    means_the_same = (
        # what the signature covers: all but its own text and the case of names
        request.method.lower() == right.method.lower()
        and request.path == right.path
        and [(n.lower(), v) for n, v in request.params] == [(n.lower(), v) for n, v in right.params]
        and {**request.headers, "authorization": ""} == {**right.headers, "authorization": ""}
        and request.headers.get("authorization", "").lower()
        == right.headers["authorization"].lower()
    )
    assert accepted(SIGNED)
    assert means_the_same or not accepted(changed)


def test_a_presigned_put_with_a_token(tmp_path: Path) -> None:
    with serve(tmp_path / "cos", token="session") as cos:
        # The SDK does not put its token into a URL by itself.
        url = sdk_of(cos).get_presigned_url(
            BUCKET,
            "a+b c",
            "PUT",
            Expired=100,
            Headers={"x-cos-meta-a": "1"},
            Params={"x-cos-security-token": "session"},
        )
        opener = build_opener(ProxyHandler({"http": f"http://127.0.0.1:{cos.port}"}))

        def put(url: str, meta: str) -> int:
            headers = {"x-cos-meta-a": meta, "Content-Type": "text/plain"}
            with opener.open(Request(url, b"x", headers, method="PUT")) as answer:
                return int(answer.status)

        assert put(url, "1") == 200
        assert cos.object_head(BUCKET, "a+b c").headers["x-cos-meta-a"] == "1"
        for wrong, meta in ((url, "2"), (url.replace("=session", "=stale"), "1")):
            with pytest.raises(OSError, match="403"):
                put(wrong, meta)


# --- the official SDK


def test_the_sdk_lists_page_by_page_and_sends_what_has_no_length(cos: EmbeddedCos) -> None:
    sdk, keys = sdk_of(cos), [f"p/{name}" for name in ("%41", "+ +", "a&b", "é", "🚚")]
    for key in keys:
        sdk.put_object(BUCKET, iter([b"one ", b"", key.encode()]), key, StorageClass="COLD")
    found: list[str] = []
    marker = ""
    while True:
        page = sdk.list_objects(BUCKET, Prefix="p/", Marker=marker, MaxKeys=2)
        found += [item["Key"] for item in page["Contents"]]
        assert {item["StorageClass"] for item in page["Contents"]} == {"COLD"}
        if page["IsTruncated"] == "false":
            break
        marker = page["NextMarker"]
    assert found == sorted(keys, key=str.encode)
    for key in keys:
        assert cos.object_bytes(BUCKET, key) == b"one " + key.encode()


def test_the_sdk_goes_on_with_an_upload_that_broke_off(cos: EmbeddedCos, tmp_path: Path) -> None:
    """`upload_file` lists what is there and sends the rest; it trusts parts by their MD5."""
    sdk, content = sdk_of(cos), os.urandom((5 << 20) + 7)
    (tmp_path / "big").write_bytes(content)
    upload = sdk.create_multipart_upload(BUCKET, "big")["UploadId"]
    sdk.upload_part(BUCKET, "big", content[: 1 << 20], 1, upload)
    sdk.upload_part(BUCKET, "big", content[2 << 20 : 3 << 20], 3, upload)
    cos.reset()
    sdk.upload_file(BUCKET, "big", str(tmp_path / "big"), PartSize=1, MAXThread=2)
    assert cos.operations().count("UploadPart") == 4
    assert cos.object_bytes(BUCKET, "big") == content
    assert cos.store.uploads(BUCKET) == []


# --- the official command line


def test_coscmd_tells_of_and_deletes_an_object(cos: EmbeddedCos, tmp_path: Path) -> None:
    sdk_of(cos).put_object(BUCKET, b"12345", "a b/ü+.txt", ContentType="text/x-odd")
    told = coscmd(cos, tmp_path, "info", "a b/ü+.txt")
    assert "text/x-odd" in told
    coscmd(cos, tmp_path, "delete", "-f", "a b/ü+.txt")
    assert cos.keys(BUCKET) == []


def test_tags(cos: EmbeddedCos) -> None:
    sdk = sdk_of(cos)
    sdk.put_object(BUCKET, b"x", "a", Metadata={"x-cos-tagging": "group=IT%20%2F&k=v"})
    assert sdk.head_object(BUCKET, "a")["x-cos-tagging-count"] == "2"
    found = sdk.get_object_tagging(BUCKET, "a")["TagSet"]["Tag"]
    assert found == [{"Key": "group", "Value": "IT /"}, {"Key": "k", "Value": "v"}]
    source = {"Bucket": BUCKET, "Key": "a", "Region": "ap-guangzhou"}
    sdk.copy_object(BUCKET, "copy", source)
    assert cos.object_head(BUCKET, "copy").headers["x-cos-tagging"] == "group=IT%20%2F&k=v"
    sdk.put_object_tagging(BUCKET, "a", {"TagSet": {"Tag": [{"Key": "\u6587", "Value": "1"}]}})
    assert sdk.get_object_tagging(BUCKET, "a")["TagSet"]["Tag"] == [{"Key": "\u6587", "Value": "1"}]
    sdk.delete_object_tagging(BUCKET, "a")
    assert "x-cos-tagging-count" not in sdk.head_object(BUCKET, "a")
    for tags in ("k=", "k=%26", f"{'k' * 128}=v", "&".join(f"k{n}=v" for n in range(11))):
        with pytest.raises(CosServiceError):
            sdk.put_object(BUCKET, b"x", "b", Metadata={"x-cos-tagging": tags})
