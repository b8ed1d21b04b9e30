"""From lists of URLs to COS with the whole tool, as a user runs it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.web_server import WebServer
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.contract import DownloadContract
from tests.functional.more_sites import UrlSite
from tests.functional.sites import ServerSite
from tests.functional.tool import BUCKET, records
from tests.functional.waiting import HeldCos

MIB = 1 << 20
JAVA = "[fileSize: -1], [lastModify: ]"
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


@pytest.fixture(name="tool")
def _tool(tmp_path: Path, cos: EmbeddedCos) -> CloudTool:
    listed = tmp_path / "urls.txt"
    listed.touch()
    return CloudTool(
        tmp_path / "tool", cos.port, migrate_type="migrateUrl", cloud={"urllistPath": str(listed)}
    )


@pytest.fixture(name="site")
def _site(tmp_path: Path, cos: EmbeddedCos, web: WebServer) -> UrlSite:
    return UrlSite(tmp_path, cos, web)


class TestUrls(DownloadContract):
    test_every_object_with_its_metadata_and_then_nothing_again = None  # type: ignore[assignment]
    refused = ((403, "403"),)

    def test_no_fault_leaves_a_wrong_object(self, site: ServerSite, cos: HeldCos) -> None:
        super().test_no_fault_leaves_a_wrong_object(site, cos)
        assert "asks to slow down" not in site.tool.log("info.log")


def write(tool: CloudTool, *lines: str) -> Path:
    path = Path(tool.cloud["urllistPath"])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def record_of(cos_path: str, url: str) -> str:
    return f"[taskType: migrateUrl] [bucket: {BUCKET}] [cosPath: {cos_path}] [url: {url}]"


def test_every_url_with_its_metadata_and_then_nothing_again(
    tool: CloudTool, web: WebServer, cos: EmbeddedCos
) -> None:
    bodies = {
        "/dir/a b+c.txt": noise(100, 1),
        "/\u4e2d\u6587/100%": noise(2000, 2),
        "/empty": b"",
        "/dir/medium": noise(3 * MIB, 3),
        "/big": noise(11 * MIB, 4),
    }
    for path, body in bodies.items():
        headers = {"Content-Type": "image/x", "x-oss-meta-Who": "me", "Cache-Control": "no-store"}
        web.put(path, body, etag=f'"{path.encode().hex()}"', headers=headers)
    web.put("/moved", b"", redirect=(302, "/empty"))
    lines = [
        f"{web.url}/dir/a%20b+c.txt?sig=topsecret",
        f"{web.url}/\u4e2d\u6587/100%",
        f"{web.url}/empty",
        f"{web.url.replace('//', '//user:hidden@')}/dir//medium",
        f"{web.url}/big#part",
        f"{web.url}/moved",
        f"{web.url}/empty",
    ]
    web.pages["/dir//medium"] = web.pages.pop("/dir/medium")
    listed = write(tool, *lines)
    tool.common["cosPath"] = "/to/"
    ended = tool.run()
    assert (ended.code, ended.status, ended.list_finished) == (0, "ALL_OK", True), (
        ended.out + tool.log("error.log")
    )
    assert ended.counts() == counted(new=6)
    wanted = {f"to{path}": body for path, body in bodies.items()} | {"to/moved": b""}
    assert stored(cos) == wanted
    for key, body in wanted.items():
        headers = cos.object_head(BUCKET, key).headers
        assert headers["content-type"] == "image/x"
        assert headers["cache-control"] == "no-store"
        assert headers["x-cos-meta-who"] == "me"
        assert headers["x-cos-meta-md5"] == hashlib.md5(body).hexdigest()
    assert cos.object_head(BUCKET, "to/empty").headers["x-cos-meta-etag"] == (
        f'"{b"/empty".hex()}"'
    )
    assert web.downloaded() == sum(map(len, wanted.values()))
    kept = records(tool.database)
    assert (
        kept[record_of("/to/dir/a b+c.txt", lines[0])] == f"[fileSize: 100], [lastModify: {DATE}]"
    )
    text = f"[urlPath: {listed}], [cosFolder: /to/]"
    assert tool.database.name == hashlib.md5(text.encode()).hexdigest()
    assert tool.database.parents[1].name == "migrate_from_urllist"
    told = ended.out + ended.err + tool.log("info.log") + tool.log("error.log")
    assert "topsecret" not in told
    assert "hidden" not in told
    assert record_of("/to/dir/a b+c.txt", f"{web.url}/dir/a%20b+c.txt?***") in ended.out
    assert "line 7" in tool.log("info.log")
    assert f"[DownloadOk] [url: {lines[3].replace('user:hidden', '***')}] " in ended.out

    web.seen.clear()
    again = tool.run()
    assert (again.code, again.counts()) == (0, counted(skip=6))
    assert {seen.method for seen in web.seen} <= {"HEAD", "GET"}
    assert web.downloaded() == 0

    web.put("/empty", b"no more")
    third = tool.run()
    assert third.counts() == counted(update=2, skip=4), third.out
    assert stored(cos)["to/empty"] == b"no more"


def test_what_is_wrong_with_a_line_is_named(
    tool: CloudTool, web: WebServer, cos: EmbeddedCos
) -> None:
    web.put("/a", b"1")
    web.put("/b", b"2")
    path = write(
        tool,
        f"{web.url}/a?v=1",
        "ftp://user:hidden@host/x",
        f"{web.url}/",
        "no url",
        f"{web.url}/a?v=2",
        f"{web.url}/missing?hidden",
        f"{web.url}/b",
        "http://localhost:1/unreachable",
    )
    tool.common["requestTryCount"] = "1"
    ended = tool.run()
    assert (ended.code, ended.status, ended.list_finished) == (1, "PART_OK", True)
    assert ended.counts() == counted(new=2, fail=6)
    assert stored(cos) == {"a": b"1", "b": b"2"}
    errors = tool.log("error.log")
    for line in (2, 3, 4, 5):
        assert f"line {line} of {path}" in errors
    assert f"it goes to the same key as line 1 of {path}" in errors
    assert "it does not exist (any more)" in errors
    assert "refused the connection" in errors
    assert record_of("/missing", f"{web.url}/missing?***") in ended.out
    assert "hidden" not in ended.out + ended.err + errors + tool.log("info.log")
    again = tool.run()
    assert again.counts() == counted(skip=2, fail=6)
    assert stored(cos)["a"] == b"1"


def test_the_first_urls_may_all_be_dead(tool: CloudTool, web: WebServer, cos: EmbeddedCos) -> None:
    lines = [f"http://localhost:1/{number}" for number in range(40)]
    lines += [f"{web.url}/gone/{number}" for number in range(20)]
    for number in range(20):
        web.put(f"/closed/{number}", b"x", users={"a": "b"})
    lines += [f"{web.url}/closed/{number}" for number in range(20)]
    web.put("/good", b"x")
    write(tool, *lines, f"{web.url}/good")
    tool.common["requestTryCount"] = "1"
    ended = tool.run()
    assert ended.list_finished
    assert ended.counts() == counted(new=1, fail=80), ended.out
    assert cos.keys(BUCKET) == ["good"]


def test_what_is_recorded_is_asked_about_many_at_once(
    tool: CloudTool, web: WebServer, cos: EmbeddedCos
) -> None:
    paths = [f"/{number}" for number in range(60)]
    for path in paths:
        web.put(path, path.encode())
    write(tool, *(f"{web.url}{path}" for path in paths))
    assert tool.run().counts() == counted(new=60)
    web.latency, web.most_at_once = 0.1, 0
    cos.reset()
    assert tool.run().counts() == counted(skip=60)
    assert cos.operations() == ["HeadObject"]
    assert web.most_at_once > 4


def test_servers_that_tell_little(tool: CloudTool, web: WebServer, cos: EmbeddedCos) -> None:
    bodies = {f"/{number}": noise(size, number) for number, size in enumerate((0, 5000, 7 * MIB))}
    for path, body in bodies.items():
        web.put(path, body, modified=0)
    write(tool, *(f"{web.url}{path}" for path in bodies))
    web.head_status, web.ranges, web.lengths = 405, False, False
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=3)), ended.out + ended.err
    assert stored(cos) == {path[1:]: body for path, body in bodies.items()}
    assert not list((tool.folder / "tmp").rglob("*"))
    assert records(tool.database)[record_of("/1", f"{web.url}/1")] == JAVA
    assert tool.run().counts() == counted(skip=3)


def test_no_ranges_of_a_big_file(tool: CloudTool, web: WebServer, cos: EmbeddedCos) -> None:
    web.ranges = False
    web.put("/big", noise(12 * MIB))
    write(tool, f"{web.url}/big")
    tool.common["entireFileMd5Attached"] = "off"
    ended = tool.run()
    assert ended.counts() == counted(new=1), ended.out + ended.err
    assert stored(cos) == {"big": noise(12 * MIB)}
    assert not list((tool.folder / "tmp").rglob("*"))


def test_is_skip_head(tool: CloudTool, web: WebServer, cos: EmbeddedCos) -> None:
    web.put("/a", b"first")
    write(tool, f"{web.url}/a")
    tool.cloud["isSkipHead"] = "on"
    assert tool.run().counts() == counted(new=1)
    assert [seen.method for seen in web.seen] == ["GET"]
    web.put("/a", b"second version")
    web.seen.clear()
    assert tool.run().counts() == counted(skip=1)
    assert not web.seen
    tool.cloud["isSkipHead"] = "off"
    assert tool.run().counts() == counted(update=1)
    assert stored(cos) == {"a": b"second version"}


def test_records_of_the_java_tool(tool: CloudTool, web: WebServer, cos: EmbeddedCos) -> None:
    web.put("/a", b"first")
    write(tool, f"{web.url}/a")
    tool.run()
    key = record_of("/a", f"{web.url}/a")
    put_record(tool.database, key, JAVA)
    cos.reset()
    assert tool.run().counts() == counted(skip=1)
    assert cos.operations() == ["HeadObject"]
    assert records(tool.database)[key] == f"[fileSize: 5], [lastModify: {DATE}]"
    web.put("/a", b"other")
    assert tool.run().counts() == counted(update=1)


def put_record(database: Path, key: str, value: str) -> None:
    from cos_migrate.state.opening import open_store  # noqa: PLC0415

    with open_store(database) as state:
        state.write([(key.encode(), value.encode())], [], sync=True)


def test_a_list_that_cannot_be_read(
    tool: CloudTool, web: WebServer, cos: EmbeddedCos, tmp_path: Path
) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "a.txt").symlink_to(tmp_path / "nothing")
    web.put("/a", b"x")
    (folder / "b.txt").write_text(f"{web.url}/a\n")
    tool.cloud["urllistPath"] = str(folder)
    ended = tool.run()
    assert (ended.code, ended.list_finished) == (1, False)
    assert ended.counts() == counted(new=1)
    assert str(folder / "a.txt") in tool.log("error.log")
    assert cos.keys(BUCKET) == ["a"]
