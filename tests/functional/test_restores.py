"""Archived objects of S3, OSS and COS, which are restored before they are sent."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cos_migrate.emulator import Fault as CosFault
from tests.fakes import s3_server
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.copies import put as put_on_cos
from tests.functional.sites import SOURCE, cos_section, oss_section, s3_section
from tests.functional.tool import records
from tests.functional.waiting import HeldCos

BIG = (5 << 20) + 1000
"""Bytes of an object that is sent in parts."""


class Place(NamedTuple):
    """A source with archive classes, and the tool that migrates from it."""

    tool: CloudTool
    server: Any
    archive: Any
    """Its restores, as `tests.fakes.archive.Archive` has them."""
    cold: str
    """Its class with all tiers."""

    def put(self, key: str, body: bytes, storage_class: str = "") -> None:
        if isinstance(self.server, HeldCos):
            kept = {"x-cos-storage-class": storage_class} if storage_class else None
            put_on_cos(self.server, key, body, kept)
        elif storage_class:
            self.server.put(key, body, storage_class=storage_class)
        else:
            self.server.put(key, body)

    def operations(self) -> set[str]:
        """Return the operations that the source has seen since the last call."""
        if isinstance(self.server, HeldCos):
            seen = {each.operation for each in self.server.requests if each.bucket == SOURCE}
            self.server.reset()
            return seen
        seen = {each.operation for each in self.server.seen}
        self.server.seen.clear()
        return seen


@pytest.fixture(name="place", params=["S3", "OSS", "COS"])
def _place(request: pytest.FixtureRequest, tmp_path: Path, cos: HeldCos) -> Iterator[Place]:
    def tool(migrate_type: str, cloud: dict[str, str]) -> CloudTool:
        made = CloudTool(tmp_path / "tool", cos.port, migrate_type=migrate_type, cloud=cloud)
        made.common["restoreArchived"] = "Standard"
        return made

    if request.param == "COS":
        yield Place(tool("migrateBucketCopy", cos_section(cos.port)), cos, cos.archive, "ARCHIVE")
    elif request.param == "S3":
        with S3Server() as s3:
            place = tool("migrateAws", s3_section(s3.port))
            yield Place(place, s3, s3.archive, "GLACIER")
    else:
        with OssServer() as oss:
            place = tool("migrateAli", oss_section(oss.port))
            yield Place(place, oss, oss.archive, "ColdArchive")


def test_archived_objects_are_restored_and_sent(place: Place, cos: HeldCos) -> None:
    bodies = {f"cold/{number:02}": noise(100 + number, number) for number in range(60)}
    bodies["cold/big"] = noise(BIG)
    for key, body in bodies.items():
        place.put(key, body, place.cold)
    place.put("warm", b"warm")
    place.archive.seconds = 2.0
    place.tool.common |= {"restoreWait": "2", "smallFileExecutorNum": "8"}
    ended = place.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=62)), ended.out + ended.err
    assert stored(cos) == {**bodies, "warm": b"warm"}
    assert place.archive.asked == dict.fromkeys(bodies, 1)
    assert len(place.archive.requests) == len(bodies)
    assert not any(key.startswith("[cosmigrate restore]") for key in records(place.tool.database))
    place.operations()
    assert place.tool.run().counts() == counted(skip=62)
    assert place.operations() <= {"ListObjectsV2", "ListObjects", "GetBucket"}


def test_restores_that_do_not_end_in_their_order(place: Place, cos: HeldCos) -> None:
    """Some objects are taken for readable, and prove archived still."""
    bodies = {f"{number:03}": b"%03d" % number for number in range(300)}
    for key, body in bodies.items():
        place.put(key, body, place.cold)
    place.archive.seconds = 2.0
    place.archive.others = {f"{number:03}": 6.0 for number in range(100, 300, 50)}
    place.tool.common |= {"restoreWait": "2", "smallFileExecutorNum": "4"}
    ended = place.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=300)), ended.out + ended.err
    assert stored(cos) == bodies
    assert place.archive.asked == dict.fromkeys(bodies, 1)
    assert len(place.archive.requests) == 300


def test_what_is_pending_fails_and_is_not_requested_again(place: Place, cos: HeldCos) -> None:
    for number in range(12):
        place.put(f"cold/{number:02}", b"cold", place.cold)
    place.put("warm", b"warm")
    place.archive.seconds = 3600.0
    for _ in range(2):
        ended = place.tool.run()
        assert (ended.code, ended.list_finished) == (1, True)
        assert ended.counts()["fail"] == 12
        assert list(stored(cos)) == ["warm"]
        assert sum(place.archive.asked.values()) == len(place.archive.requests) == 12
        assert "Restoring" in ended.out
        assert "run again later" in ended.out
    kept = records(place.tool.database)
    restores = [key for key in kept if key.startswith("[cosmigrate restore]")]
    assert len(restores) == 12
    _, asked, tier, days = json.loads(kept[restores[0]])
    assert (asked > 0, tier, days) == (True, "Standard", 1)
    place.archive.finish()
    ended = place.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=12, skip=1)), ended.out
    assert len(place.archive.requests) == 12


def test_an_expired_restore_is_requested_again(place: Place, cos: HeldCos) -> None:
    place.put("cold", b"cold", place.cold)
    place.archive.seconds = 3600.0
    assert place.tool.run().counts() == counted(fail=1)
    place.archive.finish()
    place.archive.expire()
    assert place.tool.run().counts() == counted(fail=1)
    assert place.archive.asked == {"cold": 2}
    place.archive.finish()
    assert place.tool.run().counts() == counted(new=1)
    assert stored(cos) == {"cold": b"cold"}


def test_tiers_and_days_that_a_class_does_not_have(place: Place) -> None:
    slow = "DeepColdArchive" if place.cold == "ColdArchive" else "DEEP_ARCHIVE"
    wanted, used = ("Bulk" if place.cold == "ColdArchive" else "Expedited"), "Standard"
    place.put("deep", b"x", slow)
    place.put("cold", b"x", place.cold)
    if place.cold == "ColdArchive":
        place.put("archive", b"x", "Archive")
    place.archive.seconds = 3600.0
    ended = place.tool.run(f"-Dcommon.restoreArchived={wanted}", "-Dcommon.restoreDays=30")
    assert ended.code == 1
    requests = {key: (tier, days) for key, tier, days in place.archive.requests}
    assert requests.pop("archive", ("", 7)) == ("", 7)
    assert requests == {"deep": (used, 30), "cold": (wanted, 30)}
    warned = place.tool.log("warn.log")
    assert f"restoreArchived={wanted} is not offered for {slow.upper()}: {used}" in warned


def test_a_dry_run_requests_nothing(place: Place) -> None:
    place.archive.seconds = 0.0
    place.put("cold", b"x", place.cold)
    ended = place.tool.run("--dry-run")
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out
    assert not place.archive.requests


def test_a_refused_restore_is_the_failure_of_the_object(place: Place, cos: HeldCos) -> None:
    place.archive.seconds = 0.0
    place.put("cold", b"x", place.cold)
    place.put("warm", b"x")
    fault: Any = s3_server.Fault(
        "status", "RestoreObject", times=-1, status=403, code="AccessDenied"
    )
    if isinstance(place.server, HeldCos):
        fault = CosFault("status", "PostObjectRestore", times=-1, status=403, code="AccessDenied")
    place.server.faults.append(fault)
    ended = place.tool.run()
    assert (ended.code, ended.counts()) == (1, counted(new=1, fail=1)), ended.out
    right = {"GLACIER": "s3:RestoreObject", "ColdArchive": "oss:RestoreObject"}.get(
        place.cold, "cos:PostObjectRestore"
    )
    assert f"a restore needs the permission {right}; look at" in place.tool.log("error.log")
    assert "the right to restore objects" in ended.out + ended.err
    assert list(stored(cos)) == ["warm"]


@pytest.mark.parametrize("place", ["S3"], indirect=True)
def test_keys_of_a_list_and_classes_that_are_not_listed(place: Place, cos: HeldCos) -> None:
    place.put("cold", b"cold", place.cold)
    keys = place.tool.folder / "keys"
    keys.write_text("cold\n")
    place.tool.cloud["uriList"] = str(keys)
    place.archive.seconds = 1.0
    place.tool.common["restoreWait"] = "2"
    ended = place.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out
    assert place.archive.asked == {"cold": 1}
    assert stored(cos) == {"cold": b"cold"}


@pytest.mark.parametrize("place", ["S3"], indirect=True)
def test_intelligent_tiering_is_restored_when_it_proves_archived(
    place: Place, cos: HeldCos
) -> None:
    place.put("moved", b"moved", "INTELLIGENT_TIERING")
    place.archive.tiers = {**place.archive.tiers, "INTELLIGENT_TIERING": ("Standard",)}
    bucket = place.server.buckets[s3_server.BUCKET]
    bucket.put("moved", dataclasses.replace(bucket.objects["moved"], archive_access=True))
    place.tool.common["restoreWait"] = "2"
    ended = place.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out
    assert place.archive.requests == [("moved", "Standard", 0)]
    assert stored(cos) == {"moved": b"moved"}
