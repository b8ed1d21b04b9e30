"""Another bucket keeps the contract of all sources, and what is peculiar to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cos_migrate import model
from cos_migrate.config.values import Secret
from cos_migrate.emulator import EmbeddedCos, Fault
from cos_migrate.errors import SourceError
from cos_migrate.filters import Filters
from cos_migrate.model import Found, ListRange, Rejected, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.cos_bucket.answers import convert_grants, read_description
from cos_migrate.sources.cos_bucket.config import CosBucketConfig
from cos_migrate.sources.cos_bucket.source import CosBucketSource
from cos_migrate.sources.xml_listing import parse_listed_time
from tests.sources.contract import (
    Cut,
    CutsContract,
    PagesContract,
    Put,
    Remove,
    SourceContract,
    WireContract,
    content,
    only,
)

PROVEN_KEYS = {
    "migrateBucketCopy": {
        "functional/test_bucket_copy.py::test_through_a_proxy": "srcRegion",
        "functional/test_bucket_copy.py::test_wrong_access_ends_with_one_message": (
            "srcBucketName srcSecretId srcSecretKey srcEndPointSuffix"
        ),
        "test_a_token": "srcToken",
        "test_a_folder": "srcCosPath",
        "functional/test_bucket_copy.py::test_a_list_of_keys": "srcFileList",
        "test_one_storage_class": "srcStorageClass",
    }
}

SECRET_ID, SECRET_KEY = "AKIDsource", "source-secret"
BUCKET = "source-1250000001"
TARGET = Target("target-1250000000", "ap-guangzhou", "/x/")


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    folder = tmp_path / "cos"
    folder.mkdir()
    server = EmbeddedCos(
        folder, secret_id=SECRET_ID, secret_key=SECRET_KEY, buckets=[BUCKET, TARGET.bucket]
    )
    with server:
        yield server


def store(
    cos: EmbeddedCos, key: str, body: bytes, headers: dict[str, str] | None = None, acl: str = ""
) -> None:
    kept = {"content-type": "text/plain", **(headers or {})}
    cos.store.put(BUCKET, key, cos.store.receive([body]), kept, acl=acl)


@pytest.fixture
def put(cos: EmbeddedCos) -> Put:
    return lambda key, body: store(cos, key, body)


def source_of(
    cos: EmbeddedCos,
    target: Target = TARGET,
    options: SourceOptions | None = None,
    **more: Any,
) -> CosBucketSource:
    values = {
        "src_region": "ap-shanghai",
        "src_bucket_name": BUCKET,
        "src_secret_id": Secret(SECRET_ID),
        "src_secret_key": Secret(SECRET_KEY),
        "src_cos_path": "/",
        "src_end_point_suffix": f"localhost:{cos.port}",
        **more,
    }
    return CosBucketSource(CosBucketConfig(**values), target, options)


def objects_of(found: list[Found]) -> list[SourceObject]:
    return [item for item in found if isinstance(item, SourceObject)]


class TestCosBucket(SourceContract, PagesContract, CutsContract, WireContract):
    many: ClassVar[int] = 2_500

    @pytest.fixture
    def source(self, cos: EmbeddedCos) -> CosBucketSource:
        return source_of(cos)

    @pytest.fixture
    def remove(self, cos: EmbeddedCos) -> Remove:
        return lambda key: cos.store.delete(BUCKET, key)

    @pytest.fixture
    def cut(self, cos: EmbeddedCos) -> Cut:
        @contextmanager
        def cut(at: int) -> Iterator[None]:  # noqa: ARG001 - it breaks off half-way
            cos.faults.append(Fault("truncate", operation="GetObject", times=-1))
            yield
            cos.faults.clear()

        return cut


class TestListing:
    def test_a_folder(self, cos: EmbeddedCos) -> None:
        for key in ("a/b/c", "a/b/", "a/bc", "a", "a/b/d/e"):
            store(cos, key, b"")
        source = source_of(cos, src_cos_path="/a/b/")
        found = objects_of(list(source.scan()))
        assert [(obj.name, obj.key) for obj in found] == [
            ("a/b/", ""),
            ("a/b/c", "c"),
            ("a/b/d/e", "d/e"),
        ]
        assert source.job_text() == (
            "[destCosFolder: /x/], [srcRegion: ap-shanghai], [srcBucket: source-1250000001], "
            "[srcCosFolder: /a/b/]"
        )

    def test_records(self, cos: EmbeddedCos) -> None:
        store(cos, "a", b"one", {"x-cos-storage-class": "STANDARD_IA"})
        source = source_of(cos)
        obj = only(source)
        assert source.record_key(obj, "/x/a") == (
            "[taskType: migrateBucketCopy] [destRegion: ap-guangzhou], "
            "[destBucketName: target-1250000000], [destKey: /x/a], [srcRegion: ap-shanghai], "
            "[srcBucketName: source-1250000001], [srcKey: a], [srcStorageClass: Standard_IA]"
        )
        assert source.record_value(obj) == (
            f"[srcSize: 3], [srcEtag: {obj.fingerprint.etag}], [srcStorageClass: Standard_IA]"
        )

    def test_one_storage_class(self, cos: EmbeddedCos) -> None:
        for number in range(1_100):
            store(cos, f"{number:05}", b"")
        store(cos, "z", b"", {"x-cos-storage-class": "STANDARD_IA"})
        source = source_of(cos, src_storage_class="STANDARD_IA")
        filters = Filters(source.config.filter_settings())
        found = [*model.objects_of(filters.applied(source.scan()))]
        assert [obj.name for obj in objects_of(found)] == ["z"]
        rejected = [item for item in found if isinstance(item, Rejected)]
        assert len(rejected) == 1_100
        line = "[condition_not_match] [reason: srcStorageClass]  [key: /00000]"
        assert (rejected[0].line, rejected[0].failure) == (line, None)

    def test_a_list_of_keys(self, cos: EmbeddedCos, tmp_path: Path) -> None:
        path = tmp_path / "keys.txt"
        path.write_bytes(b"\xef\xbb\xbfa%2Bb\r\n\r\n/a+b\nfolder%2F%E4%B8%AD\n")
        source = source_of(cos, src_file_list=str(path), src_cos_path="/ignored/")
        assert source.ranges() == (ListRange(str(path)),)
        found = objects_of(list(source.scan()))
        assert [obj.name for obj in found] == ["a+b", "a b", "folder/中"]
        assert all(obj.fingerprint.size == -1 for obj in found)
        assert source.split(ListRange(str(path)), "5:1") is None
        assert "[srcStorageClass: Standard]" in source.record_key(found[0], "/x/a+b")
        store(cos, "a+b", b"body", {"x-cos-storage-class": "COLD"})
        described = source.describe(found[0])
        assert (described.fingerprint.size, described.storage_class) == (4, "COLD")

    def test_copies_below_the_folder_that_is_copied_are_left_out(self, cos: EmbeddedCos) -> None:
        for key in ("a/1", "a/copy/a/1", "a/copying"):
            store(cos, key, b"")
        target = Target(BUCKET, "ap-shanghai", "/a/copy/")
        items = list(source_of(cos, target, src_cos_path="/a/").scan())
        assert [obj.name for obj in objects_of(items)] == ["a/1", "a/copying"]
        [left] = [item for item in items if isinstance(item, Rejected)]
        assert left.failure is None
        assert left.line == ("[condition_not_match] [reason: below cosPath]  [key: /a/copy/a/1]")
        same = Target(BUCKET, "ap-shanghai", "/a/")
        assert len(objects_of(list(source_of(cos, same, src_cos_path="/a/").scan()))) == 3

    @pytest.mark.parametrize(
        ("change", "code", "key"),
        [
            ({"src_secret_id": Secret("AKIDnobody")}, "InvalidAccessKeyId", "srcSecretId"),
            ({"src_secret_key": Secret("wrong")}, "SignatureDoesNotMatch", "srcSecretKey"),
            ({"src_bucket_name": "nothing-1250000001"}, "NoSuchBucket", "srcBucketName"),
            ({"src_end_point_suffix": "localhost:1"}, "ConnectionRefused", "srcEndPointSuffix"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, cos: EmbeddedCos, change: dict[str, Any], code: str, key: str
    ) -> None:
        source = source_of(cos, **change)
        with pytest.raises(SourceError, match=rf"\[migrateBucketCopy\] .*{key}") as caught:
            list(source.scan())
        assert caught.value.code == code
        assert "wrong" not in str(caught.value)

    def test_no_permission_to_list(self, cos: EmbeddedCos) -> None:
        cos.faults.append(Fault("status", operation="GetBucket", status=403, code="AccessDenied"))
        with pytest.raises(SourceError, match=r"\[migrateBucketCopy\] srcSecretId") as caught:
            list(source_of(cos).scan())
        assert not caught.value.retryable

    @pytest.mark.parametrize(
        ("tag", "told", "name"),
        [("url", "a+b%2Bc%20d", "a b+c d"), (None, "a%20b+c", "a b+c"), ("url", "%2B", "+")],
    )
    def test_both_escapes_of_a_blank(
        self, cos: EmbeddedCos, tag: str | None, told: str, name: str
    ) -> None:
        inner = f"<EncodingType>{tag}</EncodingType>" if tag else ""
        inner += f"<IsTruncated>False</IsTruncated><Contents><Key>{told}</Key><Size>1</Size>"
        document = f"<ListBucketResult>{inner}</Contents></ListBucketResult>".encode()
        page = source_of(cos)._page_of(document)
        assert [obj.name for obj in page.objects] == [name]

    def test_a_redirect_is_no_empty_bucket(self, cos: EmbeddedCos) -> None:
        cos.faults.append(
            Fault("status", operation="GetBucket", status=301, code="PermanentRedirect")
        )
        with pytest.raises(SourceError, match=r"\[migrateBucketCopy\] srcRegion"):
            list(source_of(cos).scan())

    @pytest.mark.parametrize("status", [500, 503])
    def test_what_may_pass(self, cos: EmbeddedCos, status: int) -> None:
        cos.faults.append(Fault("status", operation="GetBucket", status=status))
        with pytest.raises(SourceError) as caught:
            list(source_of(cos).scan())
        assert caught.value.retryable


class TestObjects:
    def test_what_is_described(self, cos: EmbeddedCos) -> None:
        headers = {
            "content-type": "text/x",
            "cache-control": "no-store",
            "x-cos-meta-who": "me",
            "x-cos-storage-class": "STANDARD_IA",
        }
        store(cos, "a", b"body", headers)
        described = source_of(cos).describe(only(source_of(cos)))
        assert dict(described.headers) == {
            "content-type": "text/x",
            "cache-control": "no-store",
            "x-cos-meta-who": "me",
        }
        assert described.crc64 == cos.object_head(BUCKET, "a").crc64
        assert described.likely_md5 == cos.object_head(BUCKET, "a").etag
        assert [check.kind for check in described.checks] == ["CRC-64/XZ"]

    def test_an_etag_that_is_no_md5(self) -> None:
        etag = b'"0123456789abcdef0123456789abcdef"'
        assert read_description({b"etag": etag}).likely_md5
        assert read_description({b"etag": etag}).checks
        for header in (b"x-cos-server-side-encryption", b"x-cos-object-type"):
            assert not read_description({b"etag": etag, header: b"appendable"}).likely_md5
        assert not read_description({b"etag": b'"0123456789abcdef0123456789abcdef-2"'}).likely_md5

    def test_a_flipped_bit_is_noticed(self, cos: EmbeddedCos) -> None:
        store(cos, "a", b"x" * 1000)
        source = source_of(cos)
        cos.faults.append(Fault("wrong-crc", operation="GetObject"))
        with pytest.raises(SourceError) as caught:
            content(source, only(source))
        assert caught.value.code == "SourceChecksumMismatch"

    def test_archived(self, cos: EmbeddedCos) -> None:
        store(cos, "a", b"x")
        cos.faults.append(
            Fault("status", operation="GetObject", status=403, code="InvalidObjectState")
        )
        with pytest.raises(SourceError, match="archived and must be restored"):
            content(source_of(cos), only(source_of(cos)))

    def test_a_token(self, tmp_path: Path) -> None:
        folder = tmp_path / "with token"
        folder.mkdir()
        with EmbeddedCos(folder, secret_id=SECRET_ID, secret_key=SECRET_KEY, token="tok") as cos:
            store(cos, "a", b"body")
            source = source_of(cos, src_token=Secret("tok"))
            assert content(source, only(source)) == b"body"
            with pytest.raises(SourceError, match=r"\[migrateBucketCopy\] srcToken"):
                list(source_of(cos).scan())

    def test_how_copies_are_asked_for(self, cos: EmbeddedCos) -> None:
        store(cos, "a b/ü+", b"x")
        source = source_of(cos)
        obj = only(source)
        assert source.copy_source(obj) == f"{BUCKET}.localhost:{cos.port}/a%20b/%C3%BC%2B"
        pin = ("x-cos-copy-source-if-match", f'"{obj.fingerprint.etag}"')
        assert source.copy_headers(obj, None) == [pin]
        described = source.describe(obj)
        assert source.copy_headers(obj, described)[1:] == [
            ("x-cos-metadata-directive", "Replaced"),
            ("content-type", "text/plain"),
        ]
        assert not source.is_same_object(obj, "/a b/ü+")
        onto = source_of(cos, Target(BUCKET, "ap-shanghai", "/"))
        assert onto.is_same_object(obj, "/a b/ü+")
        assert not onto.is_same_object(obj, "/x/a b/ü+")
        public = source_of(cos, src_end_point_suffix="")
        assert public.copy_source(obj).startswith(f"{BUCKET}.cos.ap-shanghai.myqcloud.com/")

    @pytest.mark.parametrize(
        ("acl", "headers"),
        [
            ("", {}),
            ("default", {}),
            ("public-read", {"x-cos-acl": "public-read"}),
            ("READ qcs::cam::uin/7:uin/7", {"x-cos-grant-read": 'id="qcs::cam::uin/7:uin/7"'}),
        ],
    )
    def test_an_acl(self, cos: EmbeddedCos, acl: str, headers: dict[str, str]) -> None:
        store(cos, "a", b"x", acl=acl)
        source = source_of(cos, options=SourceOptions(copy_acl=True))
        assert not source.takes_one_request(only(source))
        described = source.describe(only(source))
        told = {name: value for name, value in described.headers.items() if name != "content-type"}
        assert told == headers

    def test_an_acl_that_may_not_be_read(self, cos: EmbeddedCos) -> None:
        store(cos, "a", b"x")
        source = source_of(cos, options=SourceOptions(copy_acl=True))
        cos.faults.append(
            Fault("status", operation="GetObjectAcl", status=403, code="AccessDenied")
        )
        with pytest.raises(SourceError, match="srcSecretId") as caught:
            source.describe(only(source))
        assert caught.value.operation == "GetObjectAcl"

    def test_grants(self) -> None:
        def grant(who: str, permission: str) -> bytes:
            inner = f"<Grantee>{who}</Grantee><Permission>{permission}</Permission>"
            return f"<Grant>{inner}</Grant>".encode()

        owner = b"<Owner><ID>own</ID></Owner>"
        own = grant("<ID>own</ID>", "FULL_CONTROL")
        everyone = grant("<URI>http://cam.qcloud.com/groups/global/AllUsers</URI>", "READ")

        def headers_for(grants: bytes) -> dict[str, str]:
            tag = b"AccessControlPolicy"
            return convert_grants(b"<%b>%b%b</%b>" % (tag, owner, grants, tag))

        assert headers_for(own) == {"x-cos-acl": "private"}
        assert headers_for(own + everyone) == {"x-cos-acl": "public-read"}
        two = grant("<ID>a</ID>", "READ") + grant("<ID>b</ID>", "READ")
        assert headers_for(two + grant("<ID>a</ID>", "FULL_CONTROL")) == {
            "x-cos-grant-read": 'id="a",id="b"',
            "x-cos-grant-full-control": 'id="a"',
        }
        with pytest.raises(ValueError, match="not AccessControlPolicy"):
            convert_grants(b"<html></html>")

    def test_times(self) -> None:
        assert parse_listed_time("2023-11-14T22:13:20.000Z") == 1_700_000_000_000_000_000
        assert parse_listed_time("soon") == -1
