"""The command of onFinish."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config.watching import finish_command
from tests.functional.tool import Tool
from tests.functional.waiting import HeldCos, Watched, wait_until

KEEP = """
import os, sys
sys.stdout.write(sys.argv[2])
names = ("COS_SECRETKEY", "AWS_SECRET_ACCESS_KEY", "ANOTHER")
with open(sys.argv[1], "a") as file:
    file.write(sys.stdin.read().strip() + "\\n")
    file.write(repr([name for name in names if name in os.environ]) + "\\n")
"""


def command(*words: str) -> str:
    return shlex.join([sys.executable, "-c", *words])


def kept(path: Path) -> list[Any]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[::2]]


def test_it_gets_the_summary_and_no_credentials(tool: Tool) -> None:
    tool.put("a", b"x" * 10)
    seen = tool.folder / "a file"
    script = tool.folder / "keep.py"
    script.write_text(KEEP, encoding="utf-8")
    words = [sys.executable, str(script), str(seen), "it; $(was) sent"]
    tool.common |= {"onFinish": shlex.join(words), "check": "on"}
    environ = {"COS_SECRETKEY": "unused", "AWS_SECRET_ACCESS_KEY": "unused", "ANOTHER": "value"}
    ended = tool.run(environ=environ)
    assert ended.code == 0
    run, check = kept(seen)
    assert (run["event"], run["migrate_new"], run["bytes"], run["exit_code"]) == (
        "summary",
        1,
        10,
        0,
    )
    assert check["check"] is True
    written = (tool.folder / "db/result.jsonl").read_text(encoding="utf-8").splitlines()
    assert run == json.loads(written[0])
    assert seen.read_text(encoding="utf-8").splitlines()[1] == "['ANOTHER']"
    assert "it; $(was) sent" in tool.log("info.log")
    assert "it; $(was) sent" not in ended.out + ended.err
    assert "[common] onFinish=***" in tool.log("info.log")
    tool.run("--dry-run")
    assert len(kept(seen)) == 2


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (command("import sys; sys.exit('my-secret' and 3)"), "it ended with the exit code 3"),
        ("./not-there my-secret", "No such file or directory"),
    ],
)
def test_its_failure_is_a_warning_without_its_arguments(
    tool: Tool, words: str, problem: str
) -> None:
    tool.put("a")
    tool.common["onFinish"] = words
    ended = tool.run()
    assert ended.code == 0
    name = Path(shlex.split(words)[0]).name
    assert f"warning: onFinish ({name}): {problem}" in ended.err
    logs = "".join(tool.log(each) for each in ("info.log", "warn.log", "error.log"))
    assert problem in logs
    assert "my-secret" not in logs + ended.out + ended.err


def test_a_signal_leaves_it_little_time(cos: HeldCos, tool: Tool) -> None:
    tool.put("a")
    started = tool.folder / "started"
    wait = "import sys, threading; open(sys.argv[1], 'w').close(); threading.Event().wait()"
    tool.common["onFinish"] = command(wait, str(started))
    run = Watched(tool.start())
    wait_until(started.exists, run.alive)
    run.send_signal(signal.SIGTERM)
    ended = run.end()
    assert ended.code == 143
    assert "it took too long and was ended" in ended.err
    assert len(cos.keys("examplebucket-1250000000")) == 1


def test_quotes_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="quotation") as raised:
        finish_command("run 'my-secret")
    assert "my-secret" not in str(raised.value)
