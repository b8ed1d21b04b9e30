"""What is carried over besides content and metadata: from S3, OSS and another bucket on COS."""

from __future__ import annotations

import abc
import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, quote, urlencode

import pytest

from cos_migrate.emulator import Fault as CosFault
from tests.fakes import oss_server, s3_server
from tests.fakes.faults import Fault
from tests.fakes.http_base import FakeServer
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted, noise
from tests.functional.copies import joined, start_in_parts
from tests.functional.copies import put as put_on_cos
from tests.functional.sites import SOURCE, cos_section, oss_section, s3_section
from tests.functional.tool import BUCKET, Tool, end
from tests.functional.waiting import HeldCos

BIG = (5 << 20) + 1000
"""Bytes of an object that is sent in parts."""
RESTORED = 'ongoing-request="false", expiry-date="Sun, 16 Apr 2028 08:12:33 GMT"'


class Place(abc.ABC):
    """A source, and the tool that migrates from it."""

    copies: ClassVar[bool] = False
    """Whether COS copies the objects."""
    classes: ClassVar[tuple[str, str, str]]
    """Its names of the standard class, and of those for rare access and for archives."""

    def __init__(self, tool: CloudTool) -> None:
        self.tool = tool

    @abc.abstractmethod
    def put(
        self, key: str, body: bytes, storage_class: str = "", meta: dict[str, str] | None = None
    ) -> None:
        """Place an object, that of an archive restored, with user metadata."""

    @abc.abstractmethod
    def tag(self, key: str, tags: dict[str, str]) -> None:
        """Replace the tags of an object."""

    @abc.abstractmethod
    def refuse_tags(self, key: str) -> None:
        """Answer 403 to the request for the tags of an object."""

    @abc.abstractmethod
    def reads(self) -> list[str]:
        """Return the operations on single objects since the last call."""

    @abc.abstractmethod
    def modified(self, key: str) -> int:
        """Return when an object was modified, in seconds since 1970."""


def meta_headers(prefix: str, meta: dict[str, str] | None) -> dict[str, str]:
    """Return user metadata as headers."""
    return {f"{prefix}{name}": value for name, value in {"who": "me", **(meta or {})}.items()}


def tags_refused(key: str) -> Fault:
    return Fault("status", "GetObjectTagging", key, -1, status=403, code="AccessDenied")


def reads_of(server: FakeServer) -> list[str]:
    """Return the operations on objects that a server has seen since the last call."""
    seen = [each.operation for each in server.seen]
    server.seen.clear()
    return sorted(name for name in seen if not name.startswith("ListObjects"))


class S3Place(Place):
    classes = ("STANDARD", "STANDARD_IA", "GLACIER")

    def __init__(self, folder: Path, cos: HeldCos, s3: S3Server) -> None:
        cloud = s3_section(s3.port)
        super().__init__(CloudTool(folder, cos.port, migrate_type="migrateAws", cloud=cloud))
        self.server = s3

    def put(
        self, key: str, body: bytes, storage_class: str = "", meta: dict[str, str] | None = None
    ) -> None:
        headers = meta_headers("x-amz-meta-", meta)
        kind = storage_class or "STANDARD"
        self.server.put(key, body, storage_class=kind, restored=True, headers=headers)

    def tag(self, key: str, tags: dict[str, str]) -> None:
        bucket = self.server.buckets[s3_server.BUCKET]
        bucket.put(key, dataclasses.replace(bucket.objects[key], tags=tags))

    def refuse_tags(self, key: str) -> None:
        self.server.faults.append(tags_refused(key))

    def reads(self) -> list[str]:
        return reads_of(self.server)

    def modified(self, key: str) -> int:
        return int(self.server.buckets[s3_server.BUCKET].objects[key].modified.timestamp())


class OssPlace(Place):
    classes = ("Standard", "IA", "ColdArchive")

    def __init__(self, folder: Path, cos: HeldCos, oss: OssServer) -> None:
        cloud = oss_section(oss.port)
        super().__init__(CloudTool(folder, cos.port, migrate_type="migrateAli", cloud=cloud))
        self.server = oss

    def put(
        self, key: str, body: bytes, storage_class: str = "", meta: dict[str, str] | None = None
    ) -> None:
        headers = meta_headers("x-oss-meta-", meta)
        kind = storage_class or "Standard"
        self.server.put(key, body, headers, storage_class=kind, restore=RESTORED)

    def tag(self, key: str, tags: dict[str, str]) -> None:
        objects = self.server.store.buckets[oss_server.BUCKET].objects
        objects[key] = dataclasses.replace(objects[key], tags=tags)

    def refuse_tags(self, key: str) -> None:
        self.server.faults.append(tags_refused(key))

    def reads(self) -> list[str]:
        return reads_of(self.server)

    def modified(self, key: str) -> int:
        return self.server.store.buckets[oss_server.BUCKET].objects[key].modified


