"""A worker that is started before it is known whether there is work: none is left over."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from tests.functional.tool import Tool
from tests.polling import wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs /proc")


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is somebody else's
            if os.readlink(process / "cwd") == str(folder.resolve()):
                found.append((process / "cmdline").read_text())
    return found


def left_over_in(folder: Path) -> list[str]:
    """Return those that stay: one that was killed, or whose pipe has ended, needs a moment."""
    with contextlib.suppress(AssertionError):
        wait_until(lambda: not processes_in(folder))
    return processes_in(folder)


@pytest.mark.parametrize(
    ("words", "environ", "code"),
    [
        ((), {}, 0),
        (("--quiet",), {}, 0),
        (("-Dcommon.workerProcessNum=0",), {}, 0),
        (("-Dcommon.noSuchKey=1",), {}, 2),
        (("-Dcommon.region=",), {}, 2),
        (("--no-such-option",), {}, 2),
        (("conf/none.ini",), {}, 2),
        ((), {"RUN_MODE": "QUERY_REQUESTID", "QUERY_REQUESTID_KEY": "/a"}, None),
        ((), {"RUN_MODE": "other"}, 0),
        (("--help",), {}, 0),
        (("--version",), {}, 0),
    ],
)
def test_no_process_outlives_the_tool(
    tool: Tool, words: tuple[str, ...], environ: dict[str, str], code: int | None
) -> None:
    tool.put("a")
    for _ in range(1 if code == 2 else 2):  # behind a first run another process is started ahead
        ended = tool.run(*words, environ=environ)
        assert code is None or ended.code == code, ended.err
        assert not left_over_in(tool.folder)
