"""The embedded COS on the wire: signatures, HTTP, objects, listings, multipart, copies, ACLs."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import fastcrc
import pytest
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from cos_migrate.emulator import Account, EmbeddedCos
from tests.clouds.cos_wire import BUCKET, HOST, SECRET_ID, SECRET_KEY, Call, Got, Wire, call

MIB = 1 << 20


def serve(folder: Path, **options: Any) -> EmbeddedCos:
    return EmbeddedCos(folder, secret_id=SECRET_ID, secret_key=SECRET_KEY, **options)


def sdk_of(cos: EmbeddedCos) -> Any:
    config = CosConfig(
        Region="ap-guangzhou",
        SecretId=SECRET_ID,
        SecretKey=SECRET_KEY,
        Scheme="http",
        Proxies={"http": f"http://127.0.0.1:{cos.port}"},
    )
    return CosS3Client(config, retry=0)


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    with serve(tmp_path / "cos", min_part_size=4) as server:
        yield server


def texts(name: str, got: Got) -> list[str]:
    return re.findall(f"<{name}>(.*?)</{name}>", got.body.decode())


# --- signatures

DOC_ID, DOC_KEY = "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q", "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"
DOC_SPAN = "1557989151;1557996351"
DOC_HEADERS = {
    "Date": "Thu, 16 May 2019 06:45:51 GMT",
    "Host": "examplebucket-1250000000.cos.ap-beijing.myqcloud.com",
    "Content-Type": "text/plain",
    "Content-Length": "13",
    "Content-MD5": "mQ/fVh815F3k6TAUm8m0eg==",
    "x-cos-acl": "private",
    "x-cos-grant-read": 'uin="100000000011"',
    "Authorization": (
        f"q-sign-algorithm=sha1&q-ak={DOC_ID}&q-sign-time={DOC_SPAN}&q-key-time={DOC_SPAN}"
        "&q-header-list=content-length;content-md5;content-type;date;host;x-cos-acl;"
        "x-cos-grant-read&q-url-param-list="
        "&q-signature=3b8851a11a569213c17ba8fa7dcf2abec6935172"
    ),
}


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (1557989151, ""),
        (1557996351, ""),
        (1557996352, "AccessDenied"),
        (1557989151 - 899, ""),
        (1557989151 - 901, "RequestTimeTooSkewed"),
    ],
)
def test_the_documentation_s_own_example(tmp_path: Path, moment: float, code: str) -> None:
    """The signature that Tencent published, at moments around its span."""
    with (
        EmbeddedCos(
            tmp_path / "cos", secret_id=DOC_ID, secret_key=DOC_KEY, clock=lambda: moment
        ) as cos,
        Wire(cos.port) as wire,
    ):
        example = Call("PUT", "exampleobject(腾讯云)")
        wire.send(example.head(DOC_HEADERS) + b"ObjectContent")
        got = wire.read()
        assert (got.status, got.code) == (403 if code else 200, code)


def refused(cos: EmbeddedCos, sent: Call, headers: dict[str, str]) -> str:
    with Wire(cos.port) as wire:
        wire.send(sent.head(headers) + sent.body)
        got = wire.read(sent.method)
    assert got.status == 403
    assert got.headers["x-cos-trace-id"]
    return got.code


def test_signatures_that_are_not_right(cos: EmbeddedCos) -> None:
    put = Call("PUT", "k", headers={"x-cos-meta-a": "1"}, params=(("x", "1"),))
    right = put.signed()
    with Wire(cos.port) as wire:
        wire.send(put.head(right))
        assert wire.read().status == 200
    assert refused(cos, Call("PUT", "l", params=put.params), right) == "SignatureDoesNotMatch"
    assert refused(cos, Call("PUT", "k", params=(("x", "2"),)), right) == "SignatureDoesNotMatch"
    assert refused(cos, Call("PUT", "k"), right) == "SignatureDoesNotMatch"
    assert refused(cos, put, {**right, "x-cos-meta-a": "2"}) == "SignatureDoesNotMatch"
    assert refused(cos, put, {**right, "host": f"other-{HOST}"}) == "SignatureDoesNotMatch"
    assert refused(cos, put, put.signed(secret_key="other")) == "SignatureDoesNotMatch"
    assert refused(cos, put, put.signed(secret_id="other")) == "InvalidAccessKeyId"
    assert refused(cos, put, put.signed(start=-600, end=-1)) == "AccessDenied"
    assert refused(cos, put, put.signed(start=2000, end=3000)) == "RequestTimeTooSkewed"
    signature = put.signed(start=-600, end=-1)["authorization"]
    span = signature.partition("q-sign-time=")[2].partition("&")[0]
    longer = signature.replace(f"q-key-time={span}", "q-key-time=0;9999999999")
    assert refused(cos, put, {**right, "authorization": longer}) == "AccessDenied"
    del right["authorization"]
    assert refused(cos, put, right) == "AccessDenied"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "nonsense",
        "q-sign-algorithm=sha1&q-ak=",
        (
            f"q-sign-algorithm=md5&q-ak={SECRET_ID}&q-sign-time=1;2&q-key-time=1;2&q-header-list="
            "&q-url-param-list=&q-signature=0"
        ),
        (
            f"q-sign-algorithm=sha1&q-ak={SECRET_ID}&q-sign-time=1&q-key-time=x;y&q-header-list="
            "&q-url-param-list=&q-signature=0"
        ),
        (
            f"q-sign-algorithm=sha1&q-ak={SECRET_ID}&q-sign-time=0;9999999999"
            "&q-key-time=0;9999999999&q-header-list=nothing&q-url-param-list=&q-signature=\xe9"
        ),
    ],
)
def test_signatures_that_are_none(cos: EmbeddedCos, authorization: str) -> None:
    refused(cos, Call("GET", "k"), {"host": HOST, "authorization": authorization})


def test_tokens_and_several_accounts(tmp_path: Path) -> None:
    others = [Account("other-id", "other-key")]
    with serve(tmp_path / "cos", token="session", more_accounts=others) as cos:
        assert call(cos.port, "PUT", "k").code == "InvalidToken"
        wrong = {"x-cos-security-token": "stale"}
        assert call(cos.port, "PUT", "k", headers=wrong).code == "InvalidToken"
        right = {"x-cos-security-token": "session"}
        assert call(cos.port, "PUT", "k", headers=right).status == 200
        get = Call("GET", "k")
        with Wire(cos.port) as wire:
            wire.send(get.head(get.signed(secret_id="other-id", secret_key="other-key")))
            assert wire.read().status == 200
        assert "session" not in repr(cos._accounts)
        assert SECRET_KEY not in repr(cos._accounts)


# --- HTTP


def test_pipelined_requests_are_answered_in_order(cos: EmbeddedCos) -> None:
    calls = [Call("PUT", f"k{n}", body=b"x" * n) for n in range(5)]
    calls += [Call("HEAD", "k3"), Call("GET", "k4"), Call("GET", "none"), Call("HEAD", "none")]
    with Wire(cos.port) as wire:
        wire.send(b"".join(c.head() + c.body for c in calls))
        got = [wire.read(c.method) for c in calls]
    assert [g.status for g in got] == [200] * 7 + [404, 404]
    assert (got[5].headers["Content-Length"], got[6].body) == ("3", b"xxxx")
    assert {seen.connection for seen in cos.requests} == {1}
    assert len({g.headers["x-cos-request-id"] for g in got}) == len(got)


def test_expect_100_continue(cos: EmbeddedCos) -> None:
    with Wire(cos.port) as wire:
        put = Call("PUT", "k", headers={"expect": "100-continue"}, body=b"body")
        wire.send(put.head())
        assert wire.read().status == 100
        wire.send(put.body)
        assert wire.read().status == 200
        wrong = Call("PUT", "k" * 851, headers={"expect": "100-continue"}, body=b"body")
        wire.send(wrong.head())
        got = wire.read()
        assert (got.status, got.code) == (400, "KeyTooLong"), "no 100 for what is refused"
        assert got.headers["Connection"] == "close"


def test_chunked_bodies(cos: EmbeddedCos) -> None:
    put = Call("PUT", "k", headers={"transfer-encoding": "chunked"})
    with Wire(cos.port) as wire:
        wire.send(put.head() + b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: 1\r\n\r\n")
        assert wire.read().status == 200
        assert wire.call(Call("GET", "k")).body == b"abcdefg"
        wire.send(put.head() + b"-3\r\nabc\r\n")
        assert wire.read().code == "IncompleteBody"
    assert cos.object_bytes(BUCKET, "k") == b"abcdefg"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1 more\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"PUT /k HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"PUT /k HTTP/1.1\r\nContent-Length: abc\r\n\r\n", 400),
        (b"PUT /k HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n", 400),
    ],
)
def test_requests_that_are_none(cos: EmbeddedCos, head: bytes, status: int) -> None:
    with Wire(cos.port) as wire:
        wire.send(head)
        assert wire.read().status == status
        assert wire.closed()
    assert call(cos.port, "PUT", "k").status == 200


def test_a_body_that_ends_too_early_leaves_nothing(cos: EmbeddedCos, tmp_path: Path) -> None:
    call(cos.port, "PUT", "k", body=b"old")
    with Wire(cos.port) as wire:
        wire.send(Call("PUT", "k", body=b"x" * 1000).head() + b"x" * 10)
    with Wire(cos.port) as wire:
        wire.send(Call("PUT", "k", body=b"x" * 1000).head() + b"x" * 10)
        wire.sock.shutdown(1)
        assert wire.read().code == "IncompleteBody"
    cos.stop()
    assert cos.object_bytes(BUCKET, "k") == b"old"
    assert not list((tmp_path / "cos" / ".tmp").iterdir())


@pytest.mark.parametrize(
    "host",
    [
        HOST,
        f"{BUCKET}.cos.ap-beijing.tencentcos.cn",
        f"{BUCKET}.localhost:1234",
        f"{BUCKET.upper()}.anything",
    ],
)
def test_ways_to_name_a_bucket(cos: EmbeddedCos, host: str) -> None:
    assert call(cos.port, "PUT", "k", host=host, body=b"x").status == 200
    assert cos.keys(BUCKET) == ["k"]


def test_absolute_form_and_a_proxy_that_wants_a_login(tmp_path: Path) -> None:
    put = Call("PUT", "a b", body=b"x")
    absolute = put.head().replace(b"PUT /", f"PUT http://{HOST}/".encode())
    with serve(tmp_path / "cos", proxy_login=("user", "pass:word")) as cos:
        with Wire(cos.port) as wire:
            wire.send(absolute + b"x")
            got = wire.read()
            assert (got.status, got.headers["Proxy-Authenticate"][:5]) == (407, "Basic")
        with Wire(cos.port) as wire:
            login = b"\r\nProxy-Authorization: Basic dXNlcjpwYXNzOndvcmQ=\r\n\r\n"
            wire.send(absolute.replace(b"\r\n\r\n", login) + b"x")
            assert wire.read().status == 200
        assert cos.keys(BUCKET) == ["a b"]


def test_what_is_not_offered_is_refused_and_changes_nothing(cos: EmbeddedCos) -> None:
    call(cos.port, "PUT", "k", body=b"data")
    for method, params in (("PUT", "tagging"), ("GET", "versions"), ("POST", "restore")):
        got = call(cos.port, method, "k", params=((params, ""),), body=b"<x/>"[: len(method) - 3])
        assert (got.status, got.code) == (501, "NotImplemented")
    assert call(cos.port, "POST", "k").code == "MethodNotAllowed"
    assert call(cos.port, "PUT", "k", params=(("uploads", ""),)).code == "MethodNotAllowed"
    assert cos.object_bytes(BUCKET, "k") == b"data"


# --- objects


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
    changed = call(cos.port, "GET", "k", params=(("response-content-type", "text/html"),))
    assert changed.headers["Content-Type"] == "text/html"
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
    assert code(x_cos_storage_class="Standard_IA") == "InvalidStorageClass"
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
    modified = call(cos.port, "HEAD", "k").headers["Last-Modified"]
    old, new = "Thu, 01 Jan 2015 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"

    def status(**headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(cos.port, "GET", "k", headers=sent).status

    assert status(if_match=told["ETag"]) == 200
    assert status(if_match='"0", *') == 200
    assert status(if_match='"0"') == 412
    assert status(if_none_match=told["ETag"]) == 304
    assert status(if_none_match='"0"') == 200
    assert status(if_modified_since=modified) == 304
    assert status(if_modified_since=old) == 200
    assert status(if_unmodified_since=modified) == 200
    assert status(if_unmodified_since=old) == 412
    assert status(if_match=told["ETag"], if_unmodified_since=old) == 200
    assert status(if_none_match='"0"', if_modified_since=new) == 200
    assert status(if_modified_since="nonsense") == 200


# --- listings

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


# --- buckets


def test_buckets_are_made_and_removed(tmp_path: Path) -> None:
    with serve(tmp_path / "cos", buckets=[BUCKET]) as cos:
        other = "other-1250000000.cos.ap-tokyo.myqcloud.com"
        assert call(cos.port, "HEAD", host=other).status == 404
        assert call(cos.port, "PUT", "k", host=other).code == "NoSuchBucket"
        assert call(cos.port, "GET", "k", host=other).code == "NoSuchBucket"
        copy = {"x-cos-copy-source": f"{other}/k"}
        assert call(cos.port, "PUT", "k", headers=copy).code == "NoSuchBucket"
        assert call(cos.port, "PUT", host=other).status == 200
        assert call(cos.port, "PUT", host=other).code == "BucketAlreadyOwnedByYou"
        assert call(cos.port, "PUT", "k", host=other).status == 200
        assert b"ap-tokyo" in call(cos.port, "GET", host=other, params=(("location", ""),)).body
        service = call(cos.port, "GET", host="service.cos.myqcloud.com")
        assert texts("Name", service) == ["other-1250000000", BUCKET]
        assert call(cos.port, "DELETE", host=other).code == "BucketNotEmpty"
        assert call(cos.port, "DELETE", "k", host=other).status == 204
        assert call(cos.port, "DELETE", "k", host=other).status == 204
        assert call(cos.port, "DELETE", host=other).status == 204
        assert call(cos.port, "HEAD", host=other).status == 404
        assert call(cos.port, "PUT", "k", host="no_appid.localhost").code == "NoSuchBucket"


def test_many_are_deleted_at_once(cos: EmbeddedCos) -> None:
    sdk = sdk_of(cos)
    for key in ("a", "b&<'\"", "c%41", "kept"):
        call(cos.port, "PUT", key)
    doomed = [{"Key": key} for key in ("a", "b&<'\"", "c%41", "none")]
    answer = sdk.delete_objects(Bucket=BUCKET, Delete={"Object": doomed})
    assert [item["Key"] for item in answer["Deleted"]] == [item["Key"] for item in doomed]
    assert cos.keys(BUCKET) == ["kept"]
    sdk.delete_objects(Bucket=BUCKET, Delete={"Object": [{"Key": "kept"}], "Quiet": "true"})
    assert cos.keys(BUCKET) == []
    for body in (b"", b"<Delete>", b"<Delete/>", b"<!DOCTYPE x><Delete/>", b"\xff"):
        got = call(cos.port, "POST", params=(("delete", ""),), body=body)
        assert got.code == "MalformedXML"


# --- multipart


def begin(cos: EmbeddedCos, key: str, **headers: str) -> str:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    got = call(cos.port, "POST", key, params=(("uploads", ""),), headers=sent)
    return texts("UploadId", got)[0]


def put_part(cos: EmbeddedCos, key: str, upload: str, number: int, body: bytes) -> str:
    params = (("partNumber", str(number)), ("uploadId", upload))
    got = call(cos.port, "PUT", key, params=params, body=body)
    assert got.headers["x-cos-hash-crc64ecma"] == str(fastcrc.crc64.xz(body))
    return got.headers["ETag"]


def complete(cos: EmbeddedCos, key: str, upload: str, parts: list[tuple[int, str]]) -> Got:
    listed = "".join(
        f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in parts
    )
    body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    return call(cos.port, "POST", key, params=(("uploadId", upload),), body=body)


def test_a_multipart_upload(cos: EmbeddedCos) -> None:
    key = "dir/100%25 é&"
    kept = {
        "x_cos_meta_a": "b",
        "x_cos_acl": "public-read",
        "x_cos_server_side_encryption": "AES256",
    }
    upload = begin(cos, key, **kept)
    pieces = [os.urandom(500), os.urandom(400), b"last"]
    etags = [put_part(cos, key, upload, n, piece) for n, piece in enumerate(pieces, 1)]
    put_part(cos, key, upload, 2, b"thought better of it")
    etags[1] = put_part(cos, key, upload, 2, pieces[1])
    assert cos.keys(BUCKET) == []
    got = complete(cos, key, upload, list(enumerate(etags, 1)))
    md5s = b"".join(hashlib.md5(piece).digest() for piece in pieces)
    assert texts("ETag", got) == [f'"{hashlib.md5(md5s).hexdigest()}-3"']
    whole = b"".join(pieces)
    assert got.headers["x-cos-hash-crc64ecma"] == str(fastcrc.crc64.xz(whole))
    assert call(cos.port, "GET", key).body == whole
    head = call(cos.port, "HEAD", key).headers
    assert (head["x-cos-meta-a"], head["x-cos-server-side-encryption"]) == ("b", "AES256")
    assert cos.object_head(BUCKET, key).acl == "public-read"
    assert complete(cos, key, upload, list(enumerate(etags, 1))).code == "NoSuchUpload"
    assert not list((cos.store.folder / ".uploads").iterdir())


def test_completions_that_are_refused(cos: EmbeddedCos) -> None:
    upload = begin(cos, "k")
    one, two = (put_part(cos, "k", upload, n, b"x" * n) for n in (1, 2))

    def code(*parts: tuple[int, str]) -> str:
        return complete(cos, "k", upload, list(parts)).code

    assert code() == "MalformedXML"
    assert code((2, two), (1, one)) == "InvalidPartOrder"
    assert code((1, one), (1, one)) == "InvalidPartOrder"
    assert code((2, two)) == "InvalidPart"
    assert code((1, one), (3, two)) == "InvalidPart"
    assert code((1, two)) == "InvalidPart"
    assert code((1, one), (2, two)) == "EntityTooSmall"
    assert complete(cos, "other", upload, [(1, one)]).code == "NoSuchUpload"
    for body in (b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>", b"<Other/>"):
        got = call(cos.port, "POST", "k", params=(("uploadId", upload),), body=body)
        assert got.code == "MalformedXML"
    for number in ("0", "10001", "x", ""):
        params = (("partNumber", number), ("uploadId", upload))
        assert call(cos.port, "PUT", "k", params=params).code == "InvalidArgument"
    assert code((1, one)) == ""
    assert cos.object_bytes(BUCKET, "k") == b"x"


def test_parts_and_uploads_are_listed_in_pages(cos: EmbeddedCos) -> None:
    sdk, key = sdk_of(cos), "k%41 +"
    upload = begin(cos, key)
    for number in (1, 2, 5, 9, 10):
        put_part(cos, key, upload, number, b"x" * number)
    numbers: list[str] = []
    marker = 0
    while True:
        page = sdk.list_parts(BUCKET, key, upload, MaxParts=2, PartNumberMarker=marker)
        assert page["Key"] == key
        numbers += [part["PartNumber"] for part in page["Part"]]
        if page["IsTruncated"] == "false":
            break
        marker = int(page["NextPartNumberMarker"])
    assert numbers == ["1", "2", "5", "9", "10"]

    others = {begin(cos, "m"), begin(cos, "m"), begin(cos, "n")}
    found: list[tuple[str, str]] = []
    key_marker = id_marker = ""
    while True:
        page = sdk.list_multipart_uploads(
            BUCKET, MaxUploads=1, KeyMarker=key_marker, UploadIdMarker=id_marker
        )
        found += [(item["Key"], item["UploadId"]) for item in page["Upload"]]
        if page["IsTruncated"] == "false":
            break
        key_marker, id_marker = page["NextKeyMarker"], page["NextUploadIdMarker"]
    assert [name for name, _ in found] == [key, "m", "m", "n"]
    assert {upload_id for _, upload_id in found} == {upload, *others}
    sdk.abort_multipart_upload(BUCKET, key, upload)
    with pytest.raises(CosServiceError) as caught:
        sdk.list_parts(BUCKET, key, upload)
    assert caught.value.get_error_code() == "NoSuchUpload"


# --- copies and ACLs


def test_copies(cos: EmbeddedCos) -> None:
    kept = {"content-type": "text/x-odd", "x-cos-meta-a": "1", "x-cos-storage-class": "ARCHIVE"}
    etag = call(cos.port, "PUT", "from +%41é", headers=kept, body=b"0123456789").headers["ETag"]
    source = {"x-cos-copy-source": f"{HOST}/from%20%2B%2541%C3%A9"}

    def copy(key: str = "to", **headers: str) -> Got:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(cos.port, "PUT", key, headers=source | sent)

    got = copy()
    assert texts("ETag", got) == [etag]
    assert texts("CRC64", got) == [got.headers["x-cos-hash-crc64ecma"]]
    head = call(cos.port, "HEAD", "to").headers
    assert (head["Content-Type"], head["x-cos-meta-a"]) == ("text/x-odd", "1")
    assert "x-cos-storage-class" not in head, "a copy's storage class is its own"
    copy(x_cos_metadata_directive="Replaced", x_cos_meta_b="2", x_cos_storage_class="COLD")
    head = call(cos.port, "HEAD", "to").headers
    assert (head.get("x-cos-meta-a"), head["x-cos-meta-b"]) == (None, "2")
    assert head["x-cos-storage-class"] == "COLD"
    assert copy("from +%41é").code == "InvalidRequest"
    assert copy("from +%41é", x_cos_metadata_directive="Replaced").status == 200
    assert copy(x_cos_metadata_directive="other").code == "InvalidArgument"
    assert copy(x_cos_copy_source_if_match=etag).status == 200
    assert copy(x_cos_copy_source_if_match='"0"').code == "PreconditionFailed"
    assert copy(x_cos_copy_source_if_none_match=etag).code == "PreconditionFailed"
    assert call(cos.port, "PUT", "k", headers={"x-cos-copy-source": f"{HOST}/none"}).code == (
        "NoSuchKey"
    )
    upload = begin(cos, "joined")
    etags = []
    for number, span in enumerate(("bytes=5-9", "bytes=0-4"), 1):
        params = (("partNumber", str(number)), ("uploadId", upload))
        ranged = source | {"x-cos-copy-source-range": span}
        got = call(cos.port, "PUT", "joined", params=params, headers=ranged)
        etags.append((number, texts("ETag", got)[0]))
    assert complete(cos, "joined", upload, etags).status == 200
    assert cos.object_bytes(BUCKET, "joined") == b"5678901234"


def test_acls(cos: EmbeddedCos) -> None:
    sdk = sdk_of(cos)

    def grants(key: str = "k") -> list[tuple[str, str]]:
        found = sdk.get_object_acl(BUCKET, key)["AccessControlList"]["Grant"]
        return [(g["Permission"], g["Grantee"].get("URI") or g["Grantee"]["ID"]) for g in found][1:]

    everyone = "http://cam.qcloud.com/groups/global/AllUsers"
    sdk.put_object(BUCKET, b"x", "k", ACL="public-read")
    assert grants() == [("READ", everyone)]
    assert call(cos.port, "GET", "k", params=(("acl", ""),)).headers["x-cos-acl"] == "public-read"
    someone = "qcs::cam::uin/1:uin/2"
    sdk.put_object(BUCKET, b"x", "k", GrantRead=f'id="{someone}"', GrantFullControl='id="b"')
    assert grants() == [("READ", someone), ("FULL_CONTROL", "b")]
    sdk.put_object(BUCKET, b"x", "k")
    assert grants() == []
    policy = {
        "Owner": {"ID": someone},
        "AccessControlList": {
            "Grant": [
                {
                    "Permission": "WRITE_ACP",
                    "Grantee": {"Type": "CanonicalUser", "ID": someone, "DisplayName": "x"},
                }
            ]
        },
    }
    sdk.put_object_acl(BUCKET, "k", AccessControlPolicy=policy)
    assert grants() == [("WRITE_ACP", someone)]
    source = {"Bucket": BUCKET, "Key": "k", "Region": "ap-guangzhou"}
    sdk.copy_object(BUCKET, "copy", source, ACL="public-read-write")
    assert grants("copy") == [("READ", everyone), ("WRITE", everyone)]
    assert "Grant" in sdk.get_bucket_acl(BUCKET)["AccessControlList"]
    got = call(cos.port, "PUT", "k", params=(("acl", ""),), body=b"<AccessControlPolicy>")
    assert got.code == "MalformedXML"