class CosPlace(Place):
    copies = True
    classes = ("STANDARD", "STANDARD_IA", "DEEP_ARCHIVE")

    def __init__(self, folder: Path, cos: HeldCos) -> None:
        cloud = cos_section(cos.port)
        super().__init__(CloudTool(folder, cos.port, migrate_type="migrateBucketCopy", cloud=cloud))
        self.server = cos

    def put(
        self, key: str, body: bytes, storage_class: str = "", meta: dict[str, str] | None = None
    ) -> None:
        headers = {"x-cos-storage-class": storage_class} if storage_class else {}
        put_on_cos(self.server, key, body, headers | meta_headers("x-cos-meta-", meta))

    def tag(self, key: str, tags: dict[str, str]) -> None:
        headers = self.server.store.get(SOURCE, key).headers
        self.server.store.replace_headers(
            SOURCE, key, {**headers, "x-cos-tagging": urlencode(tags, quote_via=quote)}
        )

    def refuse_tags(self, key: str) -> None:
        fault = CosFault("status", "GetObjectTagging", key, -1, status=403, code="AccessDenied")
        self.server.faults.append(fault)

    def reads(self) -> list[str]:
        seen = [each.operation for each in self.server.requests if each.bucket == SOURCE]
        self.server.reset()
        return sorted(name for name in seen if name != "GetBucket")

    def modified(self, key: str) -> int:
        return int(self.server.store.get(SOURCE, key).modified)


@pytest.fixture(name="place", params=["S3", "OSS", "COS"])
def _place(request: pytest.FixtureRequest, tmp_path: Path, cos: HeldCos) -> Iterator[Place]:
    folder = tmp_path / "tool"
    if request.param == "S3":
        with S3Server() as s3:
            yield S3Place(folder, cos, s3)
    elif request.param == "OSS":
        with OssServer() as oss:
            yield OssPlace(folder, cos, oss)
    else:
        yield CosPlace(folder, cos)


def headers_on_cos(cos: HeldCos, name: str) -> dict[str, str | None]:
    """Return a header of all objects on COS, by key."""
    return {key: cos.object_head(BUCKET, key).headers.get(name) for key in cos.keys(BUCKET)}


def test_storage_classes_are_mapped(place: Place, cos: HeldCos) -> None:
    _, rare, archive = place.classes
    place.put("plain", b"1")
    place.put("rare", b"2", rare)
    place.put("archived", b"3", archive)
    place.put("archived-big", noise(BIG), archive)
    for number in range(100):
        place.put(f"small/{number}", b"x", rare)
    place.tool.common.update(
        storageClassMap=f"{rare}:Maz_Standard_IA;{archive.lower()}:DEEP_ARCHIVE",
        storageClass="Intelligent_Tiering",
    )
    ended = place.tool.run()
    assert ended.counts() == counted(new=104), ended.out + place.tool.log("error.log")
    stored = headers_on_cos(cos, "x-cos-storage-class")
    assert {stored.pop(f"small/{number}") for number in range(100)} == {"MAZ_STANDARD_IA"}
    assert stored == {
        "plain": "INTELLIGENT_TIERING",
        "rare": "MAZ_STANDARD_IA",
        "archived": "DEEP_ARCHIVE",
        "archived-big": "DEEP_ARCHIVE",
    }
    assert "many files are smaller than 64 KB" in place.tool.log("warn.log")


def test_a_standard_class_needs_no_header(place: Place, cos: HeldCos) -> None:
    standard, rare, _ = place.classes
    place.put("plain", b"1")
    place.put("rare", b"2", rare)
    place.tool.common.update(storageClassMap=f"{standard}:Standard", storageClass="Archive")
    assert place.tool.run().counts() == counted(new=2)
    assert headers_on_cos(cos, "x-cos-storage-class") == {"plain": None, "rare": "ARCHIVE"}


def test_modification_times(place: Place, cos: HeldCos) -> None:
    place.put("small", b"1")
    place.put("big", noise(BIG))
    place.put("from-rclone", b"2", meta={"mtime": "1354040105.5"})
    place.put("no-time", b"3", meta={"mtime": "yesterday"})
    place.tool.common["copyMtime"] = "on"
    ended = place.tool.run()
    assert ended.counts() == counted(new=4), ended.out + place.tool.log("error.log")
    times = headers_on_cos(cos, "x-cos-meta-mtime")
    assert times.pop("from-rclone") == "1354040105.5"
    assert times == {key: str(place.modified(key)) for key in times}
    assert "mtime' is not carried over" in place.tool.log("warn.log")
    assert headers_on_cos(cos, "x-cos-meta-who") == dict.fromkeys(
        ("small", "big", "from-rclone", "no-time"), "me"
    )


def test_modification_times_of_files(tool: Tool, cos: HeldCos) -> None:
    os.utime(tool.put("small"), ns=(0, 1_700_000_000_123_456_000))
    os.utime(tool.put("whole-second"), ns=(0, 1_700_000_000_000_000_000))
    os.utime(tool.put("old"), ns=(0, -1_500_000_000))
    os.utime(tool.put("big", noise(BIG)), ns=(0, 1_700_000_000_500_000_000))
    tool.common["copyMtime"] = "on"
    assert tool.run().counts() == counted(new=4)
    assert headers_on_cos(cos, "x-cos-meta-mtime") == {
        "small": "1700000000.123456",
        "whole-second": "1700000000",
        "old": "-1.5",
        "big": "1700000000.5",
    }


