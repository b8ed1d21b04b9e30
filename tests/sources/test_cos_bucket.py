"""Another bucket keeps the contract of all sources, and what is peculiar to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from cos_migrate import model
from cos_migrate.config.values import Secret
from cos_migrate.emulator import EmbeddedCos
from cos_migrate.errors import SourceError
from cos_migrate.filters import Filters
from cos_migrate.model import Found, ListRange, Rejected, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.cos_bucket.answers import convert_acl, read_description
from cos_migrate.sources.xml_listing import parse_listed_time
from tests.fakes.cos_front import CosFront
from tests.fakes.faults import Fault
from tests.sources.bucket_contract import OrderedBucketContract, SlashesContract
from tests.sources.clouds import COS_BUCKET, COS_ID, COS_KEY, TARGET, CosCloud
from tests.sources.contract import (
    content,
    only,
)

PROVEN_KEYS = {
    "migrateBucketCopy": {
        "functional/test_bucket_copy.py::test_through_a_proxy": "srcRegion",
        "test_wrong_settings_are_named": "srcBucketName srcSecretId srcSecretKey",
        "test_a_server_that_is_not_there": "srcEndPointSuffix",
        "test_a_token": "srcToken",
        "functional/test_credential_chains.py::test_the_role_that_reads_another_bucket": (
            "srcCamRole srcCamRoleUrl"
        ),
        "test_below_a_folder": "srcCosPath",
        "test_a_file_of_keys": "srcFileList",
        "test_one_storage_class": "srcStorageClass",
        "functional/test_inventory.py::test_rows_are_the_list": "inventory",
    }
}


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[CosFront]:
    folder = tmp_path / "cos"
    folder.mkdir()
    with (
        EmbeddedCos(
            folder, secret_id=COS_ID, secret_key=COS_KEY, buckets=[COS_BUCKET, TARGET.bucket]
        ) as server,
        CosFront(server, COS_BUCKET) as front,
    ):
        yield front


@pytest.fixture
def cloud(cos: CosFront) -> CosCloud:
    return CosCloud(cos)


def objects_of(found: list[Found]) -> list[SourceObject]:
    return [item for item in found if isinstance(item, SourceObject)]


class TestCosBucket(OrderedBucketContract, SlashesContract):
    many: ClassVar[int] = 2_500


class TestListing:
    def test_a_folder(self, cos: CosFront) -> None:
        for key in ("a/b/c", "a/b/", "a/bc", "a", "a/b/d/e"):
            cos.put(key, b"")
        source = CosCloud(cos).source(src_cos_path="/a/b/")
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

    def test_records(self, cos: CosFront) -> None:
        cos.put("a", b"one", {"x-cos-storage-class": "STANDARD_IA"})
        source = CosCloud(cos).source()
        obj = only(source)
        assert source.record_key(obj, "/x/a") == (
            "[taskType: migrateBucketCopy] [destRegion: ap-guangzhou], "
            f"[destBucketName: {TARGET.bucket}], [destKey: /x/a], [srcRegion: ap-shanghai], "
            "[srcBucketName: source-1250000001], [srcKey: a], [srcStorageClass: Standard_IA]"
        )
        assert source.record_value(obj) == (
            f"[srcSize: 3], [srcEtag: {obj.fingerprint.etag}], [srcStorageClass: Standard_IA]"
        )

    def test_one_storage_class(self, cos: CosFront) -> None:
        for number in range(1_100):
            cos.put(f"{number:05}", b"")
        cos.put("z", b"", {"x-cos-storage-class": "STANDARD_IA"})
        source = CosCloud(cos).source(src_storage_class="STANDARD_IA")
        filters = Filters(source.config.filter_settings())
        found = [*model.objects_of(filters.replace_rejected(source.scan()))]
        assert [obj.name for obj in objects_of(found)] == ["z"]
        rejected = [item for item in found if isinstance(item, Rejected)]
        assert len(rejected) == 1_100
        line = "[condition_not_match] [reason: srcStorageClass]  [key: /00000]"
        assert (rejected[0].line, rejected[0].failure) == (line, None)

    def test_a_list_of_keys(self, cos: CosFront, tmp_path: Path) -> None:
        path = tmp_path / "keys.txt"
        path.write_bytes(b"\xef\xbb\xbfa%2Bb\r\n\r\n/a+b\nfolder%2F%E4%B8%AD\n")
        source = CosCloud(cos).source(src_file_list=str(path), src_cos_path="/ignored/")
        assert source.ranges() == (ListRange(str(path)),)
        found = objects_of(list(source.scan()))
        assert [obj.name for obj in found] == ["a+b", "a b", "folder/中"]
        assert all(obj.fingerprint.size == -1 for obj in found)
        assert source.split(ListRange(str(path)), "5:1") is None
        assert "[srcStorageClass: Standard]" in source.record_key(found[0], "/x/a+b")
        cos.put("a+b", b"body", {"x-cos-storage-class": "COLD"})
        described = source.describe(found[0])
        assert (described.fingerprint.size, described.storage_class) == (4, "COLD")

    def test_copies_below_the_folder_that_is_copied_are_left_out(self, cos: CosFront) -> None:
        for key in ("a/1", "a/copy/a/1", "a/copying"):
            cos.put(key, b"")
        target = Target(COS_BUCKET, "ap-shanghai", "/a/copy/")
        items = list(CosCloud(cos).source(None, target, src_cos_path="/a/").scan())
        assert [obj.name for obj in objects_of(items)] == ["a/1", "a/copying"]
        [left] = [item for item in items if isinstance(item, Rejected)]
        assert left.failure is None
        assert left.line == ("[condition_not_match] [reason: below cosPath]  [key: /a/copy/a/1]")
        same = Target(COS_BUCKET, "ap-shanghai", "/a/")
        assert (
            len(objects_of(list(CosCloud(cos).source(None, same, src_cos_path="/a/").scan()))) == 3
        )

    @pytest.mark.parametrize(
        ("tag", "told", "name"),
        [("url", "a+b%2Bc%20d", "a b+c d"), (None, "a%20b+c", "a b+c"), ("url", "%2B", "+")],
    )
    def test_both_escapes_of_a_blank(
        self, cos: CosFront, tag: str | None, told: str, name: str
    ) -> None:
        inner = f"<EncodingType>{tag}</EncodingType>" if tag else ""
        inner += f"<IsTruncated>False</IsTruncated><Contents><Key>{told}</Key><Size>1</Size>"
        document = f"<ListBucketResult>{inner}</Contents></ListBucketResult>".encode()
        page = CosCloud(cos).source()._page_of(document)
        assert page.columns.names == [name]

    def test_a_redirect_is_no_empty_bucket(self, cos: CosFront) -> None:
        cos.faults.append(
            Fault("status", operation="GetBucket", status=301, code="PermanentRedirect")
        )
        with pytest.raises(SourceError, match=r"\[migrateBucketCopy\] srcRegion"):
            list(CosCloud(cos).source().scan())


class TestObjects:
    def test_what_is_described(self, cos: CosFront) -> None:
        headers = {
            "content-type": "text/x",
            "cache-control": "no-store",
            "x-cos-meta-who": "me",
            "x-cos-storage-class": "STANDARD_IA",
        }
        cos.put("a", b"body", headers)
        described = CosCloud(cos).source().describe(only(CosCloud(cos).source()))
        assert dict(described.headers) == {
            "content-type": "text/x",
            "cache-control": "no-store",
            "x-cos-meta-who": "me",
        }
        assert described.crc64 == cos.cos.object_head(COS_BUCKET, "a").crc64
        assert described.likely_md5 == cos.cos.object_head(COS_BUCKET, "a").etag
        assert [check.kind for check in described.checks] == ["CRC-64/XZ"]

    def test_an_etag_that_is_no_md5(self) -> None:
        etag = b'"0123456789abcdef0123456789abcdef"'
        assert read_description({b"etag": etag}).likely_md5
        assert read_description({b"etag": etag}).checks
        for header in (b"x-cos-server-side-encryption", b"x-cos-object-type"):
            assert not read_description({b"etag": etag, header: b"appendable"}).likely_md5
        assert not read_description({b"etag": b'"0123456789abcdef0123456789abcdef-2"'}).likely_md5

    def test_a_token(self, tmp_path: Path) -> None:
        folder = tmp_path / "with token"
        folder.mkdir()
        with (
            EmbeddedCos(folder, secret_id=COS_ID, secret_key=COS_KEY, token="tok") as server,
            CosFront(server, COS_BUCKET) as cos,
        ):
            cos.put("a", b"body")
            source = CosCloud(cos).source(src_token=Secret("tok"))
            assert content(source, only(source)) == b"body"
            with pytest.raises(SourceError, match=r"\[migrateBucketCopy\] srcToken"):
                list(CosCloud(cos).source().scan())

    def test_how_copies_are_asked_for(self, cos: CosFront) -> None:
        cos.put("a b/ü+", b"x")
        source = CosCloud(cos).source()
        obj = only(source)
        assert source.copy_source(obj) == f"{COS_BUCKET}.localhost:{cos.port}/a%20b/%C3%BC%2B"
        pin = ("x-cos-copy-source-if-match", f'"{obj.fingerprint.etag}"')
        assert source.copy_headers(obj, None) == [pin]
        described = source.describe(obj)
        assert source.copy_headers(obj, described)[1:] == [
            ("x-cos-metadata-directive", "Replaced"),
            ("content-type", "text/plain"),
        ]
        assert not source.is_same_object(obj, "/a b/ü+")
        onto = CosCloud(cos).source(None, Target(COS_BUCKET, "ap-shanghai", "/"))
        assert onto.is_same_object(obj, "/a b/ü+")
        assert not onto.is_same_object(obj, "/x/a b/ü+")
        public = CosCloud(cos).source(src_end_point_suffix="")
        assert public.copy_source(obj).startswith(f"{COS_BUCKET}.cos.ap-shanghai.myqcloud.com/")

    def test_conditions_of_copies_are_dropped_for_the_listed_version_only(
        self, cos: CosFront
    ) -> None:
        cos.put("a", b"1")
        source = CosCloud(cos).source()
        listed = only(source)
        cos.put("a", b"2")
        assert not source.drop_copy_conditions(listed)
        assert source.copies_conditionally
        assert source.drop_copy_conditions(only(source))
        assert not source.copies_conditionally

    @pytest.mark.parametrize(
        ("acl", "headers"),
        [
            ("", {}),
            ("default", {}),
            ("public-read", {"x-cos-acl": "public-read"}),
            ("READ qcs::cam::uin/7:uin/7", {"x-cos-grant-read": 'id="qcs::cam::uin/7:uin/7"'}),
        ],
    )
    def test_an_acl(self, cos: CosFront, acl: str, headers: dict[str, str]) -> None:
        cos.put("a", b"x", acl=acl)
        source = CosCloud(cos).source(SourceOptions(copy_acl=True))
        assert not source.takes_one_request(only(source))
        described = source.describe(only(source))
        told = {name: value for name, value in described.headers.items() if name != "content-type"}
        assert told == headers

    def test_an_acl_that_may_not_be_read(self, cos: CosFront) -> None:
        cos.put("a", b"x")
        source = CosCloud(cos).source(SourceOptions(copy_acl=True))
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
            return convert_acl(b"<%b>%b%b</%b>" % (tag, owner, grants, tag))

        assert headers_for(own) == {"x-cos-acl": "private"}
        assert headers_for(own + everyone) == {"x-cos-acl": "public-read"}
        two = grant("<ID>a</ID>", "READ") + grant("<ID>b</ID>", "READ")
        assert headers_for(two + grant("<ID>a</ID>", "FULL_CONTROL")) == {
            "x-cos-grant-read": 'id="a",id="b"',
            "x-cos-grant-full-control": 'id="a"',
        }
        with pytest.raises(ValueError, match="not AccessControlPolicy"):
            convert_acl(b"<html></html>")

    def test_times(self) -> None:
        assert parse_listed_time("2023-11-14T22:13:20.000Z") == 1_700_000_000_000_000_000
        assert parse_listed_time("soon") == -1
