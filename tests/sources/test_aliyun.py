"""Alibaba Cloud OSS: the contract of all sources, and what is peculiar to it."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import oss2
import pytest
import trustme

from cos_migrate.config.values import Secret
from cos_migrate.errors import MigrateError, SourceChanged, SourceError
from cos_migrate.model import Described, Fingerprint, ListRange, Note, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.oss.access import Address
from cos_migrate.sources.oss.source import AliyunConfig, AliyunSource
from cos_migrate.sources.xml_listing import read_marker_page
from tests.fakes.faults import Fault
from tests.fakes.messages import Answer, Request
from tests.fakes.oss_server import BEIJING, BUCKET, HANGZHOU, KEY_ID, SECRET, OssServer
from tests.fakes.oss_signature import Account
from tests.fakes.oss_store import Bucket
from tests.fakes.scripted import reply, scripted
from tests.sources.contract import (
    BucketContract,
    CutsContract,
    PagesContract,
    SourceContract,
    WireContract,
    content,
    objects,
    only,
)
from tests.sources.listings import names_of

PROVEN_KEYS = {
    "migrateAli": {
        "test_a_missing_bucket_and_a_wrong_endpoint_are_named": "bucket",
        "test_wrong_credentials_are_named": "accessKeyId accessKeySecret",
        "test_what_a_prefix_leaves_of_a_key": "prefix",
        "functional/test_ali.py::test_a_prefix_through_a_proxy": "proxyHost proxyPort",
        "test_over_https_with_a_private_authority": "srcHttps",
        "sources/test_connect_timeout.py::test_a_server_that_takes_no_connection": (
            "srcConnectTimeout"
        ),
        "test_what_may_go_away_again": "srcSocketTimeout",
        "test_a_list_of_keys_instead_of_the_bucket": "uriList",
        "test_what_an_endpoint_means": "endPoint",
        "functional/test_credentials.py::test_a_security_token_of_oss": "securityToken",
    }
}

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")


@pytest.fixture(name="oss")
def _oss() -> Iterator[OssServer]:
    with OssServer() as oss:
        yield oss


def source_of(
    oss: OssServer, *, options: SourceOptions | None = None, secret: str = SECRET, **named: Any
) -> AliyunSource:
    """Return a source that reaches the server by path, unless told otherwise."""
    config: dict[str, Any] = {
        "bucket": BUCKET,
        "access_key_id": Secret(KEY_ID),
        "access_key_secret": Secret(secret),
        "end_point": f"127.0.0.1:{oss.port}",
        **named,
    }
    return AliyunSource(AliyunConfig(**config), TARGET, options)


def proxied(oss: OssServer, end_point: str = HANGZHOU, **named: Any) -> AliyunSource:
    """Return a source that reaches the server as its proxy."""
    return source_of(oss, end_point=end_point, proxy_host="127.0.0.1", proxy_port=oss.port, **named)


class OssContract(SourceContract, BucketContract, PagesContract, CutsContract, WireContract):
    @pytest.fixture
    def source(self, oss: OssServer) -> AliyunSource:
        return source_of(oss)

    @pytest.fixture
    def server(self, oss: OssServer) -> OssServer:
        return oss


class TestByPath(OssContract):
    """Through an address, with V1 signatures."""


class TestByHost(OssContract):
    """Through the endpoint of a region, behind a proxy, with V4 signatures."""

    @pytest.fixture
    def source(self, oss: OssServer) -> AliyunSource:
        return proxied(oss)


@pytest.mark.parametrize(
    ("end_point", "https", "url", "region"),
    [
        (HANGZHOU, False, f"http://b.{HANGZHOU}", "cn-hangzhou"),
        (HANGZHOU, True, f"https://b.{HANGZHOU}", "cn-hangzhou"),
        (f"http://{HANGZHOU}", True, f"http://b.{HANGZHOU}", "cn-hangzhou"),
        (f"https://{HANGZHOU}:8443", False, f"https://b.{HANGZHOU}:8443", "cn-hangzhou"),
        (f"b.{HANGZHOU}", False, f"http://b.{HANGZHOU}", "cn-hangzhou"),
        (
            "oss-us-west-1-internal.aliyuncs.com",
            False,
            "http://b.oss-us-west-1-internal.aliyuncs.com",
            "us-west-1",
        ),
        (
            "cn-north-2-gov-1.oss.aliyuncs.com",
            False,
            "http://b.cn-north-2-gov-1.oss.aliyuncs.com",
            "cn-north-2-gov-1",
        ),
        ("oss-accelerate.aliyuncs.com", False, "http://b.oss-accelerate.aliyuncs.com", ""),
        (
            "oss-accelerate-overseas.aliyuncs.com",
            False,
            "http://b.oss-accelerate-overseas.aliyuncs.com",
            "",
        ),
        ("files.example.com", False, "http://files.example.com", ""),
        ("b.oss.example.com:8080", False, "http://b.oss.example.com:8080", ""),
        ("10.0.0.1:8080", False, "http://10.0.0.1:8080/b", ""),
        ("https://[::1]:8080", False, "https://[::1]:8080/b", ""),
        ("localhost:8080", True, "https://localhost:8080/b", ""),
    ],
)
def test_what_an_endpoint_means(end_point: str, https: bool, url: str, region: str) -> None:
    assert Address.of(end_point, "b", https=https) == Address(url, region)


def test_the_signature_that_the_endpoint_allows(oss: OssServer) -> None:
    oss.put("a", b"x")
    for source, signed in (
        (source_of(oss), "v1"),
        (proxied(oss), "v4"),
        (proxied(oss, "oss-accelerate.aliyuncs.com"), "v1"),
        (source_of(oss, end_point=f"http://{BUCKET}.localhost:{oss.port}"), "v1"),
    ):
        del oss.seen[:]
        assert content(source, only(source)) == b"x"
        assert {seen.notes["signed"] for seen in oss.seen} == {signed}
        assert {seen.proxied for seen in oss.seen} == {bool(source.config.proxy_host)}


def test_over_https_with_a_private_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1", f"{BUCKET}.{HANGZHOU}")
    chain, key, ca = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    made.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(ca))
    options = SourceOptions(ca_file=str(ca))
    with OssServer(tls=(chain, key)) as oss:
        oss.put("a", b"x")
        for source in (
            source_of(oss, src_https=True, options=options),
            source_of(oss, end_point=f"https://127.0.0.1:{oss.port}", options=options),
            proxied(oss, src_https=True, options=options),
        ):
            assert content(source, only(source)) == b"x"
        assert not any(seen.proxied for seen in oss.seen)
        with pytest.raises(SourceError) as caught:
            objects(source_of(oss, src_https=True))
        assert caught.value.code == "CertificateInvalid"


def test_nothing_of_the_environment_is_used(
    oss: OssServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    oss.put("a", b"x")
    with caplog.at_level(logging.DEBUG):
        for source in (source_of(oss), proxied(oss)):
            assert content(source, only(source)) == b"x"
            assert SECRET not in repr(source.config)
    assert not caplog.records


def test_records_are_those_of_the_java_tool(oss: OssServer) -> None:
    oss.put("a/b/c", b"hello")
    source = source_of(oss, end_point=HANGZHOU, prefix="a/b")
    text = f"[srcEndpoint: {HANGZHOU}] [prefix: a/b] [cosFolder: /x/] "
    assert source.job_text() == text
    assert source.record_kind == "migrate_from_ali"
    obj = only(source_of(oss, prefix="a/b"))
    etag = hashlib.md5(b"hello").hexdigest().upper()
    assert source.record_key(obj, "/x/b/c") == (
        "[taskType: migrateAli] [bucket: examplebucket-1250000000] [cosPath: /x/b/c]"
    )
    assert source.record_value(obj) == f"[fileSize: 5] [etag: {etag}]"


@pytest.mark.parametrize(
    ("prefix", "key", "below"),
    [
        ("", "a/b.txt", "a/b.txt"),
        ("", "/a", "/a"),
        ("a/b", "a/bc/d.txt", "bc/d.txt"),
        ("a/b/", "a/b/d.txt", "d.txt"),
        ("a/b/", "a/b/", ""),
        ("ab", "abc", "abc"),
    ],
)
def test_what_a_prefix_leaves_of_a_key(oss: OssServer, prefix: str, key: str, below: str) -> None:
    oss.put(key, b"x")
    oss.put("0", b"another")
    oss.put("z", b"another")
    found = [obj for obj in objects(source_of(oss, prefix=prefix)) if obj.name == key]
    assert [(obj.name, obj.key) for obj in found] == [(key, below)]
    if prefix:
        assert len(objects(source_of(oss, prefix=prefix))) == 1


def described(source: AliyunSource, obj: SourceObject) -> Described:
    """Return what a GET describes; a HEAD must say the same."""
    with source.open(obj, 0, obj.fingerprint.size) as reader:
        found = reader.described
    assert source.describe(obj) == found
    return found


def test_what_is_carried_over(oss: OssServer) -> None:
    standard = {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "max-age=60",
        "content-disposition": "attachment; filename*=UTF-8''%E6%96%87.txt",
        "content-encoding": "gzip",
        "content-language": "de",
        "expires": "Thu, 01 Dec 2030 16:00:00 GMT",
    }
    user = {"x-oss-meta-Author_Name": "someone", "x-oss-meta-note": "Größe 100%"}
    made = oss.put("a", b"hello", {**standard, **user}, modified=1_700_000_000)
    source = source_of(oss)
    found = described(source, only(source))
    assert found == Described(
        Fingerprint(5, 1_700_000_000 * 10**9, made.etag),
        {
            **standard,
            "x-cos-meta-oss-etag": made.etag,
            "x-cos-meta-author-name": "someone",
            "x-cos-meta-note": "Gr%C3%B6%C3%9Fe 100%25",
        },
        hashlib.md5(b"hello").hexdigest(),
        made.crc64,
        found.checks,
        likely_md5=hashlib.md5(b"hello").hexdigest(),
    )


def test_what_cannot_be_carried_over_is_named(oss: OssServer) -> None:
    oss.put("a", b"x", {"x-oss-meta-big": "x" * 3000, "x-oss-meta-a.b": "y", "x-oss-meta-c": "z"})
    source = source_of(oss)
    found = described(source, only(source))
    assert found.headers["x-cos-meta-c"] == "z"
    assert len(found.warnings) == 2
    assert "'big'" in "".join(found.warnings)
    assert "'a.b'" in "".join(found.warnings)


def test_what_oss_adds_for_browsers_is_not_carried_over() -> None:
    with OssServer(buckets=(Bucket(BUCKET, forces_download=True),)) as oss:
        oss.put("a", b"x")
        oss.put("b", b"x", {"Content-Disposition": "attachment; filename=c"})
        source = source_of(oss)
        first, second = objects(source)
        assert "content-disposition" not in described(source, first).headers
        assert described(source, second).headers["content-disposition"].endswith("filename=c")


def test_only_what_oss_calls_the_md5_is_taken_for_it(oss: OssServer) -> None:
    made = oss.put("parts", b"hello", parts=2)
    posted = oss.put("posted", b"hello")
    oss.store.put(BUCKET, replace(posted, etag="0" * 32, content_md5=""))
    source = source_of(oss)
    by_key = {obj.key: described(source, obj) for obj in objects(source)}
    assert by_key["parts"].md5 == by_key["posted"].md5 == ""
    assert by_key["parts"].likely_md5 == ""
    assert by_key["posted"].likely_md5 == "0" * 32, "to be proven by the content"
    assert by_key["parts"].crc64 == made.crc64
    assert by_key["parts"].headers["x-cos-meta-oss-etag"] == made.etag


@pytest.mark.parametrize(
    ("acl", "stored", "warned"),
    [
        ("default", None, False),
        ("private", "private", False),
        ("public-read", "public-read", False),
        ("public-read-write", "public-read", True),
    ],
)
def test_acls_are_carried_over_when_asked_for(
    oss: OssServer, acl: str, stored: str | None, warned: bool
) -> None:
    oss.put("a b", b"hello", acl=acl)
    source = source_of(oss, options=SourceOptions(copy_acl=True))
    found = described(source, only(source))
    assert found.headers.get("x-cos-acl") == stored
    assert bool(found.warnings) == warned
    del oss.seen[:]
    assert content(source, only(source), 1, 2) == b"el"
    assert "GetObjectACL" not in oss.operations()
    assert "x-cos-acl" not in described(source_of(oss), only(source)).headers


@pytest.mark.parametrize("key", ["?a=b", "..", "a/../b", "/a", "a b+c%20", "\u6587/~", "."])
@pytest.mark.parametrize("make", [source_of, proxied])
def test_acls_of_odd_keys(oss: OssServer, key: str, make: Callable[..., AliyunSource]) -> None:
    oss.put(key, b"hello", acl="public-read")
    source = make(oss, options=SourceOptions(copy_acl=True))
    assert described(source, only(source)).headers["x-cos-acl"] == "public-read"


@pytest.mark.parametrize("body", [b"", b"<html>", b"<a/>", b"<AccessControlPolicy/>"])
def test_an_acl_that_is_none_is_asked_for_again(body: bytes) -> None:
    def script(asked: Request) -> Answer:
        return reply(body if "acl" in dict(asked.params) else b"x", headers={"etag": '"E"'})

    with scripted(script) as server:
        config: dict[str, Any] = {"access_key_id": Secret(KEY_ID), "access_key_secret": Secret("x")}
        place = AliyunConfig(bucket=BUCKET, end_point=f"127.0.0.1:{server.port}", **config)
        source = AliyunSource(place, TARGET, SourceOptions(copy_acl=True))
        error = wrong(lambda: content(source, SourceObject("a", "a", Fingerprint(1, etag="E"))))
    assert (error.code, error.retryable) == ("BadAnswer", True)
    assert error.operation == "GetObjectACL"


def test_a_symbolic_link_is_what_it_points_to(oss: OssServer) -> None:
    made = oss.put("target", b"xyz")
    oss.put("link", target="target")
    source = source_of(oss)
    link = next(obj for obj in objects(source) if obj.key == "link")
    assert link.fingerprint == Fingerprint(-1)
    known = source.stat(link)
    assert (known.fingerprint.size, known.fingerprint.etag) == (3, made.etag)
    assert content(source, known) == b"xyz"


def test_a_list_of_keys_instead_of_the_bucket(oss: OssServer, tmp_path: Path) -> None:
    keys = ["a/b c+%41.txt", "文/件", "a/gone", " blanks "]
    for key in keys:
        if key != "a/gone":
            oss.put(key, key.encode())
    path = tmp_path / "keys"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*keys, "", keys[0]]).encode() + b"\n")
    source = source_of(oss, uri_list=str(path), prefix="a/")
    found = objects(source)
    assert [obj.name for obj in found] == keys
    (told,) = [item.line for item in source.scan() if isinstance(item, Note)]
    assert told == f"line {len(keys) + 2} of {path} is passed over: it repeats line 1"
    assert found[0].key == "b c+%41.txt"
    assert found[1].key == "文/件"
    assert all(obj.fingerprint == Fingerprint(-1) for obj in found)
    assert not oss.seen
    known = source.stat(found[0])
    assert content(source, known) == keys[0].encode()
    with pytest.raises(SourceError) as caught:
        source.stat(found[2])
    assert caught.value.code == "NoSuchKey"
    assert source.split(ListRange(str(path)), "0:0") is None


def wrong(call: Callable[[], object]) -> MigrateError:
    """Return the error that a call ends in."""
    with pytest.raises(MigrateError) as caught:
        call()
    assert SECRET not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("v4", [False, True])
def test_wrong_credentials_are_named(oss: OssServer, v4: bool) -> None:
    oss.put("a", b"x")
    make = proxied if v4 else source_of
    obj = only(make(oss))
    for source, code, key in (
        (make(oss, access_key_id=Secret("LTAInobody")), "InvalidAccessKeyId", "accessKeyId"),
        (make(oss, secret="guessed"), "SignatureDoesNotMatch", "accessKeySecret"),
    ):
        for call in (
            lambda source=source: objects(source),
            lambda source=source: content(source, obj),
            lambda source=source: source.stat(obj),
        ):
            error = wrong(call)
            assert (error.code, error.status, error.fatal) == (code, 403, True)
            assert not error.retryable
            assert f"[migrateAli] {key}" in str(error)
            assert error.request_id
    oss.clock = lambda: time.time() + 3600
    error = wrong(lambda: objects(make(oss)))
    assert (error.code, error.fatal) == ("RequestTimeTooSkewed", True)
    assert "clock of this machine" in str(error)


def test_a_missing_bucket_and_a_wrong_endpoint_are_named() -> None:
    with OssServer(buckets=(Bucket(BUCKET, endpoint=BEIJING),)) as oss:
        error = wrong(lambda: objects(proxied(oss)))
        assert (error.code, error.fatal) == ("WrongEndpoint", True)
        assert "[migrateAli] endPoint" in str(error)
        assert BEIJING in str(error)
        obj = SourceObject("a", "a", Fingerprint(1, 0, "X"))
        oss.put("a", b"x")
        assert wrong(lambda: proxied(oss).stat(obj)).code == "WrongEndpoint"
        error = wrong(lambda: objects(proxied(oss, BEIJING, bucket="none")))
        assert (error.code, error.status, error.fatal) == ("NoSuchBucket", 404, True)
        assert "[migrateAli] bucket" in str(error)


def test_missing_permissions_are_named() -> None:
    denied = frozenset({"ListObjects", "GetObject"})
    with OssServer(accounts=(Account(KEY_ID, SECRET, denied=denied),)) as oss:
        oss.put("a", b"x")
        obj = SourceObject("a", "a", Fingerprint(1))
        for call in (lambda: objects(source_of(oss)), lambda: content(source_of(oss), obj)):
            error = wrong(call)
            assert (error.code, error.status) == ("AccessDenied", 403)
            assert not error.fatal
            assert not error.retryable
            assert "[migrateAli] accessKeyId" in str(error)
            assert "oss:ListObjects" in str(error)


def test_v1_signatures_may_be_refused(oss: OssServer) -> None:
    oss.faults.append(
        Fault("status", status=403, code="AccessDenied", details={"EC": "0002-00000080"})
    )
    error = wrong(lambda: objects(source_of(oss)))
    assert (error.code, error.fatal) == ("V1Refused", True)
    assert "[migrateAli] endPoint" in str(error)


def test_an_archived_object_is_named(oss: OssServer) -> None:
    oss.put("cold", b"x", storage_class="ColdArchive")
    source = source_of(oss)
    error = wrong(lambda: content(source, only(source)))
    assert (error.code, error.status) == ("InvalidObjectState", 403)
    assert "restored" in str(error)
    assert not error.fatal
    assert not error.retryable


def test_an_unreachable_endpoint_is_named(oss: OssServer) -> None:
    obj = SourceObject("a", "a", Fingerprint(1))
    for source, code, key in (
        (source_of(oss, end_point="127.0.0.1:1"), "ConnectionRefused", "endPoint"),
        (
            source_of(oss, proxy_host="127.0.0.1", proxy_port=1),
            "ConnectionRefused",
            "endPoint, proxyHost",
        ),
        (source_of(oss, end_point="none.invalid"), "NameNotResolved", "endPoint"),
    ):
        for call in (
            lambda source=source: objects(source),
            lambda source=source: source.stat(obj),
        ):
            error = wrong(call)
            assert (error.code, error.retryable, error.fatal) == (code, True, False)
            assert f"[migrateAli] {key}" in str(error)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("reset", times=-1), "ConnectionReset"),
        (Fault("hang", times=-1, seconds=5.0), "Timeout"),
        (Fault("cut", at=5, times=-1), "ConnectionReset"),
        (Fault("status", status=503, code="ServiceUnavailable"), "ServiceUnavailable"),
        (Fault("status", status=500, code="InternalError"), "InternalError"),
    ],
)
def test_what_may_go_away_again(oss: OssServer, fault: Fault, code: str) -> None:
    oss.put("a", bytes(100))
    patient = source_of(oss)
    source = source_of(oss, src_socket_timeout=500) if fault.kind == "hang" else patient
    obj = only(patient)
    for call in (lambda: objects(source), lambda: content(source, obj)):
        oss.faults[:] = [replace(fault)]
        error = wrong(call)
        assert (error.code, error.retryable, error.fatal) == (code, True, False)
        assert error.operation in {"ListObjects", "GetObject"}
        oss.faults.clear()
    assert content(patient, obj) == bytes(100)


def test_how_long_to_wait_is_told(oss: OssServer) -> None:
    oss.put("a", b"x")
    source = source_of(oss)
    obj = only(source)
    for call in (lambda: objects(source), lambda: content(source, obj)):
        oss.faults[:] = [Fault("status", status=503, code="SlowDown", retry_after=7)]
        assert wrong(call).retry_after == 7


def test_damaged_bytes_are_noticed(oss: OssServer) -> None:
    oss.put("a", bytes(100_000))
    source = source_of(oss)
    obj = only(source)
    for fault in (
        Fault("flip", operation="GetObject", at=77_777),
        Fault("wrong-crc", operation="GetObject"),
    ):
        oss.faults[:] = [fault]
        error = wrong(lambda: content(source, obj))
        assert (error.code, error.retryable) == ("SourceChecksumMismatch", True)
    assert content(source, obj) == bytes(100_000)
    oss.faults[:] = [Fault("no-crc", times=-1)]
    assert content(source, obj) == bytes(100_000)
    assert source.describe(obj).crc64 == -1


def test_a_proxy_that_forgets_what_was_asked(oss: OssServer) -> None:
    oss.put("a", b"0123456789")
    source = source_of(oss)
    obj = only(source)
    oss.faults[:] = [Fault("whole")]
    assert wrong(lambda: content(source, obj, 2, 3)).code == "RangeIgnored"
    oss.put("a", b"9876543210")
    oss.faults[:] = [Fault("unpinned", times=-1)]
    for call in (lambda: content(source, obj), lambda: content(source, obj, 2, 3)):
        assert isinstance(wrong(call), SourceChanged)


def test_a_range_that_does_not_fit_any_more(oss: OssServer) -> None:
    oss.put("a", b"0123456789")
    source = source_of(oss)
    obj = only(source)
    oss.put("a", b"012")
    unpinned = obj._replace(fingerprint=Fingerprint(10))
    assert isinstance(wrong(lambda: content(source, unpinned, 5, 5)), SourceChanged)


@pytest.mark.parametrize("kind", ["shuffle", "repeat", "same-marker"])
def test_a_listing_that_is_out_of_order(oss: OssServer, kind: str) -> None:
    for number in range(1500):
        oss.put(f"{number:05}")
    oss.faults[:] = [Fault(kind, skip=0 if kind == "shuffle" else 1, times=-1)]
    error = wrong(lambda: objects(source_of(oss)))
    assert error.code == "ListingOutOfOrder"
    assert not error.retryable


def test_a_listing_that_is_none(oss: OssServer) -> None:
    oss.faults[:] = [Fault("nonsense-body", operation="ListObjects")]
    error = wrong(lambda: objects(source_of(oss)))
    assert (error.code, error.retryable) == ("BadAnswer", True)


FULL = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com"><EncodingType>url</EncodingType>
<IsTruncated>true</IsTruncated><NextMarker>a%20b</NextMarker><Contents><Key>a+%2B/%E6%96%87</Key>
<LastModified>2026-11-23T06:59:47.000Z</LastModified><ETag>"AB12"</ETag><Type>Symlink</Type>
<Size>3</Size></Contents><CommonPrefixes><Prefix>c%20d/</Prefix></CommonPrefixes>
</ListBucketResult>"""
BARE = b"""<ListBucketResult><IsTruncated>False</IsTruncated>
<Contents><Key> a+%20b </Key><Size>3</Size></Contents></ListBucketResult>"""
STRICT = b"""<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>
<Contents><Key>a+%2B</Key><LastModified>2026-11-23T06:59:47.000Z</LastModified><ETag>"AB"</ETag>
<Type>Normal</Type><Size>3</Size><StorageClass>Standard</StorageClass></Contents>
</ListBucketResult>"""


