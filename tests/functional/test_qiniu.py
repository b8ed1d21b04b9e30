"""From Qiniu to COS with the whole tool, as a user runs it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.faults import Fault
from tests.fakes.qiniu_server import ARCHIVE, BUCKET, QiniuServer, error
from tests.fakes.qiniu_tokens import ACCESS_KEY, SECRET_KEY
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.tool import BUCKET as TARGET
from tests.functional.tool import records
from tests.functional.waiting import HeldCos, kill_in_the_middle

MIB = 1 << 20
ODD = {
    "a b+c%41&d?e=f#g.txt": "a b+c%41&d?e=f#g.txt",
    "\u6587/\u4ef6 \U0001f600.txt": "\u6587/\u4ef6 \U0001f600.txt",
    "/leading": "leading",
    "x//y": "x/y",
    "dir/": "dir/",
    "q'\";": "q'\";",
}
"""Keys on Qiniu and on COS."""


@pytest.fixture(name="qiniu")
def _qiniu() -> Iterator[QiniuServer]:
    with QiniuServer() as qiniu:
        yield qiniu


@pytest.fixture(name="tool")
def _tool(tmp_path: Path, cos: EmbeddedCos, qiniu: QiniuServer) -> CloudTool:
    cloud = {
        "bucket": BUCKET,
        "accessKeyId": ACCESS_KEY,
        "accessKeySecret": SECRET_KEY,
        "endPoint": qiniu.domain,
        "ucHost": qiniu.uc,
    }
    return CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateQiniu", cloud=cloud)


def downloaded(qiniu: QiniuServer) -> int:
    return sum(entry.sent for entry in qiniu.asked("GetObject"))


def test_every_object_with_its_metadata_and_then_nothing_again(
    tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos
) -> None:
    for number, key in enumerate(ODD):
        qiniu.put(key, noise(number * 1000, number), mime=f"text/x{number}")
    bodies = {"meta/small": b"hello", "meta/big": noise(11 * MIB), "meta/empty": b""}
    made = {
        key: qiniu.put(key, body, mime="image/x", meta={"Colour_1": "r\u00f6t"})
        for key, body in bodies.items()
    }
    tool.common["cosPath"] = "/to/"
    ended = tool.run()
    assert (ended.code, ended.status, ended.list_finished) == (0, "ALL_OK", True), ended.err
    assert ended.counts() == counted(new=len(ODD) + 3)
    wanted = {f"to/{key}": noise(n * 1000, n) for n, key in enumerate(ODD.values())}
    assert stored(cos) == wanted | {f"to/{key}": body for key, body in bodies.items()}
    for key, object_ in made.items():
        headers = cos.object_head(TARGET, f"to/{key}").headers
        assert headers["content-type"] == "image/x"
        assert headers["x-cos-meta-qiniu-etag"] == f'"{object_.etag}"'
        assert headers["x-cos-meta-colour-1"] == "r%C3%B6t"
        assert headers["x-cos-meta-md5"] == hashlib.md5(object_.body).hexdigest()
    assert downloaded(qiniu) == sum(map(len, stored(cos).values()))
    kept = records(tool.database)
    record = f"[taskType: migrateQiniu] [bucket: {TARGET}] [cosPath: /to/meta/small]"
    assert kept[record] == f"[fileSize: 5] [etag: {made['meta/small'].etag}]"
    assert f"task_info: {record}" in ended.out
    text = f"[srcPrefix: ] [srcBucket: {BUCKET}] [cosFolder: /to/]"
    assert tool.database.name == hashlib.md5(text.encode()).hexdigest()
    assert tool.database.parents[1].name == "migrate_from_qiniu"
    told = ended.out + ended.err + tool.log("info.log") + tool.log("error.log")
    assert SECRET_KEY not in told
    assert "&token=" not in told

    qiniu.seen.clear()
    again = tool.run()
    assert (again.code, again.counts()) == (0, counted(skip=len(ODD) + 3))
    assert {entry.operation for entry in qiniu.seen} == {"List", "Uc /v4/query"}

    qiniu.put("meta/small", b"another")
    qiniu.put("new", b"x")
    third = tool.run()
    assert third.counts() == counted(new=1, update=1, skip=len(ODD) + 2)
    assert stored(cos)["to/meta/small"] == b"another"


def test_a_prefix_through_a_proxy(tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos) -> None:
    for number in range(20):
        qiniu.put(f"a/b{number}/c", noise(100, number))
    qiniu.put("other", b"x")
    qiniu.names |= {"uc.example.test": "uc", "www.example.test": "io"}
    host, _, port = qiniu.rs.partition(":")
    tool.cloud.update(
        ucHost="uc.example.test",
        endPoint="www.example.test",
        proxyHost=host,
        proxyPort=port,
        prefix="a/b",
    )
    ended = tool.run(environ={"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://x:9"})
    assert ended.counts() == counted(new=20), ended.err
    assert sorted(cos.keys(TARGET)) == sorted(f"b{number}/c" for number in range(20))
    assert {entry.proxied for entry in qiniu.seen} == {True}


def test_many_pages_listed_at_once(tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos) -> None:
    keys = [f"{number % 9}/{number % 4}/{number:05}" for number in range(800)]
    for key in keys:
        qiniu.put(key, b"")
    qiniu.page_most = 50
    qiniu.latency = 0.01
    ended = tool.run()
    assert ended.counts() == counted(new=800), ended.err
    assert ended.list_finished
    assert sorted(cos.keys(TARGET)) == sorted(keys)


def test_a_file_of_keys(
    tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos, tmp_path: Path
) -> None:
    for key in ("a/1", "b?#", "left out"):
        qiniu.put(key, key.encode())
    listed = tmp_path / "keys.txt"
    listed.write_text("a/1\nb?#\nmissing\n", encoding="utf-8")
    tool.cloud["uriList"] = str(listed)
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(new=2, fail=1)), ended.err
    assert stored(cos) == {"a/1": b"a/1", "b?#": b"b?#"}
    qiniu.seen.clear()
    assert tool.run().counts() == counted(skip=2, fail=1)
    assert not qiniu.asked("List")
    assert downloaded(qiniu) == 0


def test_killed_in_the_middle_and_completed(
    tool: CloudTool, qiniu: QiniuServer, cos: HeldCos
) -> None:
    bodies = {f"small/{number:03}": noise(2000, number) for number in range(120)}
    bodies |= {f"big/{number}": noise(12 * MIB, number) for number in range(2)}
    for key, body in bodies.items():
        qiniu.put(key, body)
    tool.common.update(
        workerProcessNum="2",
        smallFileExecutorNum="4",
        bigFileExecutorNum="2",
        bigFileUploadPartSize=str(2 * MIB),
    )
    kill_in_the_middle(cos, tool, ("PutObject", 20), 4)
    qiniu.seen.clear()
    ended = tool.run()
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.err
    assert stored(cos) == bodies
    # What was recorded is not read again; what was under way, or not yet synced, may be.
    assert downloaded(qiniu) < sum(map(len, bodies.values()))
    qiniu.seen.clear()
    assert tool.run().counts() == counted(skip=122)
    assert not qiniu.asked("GetObject")


def test_no_fault_leaves_a_wrong_object(
    tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos
) -> None:
    bodies = {f"small/{number:02}": noise(3000 + number, number) for number in range(30)}
    bodies |= {"big/one": noise(12 * MIB), "big/two": noise(9 * MIB, 2)}
    for key, body in bodies.items():
        # What has an MD5 is streamed in parts, what has none comes through a file.
        qiniu.put(key, body, md5=hashlib.md5(body).hexdigest() if key == "big/two" else "")
    tool.cloud["srcSocketTimeout"] = "2000"
    tool.common["workerProcessNum"] = "2"
    busy = error(503, "busy")
    for fault in (
        Fault("cut", "GetObject", "small/0[12]", times=2, at=1234),
        Fault("flip", "GetObject", "small/0[34]", times=2, at=1234),
        Fault("reset", "GetObject", "small/0[56]", times=2),
        Fault("hang", "GetObject", "small/09"),
        Fault("status", "GetObject", "small/1", times=2, answer=error(500, "oops")),
        Fault("status", "GetObject", "big", times=3, answer=busy),
        Fault("cut", "GetObject", "big", at=MIB),
        Fault("flip", "GetObject", "big/two", at=MIB),
        Fault("reset", "GetObject", "big"),
        Fault("status", "List", times=2, answer=busy),
        Fault("reset", "List"),
        Fault("cut", "List", at=2000),
    ):
        qiniu.faults.append(fault)
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=32)), ended.out + ended.err
    assert stored(cos) == bodies


def test_lasting_damage_is_a_fail_and_never_recorded(
    tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos
) -> None:
    bodies = {"small/flipped": noise(3000), "small/cut": noise(3000), "small/good": noise(3000)}
    bodies |= {"big/flipped": noise(12 * MIB), "big/cut": noise(7 * MIB, 2)}
    bodies |= {"big/flipped and streamed": noise(9 * MIB)}
    for key, body in bodies.items():
        qiniu.put(key, body, md5=hashlib.md5(body).hexdigest() if "streamed" in key else "")
    qiniu.faults.append(Fault("flip", "GetObject", "flipped", times=-1, at=1000))
    qiniu.faults.append(Fault("cut", "GetObject", "cut", times=-1, at=1000))
    tool.common["requestTryCount"] = "2"
    ended = tool.run()
    assert (ended.code, ended.status) == (1, "PART_OK")
    assert ended.counts() == counted(new=1, fail=5)
    assert cos.keys(TARGET) == ["small/good"]
    qiniu.faults.clear()
    assert tool.run().counts() == counted(new=5, skip=1)
    assert stored(cos) == bodies


def test_objects_that_change_while_they_are_migrated(
    tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos
) -> None:
    qiniu.put("small", noise(1000))
    qiniu.put("big", noise(12 * MIB))
    bodies = {"small": noise(1500, 3), "big": noise(12 * MIB, 4)}
    tool.common["bigFileUploadPartSize"] = str(2 * MIB)
    for key, skip in (("small", 0), ("big", 3)):
        change = partial(qiniu.put, key, bodies[key])
        qiniu.faults.append(Fault("call", "GetObject", key, skip=skip, action=change))
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=2)), ended.out + ended.err
    assert stored(cos) == bodies
    assert tool.run().counts() == counted(skip=2)


def test_archived_objects_are_named_and_stop_nothing(
    tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos
) -> None:
    for number in range(5):
        qiniu.put(f"good/{number}", b"x")
    qiniu.put("cold", b"y", type=ARCHIVE)
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(new=5, fail=1))
    assert "must be restored before it can be read" in tool.log("error.log")
    qiniu.restore("cold")
    assert tool.run().counts() == counted(new=1, skip=5)
    assert stored(cos)["cold"] == b"y"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"accessKeySecret": "guessed"}, "[migrateQiniu] accessKeyId and accessKeySecret"),
        ({"bucket": "none"}, "[migrateQiniu] bucket"),
    ],
)
def test_wrong_access_ends_with_one_message(
    tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos, changed: dict[str, str], words: str
) -> None:
    qiniu.put("a", b"x")
    tool.cloud.update(changed)
    ended = tool.run()
    assert ended.code == 1
    assert not ended.list_finished
    assert words in ended.out + ended.err
    assert words in tool.log("error.log")
    assert not cos.requests
    assert len(qiniu.seen) <= 2


@pytest.mark.parametrize("how", ["domain", "no list"])
def test_a_bucket_that_cannot_be_read(
    tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos, how: str
) -> None:
    for number in range(100):
        qiniu.put(f"{number:03}", b"x")
    if how == "domain":
        qiniu.domain_bucket, words = "other", "[migrateQiniu] endPoint"
    else:
        qiniu.may_list, words = False, "[migrateQiniu] accessKeyId: it must be allowed to list"
    ended = tool.run()
    assert ended.code == 1
    assert words in ended.out + ended.err
    assert cos.keys(TARGET) == []
    assert len(qiniu.asked("GetObject")) <= 1


def test_a_listing_goes_on_where_it_was(
    tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos
) -> None:
    keys = [f"{number:05}" for number in range(250)]
    for key in keys:
        qiniu.put(key, b"")
    qiniu.page_most = 100
    tool.common.update(resume="true", requestTryCount="1", listParallel="1")
    qiniu.faults.append(Fault("status", "List", "00199", times=-1, answer=error(503, "busy")))
    first = tool.run()
    assert (first.code, first.list_finished) == (1, False)
    assert first.counts() == counted(new=200)
    qiniu.faults.clear()
    qiniu.seen.clear()
    second = tool.run()
    assert (second.code, second.list_finished) == (0, True), second.err
    assert len(qiniu.asked("List")) < 3
    assert sorted(cos.keys(TARGET)) == keys


@pytest.mark.parametrize("status", [400, 403])
def test_objects_that_the_domain_refuses_at_the_front_stop_nothing(
    tool: CloudTool, qiniu: QiniuServer, status: int
) -> None:
    for number in range(60):
        qiniu.put(f"{number:02}", b"x")
    refused = error(status, "refused")
    qiniu.faults.append(Fault("status", "GetObject", "^[01]", times=-1, answer=refused))
    ended = tool.run()
    assert (ended.counts(), ended.list_finished) == (counted(new=40, fail=20), True), ended.err
