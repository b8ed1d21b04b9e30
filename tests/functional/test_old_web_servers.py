"""Lists of URLs on servers whose HTTP only browsers and curl understand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.cloud_tool import CloudTool, counted, stored
from tests.functional.raw_server import Request, raw_server

SAYS = {
    "folded": b"HTTP/1.1 200 OK\r\nX-A: one\r\n two\r\nContent-Length: 5\r\n\r\n",
    "lf": b"HTTP/1.1 200 OK\nContent-Length: 5\nContent-Type: a/b\n\n",
    "blank": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\nContent-Type : a/b\r\n\r\n",
    "twice": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "short": b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n",
    "loose": b"HTTP/1.1 200 OK\r\nwhat is this\r\nContent-Length: 5\r\n\r\n",
    "differ": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
}
BAD = ("differ", "ssh")


@pytest.mark.parametrize("skip_head", ["on", "off"])
def test_what_browsers_take_is_migrated(tmp_path: Path, cos: EmbeddedCos, skip_head: str) -> None:
    def answer(request: Request) -> None:
        head = SAYS[request.target.rpartition("/")[2]]
        request.say(head if request.method == "HEAD" else head + b"hello")

    with raw_server(answer) as server:
        listed = tmp_path / "urls.txt"
        listed.write_text("\n".join(f"{server.url}/{name}" for name in SAYS), encoding="utf-8")
        tool = CloudTool(
            tmp_path / "tool",
            cos.port,
            migrate_type="migrateUrl",
            cloud={"urllistPath": str(listed), "isSkipHead": skip_head},
        )
        tool.common["requestTryCount"] = "1"
        ended = tool.run(seconds=60)
    assert (ended.code, ended.counts()) == (1, counted(new=6, fail=2)), ended.out + ended.err
    assert stored(cos) == {name: b"hello" for name in SAYS if name not in BAD}
    [path] = (tool.folder / "log").glob("failed-*.jsonl")
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    messages = " | ".join(sorted(failure["message"] for failure in told))
    assert "line 1 of its head: SSH-2.0-OpenSSH_9.6" in messages
    assert "two different lengths, line 3 of its head: Content-Length: 6" in messages
