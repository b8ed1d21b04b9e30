"""From S3 to COS with the whole tool, as a user runs it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.s3_server import BUCKET, KEY, KEY_ID, Fault, S3Server
from tests.fakes.s3_store import Bucket, kept_of
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.tool import BUCKET as TARGET
from tests.functional.tool import end, records
from tests.functional.waiting import HeldCos, kill_in_the_middle

MIB = 1 << 20
ODD = {
    "a b+c%41&d?e=f#g.txt": "a b+c%41&d?e=f#g.txt",
    "\u6587/\u4ef6 \U0001f600.txt": "\u6587/\u4ef6 \U0001f600.txt",
    "/leading": "leading",
    "x//y": "x//y",
    "./dots/../z": "./dots/../z",
    "dir/": "dir/",
    "q'\";": "q'\";",
}
"""Keys on S3 and on COS."""


@pytest.fixture(name="s3")
def _s3() -> Iterator[S3Server]:
    with S3Server() as s3:
        yield s3


@pytest.fixture(name="tool")
def _tool(tmp_path: Path, cos: EmbeddedCos, s3: S3Server) -> CloudTool:
    cloud = {
        "bucket": BUCKET,
        "accessKeyId": KEY_ID,
        "accessKeySecret": KEY,
        "endPoint": f"127.0.0.1:{s3.port}",
    }
    return CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateAws", cloud=cloud)


def spool_bytes(tool: CloudTool) -> int:
    return sum(path.stat().st_size for path in (tool.folder / "tmp").rglob("*") if path.is_file())


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


def test_every_object_with_its_metadata_and_then_nothing_again(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    for number, key in enumerate(ODD):
        s3.put(key, noise(number * 1000, number), headers={"content-type": f"text/x{number}"})
    bodies = {"meta/small": b"hello", "meta/big": noise(11 * MIB), "meta/empty": b""}
    headers = {
        "cache-control": "no-cache",
        "content-type": "image/x",
        "expires": "Thu, 01 Dec 2026 16:00:00 GMT",
        "x-amz-meta-colour_1": "r\u00f6t",
    }
    made = {key: s3.put(key, body, headers=headers) for key, body in bodies.items()}
    tool.common["cosPath"] = "/to/"
    ended = tool.run()
    assert (ended.code, ended.status, ended.list_finished) == (0, "ALL_OK", True), ended.err
    assert ended.counts() == counted(new=len(ODD) + 3)
    wanted = {f"to/{key}": noise(n * 1000, n) for n, key in enumerate(ODD.values())}
    assert stored(cos) == wanted | {f"to/{key}": body for key, body in bodies.items()}
    for key, kept in made.items():
        told = cos.object_head(TARGET, f"to/{key}").headers
        assert told["content-type"] == "image/x"
        assert told["cache-control"] == "no-cache"
        assert told["expires"] == "Thu, 01 Dec 2026 16:00:00 GMT"
        assert told["x-cos-meta-s3-etag"] == kept.etag
        assert told["x-cos-meta-colour-1"] == "r%C3%B6t"
        assert told["x-cos-meta-md5"] == hashlib.md5(kept.body).hexdigest()
    assert s3.downloaded() == sum(map(len, stored(cos).values()))
    kept_records = records(tool.database)
    record = f"[taskType: migrateAws] [bucket: {TARGET}] [cosPath: /to/meta/small]"
    assert kept_records[record] == f"[fileSize: 5] [etag: {made['meta/small'].etag}]"
    assert f"task_info: {record}" in ended.out
    text = "[srcPrefix: ], [cosFolder: /to/]"
    assert tool.database.name == hashlib.md5(text.encode()).hexdigest()
    assert tool.database.parents[1].name == "migrate_from_aws"
    assert KEY not in ended.out + ended.err + tool.log("info.log") + tool.log("error.log")

    s3.seen.clear()
    again = tool.run()
    assert (again.code, again.counts()) == (0, counted(skip=len(ODD) + 3))
    assert set(s3.operations()) == {"ListObjectsV2"}

    s3.put("meta/small", b"another")
    s3.put("new", b"x")
    third = tool.run()
    assert third.counts() == counted(new=1, update=1, skip=len(ODD) + 2)
    assert stored(cos)["to/meta/small"] == b"another"


def test_big_objects_whose_md5_is_known_never_touch_the_disk(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    bodies = {f"big/{number}": noise(12 * MIB + number, number) for number in range(3)}
    for key, body in bodies.items():
        s3.put(key, body)
    s3.latency = 0.02
    tool.common.update(workerProcessNum="2", bigFileUploadPartSize=str(2 * MIB))
    process = tool.start()
    most = 0
    while process.poll() is None and len(cos.keys(TARGET)) < len(bodies):
        most = max(most, spool_bytes(tool))
        time.sleep(0.002)
    ended = end(process)
    assert (ended.code, ended.counts()) == (0, counted(new=3)), ended.out + ended.err
    assert most == 0
    assert stored(cos) == bodies
    assert s3.downloaded() == sum(map(len, bodies.values()))
    for key, body in bodies.items():
        told = cos.object_head(TARGET, key).headers
        assert told["x-cos-meta-md5"] == hashlib.md5(body).hexdigest()


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


def test_a_prefix_through_a_proxy(tool: CloudTool, s3: S3Server, cos: EmbeddedCos) -> None:
    for number in range(20):
        s3.put(f"a/b{number}/c", noise(100, number))
    s3.put("other", b"x")
    tool.cloud.update(
        endPoint="s3.us-east-1.amazonaws.com",
        proxyHost="127.0.0.1",
        proxyPort=str(s3.port),
        prefix="/a/b",
    )
    ended = tool.run(environ={"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://x:9"})
    assert ended.counts() == counted(new=20), ended.err
    assert sorted(cos.keys(TARGET)) == sorted(f"b{number}/c" for number in range(20))
    assert {(seen.proxied, seen.host) for seen in s3.seen} == {
        (True, f"{BUCKET}.s3.us-east-1.amazonaws.com")
    }


def test_many_pages_listed_at_once(tool: CloudTool, s3: S3Server, cos: EmbeddedCos) -> None:
    keys = [f"{number % 9}/{number % 4}/{number:05}" for number in range(800)]
    for key in keys:
        s3.put(key, b"")
    s3.page_size, s3.latency = 50, 0.01
    ended = tool.run()
    assert ended.counts() == counted(new=800), ended.err
    assert ended.list_finished
    assert sorted(cos.keys(TARGET)) == sorted(keys)


def test_a_file_of_keys(tool: CloudTool, s3: S3Server, cos: EmbeddedCos, tmp_path: Path) -> None:
    for key in ("a/1", "b?#", "left out"):
        s3.put(key, key.encode())
    listed = tmp_path / "keys.txt"
    listed.write_text("a/1\nb?#\nmissing\n", encoding="utf-8")
    tool.cloud["uriList"] = str(listed)
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(new=2, fail=1)), ended.err
    assert stored(cos) == {"a/1": b"a/1", "b?#": b"b?#"}
    s3.seen.clear()
    assert tool.run().counts() == counted(skip=2, fail=1)
    assert set(s3.operations()) == {"HeadObject"}


def test_names_that_differ_in_leading_slashes_only(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    """One key on COS cannot be two objects: the plain name is migrated, the other is told."""
    for key in ("a/x", "a//x", "a//alone", "a//big"):
        s3.put(key, key.encode() if key != "a//big" else noise(6 * MIB))
    s3.put("a/big", b"small")
    tool.cloud["prefix"] = "a/"
    for again in (False, True):
        ended = tool.run()
        done = counted(skip=3, fail=2) if again else counted(new=3, fail=2)
        assert (ended.code, ended.counts()) == (1, done), tool.log("error.log")
        assert stored(cos) == {"x": b"a/x", "alone": b"a//alone", "big": b"small"}
    assert "same object as a/x" in tool.log("error.log")
    assert "same object as a/big" in tool.log("error.log")


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


def test_what_a_file_of_keys_names_twice_is_migrated_once(
    tool: CloudTool, s3: S3Server, tmp_path: Path
) -> None:
    for key in ("a/1", "a/2"):
        s3.put(key, key.encode())
    listed = tmp_path / "keys.txt"
    listed.write_text("a/1\na/2\na/1\r\n\na/1", encoding="utf-8")
    tool.cloud["uriList"] = str(listed)
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=2)), ended.err
    assert sorted([seen.key for seen in s3.asked("GetObject")]) == ["a/1", "a/2"]
    for number in (3, 5):
        assert f"line {number} of {listed} is passed over: it repeats line 1" in tool.log(
            "info.log"
        )
    assert tool.run().counts() == counted(skip=2)


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


def test_killed_in_the_middle_and_completed(tool: CloudTool, s3: S3Server, cos: HeldCos) -> None:
    bodies = {f"small/{number:03}": noise(2000, number) for number in range(120)}
    bodies |= {f"big/{number}": noise(12 * MIB, number) for number in range(2)}
    for key, body in bodies.items():
        s3.put(key, body)
    tool.common.update(
        workerProcessNum="2",
        smallFileExecutorNum="4",
        bigFileExecutorNum="2",
        bigFileUploadPartSize=str(2 * MIB),
        resume="true",
    )
    kill_in_the_middle(cos, tool, ("PutObject", 20), 4)
    s3.seen.clear()
    ended = tool.run()
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.err
    assert stored(cos) == bodies
    assert s3.downloaded() < sum(map(len, bodies.values()))
    s3.seen.clear()
    assert tool.run().counts() == counted(skip=122)
    assert "GetObject" not in s3.operations()


def test_no_fault_leaves_a_wrong_object(tool: CloudTool, s3: S3Server, cos: EmbeddedCos) -> None:
    bodies = {f"small/{number:02}": noise(3000 + number, number) for number in range(30)}
    bodies |= {"big/one": noise(12 * MIB), "big/two": noise(9 * MIB, 2)}
    for key, body in bodies.items():
        s3.put(key, body)
    s3.put("big/parts", noise(7 * MIB, 3), part_size=5 * MIB)
    bodies["big/parts"] = noise(7 * MIB, 3)
    tool.cloud["srcSocketTimeout"] = "2000"
    # One request may meet many of the faults, as the machine is busy or not.
    tool.common.update(workerProcessNum="2", requestTryCount="12")
    s3.faults += [
        Fault("cut", "GetObject", "small/0[12]", times=2, at=1234),
        Fault("flip", "GetObject", "small/0[34]", times=2),
        Fault("reset", "GetObject", "small/0[56]", times=2),
        Fault("hang", "GetObject", "small/09", seconds=3),
        Fault("status", "GetObject", "small/1", times=2, status=500),
        Fault("status", "GetObject", "big", times=3, status=503, code="SlowDown"),
        Fault("cut", "GetObject", "big", at=MIB),
        Fault("flip", "GetObject", "big/two"),
        Fault("reset", "GetObject", "big"),
        Fault("reset", "HeadObject", "big"),
        Fault("status", "ListObjectsV2", times=2, status=503, code="SlowDown"),
        Fault("reset", "ListObjectsV2"),
        Fault("cut", "ListObjectsV2", at=2000),
    ]
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=33)), ended.out + ended.err
    assert stored(cos) == bodies
    assert not [fault for fault in s3.faults if not s3.hits(fault)]


def test_lasting_damage_is_a_fail_and_never_recorded(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    bodies = {"small/flipped": noise(3000), "small/cut": noise(3000), "small/good": noise(3000)}
    bodies |= {"big/flipped": noise(12 * MIB), "big/cut": noise(7 * MIB, 2)}
    for key, body in bodies.items():
        s3.put(key, body)
    s3.faults += [
        Fault("flip", "GetObject", "flipped", times=-1),
        Fault("cut", "GetObject", "cut", times=-1, at=1000),
    ]
    tool.common["requestTryCount"] = "2"
    ended = tool.run()
    assert (ended.code, ended.status) == (1, "PART_OK")
    assert ended.counts() == counted(new=1, fail=4)
    assert cos.keys(TARGET) == ["small/good"]
    s3.faults.clear()
    assert tool.run().counts() == counted(new=4, skip=1)
    assert stored(cos) == bodies


def test_objects_that_change_while_they_are_migrated(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    s3.put("small", noise(1000))
    s3.put("big", noise(12 * MIB))
    tool.common["bigFileUploadPartSize"] = str(2 * MIB)
    s3.faults += [
        Fault("call", "GetObject", "small", action=partial(s3.change, "small")),
        Fault("call", "GetObject", "big", skip=3, action=partial(s3.change, "big")),
    ]
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=2)), ended.out + ended.err
    assert stored(cos) == {"small": noise(1000) + b"!", "big": noise(12 * MIB) + b"!"}
    assert tool.run().counts() == counted(skip=2)


def test_archived_objects_are_named_and_stop_nothing(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    for number in range(120):
        s3.put(f"cold/{number:03}", b"y", storage_class="GLACIER")
    s3.put("cold/big", noise(6 * MIB), storage_class="DEEP_ARCHIVE")
    s3.put("good", b"x")
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(new=1, fail=121)), ended.err
    assert ended.list_finished
    assert "must be restored before it can be read" in tool.log("error.log")
    assert "InitiateMultipartUpload" not in cos.operations()
    s3.put("cold/000", b"y", storage_class="GLACIER", restored=True)
    tool.cloud["prefix"] = "cold/000"
    assert tool.run().counts() == counted(new=1)
    assert stored(cos) == {"good": b"x", "000": b"y"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"accessKeyId": "nobody"}, "[migrateAws] accessKeyId"),
        ({"accessKeySecret": "guessed"}, "[migrateAws] accessKeySecret"),
        ({"bucket": "none"}, "[migrateAws] bucket"),
        ({"endPoint": "s3.eu-west-1.amazonaws.com"}, "set endPoint=s3.us-east-1.amazonaws.com"),
        ({"endPoint": "127.0.0.1:1"}, "[migrateAws] endPoint"),
    ],
)
def test_a_wrong_section_ends_with_one_message(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos, changed: dict[str, str], words: str
) -> None:
    s3.put("a", b"x")
    if "amazonaws" in changed.get("endPoint", ""):
        changed = {**changed, "proxyHost": "127.0.0.1", "proxyPort": str(s3.port)}
    tool.cloud.update(changed)
    tool.common["requestTryCount"] = "1"
    ended = tool.run()
    assert ended.code == 1
    assert not ended.list_finished
    assert (ended.out + ended.err).count(words) == 1
    assert words in tool.log("error.log")
    assert not cos.requests
    assert len(s3.seen) <= 1


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


def test_a_listing_goes_on_where_it_was(tool: CloudTool, s3: S3Server, cos: EmbeddedCos) -> None:
    keys = [f"{number:05}" for number in range(250)]
    for key in keys:
        s3.put(key, b"")
    s3.page_size = 100
    tool.common.update(resume="true", requestTryCount="1", listParallel="1")
    s3.faults.append(Fault("status", "ListObjectsV2", skip=2, times=-1, status=503))
    first = tool.run()
    assert (first.code, first.list_finished) == (1, False)
    assert first.counts() == counted(new=200)
    s3.faults.clear()
    s3.seen.clear()
    second = tool.run()
    assert (second.code, second.list_finished) == (0, True), second.err
    assert second.counts() == counted(new=50)
    assert s3.seen[0].params["start-after"] == "00199"
    assert sorted(cos.keys(TARGET)) == keys


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
