"""Local files with odd names, times and links, as a user migrates them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import BUCKET, Tool, records


def test_a_file_list_of_which_nothing_exists(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("unlisted")
    listing = tool.folder / "list.txt"
    listing.write_text("gone\nwrong/root/a\n", encoding="utf-8")
    tool.local |= {"fileListMode": "on", "fileListPath": str(listing)}
    ended = tool.run()
    assert (ended.code, ended.list_finished) == (1, False)
    assert ended.counts() == {"new": 0, "update": 0, "fail": 0, "skip": 0, "unmatched": 2}
    assert f"nothing that {listing} lists exists below {tool.data}" in ended.err
    assert "nothing was found to migrate" not in ended.out
    assert cos.keys(BUCKET) == []


def test_times_before_1970_in_the_list_of_finished_files(tool: Tool) -> None:
    finished = tool.folder / "finished"
    finished.mkdir()
    tool.common |= {"outputFinishedFileFolder": str(finished), "workerProcessNum": "0"}
    times_ns = {"a": -1, "b": -1_000_000, "c": -86_400_000_500_000, "d": 0, "e": 1_500_000}
    for name, time_ns in times_ns.items():
        os.utime(tool.put(name), ns=(time_ns, time_ns))
    assert tool.run().counts()["new"] == len(times_ns)
    (path,) = finished.iterdir()
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    told = {Path(name).name: int(mtime) for name, _, mtime in rows}
    assert told == {"a": -1, "b": -1, "c": -86_400_001, "d": 0, "e": 1}
    assert tool.run().counts()["skip"] == len(times_ns)


@pytest.mark.skipif(sys.platform != "linux", reason="names of raw bytes")
def test_a_name_that_is_not_utf8(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("good")
    Path(os.fsdecode(os.fsencode(tool.data) + b"/bad\xff\xfe")).write_bytes(b"x")
    ended = tool.run()
    assert ended.code == 1
    assert ended.counts() == {"new": 1, "update": 0, "fail": 1, "skip": 0, "unmatched": 0}
    line = f"skip the file for illegal utf-8 letter, [local_file:{tool.data}/bad\\xff\\xfe]"
    assert line in ended.out
    assert ended.out.isascii()
    assert ended.status == "PART_OK"
    assert cos.keys(BUCKET) == ["good"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such names")
def test_odd_names_take_one_line_each(cos: EmbeddedCos, tool: Tool) -> None:
    names = ["line\nbreak", "tab\there", "back\\slash", "quote'\"", "?&=#;", " lead", "trail "]
    for name in names:
        tool.put(name, name)
    ended = tool.run()
    assert ended.counts()["new"] == len(names)
    assert len(ended.lines("[ok]")) == len(names)
    assert r"line\x0abreak" in ended.out
    assert cos.keys(BUCKET) == sorted(names)
    assert any("line\nbreak" in key for key in records(tool.database))
    assert tool.run().counts()["skip"] == len(names)


def test_keys_that_cos_does_not_take(tool: Tool) -> None:
    tool.common["cosPath"] = "/" + "long/" * 160
    tool.put("a" * 60)
    tool.put("short")
    ended = tool.run()
    assert ended.code == 1
    assert ended.counts() == {"new": 1, "update": 0, "fail": 1, "skip": 0, "unmatched": 0}
    assert "COS takes at most 850" in tool.log("error.log")
    assert "[fail] task_info: [taskType: migrateLocal]" in ended.out


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("d/file")
    (tool.data / "loop").symlink_to(tool.data, target_is_directory=True)
    (tool.data / "broken").symlink_to("nowhere")
    (tool.data / "link").symlink_to("d", target_is_directory=True)
    ended = tool.run()
    assert ended.code == 0
    assert ended.counts() == {"new": 2, "update": 0, "fail": 0, "skip": 0, "unmatched": 2}
    assert cos.keys(BUCKET) == ["d/file", "link/file"]
