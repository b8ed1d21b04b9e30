"""From lists of URLs to COS with the whole tool, as a user runs it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.web_server import Fault, WebServer
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.tool import BUCKET, records
from tests.functional.waiting import HeldCos, kill_in_the_middle

MIB = 1 << 20
JAVA = "[fileSize: -1], [lastModify: ]"
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


@pytest.fixture(name="web")
def _web() -> Iterator[WebServer]:
    with WebServer() as web:
        yield web


@pytest.fixture(name="tool")
def _tool(tmp_path: Path, cos: EmbeddedCos) -> CloudTool:
    listed = tmp_path / "urls.txt"
    listed.touch()
    return CloudTool(
        tmp_path / "tool", cos.port, migrate_type="migrateUrl", cloud={"urllistPath": str(listed)}
    )


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


def test_a_folder_of_lists_killed_and_completed(
    tool: CloudTool, web: WebServer, cos: HeldCos, tmp_path: Path
) -> None:
    # The big ones come first: small ones, whose answers are held, would keep them waiting.
    bodies = {f"/big/{number}": noise(12 * MIB, number) for number in range(2)}
    bodies |= {f"/small/{number:03}": noise(2000, number) for number in range(120)}
    folder = tmp_path / "lists"
    folder.mkdir()
    paths = list(bodies)
    for number in range(4):
        lines = [f"{web.url}{path}" for path in paths[number::4]]
        (folder / f"{number}.txt").write_text("\r\n".join(lines))
    for path, body in bodies.items():
        web.put(path, body, etag=f'"{hash(body)}"')
    tool.cloud["urllistPath"] = str(folder)
    tool.common.update(
        workerProcessNum="2",
        smallFileExecutorNum="4",
        bigFileExecutorNum="2",
        bigFileUploadPartSize=str(2 * MIB),
        entireFileMd5Attached="off",
        resume="true",
    )
    kill_in_the_middle(cos, tool, ("PutObject", 20), 4)
    web.seen.clear()
    ended = tool.run()
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.err
    assert stored(cos) == {path[1:]: body for path, body in bodies.items()}
    assert web.downloaded() < sum(map(len, bodies.values()))
    web.seen.clear()
    assert tool.run().counts() == counted(skip=122)
    assert web.downloaded() == 0


def test_no_fault_leaves_a_wrong_object(tool: CloudTool, web: WebServer, cos: EmbeddedCos) -> None:
    bodies = {f"/small/{number:02}": noise(3000 + number, number) for number in range(30)}
    bodies |= {"/big/one": noise(12 * MIB), "/big/two": noise(9 * MIB, 2)}
    for path, body in bodies.items():
        web.put(path, body, headers={"Content-MD5": md5_of(body)})
    write(tool, *(f"{web.url}{path}" for path in bodies))
    tool.common.update(workerProcessNum="2", requestTimeoutEnable="on", requestTimeoutMs="2000")
    web.faults += [
        Fault("cut", "GET", "small/0[12]", times=2, at=1234),
        Fault("flip", "GET", "small/0[34]", times=2, at=1234),
        Fault("reset", "GET", "small/0[56]", times=2),
        Fault("hang", "GET", "small/09"),
        Fault("status", "", "small/1", times=2, status=500),
        Fault("status", "GET", "big", times=3, status=503),
        Fault("cut", "GET", "big", at=MIB),
        Fault("flip", "GET", "big/two", at=MIB),
        Fault("reset", "GET", "big"),
        Fault("reset", "HEAD", "small/2", times=3),
        Fault("slow", "GET", "small/1", times=3, seconds=0.3),
    ]
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=32)), ended.out + ended.err
    assert stored(cos) == {path[1:]: body for path, body in bodies.items()}
    assert "asks to slow down" not in tool.log("info.log")


def md5_of(body: bytes) -> str:
    import base64  # noqa: PLC0415

    return base64.b64encode(hashlib.md5(body).digest()).decode()


def test_lasting_damage_is_a_fail_and_never_recorded(
    tool: CloudTool, web: WebServer, cos: EmbeddedCos
) -> None:
    bodies = {"/small/flipped": noise(3000), "/small/cut": noise(3000), "/small/good": noise(3000)}
    bodies |= {"/big/flipped": noise(12 * MIB), "/big/cut": noise(7 * MIB, 2)}
    for path, body in bodies.items():
        web.put(path, body, headers={"Content-MD5": md5_of(body)})
    write(tool, *(f"{web.url}{path}" for path in bodies))
    web.faults.append(Fault("flip", "GET", "flipped", times=-1, at=1000))
    web.faults.append(Fault("cut", "GET", "cut", times=-1, at=1000))
    tool.common["requestTryCount"] = "2"
    ended = tool.run()
    assert (ended.code, ended.status) == (1, "PART_OK")
    assert ended.counts() == counted(new=1, fail=4), ended.out
    assert cos.keys(BUCKET) == ["small/good"]
    web.faults.clear()
    assert tool.run().counts() == counted(new=4, skip=1)
    assert stored(cos) == {path[1:]: body for path, body in bodies.items()}


def test_objects_that_change_while_they_are_migrated(
    tool: CloudTool, web: WebServer, cos: EmbeddedCos
) -> None:
    web.put("/small", noise(1000))
    web.put("/big", noise(12 * MIB), etag='"old"')
    write(tool, f"{web.url}/small", f"{web.url}/big")
    bodies = {"small": noise(1500, 3), "big": noise(12 * MIB, 4)}
    tool.common.update(bigFileUploadPartSize=str(2 * MIB), entireFileMd5Attached="off")
    for key, skip in (("small", 0), ("big", 3)):
        change = partial(web.put, f"/{key}", bodies[key], etag='"new"')
        web.faults.append(Fault("call", "GET", key, skip=skip, action=change))
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=2)), ended.out + ended.err
    assert stored(cos) == bodies
    assert tool.run().counts() == counted(skip=2)


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
