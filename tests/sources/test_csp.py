"""CSP keeps the contract of all sources; its objects keep their ACL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cos_migrate.config.values import Secret
from cos_migrate.sources.s3.csp import CspConfig, CspSource
from tests.fakes.s3_server import BUCKET, KEY, KEY_ID, S3Server
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
from tests.sources.s3_sources import TARGET

PROVEN_KEYS = {
    "migrateCsp": {
        # What it shares with S3 is one code, tested there.
        "sources/test_aws_errors.py::test_wrong_settings": "bucket accessKeyId accessKeySecret",
        "functional/test_aws.py::test_a_prefix_through_a_proxy": "prefix proxyHost proxyPort",
        "sources/test_aws_errors.py::test_tls_with_a_private_ca": "srcHttps",
        "sources/test_connect_timeout.py::test_a_server_that_takes_no_connection": (
            "srcConnectTimeout"
        ),
        "sources/test_aws_errors.py::test_a_source_that_is_silent": "srcSocketTimeout",
        "test_a_list_of_keys_may_have_blanks_around_them": "uriList",
        "sources/test_aws_errors.py::test_an_endpoint_that_nothing_answers": "endPoint",
        "test_keys_that_end_in_a_slash": "migrateSlashEndObjectAcl",
    }
}

FRIEND = "qcs::cam::uin/100000000002:uin/100000000002"


def source_of(s3: S3Server, **more: Any) -> CspSource:
    fields = {
        "bucket": BUCKET,
        "access_key_id": Secret(KEY_ID),
        "access_key_secret": Secret(KEY),
        "end_point": f"http://127.0.0.1:{s3.port}",
        **more,
    }
    return CspSource(CspConfig(**fields), TARGET)


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


class TestCsp(SourceContract, BucketContract, PagesContract, CutsContract, WireContract):
    many: ClassVar[int] = 3_000

    @pytest.fixture
    def source(self, s3: S3Server) -> CspSource:
        return source_of(s3)

    @pytest.fixture
    def server(self, s3: S3Server) -> S3Server:
        return s3


def test_records_are_those_of_the_java_tool(s3: S3Server) -> None:
    s3.put("a/b.txt", b"hello")
    source = source_of(s3, prefix="a/")
    assert source.job_text() == (
        f"[destCosFolder: /x/], [endPoint: http://127.0.0.1:{s3.port}], "
        f"[srcBucket: {BUCKET}], [srcPrefix: a/]"
    )
    obj = only(source)
    key = "[taskType: migrateCsp] [bucket: examplebucket-1250000000] [cosPath: /x/b.txt]"
    assert source.record_key(obj, "/x/b.txt") == key
    value = "[fileSize: 5] [etag: 5d41402abc4b2a76b9719d911017c592]"
    assert source.record_value(obj) == value


def headers_of(source: CspSource) -> dict[str, str]:
    obj = only(source)
    with source.open(obj, 0, obj.fingerprint.size) as reader:
        reader.read(1 << 20)
        read = dict(reader.described.headers)
    assert read == source.describe(obj).headers
    return read


def test_the_acl_comes_along_without_being_asked_for(s3: S3Server) -> None:
    s3.put("f", b"hello", acl="public-read")
    headers = headers_of(source_of(s3))
    assert headers["x-cos-acl"] == "public-read"
    assert headers["x-cos-meta-csp-etag"] == "5d41402abc4b2a76b9719d911017c592"
    s3.put("f", b"hello")
    assert headers_of(source_of(s3))["x-cos-acl"] == "private"


def test_grants_to_accounts_of_tencent_stay(s3: S3Server) -> None:
    s3.put("f", b"hello", grants=(("READ", FRIEND), ("WRITE", FRIEND), ("READ_ACP", FRIEND)))
    headers = headers_of(source_of(s3))
    assert headers["x-cos-grant-read"] == f'id="{FRIEND}"'
    assert headers["x-cos-grant-read-acp"] == f'id="{FRIEND}"'
    assert "x-cos-acl" not in headers


def test_keys_that_end_in_a_slash(s3: S3Server) -> None:
    s3.put("folder/", b"", acl="public-read")
    s3.put("folder/f", b"x", acl="public-read")
    for told in (True, False):
        source = source_of(s3, migrate_slash_end_object_acl=told)
        found = {obj.name: obj for obj in objects(source)}
        assert content(source, found["folder/"]) == b""
        assert ("x-cos-acl" in source.describe(found["folder/"]).headers) is told
        assert "x-cos-acl" in source.describe(found["folder/f"]).headers


def test_a_list_of_keys_may_have_blanks_around_them(s3: S3Server, tmp_path: Path) -> None:
    s3.put("a b", b"1")
    path = tmp_path / "keys"
    path.write_text("  a b \n \n")
    source = source_of(s3, uri_list=str(path))
    obj = only(source)
    assert (obj.name, obj.key) == ("a b", "a b")
    assert content(source, source.stat(obj)) == b"1"
