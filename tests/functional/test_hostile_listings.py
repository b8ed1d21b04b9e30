"""What a listing says never becomes a line of a request; the object fails, the others go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.cloud_tool import CloudTool, counted, section_at, stored
from tests.functional.raw_server import Request, raw_server

ENTRY = "<Contents><Key>{}</Key><Size>5</Size><ETag>&quot;{}&quot;</ETag></Contents>"
EVIL = "e&#13;&#10;X-Evil: 1&#13;&#10;X-More: &quot;"


@pytest.mark.parametrize("migrate_type", ["migrateAws", "migrateAli"])
def test_an_etag_of_several_lines(tmp_path: Path, cos: EmbeddedCos, migrate_type: str) -> None:
    entries = "".join(ENTRY.format(name, EVIL if name == "b" else name) for name in "abcd")
    page = (
        f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
    ).encode()

    def answer(request: Request) -> None:
        path, _, query = request.target.partition("?")
        name = path.rpartition("/")[2]
        if "max-keys" in query:
            request.ok(page)
        else:
            request.ok(b"hello", f'ETag: "{name}"')

    with raw_server(answer) as server:
        tool = CloudTool(
            tmp_path / "tool",
            cos.port,
            migrate_type=migrate_type,
            cloud=section_at(server.url),
        )
        ended = tool.run(seconds=60)
        assert (ended.code, ended.counts()) == (1, counted(new=3, fail=1)), ended.out + ended.err
        assert set(stored(cos)) == {"a", "c", "d"}
        assert all("x-evil" not in request.headers for request in server.seen)
    [path] = (tool.folder / "log").glob("failed-*.jsonl")
    [failure] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert failure["code"] == "BadHeader"
    assert "if-match" in failure["message"].lower()
    assert "X-Evil" not in ended.out.splitlines()
