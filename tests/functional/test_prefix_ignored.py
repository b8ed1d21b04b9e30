"""Servers that do not keep to `prefix`: what lies outside is named and never migrated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.messages import Answer, Request
from tests.fakes.scripted import Scripted, reply, scripted
from tests.functional.cloud_tool import CloudTool, counted, stored

BODIES = {name: name.encode() * 9 for name in ("a/1", "in/1", "in/2", "in/3", "z/1", "z/2")}
ETAGS = {name: f"{number:032x}-2" for number, name in enumerate(BODIES, start=10)}


class Deaf:
    """An S3 service with few keys on a page that takes no notice of `prefix`."""

    def __init__(self) -> None:
        self.heeds_v2 = True
        self.page = 100

    def __call__(self, asked: Request) -> Answer:
        if "acl" in dict(asked.params):
            return reply(status=501)
        name = asked.path.removeprefix("/bucket").removeprefix("/")
        if name:
            body = BODIES[name]
            return reply(body, headers={"ETag": f'"{ETAGS[name]}"', "Content-Type": "x/y"})
        is_v2 = self.heeds_v2 and dict(asked.params).get("list-type") == "2"
        after = dict(asked.params).get("start-after" if is_v2 else "marker", "")
        names = [name for name in sorted(BODIES) if name > after]
        shown = names[: self.page]
        contents = "".join(
            f"<Contents><Key>{name}</Key><Size>{len(BODIES[name])}</Size>"
            f"<ETag>&quot;{ETAGS[name]}&quot;</ETag></Contents>"
            for name in shown
        )
        more = str(len(shown) < len(names)).lower()
        count = f"<KeyCount>{len(shown)}</KeyCount>" if is_v2 else ""
        document = f"<IsTruncated>{more}</IsTruncated>{count}{contents}"
        return reply(f"<ListBucketResult>{document}</ListBucketResult>".encode())


@pytest.fixture(name="deaf")
def _deaf() -> Deaf:
    return Deaf()


@pytest.fixture(name="server")
def _server(deaf: Deaf) -> Iterator[Scripted]:
    with scripted(deaf) as server:
        yield server


@pytest.fixture(name="tool")
def _tool(tmp_path: Path, cos: EmbeddedCos, server: Scripted) -> CloudTool:
    cloud = {
        "bucket": "bucket",
        "accessKeyId": "id",
        "accessKeySecret": "key",
        "endPoint": f"127.0.0.1:{server.port}",
        "prefix": "in/",
    }
    return CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateAws", cloud=cloud)


@pytest.mark.parametrize(
    ("page", "heeds_v2", "migrate_type"),
    [
        (1, True, "migrateAws"),
        (100, False, "migrateAws"),
        (1, False, "migrateCsp"),
        (100, True, "migrateCsp"),
    ],
)
def test_what_lies_outside_is_named_and_left(
    tool: CloudTool, deaf: Deaf, cos: EmbeddedCos, page: int, heeds_v2: bool, migrate_type: str
) -> None:
    deaf.page, deaf.heeds_v2, tool.migrate_type = page, heeds_v2, migrate_type
    tool.common["listParallel"] = "1"
    ended = tool.run()
    assert (ended.code, ended.list_finished, ended.status) == (1, False, "PART_OK"), ended.err
    assert ended.counts() == counted(new=3)
    assert stored(cos) == {str(number): BODIES[f"in/{number}"] for number in (1, 2, 3)}
    [line] = [line for line in ended.err.splitlines() if "list is not complete" in line]
    assert "in/" in line
    assert "a/1" in line
    # What is not complete stays so, also where the listing goes on where it was left.
    tool.common["resume"] = "true"
    again = tool.run()
    assert (again.code, again.list_finished) == (1, False)
    assert again.counts() == counted(skip=3)


def test_a_prefix_that_is_kept_to_is_complete(
    tool: CloudTool, deaf: Deaf, cos: EmbeddedCos
) -> None:
    del tool.cloud["prefix"]
    deaf.page = 2
    ended = tool.run()
    assert (ended.code, ended.list_finished) == (0, True), ended.err
    assert stored(cos) == BODIES
