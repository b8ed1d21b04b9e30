"""Alibaba Cloud OSS: the contract of all sources, and what is peculiar to it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cos_migrate.config.values import Secret
from cos_migrate.errors import MigrateError, SourceChanged
from cos_migrate.model import Described, Fingerprint, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.oss.access import Address
from cos_migrate.sources.oss.source import AliyunConfig, AliyunSource
from tests.fakes.faults import Fault
from tests.fakes.messages import Answer, Request
from tests.fakes.oss_server import BEIJING, BUCKET, HANGZHOU, KEY_ID, SECRET, OssServer
from tests.fakes.oss_store import Bucket
from tests.fakes.scripted import reply, scripted
from tests.sources.bucket_contract import OrderedBucketContract, PrefixContract, SlashesContract
from tests.sources.clouds import OssByHost, OssCloud
from tests.sources.contract import (
    content,
    objects,
    only,
)

PROVEN_KEYS = {
    "migrateAli": {
        "test_wrong_settings_are_named": "bucket accessKeyId accessKeySecret",
        "test_nothing_but_the_configuration_names_a_proxy": "proxyHost proxyPort",
        "test_an_authority_of_its_own": "srcHttps",
        "test_what_may_pass": "srcSocketTimeout",
        "test_below_a_folder": "prefix",
        "test_what_an_endpoint_means": "endPoint",
        "test_a_file_of_keys": "uriList",
        "functional/test_inventory.py::test_rows_are_the_list": "inventory",
        "sources/test_connect_timeout.py::test_a_server_that_takes_no_connection": (
            "srcConnectTimeout"
        ),
        "functional/test_credentials.py::test_a_security_token_of_oss": "securityToken",
        "functional/test_credential_chains.py::test_the_role_of_an_ecs_instance": (
            "ramRole ramRoleUrl"
        ),
    }
}

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")


@pytest.fixture(params=[OssCloud, OssByHost])
def cloud(oss: OssServer, request: pytest.FixtureRequest) -> OssCloud:
    made: OssCloud = request.param(oss)
    return made


class TestOss(OrderedBucketContract, PrefixContract, SlashesContract):
    """Through an address, and through the endpoint of a region behind a proxy."""


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
        (OssCloud(oss).source(), "v1"),
        (OssCloud(oss).proxied(), "v4"),
        (OssCloud(oss).proxied(end_point="oss-accelerate.aliyuncs.com"), "v1"),
        (OssCloud(oss).source(end_point=f"http://{BUCKET}.localhost:{oss.port}"), "v1"),
    ):
        del oss.seen[:]
        assert content(source, only(source)) == b"x"
        assert {seen.notes["signed"] for seen in oss.seen} == {signed}
        assert {seen.proxied for seen in oss.seen} == {bool(source.config.proxy_host)}


def test_records_are_those_of_the_java_tool(oss: OssServer) -> None:
    oss.put("a/b/c", b"hello")
    source = OssCloud(oss).source(end_point=HANGZHOU, prefix="a/b")
    text = f"[srcEndpoint: {HANGZHOU}] [prefix: a/b] [cosFolder: /x/] "
    assert source.job_text() == text
    assert source.record_kind == "migrate_from_ali"
    obj = only(OssCloud(oss).source(prefix="a/b"))
    etag = hashlib.md5(b"hello").hexdigest().upper()
    assert source.record_key(obj, "/x/b/c") == (
        "[taskType: migrateAli] [bucket: examplebucket-1250000000] [cosPath: /x/b/c]"
    )
    assert source.record_value(obj) == f"[fileSize: 5] [etag: {etag}]"


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
    source = OssCloud(oss).source()
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
        storage_class="Standard",
    )


def test_what_cannot_be_carried_over_is_named(oss: OssServer) -> None:
    oss.put("a", b"x", {"x-oss-meta-big": "x" * 3000, "x-oss-meta-a.b": "y", "x-oss-meta-c": "z"})
    source = OssCloud(oss).source()
    found = described(source, only(source))
    assert found.headers["x-cos-meta-c"] == "z"
    assert len(found.warnings) == 2
    assert "'big'" in "".join(found.warnings)
    assert "'a.b'" in "".join(found.warnings)


def test_what_oss_adds_for_browsers_is_not_carried_over() -> None:
    with OssServer(buckets=(Bucket(BUCKET, forces_download=True),)) as oss:
        oss.put("a", b"x")
        oss.put("b", b"x", {"Content-Disposition": "attachment; filename=c"})
        source = OssCloud(oss).source()
        first, second = objects(source)
        assert "content-disposition" not in described(source, first).headers
        assert described(source, second).headers["content-disposition"].endswith("filename=c")


def test_only_what_oss_calls_the_md5_is_taken_for_it(oss: OssServer) -> None:
    made = oss.put("parts", b"hello", parts=2)
    posted = oss.put("posted", b"hello")
    oss.store.put(BUCKET, replace(posted, etag="0" * 32, content_md5=""))
    source = OssCloud(oss).source()
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
    source = OssCloud(oss).source(options=SourceOptions(copy_acl=True))
    found = described(source, only(source))
    assert found.headers.get("x-cos-acl") == stored
    assert bool(found.warnings) == warned
    del oss.seen[:]
    assert content(source, only(source), 1, 2) == b"el"
    assert "GetObjectACL" not in oss.operations()
    assert "x-cos-acl" not in described(OssCloud(oss).source(), only(source)).headers


@pytest.mark.parametrize("key", ["?a=b", "..", "a/../b", "/a", "a b+c%20", "\u6587/~", "."])
@pytest.mark.parametrize("kind", [OssCloud, OssByHost])
def test_acls_of_odd_keys(oss: OssServer, key: str, kind: type[OssCloud]) -> None:
    oss.put(key, b"hello", acl="public-read")
    source = kind(oss).source(SourceOptions(copy_acl=True))
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
    source = OssCloud(oss).source()
    link = next(obj for obj in objects(source) if obj.key == "link")
    assert link.fingerprint == Fingerprint(-1)
    known = source.stat(link)
    assert (known.fingerprint.size, known.fingerprint.etag) == (3, made.etag)
    assert content(source, known) == b"xyz"


def wrong(call: Callable[[], object]) -> MigrateError:
    """Return the error that a call ends in."""
    with pytest.raises(MigrateError) as caught:
        call()
    assert SECRET not in str(caught.value)
    return caught.value


def test_wrong_keys_are_named_by_a_head_too(oss: OssServer) -> None:
    oss.put("a", b"x")
    obj = only(OssCloud(oss).source())
    error = wrong(lambda: OssCloud(oss).source(access_key_id=Secret("LTAInobody")).stat(obj))
    assert (error.code, error.status, error.fatal) == ("InvalidAccessKeyId", 403, True)


def test_a_wrong_clock(cloud: OssCloud) -> None:
    cloud.server.clock = lambda: time.time() + 3600
    error = wrong(lambda: objects(cloud.source()))
    assert (error.code, error.fatal) == ("RequestTimeTooSkewed", True)
    assert "clock of this machine" in str(error)
    assert error.request_id


def test_a_wrong_endpoint_is_named() -> None:
    with OssServer(buckets=(Bucket(BUCKET, endpoint=BEIJING),)) as oss:
        error = wrong(lambda: objects(OssCloud(oss).proxied()))
        assert (error.code, error.fatal) == ("WrongEndpoint", True)
        assert "[migrateAli] endPoint" in str(error)
        assert BEIJING in str(error)
        obj = SourceObject("a", "a", Fingerprint(1, 0, "X"))
        oss.put("a", b"x")
        assert wrong(lambda: OssCloud(oss).proxied().stat(obj)).code == "WrongEndpoint"


def test_v1_signatures_may_be_refused(oss: OssServer) -> None:
    oss.faults.append(
        Fault("status", status=403, code="AccessDenied", details={"EC": "0002-00000080"})
    )
    error = wrong(lambda: objects(OssCloud(oss).source()))
    assert (error.code, error.fatal) == ("V1Refused", True)
    assert "[migrateAli] endPoint" in str(error)


def test_a_crc64_that_is_wrong_or_missing(oss: OssServer) -> None:
    oss.put("a", bytes(100_000))
    source = OssCloud(oss).source()
    obj = only(source)
    oss.faults[:] = [Fault("wrong-crc", operation="GetObject")]
    error = wrong(lambda: content(source, obj))
    assert (error.code, error.retryable) == ("SourceChecksumMismatch", True)
    oss.faults[:] = [Fault("no-crc", times=-1)]
    assert content(source, obj) == bytes(100_000)
    assert source.describe(obj).crc64 == -1


def test_a_proxy_that_forgets_what_was_asked(oss: OssServer) -> None:
    oss.put("a", b"0123456789")
    source = OssCloud(oss).source()
    obj = only(source)
    oss.faults[:] = [Fault("whole")]
    assert wrong(lambda: content(source, obj, 2, 3)).code == "RangeIgnored"
    oss.put("a", b"9876543210")
    oss.faults[:] = [Fault("unpinned", times=-1)]
    for call in (lambda: content(source, obj), lambda: content(source, obj, 2, 3)):
        assert isinstance(wrong(call), SourceChanged)


def test_a_range_that_does_not_fit_any_more(oss: OssServer) -> None:
    oss.put("a", b"0123456789")
    source = OssCloud(oss).source()
    obj = only(source)
    oss.put("a", b"012")
    unpinned = obj._replace(fingerprint=Fingerprint(10))
    assert isinstance(wrong(lambda: content(source, unpinned, 5, 5)), SourceChanged)


def test_a_marker_that_leads_nowhere(oss: OssServer) -> None:
    for number in range(1500):
        oss.put(f"{number:05}")
    oss.faults[:] = [Fault("same-marker", skip=1, times=-1)]
    error = wrong(lambda: objects(OssCloud(oss).source()))
    assert (error.code, error.retryable) == ("ListingOutOfOrder", False)
