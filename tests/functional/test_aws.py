"""From S3 to COS with the whole tool, as a user runs it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.emulator.faults import Fault as CosFault
from tests.fakes.s3_server import Fault, S3Server
from tests.fakes.s3_store import Bucket, kept_of
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.contract import (
    AccessContract,
    DownloadContract,
    PagesContract,
    SlashesContract,
)
from tests.functional.sites import AwsSite, ServerSite
from tests.functional.tool import BUCKET as TARGET
from tests.functional.tool import end
from tests.functional.waiting import HeldCos, wait_until

MIB = 1 << 20


class TestAws(AccessContract, DownloadContract, PagesContract, SlashesContract):
    wrong_access = (
        ({"accessKeyId": "nobody"}, "[migrateAws] accessKeyId"),
        ({"accessKeySecret": "guessed"}, "[migrateAws] accessKeySecret"),
        ({"bucket": "none"}, "[migrateAws] bucket"),
        (
            {
                "endPoint": "s3.eu-west-1.amazonaws.com",
                "proxyHost": "127.0.0.1",
                "proxyPort": "{port}",
            },
            "set endPoint=s3.us-east-1.amazonaws.com",
        ),
        ({"endPoint": "127.0.0.1:1"}, "[migrateAws] endPoint"),
    )
    refused = (
        *((403, "AccessDenied"), (403, "InvalidObjectState"), (403, "AllAccessDisabled")),
        *((403, "SignatureDoesNotMatch"), (400, "InvalidRequest"), (401, "Unauthorized")),
        (400, "KMS.DisabledException"),
    )

    def test_archived_objects_are_named_and_stop_nothing(
        self, site: ServerSite, cos: HeldCos
    ) -> None:
        super().test_archived_objects_are_named_and_stop_nothing(site, cos)
        assert "InitiateMultipartUpload" not in cos.operations()


@pytest.fixture(name="site")
def _site(tmp_path: Path, cos: EmbeddedCos, s3: S3Server) -> AwsSite:
    return AwsSite(tmp_path, cos, s3)


@pytest.fixture(name="tool")
def _tool(site: AwsSite) -> CloudTool:
    return site.tool


def test_the_object_of_the_folder_itself_needs_none_at_the_root(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    for key in ("a/b/", "a/b/c/", "a/b/d"):
        s3.put(key, b"" if key.endswith("/") else b"d")
    tool.cloud["prefix"] = "a/b/"
    ended = tool.run()
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.err
    assert ended.counts() == counted(new=2, unmatched=1)
    assert "[condition_not_match] [reason: empty key]  [key: /a/b/]" in ended.out
    assert stored(cos) == {"c/": b"", "d": b"d"}
    s3.put("a/b/", b"it holds something")
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(skip=2, fail=1))


def test_big_objects_whose_md5_is_known_never_touch_the_disk(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    bodies = {f"big/{number}": noise(12 * MIB + number, number) for number in range(3)}
    for key, body in bodies.items():
        s3.put(key, body)
    s3.latency = 0.02
    tool.common.update(workerProcessNum="2", bigFileUploadPartSize=str(2 * MIB))
    tool.shell = "ulimit -f 1024"  # at most 1 MiB: no part fits into a file
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=3)), ended.out + ended.err
    assert stored(cos) == bodies
    assert s3.downloaded() == sum(map(len, bodies.values()))
    for key, body in bodies.items():
        told = cos.object_head(TARGET, key).headers
        assert told["x-cos-meta-md5"] == hashlib.md5(body).hexdigest()


def ranges(s3: S3Server) -> list[str]:
    return [seen.range for seen in s3.asked("GetObject") if seen.range]


def test_the_next_part_is_requested_while_the_answer_to_the_present_one_is_awaited(
    tool: CloudTool, s3: S3Server, cos: HeldCos
) -> None:
    body = noise(8 * MIB)
    s3.put("big", body)
    tool.common |= {"bigFileExecutorNum": "1", "bigFileUploadPartSize": str(MIB)}
    cos.hold(2, "UploadPart")
    process = tool.start()
    wait_until(lambda: cos.held == 1 and len(ranges(s3)) == 4, lambda: process.poll() is None)
    assert cos.operations().count("UploadPart") == 3
    cos.release()
    assert end(process).counts() == counted(new=1)
    assert stored(cos) == {"big": body}
    assert sorted(ranges(s3)) == sorted(
        f"bytes={start}-{start + MIB - 1}" for start in range(0, 8 * MIB, MIB)
    )


def test_a_part_requested_ahead_is_left_where_the_present_one_is_sent_again(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    body = noise(8 * MIB)
    s3.put("big", body)
    tool.common |= {"bigFileExecutorNum": "1", "bigFileUploadPartSize": str(MIB)}
    cos.faults.append(CosFault("wrong-crc", operation="UploadPart", skip=2))
    assert tool.run().counts() == counted(new=1)
    assert stored(cos) == {"big": body}


@pytest.mark.parametrize("attached", ["on", "off"])
def test_a_big_object_that_was_uploaded_in_parts(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos, attached: str
) -> None:
    """Its ETag is no MD5: it goes through tmpFolder once, or is streamed without x-cos-meta-md5."""
    body = noise(12 * MIB)
    s3.put("big", body, part_size=5 * MIB, headers={"x-amz-meta-a": "b"})
    tool.common["entireFileMd5Attached"] = attached
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out + ended.err
    told = cos.object_head(TARGET, "big").headers
    wanted = hashlib.md5(body).hexdigest() if attached == "on" else None
    assert told.get("x-cos-meta-md5") == wanted
    assert told["x-cos-meta-a"] == "b"
    assert told["x-cos-meta-s3-etag"].endswith("-3")
    assert stored(cos) == {"big": body}
    assert s3.downloaded() == len(body)
    assert not [path for path in (tool.folder / "tmp").rglob("*") if path.is_file()]


@pytest.mark.parametrize("attached", ["on", "off"])
def test_metadata_that_is_called_md5_itself(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos, attached: str
) -> None:
    """x-cos-meta-md5 is the content's; what else was called so is not lost without a word."""
    sizes = {"small": 10, "streamed": 9 * MIB, "big": 11 * MIB}
    bodies = {key: noise(size) for key, size in sizes.items()}
    for key, body in bodies.items():
        s3.put(key, body, headers={"x-amz-meta-md5": "mine"})
        right = hashlib.md5(body).hexdigest().upper()
        s3.put(f"{key} right", body, headers={"x-amz-meta-md5": right})
    tool.common |= {"smallFileThreshold": str(10 * MIB), "entireFileMd5Attached": attached}
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=6)), ended.err
    for key, body in bodies.items():
        md5 = hashlib.md5(body).hexdigest() if attached == "on" else "mine"
        assert cos.object_head(TARGET, key).headers["x-cos-meta-md5"] == md5
        told = f"{key}: metadata 'md5' is not carried over" in ended.err
        assert told is (attached == "on")
    assert "right: metadata" not in ended.err


