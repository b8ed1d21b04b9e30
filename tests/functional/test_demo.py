"""`--demo`, which a user tries first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.tool import ROOT, end


def _start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cos_migrate", "--demo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def test_it_migrates_twice_compares_and_says_where_to_look(tmp_path: Path) -> None:
    done = end(_start(tmp_path))
    assert done.code == 0, done.err
    first, second = done.counts(0), done.counts(1)
    assert first["new"] > 2_000
    assert second["skip"] == first["new"]
    assert f"All {first['new']} objects were read back" in done.out
    assert done.out.splitlines()[-1].startswith("Next: ")
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]


@pytest.mark.skipif(os.name == "nt", reason="signals end a process there at once")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_its_exit_code_and_no_traceback(tmp_path: Path, number: int) -> None:
    process = _start(tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("=== first run"):
            break
    process.send_signal(number)
    # Its output ends only when nobody holds it any more: no migration is left behind.
    done = end(process)
    assert done.code == 128 + number
    assert "Traceback" not in done.err


def test_a_folder_that_cannot_be_used_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "tmp").write_text("in the way")
    done = end(_start(tmp_path))
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "the demo cannot use" in done.err


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
def test_nobody_reads_it(tmp_path: Path) -> None:
    process = _start(tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(60) == 1
    process.stderr.close()
