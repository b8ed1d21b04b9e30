"""From Upyun to COS with the whole tool, as a user runs it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.faults import Fault
from tests.fakes.upyun_server import UpyunServer, error
from tests.functional.cloud_tool import CloudTool, counted, stored
from tests.functional.contract import AccessContract, DownloadContract
from tests.functional.more_sites import UpyunSite
from tests.functional.tool import BUCKET as TARGET

MIB = 1 << 20


class TestUpyun(AccessContract, DownloadContract):
    wrong_access = (
        ({"accessKeySecret": "guessed"}, "[migrateUpyun] accessKeyId, accessKeySecret"),
        ({"bucket": "none"}, "[migrateUpyun] bucket"),
    )
    refused = ((401, "refused"), (403, "refused"))


@pytest.fixture(name="site")
def _site(tmp_path: Path, cos: EmbeddedCos, upyun: UpyunServer) -> UpyunSite:
    return UpyunSite(tmp_path, cos, upyun)


@pytest.fixture(name="tool")
def _tool(site: UpyunSite) -> CloudTool:
    return site.tool


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