@pytest.mark.parametrize(
    ("document", "entry", "folders", "truncated"),
    [
        (FULL, ("a +/\u6587", 3, 1795417187, "AB12", "Symlink"), ["c d/"], True),
        (BARE, (" a+%20b ", 3, -1, "", ""), [], False),
        (STRICT, ("a +", 3, 1795417187, "AB", "Normal"), [], False),
    ],
)
def test_listings_as_others_write_them(
    document: bytes, entry: tuple[object, ...], folders: list[str], truncated: bool
) -> None:
    listing = read_marker_page(document, "Type")
    [one] = listing.entries
    size, mtime_ns, etag = one.fingerprint
    seconds = mtime_ns // 10**9
    assert (one.key, size, seconds, etag, one.kind) == entry
    assert listing.folders == folders
    assert listing.truncated == truncated


@pytest.mark.parametrize(
    "document",
    [
        b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>",
        BARE.replace(b"<Size>3</Size>", b""),
        BARE.replace(b"<Key> a+%20b </Key>", b""),
        b"<Error><Code>X</Code></Error>",
        b"<ListBucket",
    ],
)
def test_documents_that_are_no_listings(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"its XML|IsTruncated|invalid literal|names no key"):
        read_marker_page(document, "Type")


def test_a_listing_is_read_as_the_sdk_reads_it(oss: OssServer) -> None:
    for name in ("a b", "a+b", "c/d", "\u6587/x", "&<>'\"", "e%20f", "\x01"):
        oss.put(name, name.encode())
    bucket = oss2.Bucket(oss2.Auth(KEY_ID, SECRET), f"http://127.0.0.1:{oss.port}", BUCKET)
    for delimiter in ("", "/"):
        theirs = bucket.list_objects(delimiter=delimiter, max_keys=100)
        page = source_of(oss).list_keys("", "", delimiter)
        assert [(obj.name, obj.fingerprint) for obj in page.objects] == [
            (each.key, Fingerprint(each.size, each.last_modified * 10**9, each.etag))
            for each in theirs.object_list
        ]
        assert page.folders == theirs.prefix_list


