"""Servers that never end an answer, COS and sources alike: the run ends, and says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.cloud_tool import CloudTool, counted, section_at
from tests.functional.raw_server import Request, raw_server
from tests.functional.tool import Tool

Says = Callable[[Request], None]
LONG = b"a" * 100_000


def lines_without_end(request: Request) -> None:
    request.say(b"HTTP/1.1 200 OK\r\n")
    while not request.stopping.is_set():
        request.say(b"X-Pad: bcdefgh\r\n" * 1000)


def interim_without_end(request: Request) -> None:
    while not request.stopping.is_set():
        request.say(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def dribble(request: Request) -> None:
    name = request.target.rpartition("/")[2]
    request.say(f'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "{name}"\r\n\r\n'.encode())
    request.dribble(b"hello", pause=0.4)


def dribbled_head(request: Request) -> None:
    request.dribble(b"HTTP/1.1 200 OK\r\nX-Pad: " + LONG)


SAYS: dict[str, tuple[Says, str]] = {
    "lines": (lines_without_end, "BadAnswer"),
    "interim": (interim_without_end, "BadAnswer"),
    "dribble": (dribble, "Timeout"),
    "head": (dribbled_head, "Timeout"),
}


def failures(tool: Tool) -> list[dict[str, object]]:
    [path] = (tool.folder / "log").glob("failed-*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def limited(tool: Tool) -> None:
    tool.common |= {
        "requestTimeoutEnable": "on",
        "requestTimeoutMs": "700",
        "requestTryCount": "1",
        "workerProcessNum": "0",
        "smallFileExecutorNum": "1",
    }


@pytest.mark.parametrize("what", SAYS)
def test_cos(tmp_path: Path, what: str) -> None:
    says, code = SAYS[what]

    def answer(request: Request) -> None:
        if "/z" in request.target:
            says(request)
        else:
            request.ok()

    with raw_server(answer) as server:
        tool = Tool(tmp_path / "tool", 0)
        tool.common["endPointSuffix"] = f"localhost:{server.port}"
        limited(tool)
        for name in ("a", "b", "c", "z"):  # the last one over a connection that is kept
            tool.put(name)
        ended = tool.run(seconds=60)
    assert (ended.code, ended.counts()) == (1, counted(new=3, fail=1)), ended.out + ended.err
    [failure] = failures(tool)
    assert failure["code"] == code


@pytest.mark.parametrize("what", SAYS)
def test_a_source(tmp_path: Path, cos: EmbeddedCos, what: str) -> None:
    says, code = SAYS[what]

    def answer(request: Request) -> None:
        if request.target.startswith("/z") and request.method == "GET":
            says(request)
        else:
            request.ok(b"" if request.method == "HEAD" else b"hello", 'ETag: "1"')

    with raw_server(answer) as server:
        listed = tmp_path / "urls.txt"
        listed.write_text("\n".join(f"{server.url}/{name}" for name in "abcz"), encoding="utf-8")
        tool = CloudTool(
            tmp_path / "tool",
            cos.port,
            migrate_type="migrateUrl",
            cloud={"urllistPath": str(listed), "isSkipHead": "on"},
        )
        limited(tool)
        ended = tool.run(seconds=60)
    assert (ended.code, ended.counts()) == (1, counted(new=3, fail=1)), ended.out + ended.err
    [failure] = failures(tool)
    assert failure["code"] in {code, f"Url{code}"}


LISTING = """<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>{}
</ListBucketResult>"""
ENTRY = "<Contents><Key>{0}</Key><Size>5</Size><ETag>&quot;{0}&quot;</ETag></Contents>"


@pytest.mark.parametrize("what", SAYS)
def test_an_object_of_s3_that_one_thread_fetches(
    tmp_path: Path, cos: EmbeddedCos, what: str
) -> None:
    says, code = SAYS[what]
    page = LISTING.format("".join(ENTRY.format(name) for name in "abcz")).encode()

    def answer(request: Request) -> None:
        path, _, query = request.target.partition("?")
        name = path.rpartition("/")[2]
        if "list-type" in query or "prefix" in query:
            request.ok(page)
        elif name == "z":
            says(request)
        else:
            request.ok(b"hello", f'ETag: "{name}"')

    with raw_server(answer) as server:
        tool = CloudTool(
            tmp_path / "tool",
            cos.port,
            migrate_type="migrateAws",
            cloud=section_at(server.url),
        )
        limited(tool)
        ended = tool.run(seconds=60)
    assert (ended.code, ended.counts()) == (1, counted(new=3, fail=1)), ended.out + ended.err
    [failure] = failures(tool)
    assert failure["code"] == code
