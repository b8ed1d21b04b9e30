"""AWS S3 keeps the contract of all sources, on two servers; and what is peculiar to it."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from cos_migrate.checksums import Check
from cos_migrate.errors import SourceError
from cos_migrate.model import Described
from cos_migrate.sources.base import Source, SourceOptions
from cos_migrate.sources.s3.aws import AwsSource
from tests.fakes.aws_sdk import sdk_client
from tests.fakes.s3_server import BUCKET, KEY, KEY_ID, Fault, S3Server
from tests.sources.bucket_contract import OrderedBucketContract, PrefixContract, SlashesContract
from tests.sources.clouds import AwsCloud
from tests.sources.contract import (
    CutsContract,
    PagesContract,
    Put,
    Remove,
    SourceContract,
    content,
    objects,
    only,
)

PROVEN_KEYS = {
    "migrateAws": {
        "test_wrong_settings_are_named": "bucket accessKeyId accessKeySecret",
        "test_nothing_but_the_configuration_names_a_proxy": "proxyHost proxyPort",
        "test_an_authority_of_its_own": "srcHttps",
        "test_what_may_pass": "srcSocketTimeout",
        "test_below_a_folder": "prefix",
        "test_a_server_that_is_not_there": "endPoint",
        "test_a_file_of_keys": "uriList",
        "functional/test_inventory.py::test_rows_are_the_list": "inventory",
        "sources/test_connect_timeout.py::test_a_server_that_takes_no_connection": (
            "srcConnectTimeout"
        ),
        "sources/test_aws_errors.py::test_the_region_that_a_service_does_not_name": "region",
        "functional/test_etags.py::test_etags_that_are_no_md5": "etagIsMd5",
        "functional/test_credentials.py::test_a_session_token_of_s3": "sessionToken",
        "functional/test_credential_chains.py::test_a_profile": "profile",
        "functional/test_credential_chains.py::test_an_assumed_role": (
            "roleArn roleSessionName externalId"
        ),
    }
}


@pytest.fixture
def cloud(s3: S3Server) -> AwsCloud:
    return AwsCloud(s3)


class TestAws(OrderedBucketContract, PrefixContract, SlashesContract):
    """On our own server."""


class TestAwsByListObjects(PagesContract, CutsContract):
    """A service that knows only the first version of the listing."""

    @pytest.fixture(params=["refused", "ignored"])
    def source(self, s3: S3Server, request: pytest.FixtureRequest) -> AwsSource:
        s3.v2 = request.param != "refused"
        s3.ignores_list_type = request.param == "ignored"
        return AwsCloud(s3).source()

    @pytest.fixture
    def put(self, s3: S3Server) -> Put:
        def put(key: str, body: bytes) -> None:
            s3.put(key, body)

        return put


@pytest.fixture(scope="module")
def moto() -> Iterator[int]:
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - it takes a second to load

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield port
    server.stop()


def moto_client(port: int) -> Any:
    url = f"http://127.0.0.1:{port}"
    return sdk_client("s3", url, KEY_ID, KEY, s3={"addressing_style": "path"})


@pytest.mark.xdist_group("moto")
class TestAwsOnMoto(SourceContract, CutsContract):
    """The same on a server that is not ours; it is slow, so there are fewer objects."""

    many: ClassVar[int] = 1_010

    @pytest.fixture
    def sdk(self, moto: int) -> Iterator[Any]:
        sdk = moto_client(moto)
        sdk.create_bucket(Bucket=BUCKET)
        yield sdk
        for page in sdk.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            keys = [{"Key": each["Key"]} for each in page.get("Contents", ())]
            if keys:
                sdk.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})
        sdk.delete_bucket(Bucket=BUCKET)

    @pytest.fixture
    def source(self, sdk: Any, moto: int) -> AwsSource:
        assert sdk  # has made the bucket
        return AwsCloud(SimpleNamespace(port=moto)).source()

    @pytest.fixture
    def put(self, sdk: Any) -> Put:
        return lambda key, body: sdk.put_object(Bucket=BUCKET, Key=key, Body=body) and None

    def test_many_objects(self, source: Source, put: Put) -> None:
        """The objects get there without requests, which would take eight seconds."""
        from moto.s3.models import s3_backends  # noqa: PLC0415 - it takes a second to load

        put("0/000000", b"")
        [account] = s3_backends
        backend = s3_backends[account]["aws"]

        def place(key: str, body: bytes) -> None:
            backend.put_object(BUCKET, key, body)

        super().test_many_objects(source, place)

    @pytest.fixture
    def remove(self, sdk: Any) -> Remove:
        return lambda key: sdk.delete_object(Bucket=BUCKET, Key=key) and None

    def test_multipart_metadata_and_checksums(self, source: AwsSource, sdk: Any) -> None:
        made = sdk.create_multipart_upload(Bucket=BUCKET, Key="big", Metadata={"some": "thing"})
        body, words = os.urandom(5 << 20), {"Bucket": BUCKET, "Key": "big"}
        words |= {"UploadId": made["UploadId"]}
        parts = []
        for number, piece in enumerate((body, b"rest"), start=1):
            sent = sdk.upload_part(**words, PartNumber=number, Body=piece)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        sdk.complete_multipart_upload(**words, MultipartUpload={"Parts": parts})
        obj = only(source)
        assert obj.fingerprint.etag.endswith("-2")
        described = source.describe(obj)
        assert described.md5 == ""
        assert described.headers["x-cos-meta-some"] == "thing"
        assert content(source, obj) == body + b"rest"


# -- records and names -----------------------------------------------------------------------------


def test_records_are_those_of_the_java_tool(s3: S3Server) -> None:
    s3.put("a/b/c.txt", b"hello")
    source = AwsCloud(s3).source(prefix="a/b/")
    assert source.job_text() == "[srcPrefix: a/b/], [cosFolder: /x/]"
    obj = only(source)
    assert obj.key == "c.txt"
    key = "[taskType: migrateAws] [bucket: examplebucket-1250000000] [cosPath: /x/c.txt]"
    assert source.record_key(obj, "/x/c.txt") == key
    etag = hashlib.md5(b"hello").hexdigest()
    assert source.record_value(obj) == f"[fileSize: 5] [etag: {etag}]"


# -- what is told of an object ---------------------------------------------------------------------


def described(s3: S3Server, body: bytes = b"hello", **more: Any) -> Described:
    s3.put("f", body, **more)
    source = AwsCloud(s3).source()
    obj = only(source)
    with source.open(obj, 0, len(body)) as reader:
        assert reader.read(len(body)) == body
        reader.check_unchanged()
        read = reader.described
    assert source.describe(obj) == read
    return read


def test_metadata(s3: S3Server) -> None:
    encoded = "=?UTF-8?B?" + base64.b64encode("gr\u00fc\u00df".encode()).decode() + "?="
    found = described(
        s3,
        headers={
            "cache-control": "max-age=60",
            "content-disposition": 'attachment; filename="x"',
            "content-encoding": "aws-chunked,gzip",
            "content-language": "de",
            "content-type": "text/plain; charset=utf-8",
            "expires": "Thu, 01 Dec 2026 16:00:00 GMT",
            "x-amz-meta-plain": "v",
            "x-amz-meta-under_score": "u",
            "x-amz-meta-word": encoded,
            "x-amz-meta-broken": "=?nothing?=",
            "x-amz-meta-$": "lost",
            "x-amz-missing-meta": "2",
            "x-amz-website-redirect-location": "/else",
            "x-amz-storage-class": "STANDARD_IA",
        },
    )
    assert found.headers == {
        "cache-control": "max-age=60",
        "content-disposition": 'attachment; filename="x"',
        "content-encoding": "gzip",
        "content-language": "de",
        "content-type": "text/plain; charset=utf-8",
        "expires": "Thu, 01 Dec 2026 16:00:00 GMT",
        "x-cos-meta-s3-etag": hashlib.md5(b"hello").hexdigest(),
        "x-cos-meta-plain": "v",
        "x-cos-meta-under-score": "u",
        "x-cos-meta-word": "gr%C3%BC%C3%9F",
        "x-cos-meta-broken": "=?nothing?=",
    }
    assert len(found.warnings) == 3
    assert "'$'" in found.warnings[0]
    assert "2 of its metadata" in found.warnings[1]
    assert "redirect" in found.warnings[2]


def test_an_encoding_that_only_told_of_the_upload(s3: S3Server) -> None:
    assert (
        "content-encoding" not in described(s3, headers={"content-encoding": "aws-chunked"}).headers
    )
    kept = described(s3, headers={"content-encoding": "gzip, br"}).headers
    assert kept["content-encoding"] == "gzip, br"


def test_an_etag_that_is_the_md5(s3: S3Server) -> None:
    md5 = hashlib.md5(b"hello").hexdigest()
    found = described(s3)
    assert found.md5 == md5
    assert found.checks == (Check("MD5", md5),)


@pytest.mark.parametrize(
    "more",
    [
        {"headers": {"x-amz-server-side-encryption": "aws:kms"}, "etag": "0" * 32},
        {"headers": {"x-amz-server-side-encryption": "aws:kms:dsse"}, "etag": "0" * 32},
        {
            "headers": {"x-amz-server-side-encryption-customer-algorithm": "AES256"},
            "etag": "0" * 32,
        },
        {"part_size": 3},
        {"etag": "an opaque tag"},
        {"etag": "A" * 32},
    ],
)
def test_an_etag_that_is_no_md5(s3: S3Server, more: dict[str, Any]) -> None:
    found = described(s3, **more)
    assert found.md5 == ""
    assert found.checks == ()
    assert found.headers["x-cos-meta-s3-etag"] == s3.buckets[BUCKET].objects["f"].etag


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


CHECKSUMS = {
    "crc32": (b64(zlib.crc32(b"hello").to_bytes(4, "big")), Check("CRC-32", "907060870")),
    "crc64nvme": (
        b64(bytes.fromhex("3377857006524257")),
        Check("CRC-64/NVME", str(0x3377857006524257)),
    ),
    # the published check value of CRC-32C over 123456789 is e3069283; of hello it is 9a71bb4c
    "crc32c": (b64(bytes.fromhex("9a71bb4c")), Check("CRC-32C", str(0x9A71BB4C))),
    "sha1": (
        b64(hashlib.sha1(b"hello").digest()),
        Check("SHA-1", hashlib.sha1(b"hello").hexdigest()),
    ),
    "sha256": (
        b64(hashlib.sha256(b"hello").digest()),
        Check("SHA-256", hashlib.sha256(b"hello").hexdigest()),
    ),
}


@pytest.mark.parametrize("name", list(CHECKSUMS))
def test_checksums_of_the_whole_object(s3: S3Server, name: str) -> None:
    told, check = CHECKSUMS[name]
    sums = {f"x-amz-checksum-{name}": told, "x-amz-checksum-type": "FULL_OBJECT"}
    assert described(s3, part_size=3, checksums=sums).checks == (check,)
    s3.put("f", b"hello", part_size=3, checksums=sums)
    source = AwsCloud(s3).source()
    s3.faults.append(Fault("flip", "GetObject"))
    with pytest.raises(SourceError) as caught:
        content(source, only(source))
    assert caught.value.code == "SourceChecksumMismatch"
    assert caught.value.retryable
    assert content(source, only(source)) == b"hello"


@pytest.mark.parametrize(
    "sums",
    [
        {"x-amz-checksum-crc32": "AAAAAA==-2"},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-type": "COMPOSITE"},
        {"x-amz-checksum-sha256": "not base64"},
    ],
)
def test_checksums_that_say_nothing_of_the_content(s3: S3Server, sums: dict[str, str]) -> None:
    found = described(s3, part_size=3, checksums=sums)
    assert found.checks == ()
    assert any("checksum of the checksums" in text for text in found.warnings) == (
        "x-amz-checksum-crc32" in sums
    )


# -- ACL -------------------------------------------------------------------------------------------


def test_a_description_of_an_archived_object_is_none(s3: S3Server) -> None:
    s3.put("f", b"hello", storage_class="DEEP_ARCHIVE")
    source = AwsCloud(s3).source()
    with pytest.raises(SourceError, match="archived and must be restored") as caught:
        source.describe(only(source))
    assert (caught.value.code, caught.value.fatal) == ("InvalidObjectState", False)


def test_an_acl_is_asked_for_once_and_only_when_wanted(s3: S3Server) -> None:
    s3.put("f", b"hello", acl="public-read")
    plain = AwsCloud(s3).source()
    content(plain, only(plain))
    assert "GetObjectAcl" not in s3.operations()
    source = AwsCloud(s3).source(SourceOptions(copy_acl=True))
    obj = only(source)
    with source.open(obj, 0, 5) as reader:
        assert reader.read(5) == b"hello"
        assert reader.described.headers["x-cos-acl"] == "public-read"
    assert [seen.key for seen in s3.asked("GetObjectAcl")] == ["f"]
    content(source, obj, 1, 2)
    source.stat(obj)
    assert [seen.key for seen in s3.asked("GetObjectAcl")] == ["f"]
    assert source.describe(obj).headers["x-cos-acl"] == "public-read"
    s3.put("f", b"hello", grants=(("READ", "0" * 64),))
    mapped = source.describe(obj)
    assert mapped.headers["x-cos-acl"] == "private"
    assert "READ for 000" in mapped.warnings[0]


def test_an_acl_that_may_not_be_read_fails_the_object(s3: S3Server) -> None:
    s3.put("f", b"hello")
    s3.denied.add("GetObjectAcl")
    source = AwsCloud(s3).source(SourceOptions(copy_acl=True))
    with pytest.raises(SourceError, match="accessKeyId") as caught:
        content(source, only(source))
    assert caught.value.operation == "GetObjectAcl"


def test_a_service_without_acls_is_said_once(s3: S3Server) -> None:
    s3.put("f", b"hello")
    s3.acls = False
    source = AwsCloud(s3).source(SourceOptions(copy_acl=True))
    obj = only(source)
    assert "no ACL" in source.describe(obj).warnings[0]
    assert source.describe(obj).warnings == ()
    assert [seen.key for seen in s3.asked("GetObjectAcl")] == ["f"]


# -- uriList ---------------------------------------------------------------------------------------


# -- listings that cannot be believed --------------------------------------------------------------


def test_pages_without_keys_are_not_the_end(s3: S3Server) -> None:
    """As they come where many keys have been deleted."""
    for number in range(25):
        s3.put(f"k{number:05}", b"")
    s3.page_size = 10
    for earlier in (0, 1):
        s3.faults[:] = [Fault("empty", "ListObjectsV2", skip=earlier)]
        assert len(objects(AwsCloud(s3).source())) == 25
    s3.faults[:] = [Fault("empty", "ListObjectsV2", times=-1)]
    with pytest.raises(SourceError, match="an empty page"):
        objects(AwsCloud(s3).source())
