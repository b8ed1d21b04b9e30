"""Changes are noticed by the time of modification where ETags do not show them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.http.dates import format_date
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import RecordStore
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import Scripted, reply, scripted
from tests.functional.cloud_tool import CloudTool, counted, stored

THEN = 1_795_417_187
MD5 = "9e107d9d372bb6826bd81d3542a419d6"
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
WARNING = "changes that keep the size"


class Vague:
    """An S3 service whose ETags show nothing."""

    def __init__(self) -> None:
        self.bodies = {"a": b"one", "b/c": b"second"}
        self.times: dict[str, int] = dict.fromkeys(self.bodies, THEN)
        self.listed: str | None = "constant"
        """What stands in ETag; None: there is none."""
        self.answered = '"constant"'
        """The header of answers, empty for none."""
        self.tells_times = True

    def change(self, key: str) -> None:
        self.bodies[key] = self.bodies[key][::-1]
        self.times[key] += 1

    def __call__(self, asked: Request) -> Answer:
        key = asked.path.removeprefix("/bucket").removeprefix("/")
        if not key:
            return self._listing()
        if "acl" in dict(asked.params):
            return reply(status=501)
        if key not in self.bodies:
            return reply(b"<Error><Code>NoSuchKey</Code></Error>", 404)
        headers = {"Content-Type": "x/y"}
        if self.answered:
            headers["ETag"] = self.answered
        if self.tells_times:
            headers["Last-Modified"] = format_date(self.times[key])
        return reply(self.bodies[key], headers=headers)

    def _listing(self) -> Answer:
        items = []
        for key, body in sorted(self.bodies.items()):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S.600Z", time.gmtime(self.times[key]))
            modified = f"<LastModified>{stamp}</LastModified>" if self.tells_times else ""
            etag = "" if self.listed is None else f"<ETag>{self.listed}</ETag>"
            items.append(
                f"<Contents><Key>{key}</Key>{modified}{etag}<Size>{len(body)}</Size></Contents>"
            )
        rest = f"<KeyCount>{len(items)}</KeyCount><IsTruncated>false</IsTruncated>"
        return reply(f"<ListBucketResult>{rest}{''.join(items)}</ListBucketResult>".encode())


@pytest.fixture(name="vague")
def _vague() -> Vague:
    return Vague()


@pytest.fixture(name="server")
def _server(vague: Vague) -> Iterator[Scripted]:
    with scripted(vague) as server:
        yield server


@pytest.fixture(name="tool")
def _tool(tmp_path: Path, cos: EmbeddedCos, server: Scripted) -> CloudTool:
    cloud = {
        "bucket": "bucket",
        "accessKeyId": "id",
        "accessKeySecret": "key",
        "endPoint": f"127.0.0.1:{server.port}",
    }
    return CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateAws", cloud=cloud)


def of_objects(server: Scripted) -> list[str]:
    """Return the keys that were asked for, and forget the requests."""
    found = [asked.path.removeprefix("/bucket") for asked in server.asked_for]
    server.asked_for.clear()
    return [path for path in found if path not in {"", "/"}]


STYLES = {
    "a word": ("constant", '"constant"'),
    "null": ("&quot;null&quot;", '"null"'),
    "empty": ("", ""),
    "missing": (None, ""),
    "missing in listings only": (None, f'"{MD5}-2"'),
    "null in listings only": ("null", f'"{MD5}-2"'),
    "one of parts for all": (f"{MD5}-1", f'"{MD5}-1"'),
    "that of nothing": (f"{EMPTY_MD5}-1", f'"{EMPTY_MD5}-1"'),
}


@pytest.mark.parametrize(
    ("style", "migrate_type"),
    [*((style, "migrateAws") for style in STYLES), ("a word", "migrateCsp")],
)
def test_a_change_that_keeps_the_size(
    tool: CloudTool,
    vague: Vague,
    server: Scripted,
    cos: EmbeddedCos,
    style: str,
    migrate_type: str,
) -> None:
    tool.migrate_type = migrate_type
    vague.listed, vague.answered = STYLES[style]
    first = tool.run()
    assert (first.code, first.counts()) == (0, counted(new=2)), first.out + first.err
    of_objects(server)
    vague.change("a")
    second = tool.run()
    assert second.counts() == counted(update=1, skip=1), second.out + second.err
    assert set(of_objects(server)) == {"/a"}
    assert stored(cos) == vague.bodies
    assert tool.run().counts() == counted(skip=2)
    assert of_objects(server) == []
    assert WARNING not in first.err + second.err


def test_keys_of_a_list(
    tool: CloudTool, vague: Vague, server: Scripted, cos: EmbeddedCos, tmp_path: Path
) -> None:
    path = tmp_path / "keys"
    path.write_text("a\nb/c\n", encoding="utf-8")
    tool.cloud["uriList"] = str(path)
    assert tool.run().counts() == counted(new=2)
    of_objects(server)
    assert tool.run().counts() == counted(skip=2)
    vague.change("b/c")
    assert tool.run().counts() == counted(update=1, skip=1)
    assert stored(cos) == vague.bodies
    assert tool.run().counts() == counted(skip=2)


def rewritten(tool: CloudTool, change: Callable[[RecordStore], None]) -> None:
    with open_store(tool.database) as state:
        change(state)


def test_records_without_a_time_count_and_are_completed(
    tool: CloudTool, vague: Vague, cos: EmbeddedCos
) -> None:
    assert tool.run().counts() == counted(new=2)

    def forget(state: RecordStore) -> None:
        """Leave what 0.1 would have left: a CRC-64 under a key of its own."""
        kept = dict(state.scan(b"[cosmigrate stored] "))
        assert set(kept) == {b"[cosmigrate stored] /a", b"[cosmigrate stored] /b/c"}
        assert all(b" T1795417187" in value for value in kept.values())
        keys = [key for key, _ in state.scan(b"[taskType: ")]
        state.write([(b"[cosmigrate crc64] " + key, b"17") for key in keys], list(kept))

    rewritten(tool, forget)
    vague.change("a")
    assert tool.run().counts() == counted(skip=2)
    with open_store(tool.database) as state:
        kept = dict(state.scan(b"[cosmigrate "))
    assert b"T1795417188" in kept[b"[cosmigrate stored] /a"]
    assert b"C0000000000000011" in kept[b"[cosmigrate stored] /a"]
    assert not [key for key in kept if key.startswith(b"[cosmigrate crc64] ")]
    vague.change("a")
    assert tool.run().counts() == counted(update=1, skip=1)
    assert stored(cos) == vague.bodies


def test_one_warning_where_nothing_shows_changes(
    tool: CloudTool, vague: Vague, server: Scripted
) -> None:
    vague.tells_times, vague.listed, vague.answered = False, None, f'"{MD5}-2"'
    for wanted in (counted(new=2), counted(skip=2)):
        ended = tool.run()
        assert (ended.code, ended.counts()) == (0, wanted)
        assert ended.err.count(WARNING) == 1
        assert tool.log("warn.log").count(WARNING) >= 1
    assert of_objects(server)
    vague.bodies["a"] += b"!"
    assert tool.run().counts() == counted(update=1, skip=1)


def test_true_etags_need_no_time(tool: CloudTool, vague: Vague, server: Scripted) -> None:
    del vague.bodies["a"]
    vague.listed, vague.answered = f"{MD5}-2", f'"{MD5}-2"'
    assert tool.run().counts() == counted(new=1)
    vague.times["b/c"] += 1_000
    of_objects(server)
    assert tool.run().counts() == counted(skip=1)
    assert of_objects(server) == []
    with open_store(tool.database) as state:
        [(_, value)] = state.scan(b"[cosmigrate stored] ")
    assert b" T" not in value


def test_urls_whose_server_tells_etags_only(
    tmp_path: Path, vague: Vague, server: Scripted, cos: EmbeddedCos
) -> None:
    lines = tmp_path / "urls"
    lines.write_text(f"{server.url}/a\n{server.url}/b/c\n", encoding="utf-8")
    cloud = {"urllistPath": str(lines)}
    tool = CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateUrl", cloud=cloud)
    vague.tells_times, vague.answered = False, '"version 1"'
    assert tool.run().counts() == counted(new=2)
    assert tool.run().counts() == counted(skip=2)
    vague.change("a")
    vague.answered = '"version 2"'
    assert tool.run().counts() == counted(update=2)
    assert stored(cos) == vague.bodies
    ended = tool.run()
    assert ended.counts() == counted(skip=2)
    assert WARNING not in ended.err
    vague.answered = ""
    ended = tool.run()
    assert ended.counts() == counted(skip=2)
    assert ended.err.count(WARNING) == 1
