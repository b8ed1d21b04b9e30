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


def run_by_shell(tool: Tool, words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the tool with words that a shell reads: options, and what becomes of the streams."""
    return subprocess.run(
        ["sh", "-c", f'"$0" -m cos_migrate {words}', sys.executable],
        cwd=tool.folder,
        env=tool.environ(environ),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("how", ["<&- >&- 2>&-", ">&-", "2>&-", ">/dev/full", "2>/dev/full"])
def test_the_run_goes_on(tool: Tool, cos: EmbeddedCos, how: str) -> None:
    if "/dev/full" in how and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    for number in range(10):
        tool.put(f"{number}")
    (tool.data / "broken").symlink_to("nowhere")
    tool.put("a" * 200 + "/" + "b" * 200 + "/" + "c" * 200 + "/" + "d" * 250)  # a failure
    tool.write_config()
    done = run_by_shell(tool, how)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(cos.keys(BUCKET)) == 10
    assert len([key for key in records(tool.database) if key.startswith("[taskType")]) == 10
    assert "migrate_fail : 1" in tool.log("info.log")


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_what_cannot_be_told_is_no_traceback(tool: Tool, word: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = run_by_shell(tool, f"{word} >/dev/full")
    assert done.returncode == 1
    assert done.stderr == "stdout cannot be written (No space left on device)\n"


def test_a_heartbeat_where_there_is_no_terminal(tool: Tool) -> None:
    tool.put("a")
    assert "heartbeat: " not in tool.run().err
    tool.common["heartbeat"] = "on"
    ended = tool.run()
    [line] = [line for line in ended.err.splitlines() if line.startswith("heartbeat: ")]
    assert "objects of" in line
    assert "heartbeat: " not in ended.out


ENVIRONMENTS = (
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1:strict", "PYTHONUTF8": "0"},
    {"LANG": "C", "PYTHONUTF8": "0"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)


ASKED = {"RUN_MODE": "QUERY_REQUESTID", "QUERY_REQUESTID_KEY": "/é"}


@pytest.mark.parametrize(
    ("environ", "words", "more", "code"),
    [
        *((environ, (), ASKED, 0) for environ in ENVIRONMENTS),
        (ENVIRONMENTS[0], (), ASKED | {"QUERY_REQUESTID_KEY": "/\udcff"}, 0),
        (ENVIRONMENTS[-1], ("-Dcommon.cösPath=/",), {}, 2),
        (ENVIRONMENTS[1], ("--decrypt", "/é", "log"), {}, 2),
    ],
)
def test_what_is_printed_needs_no_locale(
    tool: Tool, environ: dict[str, str], words: tuple[str, ...], more: dict[str, str], code: int
) -> None:
    ended = tool.run(*words, environ=environ | more)
    assert "Traceback" not in ended.err
    assert ended.code == code
    if "QUERY_REQUESTID_KEY" in more:
        shown = more["QUERY_REQUESTID_KEY"].replace("\udcff", r"\udcff")
        assert f"query requestid, [key: {shown}], [requestid: Null]\n" in ended.out


def test_names_are_utf8_in_any_locale(tool: Tool, cos: EmbeddedCos) -> None:
    tool.put("é/中")
    ended = tool.run("-Dcommon.cosPath=/ü/", environ=ENVIRONMENTS[-1])
    assert ended.code == 0
    assert cos.keys(BUCKET) == ["ü/é/中"]


@pytest.mark.parametrize(
    ("full", "words", "mode", "codes"),
    [
        (">/dev/full", "nowhere.ini", "", {2}),
        (">/dev/full", "--decrypt /a log", "", {2}),
        (">/dev/full", "", "QUERY_REQUESTID", {0, 1}),
        (">/dev/full", "-Dcommon.workerProcessNum=0", "", {1}),
        (">/dev/full 2>/dev/full", "--help", "", {0, 1}),
        (">/dev/full 2>/dev/full", "--wrong", "", {2}),
        (">/dev/full 2>/dev/full", "", "DUMP_REQUESTID", {2}),
        (">/dev/full 2>/dev/full", "-Dcommon.workerProcessNum=0", "", {1}),
    ],
)
def test_full_streams_give_no_other_exit_code(
    tool: Tool, full: str, words: str, mode: str, codes: set[int]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    tool.put("/".join(["x" * 200] * 5))  # a failure
    tool.write_config()
    done = run_by_shell(tool, f"{words} {full}", RUN_MODE=mode, QUERY_REQUESTID_KEY="/a")
    assert done.returncode in codes
    assert "Traceback" not in done.stderr


def test_an_interpreter_that_is_to_go_on_behind_the_run_does_not(tool: Tool) -> None:
    tool.put("a")
    ended = tool.run(environ={"PYTHONINSPECT": "1"})
    assert ended.code == 0
    assert ">>>" not in ended.err