def tags_on_cos(cos: HeldCos, key: str) -> dict[str, str]:
    return dict(parse_qsl(cos.object_head(BUCKET, key).headers.get("x-cos-tagging", "")))


def test_tags(place: Place, cos: HeldCos) -> None:
    tags = {"group": "IT & more/=", "\u9879\u76ee": "\u6587\u4ef6 1"}
    too_many = {f"tag{number}": "x" for number in range(12)}
    for key in ("small", "big", "many", "odd"):
        place.put(key, noise(BIG) if key == "big" else b"x")
        place.put(f"{key}-untagged", noise(BIG) if key == "big" else b"x")
    fitting = {name: value.replace(" & more", "") for name, value in tags.items()}
    place.tag("small", fitting)
    place.tag("big", fitting)
    place.tag("many", too_many)
    place.tag("odd", {**tags, "long": "x" * 256, "fine": "y"})
    assert place.tool.run("-Dcommon.cosPath=/without/").counts() == counted(new=8)
    before = place.reads()
    place.tool.common["copyTags"] = "on"
    ended = place.tool.run()
    assert ended.counts() == counted(new=8), ended.out + place.tool.log("error.log")
    more = place.reads()
    if place.copies:
        assert more == before
        assert tags_on_cos(cos, "small") == tags_on_cos(cos, "big") == fitting
        assert len(tags_on_cos(cos, "many")) == 12
        return
    for name in before:
        more.remove(name)
    assert more == ["GetObjectTagging"] * 4
    assert tags_on_cos(cos, "small") == tags_on_cos(cos, "big") == fitting
    assert len(tags_on_cos(cos, "many")) == 10
    assert tags_on_cos(cos, "odd") == {"\u9879\u76ee": "\u6587\u4ef6 1", "fine": "y"}
    warned = place.tool.log("warn.log")
    for text in ("tag 'group' is not carried over", "tag 'long' is not", "tag 'tag11' is not"):
        assert text in warned
    assert not any(tags_on_cos(cos, key) for key in cos.keys(BUCKET) if "untagged" in key)
    assert not any(tags_on_cos(cos, key) for key in cos.keys(BUCKET) if "without/" in key)


def test_tags_that_cos_copies_are_not_requested(tmp_path: Path, cos: HeldCos) -> None:
    """Neither where the metadata is replaced, nor where a copy is compared by its CRC-64."""
    place = CosPlace(tmp_path / "tool", cos)
    place.put("small", b"x")
    place.tag("small", {"group": "IT"})
    joined(cos, "joined", [noise(2 << 20), noise(100, 2)])
    place.tag("joined", {"group": "IT"})
    place.tool.common |= {"copyTags": "on", "copyMtime": "on"}
    ended = place.tool.run()
    assert ended.counts() == counted(new=2), ended.out
    place.tool.common["copyMtime"] = "off"
    assert place.tool.run("-Dcommon.cosPath=/again/").counts() == counted(new=2)
    assert "GetObjectTagging" not in cos.operations()
    assert {str(tags_on_cos(cos, key)) for key in cos.keys(BUCKET)} == {"{'group': 'IT'}"}


def test_tags_that_the_source_or_cos_refuses(place: Place, cos: HeldCos) -> None:
    if place.copies:
        cos.faults.append(
            CosFault("status", "PutObjectCopy", times=-1, status=405, code="MethodNotAllowed")
        )
    for key in ("a", "b", "big"):
        place.put(key, noise(BIG) if key == "big" else b"x")
        place.tag(key, {"group": "IT"})
    place.tool.common["copyTags"] = "on"
    place.refuse_tags("a")
    refused = CosFault("status", "PutObject", "^b$", status=400, code="InvalidTag")
    begun = CosFault("status", "InitiateMultipartUpload", "^big$", status=403, code="AccessDenied")
    cos.faults += [refused, begun]
    ended = place.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=3)), ended.out
    assert headers_on_cos(cos, "x-cos-tagging") == {"a": None, "b": None, "big": None}
    warned = place.tool.log("warn.log")
    assert "/a: its tags are not carried over: the source refuses them (AccessDenied)" in warned
    assert "/b: its tags are not carried over: COS refuses them (InvalidTag)" in warned
    assert "/big: its tags are not carried over: COS refuses them (AccessDenied)" in warned
    [report] = (place.tool.folder / "log" / "report").glob("*.json")
    lost = json.loads(report.read_text("utf-8"))["object_warnings"]
    assert [(each["count"], "tags" in each["message"]) for each in lost] == [(1, True)] * 3


def test_tags_of_copies_in_parts(tmp_path: Path, cos: HeldCos) -> None:
    place = CosPlace(tmp_path / "tool", cos)
    place.put("big", noise(BIG))
    place.tag("big", {"group": "IT"})
    place.tool.common["copyTags"] = "on"
    ended = end(start_in_parts(place.tool))
    assert ended.counts() == counted(new=1), ended.out + ended.err
    assert "UploadPartCopy" in cos.operations()
    assert tags_on_cos(cos, "big") == {"group": "IT"}
