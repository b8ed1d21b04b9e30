"""From Upyun to COS with the whole tool, as a user runs it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.faults import Fault
from tests.fakes.upyun_server import SERVICE, UpyunServer, error
from tests.fakes.upyun_tokens import OPERATOR, PASSWORD
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.tool import BUCKET as TARGET
from tests.functional.tool import records
from tests.functional.waiting import HeldCos, kill_in_the_middle

MIB = 1 << 20
ODD = ("a b+c%41&d?e=f#g.txt", "\u6587/\u4ef6 \U0001f600.txt", "q'\";", "deep/er/and/deeper/.x")


@pytest.fixture(name="upyun")
def _upyun() -> Iterator[UpyunServer]:
    with UpyunServer() as upyun:
        yield upyun


@pytest.fixture(name="tool")
def _tool(tmp_path: Path, cos: EmbeddedCos, upyun: UpyunServer) -> CloudTool:
    cloud = {
        "bucket": SERVICE,
        "accessKeyId": OPERATOR,
        "accessKeySecret": PASSWORD,
        "endPoint": upyun.address,
    }
    return CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateUpyun", cloud=cloud)


def downloaded(upyun: UpyunServer) -> int:
    return sum(entry.sent for entry in upyun.asked("Get"))


def test_every_file_with_its_metadata_and_then_nothing_again(
    tool: CloudTool, upyun: UpyunServer, cos: EmbeddedCos
) -> None:
    bodies = {path: noise(number * 1000, number) for number, path in enumerate(ODD)}
    bodies |= {"meta/small": b"hello", "meta/big": noise(11 * MIB), "meta/empty": b""}
    made = {
        path: upyun.put(
            f"src/{path}", body, mime="image/x", meta={"colour": "red"}, modified=1_795_417_187
        )
        for path, body in bodies.items()
    }
    upyun.put("outside", b"x")
    upyun.mkdir("src/empty folder")
    tool.common["cosPath"] = "/to/"
    tool.cloud.update(prefix="src", compareMd5="on")
    ended = tool.run()
    assert (ended.code, ended.status, ended.list_finished) == (0, "ALL_OK", True), ended.err
    assert ended.counts() == counted(new=len(bodies))
    assert stored(cos) == {f"to/{path}": body for path, body in bodies.items()}
    for path, file in made.items():
        headers = cos.object_head(TARGET, f"to/{path}").headers
        assert headers["content-type"] == "image/x"
        assert headers["x-cos-meta-upyun-etag"] == file.md5
        assert headers["x-cos-meta-colour"] == "red"
        assert headers["x-cos-meta-md5"] == file.md5
    assert downloaded(upyun) == sum(map(len, bodies.values()))
    record = f"[taskType: migrateUpyun] [bucket: {TARGET}] [cosPath: /to/meta/small]"
    value = records(tool.database)[record]
    assert value == "[fileSize: 5] [etag: Mon Nov 23 06:59:47 UTC 2026]"
    assert f"task_info: {record}" in ended.out
    text = f"[srcEndpoint: {upyun.address}] [prefix: src/] [cosFolder: /to/] "
    assert tool.database.name == hashlib.md5(text.encode()).hexdigest()
    assert tool.database.parents[1].name == "migrate_from_upyun"
    assert "use proxy" not in ended.out
    assert PASSWORD not in ended.out + ended.err + tool.log("info.log") + tool.log("error.log")

    upyun.seen.clear()
    again = tool.run()
    assert (again.code, again.counts()) == (0, counted(skip=len(bodies)))
    assert {entry.operation for entry in upyun.seen} == {"List"}

    upyun.put("src/meta/small", b"HELLO")
    upyun.put("src/new/one", b"x")
    third = tool.run()
    assert third.counts() == counted(new=1, update=1, skip=len(bodies) - 1)
    assert stored(cos)["to/meta/small"] == b"HELLO"


def test_the_proxy_is_for_all_requests_and_is_told(
    tool: CloudTool, upyun: UpyunServer, cos: EmbeddedCos
) -> None:
    upyun.put("a/b", b"x")
    host, _, port = upyun.address.partition(":")
    del tool.cloud["endPoint"]
    tool.cloud.update(proxyHost=host, proxyPort=port, dbPrefix="old")
    tool.common["dbCosPath"] = "/former/"
    ended = tool.run(environ={"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://x:9"})
    assert ended.counts() == counted(new=1), ended.err
    assert ended.lines("use proxy") == ["use proxy"]
    assert {entry.authority for entry in upyun.seen} == {"v0.api.upyun.com"}
    text = "[srcEndpoint: ] [prefix: old] [cosFolder: /former/] "
    assert tool.database.name == hashlib.md5(text.encode()).hexdigest()
    assert cos.keys(TARGET) == ["a/b"]


def test_many_folders_in_either_order(
    tool: CloudTool, upyun: UpyunServer, cos: EmbeddedCos
) -> None:
    paths = [f"{number % 9}/{number % 40}/{number:05}" for number in range(400)]
    for path in paths:
        upyun.put(path, b"")
    tool.cloud["acsendingOrder"] = "false"
    ended = tool.run()
    assert ended.counts() == counted(new=400), ended.err
    assert sorted(cos.keys(TARGET)) == sorted(paths)


def test_newer_objects_on_cos_stay(tool: CloudTool, upyun: UpyunServer, cos: EmbeddedCos) -> None:
    upyun.put("a", b"one")
    assert tool.run().counts() == counted(new=1)
    tool.common["realTimeCompare"] = "on"
    assert tool.run().counts() == counted(skip=1)
    upyun.put("a", b"two", modified=4_000_000_000)
    assert tool.run().counts() == counted(update=1)
    assert stored(cos) == {"a": b"two"}


def test_killed_in_the_middle_and_completed(
    tool: CloudTool, upyun: UpyunServer, cos: HeldCos
) -> None:
    bodies = {f"small/{number:03}": noise(2000, number) for number in range(120)}
    # In the folder that is listed first: small ones, whose answers are held, keep others waiting.
    bodies |= {f"big-{number}": noise(12 * MIB, number) for number in range(2)}
    for path, body in bodies.items():
        upyun.put(path, body)
    tool.common.update(
        workerProcessNum="2",
        smallFileExecutorNum="4",
        bigFileExecutorNum="2",
        bigFileUploadPartSize=str(2 * MIB),
    )
    kill_in_the_middle(cos, tool, ("PutObject", 20), 4)
    upyun.seen.clear()
    ended = tool.run()
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.err
    assert stored(cos) == bodies
    # What was recorded is not read again; what was under way, or not yet synced, may be.
    assert downloaded(upyun) < sum(map(len, bodies.values()))
    upyun.seen.clear()
    assert tool.run().counts() == counted(skip=122)
    assert not upyun.asked("Get")


def test_no_fault_leaves_a_wrong_object(
    tool: CloudTool, upyun: UpyunServer, cos: EmbeddedCos
) -> None:
    bodies = {f"small/{number:02}": noise(3000 + number, number) for number in range(30)}
    bodies |= {"big/one": noise(12 * MIB), "big/two": noise(9 * MIB, 2)}
    for path, body in bodies.items():
        upyun.put(path, body)
    tool.cloud["srcSocketTimeout"] = "2000"
    tool.common["workerProcessNum"] = "2"
    busy = error(503, 50300000, "busy")
    for fault in (
        Fault("cut", "Get", "small/0[12]", times=2, at=1234),
        Fault("flip", "Get", "small/0[34]", times=2, at=1234),
        Fault("reset", "Get", "small/0[56]", times=2),
        Fault("hang", "Get", "small/09"),
        Fault("status", "Get", "small/1", times=2, answer=error(500, 50000000, "oops")),
        Fault("status", "Get", "big", times=3, answer=busy),
        Fault("cut", "Get", "big", at=MIB),
        Fault("flip", "Get", "big/two", at=MIB),
        Fault("reset", "Get", "big"),
        Fault("status", "List", times=2, answer=busy),
        Fault("reset", "List"),
        Fault("cut", "List", "small", at=1000),
    ):
        upyun.faults.append(fault)
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=32)), ended.out + ended.err
    assert stored(cos) == bodies


def test_lasting_damage_is_a_fail_and_never_recorded(
    tool: CloudTool, upyun: UpyunServer, cos: EmbeddedCos
) -> None:
    bodies = {"small/flipped": noise(3000), "small/cut": noise(3000), "small/good": noise(3000)}
    bodies |= {"big/flipped": noise(12 * MIB), "big/cut": noise(7 * MIB, 2)}
    for path, body in bodies.items():
        upyun.put(path, body)
    upyun.faults.append(Fault("flip", "Get", "flipped", times=-1, at=1000))
    upyun.faults.append(Fault("cut", "Get", "cut", times=-1, at=1000))
    tool.common["requestTryCount"] = "2"
    ended = tool.run()
    assert (ended.code, ended.status) == (1, "PART_OK")
    assert ended.counts() == counted(new=1, fail=4)
    assert cos.keys(TARGET) == ["small/good"]
    upyun.faults.clear()
    assert tool.run().counts() == counted(new=4, skip=1)
    assert stored(cos) == bodies


def test_files_that_change_while_they_are_migrated(
    tool: CloudTool, upyun: UpyunServer, cos: EmbeddedCos
) -> None:
    upyun.put("small", noise(1000))
    upyun.put("big", noise(12 * MIB))
    bodies = {"small": noise(1500, 3), "big": noise(12 * MIB, 4)}
    tool.common["bigFileUploadPartSize"] = str(2 * MIB)
    for path, skip in (("small", 0), ("big", 3)):
        change = partial(upyun.put, path, bodies[path])
        upyun.faults.append(Fault("call", "Get", path, skip=skip, action=change))
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=2)), ended.out + ended.err
    assert stored(cos) == bodies
    assert tool.run().counts() == counted(skip=2)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"accessKeySecret": "guessed"}, "[migrateUpyun] accessKeyId, accessKeySecret"),
        ({"bucket": "none"}, "[migrateUpyun] bucket"),
    ],
)
def test_wrong_access_ends_with_one_message(
    tool: CloudTool, upyun: UpyunServer, cos: EmbeddedCos, changed: dict[str, str], words: str
) -> None:
    upyun.put("a", b"x")
    tool.cloud.update(changed)
    ended = tool.run()
    assert ended.code == 1
    assert not ended.list_finished
    assert words in ended.out + ended.err
    assert words in tool.log("error.log")
    assert not cos.requests
    assert len(upyun.seen) == 1


def test_a_listing_in_circles_does_not_end_well(tool: CloudTool, upyun: UpyunServer) -> None:
    for number in range(1500):
        upyun.put(f"{number:04}", b"")
    upyun.loops = "restart"
    ended = tool.run()
    assert (ended.code, ended.list_finished) == (1, False)
    assert "circles" in ended.out + ended.err


def test_a_listing_goes_on_where_it_was(
    tool: CloudTool, upyun: UpyunServer, cos: EmbeddedCos
) -> None:
    paths = [f"{folder}/{number:02}" for folder in "abc" for number in range(20)]
    for path in paths:
        upyun.put(path, b"")
    tool.common.update(resume="true", requestTryCount="1", listParallel="1")
    upyun.faults.append(Fault("status", "List", "b", times=-1, answer=error(503, 50300000, "busy")))
    first = tool.run()
    assert (first.code, first.list_finished) == (1, False)
    upyun.faults.clear()
    upyun.seen.clear()
    second = tool.run()
    assert (second.code, second.list_finished) == (0, True), second.err
    assert "b/" in {entry.key for entry in upyun.asked("List")}
    assert "a/" not in {entry.key for entry in upyun.asked("List")}
    assert sorted(cos.keys(TARGET)) == paths


def test_a_folder_that_is_not_there_is_an_empty_listing(
    tool: CloudTool, upyun: UpyunServer
) -> None:
    upyun.put("elsewhere/a", b"x")
    tool.cloud["prefix"] = "none/at all/"
    ended = tool.run()
    assert (ended.code, ended.status, ended.list_finished) == (0, "ALL_OK", True), ended.err
    assert ended.counts() == counted()
    [line] = ended.err.splitlines()
    assert line == "warning: [migrateUpyun] prefix=none/at all/: there is no such folder"
    assert line.removeprefix("warning: ") in tool.log("warn.log")
    assert "nothing was found to migrate" in ended.out
    assert "nothing was found to migrate" in tool.log("info.log")
    upyun.service = "another"
    ended = tool.run()
    assert (ended.code, ended.list_finished) == (1, False)
    assert "bucket not exist" in ended.err
    assert "nothing was found" not in ended.out


@pytest.mark.parametrize("status", [401, 403])
def test_files_that_are_refused_at_the_front_stop_nothing(
    tool: CloudTool, upyun: UpyunServer, status: int
) -> None:
    for number in range(60):
        upyun.put(f"{number:02}", b"x")
    refused = error(status, 40300000, "refused")
    upyun.faults.append(Fault("status", "Get", "[01].$", times=-1, answer=refused))
    ended = tool.run()
    assert (ended.counts(), ended.list_finished) == (counted(new=40, fail=20), True), ended.err
