"""CSP keeps the contract of all sources; its objects keep their ACL."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from cos_migrate.sources.s3.csp import CspSource
from tests.fakes.s3_server import BUCKET, S3Server
from tests.sources.bucket_contract import OrderedBucketContract, PrefixContract, SlashesContract
from tests.sources.clouds import CspCloud
from tests.sources.contract import (
    content,
    objects,
    only,
)

PROVEN_KEYS = {
    "migrateCsp": {
        "test_wrong_settings_are_named": "bucket accessKeyId accessKeySecret",
        "test_nothing_but_the_configuration_names_a_proxy": "proxyHost proxyPort",
        "test_an_authority_of_its_own": "srcHttps",
        "test_what_may_pass": "srcSocketTimeout",
        "test_below_a_folder": "prefix",
        "test_a_server_that_is_not_there": "endPoint",
        "sources/test_connect_timeout.py::test_a_server_that_takes_no_connection": (
            "srcConnectTimeout"
        ),
        "test_a_list_of_keys_may_have_blanks_around_them": "uriList",
        "test_keys_that_end_in_a_slash": "migrateSlashEndObjectAcl",
    }
}

FRIEND = "qcs::cam::uin/100000000002:uin/100000000002"


@pytest.fixture
def cloud(s3: S3Server) -> CspCloud:
    return CspCloud(s3)


class TestCsp(OrderedBucketContract, PrefixContract, SlashesContract):
    many: ClassVar[int] = 3_000
    listed_keys = ("a/b c+%41.txt", "\u4e2d/ 3")


def test_records_are_those_of_the_java_tool(s3: S3Server) -> None:
    s3.put("a/b.txt", b"hello")
    source = CspCloud(s3).source(prefix="a/")
    assert source.job_text() == (
        f"[destCosFolder: /x/], [endPoint: 127.0.0.1:{s3.port}], "
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
    headers = headers_of(CspCloud(s3).source())
    assert headers["x-cos-acl"] == "public-read"
    assert headers["x-cos-meta-csp-etag"] == "5d41402abc4b2a76b9719d911017c592"
    s3.put("f", b"hello")
    assert headers_of(CspCloud(s3).source())["x-cos-acl"] == "private"


def test_grants_to_accounts_of_tencent_stay(s3: S3Server) -> None:
    s3.put("f", b"hello", grants=(("READ", FRIEND), ("WRITE", FRIEND), ("READ_ACP", FRIEND)))
    headers = headers_of(CspCloud(s3).source())
    assert headers["x-cos-grant-read"] == f'id="{FRIEND}"'
    assert headers["x-cos-grant-read-acp"] == f'id="{FRIEND}"'
    assert "x-cos-acl" not in headers


def test_keys_that_end_in_a_slash(s3: S3Server) -> None:
    s3.put("folder/", b"", acl="public-read")
    s3.put("folder/f", b"x", acl="public-read")
    for told in (True, False):
        source = CspCloud(s3).source(migrate_slash_end_object_acl=told)
        found = {obj.name: obj for obj in objects(source)}
        assert content(source, found["folder/"]) == b""
        assert ("x-cos-acl" in source.describe(found["folder/"]).headers) is told
        assert "x-cos-acl" in source.describe(found["folder/f"]).headers


def test_a_list_of_keys_may_have_blanks_around_them(s3: S3Server, tmp_path: Path) -> None:
    s3.put("a b", b"1")
    path = tmp_path / "keys"
    path.write_text("  a b \n \n")
    source = CspCloud(s3).source(uri_list=str(path))
    obj = only(source)
    assert (obj.name, obj.key) == ("a b", "a b")
    assert content(source, source.stat(obj)) == b"1"
