"""`--demo`, which a user tries first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.tool import ROOT, end
from tests.functional.waiting import Watched

SIGNALLED_WHILE_IT_STARTS_A_PROCESS = """
import os, runpy, signal, subprocess, sys

class Popen(subprocess.Popen):
    def __init__(self, words, **more):
        waits_for_ever = [sys.executable, "-c", "import signal; signal.pause()"]
        super().__init__(waits_for_ever, **more)
        os.kill(os.getpid(), signal.SIGTERM)

subprocess.Popen = Popen
sys.argv[1:] = ["--demo"]
runpy.run_module("cos_migrate", run_name="__main__", alter_sys=True)
"""


def _start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *(words or ("-m", "cos_migrate", "--demo"))],
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
    assert f"All {first['new']} objects are byte for byte" in done.out
    assert done.out.splitlines()[-1].startswith("Next     ")
    for told in (
        os.path.join("tmp", "demo", "conf", "config.ini"),
        "\nendPointSuffix=localhost:",
        f"{'rmdir /s /q' if os.name == 'nt' else 'rm -r'} {os.path.join('tmp', 'demo')}",
    ):
        assert told in done.out
    used = sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(tmp_path)
        for name in names
    )
    assert used < 50_000_000
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]


def test_its_runs_take_the_overrides(tmp_path: Path) -> None:
    words = ("-Dcommon.cluster=local:2", "-Dcommon.logSkipped=off")
    done = end(_start(tmp_path, "-m", "cos_migrate", "--demo", *words))
    assert done.code == 0, done.err
    assert "objects are byte for byte" in done.out
    log = (tmp_path / "tmp" / "demo" / "log" / "info.log").read_text(encoding="utf-8")
    assert log.count("[common] cluster=local:2") == 2


def test_a_folder_whose_name_holds_what_separates_folders(tmp_path: Path) -> None:
    folder = tmp_path / f"a{os.pathsep}b $c"
    folder.mkdir()
    done = end(_start(folder))
    assert done.code == 0, done.err


@pytest.mark.skipif(os.name == "nt", reason="signals end a process there at once")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_its_exit_code_and_no_traceback(tmp_path: Path, number: int) -> None:
    run = Watched(_start(tmp_path))
    run.wait_for("first run, ")
    run.process.send_signal(number)
    # Its output ends only when nobody holds it any more: no migration is left behind.
    done = run.end()
    assert done.code == 128 + number
    assert "Traceback" not in done.err


@pytest.mark.skipif(os.name == "nt", reason="signals end a process there at once")
def test_a_signal_while_a_migration_is_started_leaves_none_behind(tmp_path: Path) -> None:
    # The migration holds its output: it ends when that ends.
    done = end(_start(tmp_path, "-c", SIGNALLED_WHILE_IT_STARTS_A_PROCESS), 60)
    assert done.code == 128 + signal.SIGTERM
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
    assert process.wait(240) == 1
    process.stderr.close()


@pytest.mark.skipif(os.name == "nt", reason="few may make links on Windows")
def test_a_link_that_another_user_may_have_made_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (victim / "db").mkdir(parents=True)
    (victim / "precious").write_bytes(b"precious")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    (tmp_path / "tmp" / "demo").symlink_to(victim)
    done = end(_start(tmp_path))
    assert done.code == 1
    assert "symbolic link" in done.err
    assert sorted(path.name for path in victim.iterdir()) == ["db", "precious"]
