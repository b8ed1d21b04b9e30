"""Files whose file system tells a wrong size, as a user meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import BUCKET, Tool

TOLD_EMPTY = Path("/proc/version")
pytestmark = pytest.mark.skipif(not TOLD_EMPTY.is_file(), reason="needs /proc")


@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_tells_no_size_and_is_not_empty_fails(
    cos: EmbeddedCos, tool: Tool, workers: str
) -> None:
    tool.common["workerProcessNum"] = workers
    tool.put("good")
    tool.put("empty", b"")
    (tool.data / "version").symlink_to(TOLD_EMPTY)
    ended = tool.run()
    assert ended.code == 1
    assert (ended.counts()["new"], ended.counts()["fail"]) == (2, 1)
    assert "SizeTooSmall" in ended.out
    assert "reports a size of 0 bytes" in tool.log("error.log")
    assert cos.keys(BUCKET) == ["empty", "good"]


def test_what_only_tells_to_be_empty_is_not_left_out(tool: Tool) -> None:
    tool.local["ignoreEmptyFile"] = "on"
    tool.put("empty", b"")
    (tool.data / "version").symlink_to(TOLD_EMPTY)
    ended = tool.run()
    assert (ended.counts()["unmatched"], ended.counts()["fail"]) == (1, 1)
    assert "SizeTooSmall" in ended.out


def test_what_was_stored_empty_is_found_by_check(cos: EmbeddedCos, tool: Tool) -> None:
    link = tool.put("version", b"", mtime=1_700_000_000)
    assert tool.run().code == 0
    # The record of a run that believed the told size: the same size, a file of other content.
    link.unlink()
    link.symlink_to(TOLD_EMPTY)
    tool.local["checkLocalRecord"] = "false"
    tool.common["check"] = "on"
    ended = tool.run()
    assert ended.code == 1
    assert "SizeTooSmall" in ended.out
    assert ended.counts(-1)["fail"] == 1
    assert cos.keys(BUCKET) == ["version"]