def test_names_that_differ_in_leading_slashes_only(oss: OssServer) -> None:
    for name in ("x", "/x", "//x", "/alone"):
        oss.put(name, name.encode())
    source = source_of(oss)
    found = {obj.name: obj for obj in objects(source)}
    for name in ("x", "//x", "/alone"):
        assert content(source, found[name]) == name.encode()
    for attempt in (content, AliyunSource.describe):
        error = wrong(lambda attempt=attempt: attempt(source, found["/x"]))  # type: ignore[misc]
        assert (error.code, error.retryable) == ("SameTarget", False)
        assert "same object as x:" in str(error)
    assert not source.takes_one_request(found["/x"])


def test_a_listing_is_cut_at_a_folder(oss: OssServer) -> None:
    for folder in "abcdefg":
        for number in range(3):
            oss.put(f"p/{folder}/{number}")
    source = source_of(oss, prefix="p/")
    [whole] = source.ranges()
    cut = source.split(whole, "p/a/1")
    assert cut is not None
    head, tail = cut
    found = [
        obj.name
        for part, marker in ((head, "p/a/1"), (tail, ""))
        for obj in source.list_page(part, marker).found
        if isinstance(obj, SourceObject)
    ]
    assert found == [obj.name for obj in objects(source)][2:]
    assert head.until == tail.after


def test_an_empty_page_that_leads_on() -> None:
    """Legal where many keys were deleted."""

    def script(asked: Request) -> Answer:
        marker = dict(asked.params)["marker"]
        head = "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextMarker>k%2B1"
        entry = (
            "<IsTruncated>false</IsTruncated><Contents><Key>x</Key><Size>1</Size><ETag>e</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><Type>Normal</Type>"
            "<StorageClass>Standard</StorageClass></Contents>"
        )
        inner = entry if marker == "k+1" else f"{head}</NextMarker>"
        return reply(f"<ListBucketResult>{inner}</ListBucketResult>".encode())

    with scripted(script) as server, OssServer() as oss:
        assert names_of(source_of(oss, end_point=f"127.0.0.1:{server.port}")) == ["x"]
