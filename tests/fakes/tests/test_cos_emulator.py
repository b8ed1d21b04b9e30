"""Objects, listings and buckets of the embedded COS."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import fastcrc
import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.cos_server import serve, texts
from tests.fakes.cos_wire import BUCKET, Call, Wire, call


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    with serve(tmp_path / "cos", min_part_size=4) as server:
        yield server


def test_what_is_kept_of_an_object(cos: EmbeddedCos) -> None:
    kept = {
        "Cache-Control": "no-cache",
        "Content-Disposition": 'attachment; filename="x"',
        "Content-Encoding": "identity",
        "Content-Language": "ko",
        "Content-Type": "text/x-odd",
        "Expires": "Thu, 01 Dec 2044 16:00:00 GMT",
        "x-cos-meta-name": "값 %41",
        "x-cos-storage-class": "STANDARD_IA",
        "x-cos-server-side-encryption": "AES256",
    }
    body = os.urandom(300_000)
    told = call(cos.port, "PUT", "k", headers=kept, body=body).headers
    assert told["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert told["x-cos-hash-crc64ecma"] == str(fastcrc.crc64.xz(body))
    assert told["x-cos-server-side-encryption"] == "AES256"
    assert told["Server"] == "tencent-cos"
    for method in ("HEAD", "GET"):
        got = call(cos.port, method, "k")
        assert kept.items() <= got.headers.items()
        assert got.headers["x-cos-hash-crc64ecma"] == told["x-cos-hash-crc64ecma"]
        assert got.headers["Content-Length"] == str(len(body))
        assert got.headers["Last-Modified"].endswith("GMT")
        assert got.body == (body if method == "GET" else b"")
    call(cos.port, "PUT", "plain", headers={"x-cos-storage-class": "STANDARD"})
    assert "x-cos-storage-class" not in call(cos.port, "HEAD", "plain").headers


def test_what_is_refused_of_an_object(cos: EmbeddedCos) -> None:
    def code(key: str = "k", body: bytes = b"", **headers: str) -> str:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(cos.port, "PUT", key, headers=sent, body=body).code

    assert code(key="é" * 425) == ""
    assert code(key="é" * 425 + "x") == "KeyTooLong"
    assert code(key="a\x1bb") == "InvalidURI"
    assert code(key="/rooted") == "InvalidURI"
    assert code(x_cos_meta_a="b" * 2047) == ""
    assert code(x_cos_meta_a="b" * 2048) == "MetadataTooLarge"
    for name in ("a_b", "a.b", ""):
        refused = call(cos.port, "PUT", "k", headers={f"x-cos-meta-{name}": "b"})
        assert refused.code == "InvalidArgument"
    assert code(x_cos_storage_class="Standard_IB") == "InvalidStorageClass"
    assert code(x_cos_storage_class="Standard_IA") == ""  # as the Java tool writes it
    assert code(x_cos_server_side_encryption="aes") == "InvalidArgument"
    assert code(x_cos_acl="nobody") == "InvalidArgument"
    assert code(x_cos_traffic_limit="819199") == "InvalidArgument"
    assert code(x_cos_traffic_limit="819200") == ""
    assert code(content_md5="1B2M2Y8AsgTpgAmY7PhCfg==") == ""
    assert code(content_md5="1B2M2Y8AsgTpgAmY7PhCfg==", body=b"x") == "BadDigest"
    assert code(content_md5="?") == "InvalidDigest"
    with Wire(cos.port) as wire:
        put = Call("PUT", "k", headers={"content-length": str((5 << 30) + 1)})
        wire.send(put.head(put.signed() | {"expect": "100-continue"}))
        assert wire.read().code == "EntityTooLarge"
    bare = Call("PUT", "k")
    with Wire(cos.port) as wire:
        headers = Call("GET", "k").signed()
        wire.send(bare.head(headers))
        assert wire.read().code == "SignatureDoesNotMatch"
    assert not list((cos.store.folder / ".tmp").iterdir())
    raw = Call("GET", "k").head().replace(b"GET /k", b"GET /%FF")
    with Wire(cos.port) as wire:
        wire.send(raw)
        assert wire.read().status in {403, 404}


def test_ranges(cos: EmbeddedCos) -> None:
    call(cos.port, "PUT", "k", body=b"0123456789")
    call(cos.port, "PUT", "empty")

    def read(key: str, span: str) -> tuple[int, bytes, str]:
        got = call(cos.port, "GET", key, headers={"range": span})
        body = b"" if got.code else got.body
        return got.status, body, got.headers.get("Content-Range", "")

    assert read("k", "bytes=2-4") == (206, b"234", "bytes 2-4/10")
    assert read("k", "bytes=8-99") == (206, b"89", "bytes 8-9/10")
    assert read("k", "bytes=-4") == (206, b"6789", "bytes 6-9/10")
    assert read("k", "bytes=-99") == (206, b"0123456789", "bytes 0-9/10")
    for key, span in (("k", "bytes=10-"), ("k", "bytes=5-4"), ("k", "bytes=-0"), ("k", "x")):
        assert read(key, span)[:2] == (416, b"")
    for span in ("bytes=0-", "bytes=-1"):
        assert read("empty", span)[:2] == (416, b"")


def test_conditions(cos: EmbeddedCos) -> None:
    told = call(cos.port, "PUT", "k", body=b"x").headers

    def status(**headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(cos.port, "GET", "k", headers=sent).status

    assert status(if_match=told["ETag"]) == 200
    assert status(if_match='"0", *') == 200
    assert status(if_match='"0"') == 412
    assert status(if_none_match=told["ETag"]) == 304
    assert status(if_none_match='"0"') == 200


LISTED = ["a", "a b", "a+b", "a/", "a/1", "a/2/x", "a/2/y", "b//c", "c&<>\"'", "d%41", "é", "🚚"]


@pytest.mark.parametrize("encoding", ["", "url"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages_add_up(cos: EmbeddedCos, size: int, encoding: str) -> None:
    for key in LISTED:
        call(cos.port, "PUT", key)
    for prefix, delimiter in (("", ""), ("a", ""), ("", "/"), ("a/", "/"), ("b/", "/"), ("z", "/")):
        keys: list[str] = []
        groups: list[str] = []
        marker = ""
        while True:
            params = [("max-keys", str(size)), ("marker", marker), ("prefix", prefix)]
            params += [("delimiter", delimiter), ("encoding-type", encoding)]
            got = call(cos.port, "GET", params=params)
            page = [decoded(k, encoding) for k in texts("Key", got)]
            found = got.body.decode().partition("</Prefix>")[2]
            prefixes = re.findall("<CommonPrefixes><Prefix>(.*?)</Prefix>", found)
            assert len(page) + len(prefixes) <= size
            keys += page
            groups += [decoded(p, encoding) for p in prefixes]
            if texts("IsTruncated", got) == ["false"]:
                assert not texts("NextMarker", got)
                break
            (marker,) = (decoded(m, encoding) for m in texts("NextMarker", got))
        expected, expected_groups = rolled_up(prefix, delimiter)
        assert (keys, groups) == (expected, expected_groups)


def decoded(text: str, encoding: str) -> str:
    if encoding:
        return unquote(text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def rolled_up(prefix: str, delimiter: str) -> tuple[list[str], list[str]]:
    keys, groups = [], []
    for key in sorted(LISTED, key=str.encode):
        if key.startswith(prefix):
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                group = prefix + rest.partition(delimiter)[0] + delimiter
                groups += [group] if group not in groups else []
            else:
                keys.append(key)
    return keys, groups


def test_listings_that_are_refused_or_empty(cos: EmbeddedCos) -> None:
    call(cos.port, "PUT", "k")
    for wrong in ("-1", "x", "1.5"):
        assert call(cos.port, "GET", params=(("max-keys", wrong),)).code == "InvalidArgument"
    none = call(cos.port, "GET", params=(("max-keys", "0"),))
    assert (texts("IsTruncated", none), texts("Key", none)) == (["false"], [])
    assert texts("MaxKeys", call(cos.port, "GET", params=(("max-keys", "5000"),))) == ["1000"]


def test_a_bucket_that_does_not_exist(tmp_path: Path) -> None:
    with serve(tmp_path / "cos", buckets=[BUCKET]) as cos:
        other = "other-1250000000.cos.ap-tokyo.myqcloud.com"
        assert call(cos.port, "HEAD", host=other).status == 404
        assert call(cos.port, "PUT", "k", host=other).code == "NoSuchBucket"
        assert call(cos.port, "GET", "k", host=other).code == "NoSuchBucket"
        copy = {"x-cos-copy-source": f"{other}/k"}
        assert call(cos.port, "PUT", "k", headers=copy).code == "NoSuchBucket"
        assert call(cos.port, "HEAD").status == 200
        assert call(cos.port, "PUT", "k", host="no_appid.localhost").code == "NoSuchBucket"


def test_objects_are_deleted(cos: EmbeddedCos) -> None:
    call(cos.port, "PUT", "k")
    for _ in range(2):
        assert call(cos.port, "DELETE", "k").status == 204
    assert cos.keys(BUCKET) == []
