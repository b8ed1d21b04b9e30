"""Started with streams that are closed or full, as by some daemons and on full disks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import BUCKET, Tool, records

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


@pytest.mark.parametrize("how", ["<&- >&- 2>&-", ">&-", "2>&-", ">/dev/full", "2>/dev/full"])
def test_the_run_goes_on(tool: Tool, cos: EmbeddedCos, how: str) -> None:
    if "/dev/full" in how and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    for number in range(10):
        tool.put(f"{number}")
    (tool.data / "broken").symlink_to("nowhere")
    tool.put("a" * 200 + "/" + "b" * 200 + "/" + "c" * 200 + "/" + "d" * 250)  # a failure
    tool.write_config()
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m cos_migrate {how}', sys.executable],
        cwd=tool.folder,
        env=tool.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(cos.keys(BUCKET)) == 10
    assert len([key for key in records(tool.database) if "taskType" in key]) == 10
    assert "migrate_fail : 1" in tool.log("info.log")


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_what_cannot_be_told_is_no_traceback(tool: Tool, word: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m cos_migrate {word} >/dev/full', sys.executable],
        cwd=tool.folder,
        env=tool.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "stdout cannot be written (No space left on device)\n"