def test_a_file_of_keys_that_names_the_folder_itself(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos, tmp_path: Path
) -> None:
    """As a listing would: an empty object for the root of a bucket needs none, any other fails."""
    for key in ("a/b/", "a/b/d"):
        s3.put(key, b"" if key.endswith("/") else b"d")
    listed = tmp_path / "keys.txt"
    listed.write_text("a/b/\na/b/d\n", encoding="utf-8")
    tool.cloud |= {"uriList": str(listed), "prefix": "a/b/"}
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1, unmatched=1)), ended.err
    assert "[condition_not_match] [reason: empty key]  [key: /a/b/]" in ended.out
    s3.put("a/b/", b"it holds something")
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(skip=1, fail=1))
    assert "its key would be empty" in tool.log("error.log")
    assert tool.run("-Dcommon.cosPath=/x/").counts() == counted(new=2)
    assert stored(cos) == {"d": b"d", "x/": b"it holds something", "x/d": b"d"}


def test_acls_when_they_are_wanted(tool: CloudTool, s3: S3Server, cos: EmbeddedCos) -> None:
    s3.put("open", b"1", acl="public-read")
    s3.put("closed", b"2")
    s3.put("big", noise(6 * MIB), acl="public-read")
    tool.common["copyAcl"] = "on"
    ended = tool.run()
    assert ended.counts() == counted(new=3), ended.err
    assert {key: cos.object_head(TARGET, key).acl for key in cos.keys(TARGET)} == {
        "open": "public-read",
        "closed": "private",
        "big": "public-read",
    }
    assert [seen.key for seen in s3.asked("GetObjectAcl")].count("open") == 1


def test_an_account_that_may_not_list_or_not_read(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    for number in range(100):
        s3.put(f"{number:03}", b"x")
    s3.denied.add("ListObjectsV2")
    ended = tool.run()
    assert (ended.code, ended.list_finished) == (1, False)
    assert "[migrateAws] accessKeyId" in ended.out + ended.err
    s3.denied = {"GetObject"}
    s3.seen.clear()
    ended = tool.run()
    assert ended.code == 1
    assert "[migrateAws] accessKeyId" in tool.log("error.log")
    assert (ended.counts(), ended.list_finished) == (counted(fail=100), True)
    assert cos.keys(TARGET) == []


def test_a_list_position_counts_for_its_own_bucket_only(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    """Both jobs have one database, as in the Java tool: its text names no bucket."""
    for number in range(250):
        s3.put(f"{number:05}", b"")
    s3.buckets["other-bucket"] = Bucket()
    s3.buckets["other-bucket"].put("00000-first", kept_of(b"x"))
    s3.page_size = 100
    tool.common.update(resume="true", requestTryCount="1", listParallel="1")
    s3.faults.append(Fault("status", "ListObjectsV2", skip=2, times=-1, status=503))
    assert not tool.run().list_finished
    s3.faults.clear()
    tool.cloud["bucket"] = "other-bucket"
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.err
    assert "00000-first" in cos.keys(TARGET)
