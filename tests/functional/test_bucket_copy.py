"""From one bucket of COS to another with the whole tool, as a user runs it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from cos_migrate.state.opening import open_store
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.contract import (
    AccessContract,
    DownloadContract,
    PagesContract,
    RunContract,
    SlashesContract,
)
from tests.functional.copies import changing, joined, moved, put
from tests.functional.more_sites import CopySite, PassingSite
from tests.functional.sites import SOURCE
from tests.functional.tool import BUCKET, records

MIB = 1 << 20


@pytest.fixture(name="site")
def _site(copy_site: CopySite) -> CopySite:
    return copy_site


@pytest.fixture(name="tool")
def _tool(copy_site: CopySite) -> CloudTool:
    return copy_site.tool


class TestBucketCopy(AccessContract, RunContract, SlashesContract):
    wrong_access = (
        ({"srcSecretId": "AKIDnobody"}, "[migrateBucketCopy] srcSecretId"),
        ({"srcSecretKey": "guessed"}, "[migrateBucketCopy] srcSecretKey"),
        ({"srcBucketName": "none-1250000001"}, "[migrateBucketCopy] srcBucketName"),
        ({"srcEndPointSuffix": "localhost:1"}, "[migrateBucketCopy] srcEndPointSuffix"),
    )


class TestPassingThrough(DownloadContract, PagesContract, SlashesContract):
    """What COS refuses to copy is read and sent."""

    refused = ((403, "AccessDenied"),)
    # Both are below, for copies and what passes through together.
    test_archived_objects_are_named_and_stop_nothing = None  # type: ignore[assignment]
    test_a_prefix_through_a_proxy = None  # type: ignore[assignment]

    @pytest.fixture
    def site(self, tmp_path: Path, cos: EmbeddedCos) -> Iterator[CopySite]:
        site = PassingSite(tmp_path, cos)
        with site.server:
            yield site


def record_of(key: str, dest: str, storage_class: str = "Standard") -> str:
    return (
        f"[taskType: migrateBucketCopy] [destRegion: ap-guangzhou], [destBucketName: {BUCKET}], "
        f"[destKey: {dest}], [srcRegion: ap-shanghai], [srcBucketName: {SOURCE}], "
        f"[srcKey: {key}], [srcStorageClass: {storage_class}]"
    )


def test_objects_keep_what_they_have_in_another_class(tool: CloudTool, cos: EmbeddedCos) -> None:
    bodies = {"a/b/empty": b"", "a/b/large": noise(11 * MIB, 3), "a/b/cold": b"cold"}
    put(cos, "a/b/empty", b"")
    put(cos, "a/b/large", bodies["a/b/large"])
    put(cos, "a/b/cold", b"cold", {"x-cos-storage-class": "STANDARD_IA"})
    parts = [noise(MIB, 4), noise(MIB, 5), b"end"]
    joined(cos, "a/b/joined", parts)
    bodies["a/b/joined"] = b"".join(parts)
    put(cos, "a/bc", b"another folder")
    tool.cloud["srcCosPath"] = "/a/b"
    tool.common.update(cosPath="/to/", storageClass="Maz_Standard", encryptionType="sse-cos")
    cos.reset()
    ended = tool.run()
    assert ended.counts() == counted(new=4), ended.out + tool.log("error.log")
    assert stored(cos) == {key.replace("a/b/", "to/", 1): body for key, body in bodies.items()}
    assert moved(cos) == 0
    for key in stored(cos):
        headers = cos.object_head(BUCKET, key).headers
        assert headers["content-type"] == "text/x"
        assert headers["x-cos-storage-class"] == "MAZ_STANDARD"
        assert headers["x-cos-server-side-encryption"] == "AES256"
        assert headers.get("x-cos-meta-who") == (None if key == "to/joined" else "me")
    copy = next(seen for seen in cos.requests if seen.operation == "PutObjectCopy")
    assert "x-cos-copy-source-if-match" in copy.headers
    etag = hashlib.md5(b"cold").hexdigest()
    assert records(tool.database)[record_of("a/b/cold", "/to/cold", "Standard_IA")] == (
        f"[srcSize: 4], [srcEtag: {etag}], [srcStorageClass: Standard_IA]"
    )
    assert "Download" not in ended.out + ended.err + tool.log("info.log")
    assert tool.run().counts() == counted(skip=4)


@pytest.mark.parametrize(("status", "code"), [(405, "MethodNotAllowed"), (403, "AccessDenied")])
def test_what_may_not_be_copied_passes_through(
    tool: CloudTool, cos: EmbeddedCos, status: int, code: str
) -> None:
    bodies = {f"{number:02}": noise(2000, number) for number in range(30)}
    bodies["large"] = noise(12 * MIB)
    for key, body in bodies.items():
        put(cos, key, body)
    cos.faults.append(
        Fault("status", operation="PutObjectCopy", times=-1, status=status, code=code)
    )
    tool.common["smallFileExecutorNum"] = "2"
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=31)), tool.log("error.log")
    assert stored(cos) == bodies
    assert "COS refuses to copy" in tool.log("info.log")
    assert cos.operations().count("PutObjectCopy") < 31
    assert cos.operations().count("GetObject") == 30 + 3
    for key in bodies:
        headers = cos.object_head(BUCKET, key).headers
        assert (headers["content-type"], headers["x-cos-meta-who"]) == ("text/x", "me")
    cos.reset()
    assert tool.run().counts() == counted(skip=31)


def test_objects_that_may_not_be_read_leave_the_others_to_be_copied(
    tool: CloudTool, cos: EmbeddedCos
) -> None:
    for number in range(20):
        put(cos, f"{number:02}", noise(200, number))
    cos.faults += [
        Fault("status", operation, "^0", times=-1, status=403, code="AccessDenied")
        for operation in ("PutObjectCopy", "GetObject")
    ]
    ended = tool.run()
    assert ended.counts() == counted(new=10, fail=10), tool.log("error.log")
    assert ended.list_finished
    assert "COS refuses to copy" not in tool.log("info.log")
    assert cos.operations().count("PutObject") == 0


def test_through_a_proxy(tool: CloudTool, cos: EmbeddedCos) -> None:
    for number in range(5):
        put(cos, f"{number}", noise(200, number))
    cos.faults.append(Fault("status", "PutObjectCopy", "2", status=405, code="MethodNotAllowed"))
    tool.cloud["srcEndPointSuffix"] = ""
    tool.common.update(
        endPointSuffix="",
        proxyHost="127.0.0.1",
        proxyPort=str(cos.port),
        proxyUser="me",
        proxyPassword="proxy-pass",
    )
    ended = tool.run()
    assert ended.counts() == counted(new=5), ended.out + tool.log("error.log")
    assert stored(cos) == {f"{number}": noise(200, number) for number in range(5)}
    assert {"GetBucket", "GetObject"} <= set(cos.operations())
    expected = "Basic " + base64.b64encode(b"me:proxy-pass").decode()
    assert {seen.headers["proxy-authorization"] for seen in cos.requests} == {expected}
    hosts = {seen.headers["host"] for seen in cos.requests if seen.bucket == SOURCE}
    assert hosts == {f"{SOURCE}.cos.ap-shanghai.myqcloud.com"}


def test_what_failed_and_is_gone_is_forgotten(tool: CloudTool, cos: EmbeddedCos) -> None:
    put(cos, "a", b"1")
    put(cos, "b", b"2")
    tool.common["requestTryCount"] = "1"
    cos.faults.append(Fault("status", "PutObjectCopy", "b", times=-1))
    assert tool.run().counts() == counted(new=1, fail=1)
    cos.store.delete(SOURCE, "b")
    cos.faults.clear()
    assert tool.run().counts() == counted(fail=1, skip=1)
    assert tool.run().counts() == counted(skip=1)


def test_now_and_then_a_copy_is_refused(tool: CloudTool, cos: EmbeddedCos) -> None:
    bodies = {f"{number:02}": noise(200, number) for number in range(30)}
    for key, body in bodies.items():
        put(cos, key, body)
    tool.common["smallFileExecutorNum"] = "1"
    for key in ("03", "13", "14", "23"):
        cos.faults.append(
            Fault("status", operation="PutObjectCopy", key=key, status=405, code="MethodNotAllowed")
        )
    ended = tool.run()
    assert ended.counts() == counted(new=30), tool.log("error.log")
    assert stored(cos) == bodies
    assert cos.operations().count("PutObject") == 4


def test_a_list_of_keys(tool: CloudTool, cos: EmbeddedCos, tmp_path: Path) -> None:
    put(cos, "a/1", b"1")
    put(cos, "a+b", b"2", {"x-cos-storage-class": "STANDARD_IA"})
    put(cos, "\u4e2d", b"3", {"x-cos-storage-class": "STANDARD_IA"})
    put(cos, "left out", b"4")
    listed = tmp_path / "keys.txt"
    listed.write_text("/a/1\na%2Bb\n%E4%B8%AD\r\n\nmissing\n/\na%2F1\n", encoding="utf-8")
    tool.cloud["srcFileList"] = str(listed)
    tool.common["cosPath"] = "/to/"
    cos.reset()
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(new=3, fail=2)), ended.out
    assert f"line 6 of {listed}: it names no key: /" in tool.log("error.log")
    assert f"line 7 of {listed} is passed over: it repeats line 1" in tool.log("info.log")
    assert stored(cos) == {"to/a/1": b"1", "to/a+b": b"2", "to/\u4e2d": b"3"}
    assert moved(cos) == 0
    kept = records(tool.database)
    assert record_of("a/1", "/to/a/1") in kept
    assert record_of("a+b", "/to/a+b", "Standard_IA") in kept
    assert record_of("missing", "/to/missing") in ended.out
    put(cos, "missing", b"5", {"x-cos-storage-class": "COLD"})
    assert tool.run().counts() == counted(new=1, skip=3, fail=1)
    kept = records(tool.database)
    assert not [key for key in kept if key.startswith("[cosmigrate failed]")]

    tool.cloud["srcStorageClass"] = "Standard_IA"
    cos.reset()
    other = tool.run("-Dcommon.cosPath=/other/")
    assert other.counts() == counted(new=2, unmatched=2, fail=1), other.out
    assert "to/a/1" not in other.out
    assert {key for key in stored(cos) if key.startswith("other/")} == {"other/a+b", "other/\u4e2d"}


def test_onto_itself(tool: CloudTool, cos: EmbeddedCos) -> None:
    put(cos, "a", b"body", {"cache-control": "no-store"})
    joined(cos, "b", [noise(MIB), b"end"])
    tool.cloud["srcBucketName"] = SOURCE
    tool.common.update(bucketName=SOURCE, storageClass="Standard_IA")
    ended = tool.run()
    assert ended.counts() == counted(new=2), tool.log("error.log")
    head = cos.object_head(SOURCE, "a")
    assert head.headers == {
        "content-type": "text/x",
        "cache-control": "no-store",
        "x-cos-meta-who": "me",
        "x-cos-storage-class": "STANDARD_IA",
    }
    assert cos.object_bytes(SOURCE, "b") == noise(MIB) + b"end"


def test_acls(tool: CloudTool, cos: EmbeddedCos) -> None:
    put(cos, "private", b"1", acl="private")
    put(cos, "public", b"2", acl="public-read")
    put(cos, "granted", b"3", acl="READ qcs::cam::uin/7:uin/7")
    put(cos, "plain", b"4")
    put(cos, "streamed", b"5", acl="public-read")
    cos.faults.append(
        Fault("status", operation="PutObjectCopy", key="streamed", status=405, code="No")
    )
    tool.common["copyAcl"] = "on"
    ended = tool.run()
    assert ended.counts() == counted(new=5), tool.log("error.log")
    assert {key: cos.object_head(BUCKET, key).acl for key in stored(cos)} == {
        "private": "private",
        "public": "public-read",
        "granted": "READ qcs::cam::uin/7:uin/7",
        "plain": "",
        "streamed": "public-read",
    }


def test_no_fault_leaves_a_wrong_object(tool: CloudTool, cos: EmbeddedCos) -> None:
    bodies = {f"{number:02}": noise(3000, number) for number in range(30)}
    for key, body in bodies.items():
        put(cos, key, body)
    for number in range(6):
        parts = [noise(MIB, number), noise(7, number)]
        joined(cos, f"joined/{number}", parts)
        bodies[f"joined/{number}"] = b"".join(parts)
    tool.common["workerProcessNum"] = "2"
    copies = "PutObjectCopy"
    cos.faults += [
        Fault("error-in-200", copies, "0[12]", times=2),
        Fault("error-in-200", copies, "joined/1"),
        Fault("status", copies, "03", status=503, code="SlowDown"),
        Fault("status", copies, "04", times=2),
        Fault("reset", copies, "05"),
        Fault("drop", copies, "06"),
        Fault("truncate", copies, "07"),
        Fault("wrong-crc", copies, "joined/2", times=2),
        Fault("no-crc", copies, "joined/3"),
        Fault("status", "GetBucket", times=2),
        Fault("truncate", "GetBucket"),
    ]
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=36)), tool.log("error.log")
    assert stored(cos) == bodies
    assert moved(cos) == 0


def test_a_copy_that_stays_wrong_is_never_recorded(tool: CloudTool, cos: EmbeddedCos) -> None:
    joined(cos, "bad", [noise(MIB), b"1"])
    put(cos, "good", b"2")
    put(cos, "half", b"3")
    cos.faults.append(Fault("wrong-crc", "PutObjectCopy", "bad", times=-1))
    cos.faults.append(Fault("error-in-200", "PutObjectCopy", "half", times=-1))
    tool.common["requestTryCount"] = "2"
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(new=1, fail=2))
    kept = [key for key in records(tool.database) if key.startswith("[taskType")]
    assert kept == [record_of("good", "/good")]
    cos.faults.clear()
    assert tool.run().counts() == counted(new=2, skip=1)


def test_objects_that_change_after_they_were_listed(tool: CloudTool, cos: EmbeddedCos) -> None:
    put(cos, "a", b"old")
    put(cos, "b", b"probe")
    put(cos, "gone", b"x")
    tool.common.update(smallFileExecutorNum="1")

    change = partial(put, cos, "a", b"new version")
    with changing(cos, "GetBucket", change, partial(cos.store.delete, SOURCE, "gone")):
        ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(new=2, fail=1)), ended.out
    assert stored(cos) == {"a": b"new version", "b": b"probe"}
    assert "it does not exist (any more)" in tool.log("error.log")


def test_archived_objects_are_named_and_stop_nothing(tool: CloudTool, cos: EmbeddedCos) -> None:
    for number in range(8):
        put(cos, f"cold/{number}", b"x", {"x-cos-storage-class": "ARCHIVE"})
        put(cos, f"good/{number}", b"x")
    cos.faults.append(
        Fault("status", "PutObjectCopy", "cold", times=-1, status=403, code="InvalidObjectState")
    )
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(new=8, fail=8))
    assert moved(cos) == 0
    assert "it is archived and must be restored before it can be copied" in tool.log("error.log")


def test_wrong_keys_of_the_target_are_no_refused_copy(tool: CloudTool, cos: EmbeddedCos) -> None:
    for number in range(5):
        put(cos, f"{number}", b"x")
    tool.common["secretKey"] = "guessed"
    ended = tool.run()
    assert ended.code == 1
    assert moved(cos) == 0
    assert cos.operations().count("PutObjectCopy") == 1
    assert "SignatureDoesNotMatch" in ended.out + ended.err


def test_what_java_has_recorded_is_checked_by_what_the_source_tells(
    tool: CloudTool, cos: EmbeddedCos
) -> None:
    """The Java tool records no CRC-64."""
    for key in ("a b/1", "a b/2", "gone"):
        put(cos, key, b"12345")
    tool.common["cosPath"] = "/to/"
    assert tool.run().code == 0
    with open_store(tool.database) as state:
        state.write([], [key for key, _ in state.scan(b"[cosmigrate stored] ")])
    cos.store.put(BUCKET, "to/a b/2", cos.store.receive([b"54321"]), {}, acl="")
    cos.store.delete(SOURCE, "gone")
    tool.common["check"] = "on"
    ended = tool.run()
    assert ended.code == 1
    assert sorted(ended.lines("[ok] check")) == [
        "[ok] check length ok: /to/gone",
        "[ok] check ok: /to/a b/1",
    ]
    assert len(ended.lines("[fail] check crc64 fail: /to/a b/2. ")) == 1


@pytest.mark.parametrize("listed", [True, False])
def test_other_storage_classes_are_counted(
    tool: CloudTool, cos: EmbeddedCos, tmp_path: Path, listed: bool
) -> None:
    put(cos, "a/standard", b"one")
    put(cos, "b/ia", b"two", {"x-cos-storage-class": "STANDARD_IA"})
    put(cos, "b/cold", b"three", {"x-cos-storage-class": "COLD"})
    tool.cloud["srcStorageClass"] = "Standard_IA"
    if listed:
        path = tmp_path / "keys"
        path.write_text("a/standard\nb/ia\nb/cold\n", encoding="utf-8")
        tool.cloud["srcFileList"] = str(path)
    ended = tool.run()
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.err
    assert ended.counts() == counted(new=1, unmatched=2)
    assert sorted(ended.lines("[condition_not_match]")) == [
        "[condition_not_match] [reason: srcStorageClass]  [key: /a/standard]",
        "[condition_not_match] [reason: srcStorageClass]  [key: /b/cold]",
    ]
    assert "nothing was found" not in ended.out
    tool.cloud["srcStorageClass"] = "Archive"
    assert tool.run().counts() == counted(unmatched=3)
