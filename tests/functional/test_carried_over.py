"""What is carried over besides content and metadata: from S3, OSS and another bucket on COS."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted, noise
from tests.functional.copies import put as put_on_cos
from tests.functional.copies import two_buckets
from tests.functional.sites import cos_section, oss_section, s3_section
from tests.functional.tool import BUCKET
from tests.functional.waiting import HeldCos

BIG = (5 << 20) + 1000
"""Bytes of an object that is sent in parts."""
RESTORED = 'ongoing-request="false", expiry-date="Sun, 16 Apr 2028 08:12:33 GMT"'


class Place(abc.ABC):
    """A source, and the tool that migrates from it."""

    classes: ClassVar[tuple[str, str, str]]
    """Its names of the standard class, and of those for rare access and for archives."""

    def __init__(self, tool: CloudTool) -> None:
        self.tool = tool

    @abc.abstractmethod
    def put(self, key: str, body: bytes, storage_class: str = "") -> None:
        """Place an object, that of an archive restored."""


class S3Place(Place):
    classes = ("STANDARD", "STANDARD_IA", "GLACIER")

    def __init__(self, folder: Path, cos: HeldCos, s3: S3Server) -> None:
        cloud = s3_section(s3.port)
        super().__init__(CloudTool(folder, cos.port, migrate_type="migrateAws", cloud=cloud))
        self.server = s3

    def put(self, key: str, body: bytes, storage_class: str = "STANDARD") -> None:
        self.server.put(key, body, storage_class=storage_class, restored=True)


class OssPlace(Place):
    classes = ("Standard", "IA", "ColdArchive")

    def __init__(self, folder: Path, cos: HeldCos, oss: OssServer) -> None:
        cloud = oss_section(oss.port)
        super().__init__(CloudTool(folder, cos.port, migrate_type="migrateAli", cloud=cloud))
        self.server = oss

    def put(self, key: str, body: bytes, storage_class: str = "Standard") -> None:
        self.server.put(key, body, storage_class=storage_class, restore=RESTORED)


class CosPlace(Place):
    classes = ("STANDARD", "STANDARD_IA", "DEEP_ARCHIVE")

    def __init__(self, folder: Path, cos: HeldCos) -> None:
        cloud = cos_section(cos.port)
        super().__init__(CloudTool(folder, cos.port, migrate_type="migrateBucketCopy", cloud=cloud))
        self.server = cos

    def put(self, key: str, body: bytes, storage_class: str = "STANDARD") -> None:
        put_on_cos(self.server, key, body, {"x-cos-storage-class": storage_class})


@pytest.fixture(name="cos")
def _cos(tmp_path: Path) -> Iterator[HeldCos]:
    with two_buckets(tmp_path) as server:
        yield server


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
