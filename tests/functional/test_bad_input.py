"""Bad input through the front door: the right message, exit code 2, no traceback, no secret."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import ROOT, SECRET_KEY, Tool

BAD = [
    ({"cosPath": "folder"}, [], "folder is invalid, cospath must start with /"),
    ({}, ["-DmigrateLocal.localPath=/none"], "local path not exist!"),
    ({}, ["-Dcomon.cosPath=/x/"], "common"),
    ({}, ["--nonsense"], "--nonsense"),
    ({}, ["conf/other.ini"], "config conf/other.ini not exist or readable!"),
]
"""A mistake of each kind; the tests of the configuration have all of them."""


@pytest.mark.parametrize(("common", "words", "message"), BAD, ids=lambda value: str(value)[:40])
def test_one_mistake(
    cos: EmbeddedCos, tool: Tool, common: dict[str, str], words: list[str], message: str
) -> None:
    tool.common |= common
    tool.put("a")
    ended = tool.run(*words)
    assert ended.code == 2, ended.out
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert SECRET_KEY not in ended.out + ended.err
    assert not cos.requests
    assert not list((tool.folder / "db").iterdir())


def test_the_shipped_config_names_its_placeholders(tool: Tool) -> None:
    ended = tool.run(str(ROOT / "conf" / "config.ini"))
    assert ended.code == 2
    for key in ("secretId", "secretKey", "bucketName", "localPath"):
        assert key in ended.err


def test_a_source_out_of_reach_is_told_without_its_secrets(tool: Tool) -> None:
    ended = tool.run(
        "-DmigrateType.type=migrateAws",
        "-DmigrateAws.bucket=b",
        "-DmigrateAws.accessKeyId=id",
        "-DmigrateAws.accessKeySecret=secret-of-aws",
        "-DmigrateAws.endPoint=127.0.0.1:1",
        "-Dcommon.requestTryCount=1",
    )
    assert ended.code == 1
    assert not ended.list_finished
    assert "look at [migrateAws] endPoint" in ended.err
    assert "secret-of-aws" not in ended.out + ended.err + tool.log("error.log")


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_asking_is_no_mistake(word: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "cos_migrate", word],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout


def test_what_may_be_meant_otherwise_is_warned_of_once(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common |= {"cosPath": "/x # folder", "proxyPassword": '"hidden one"', "token": ""}
    tool.common |= {"proxyHost": "127.0.0.1", "proxyPort": str(cos.port)}
    tool.local["includeSuffix"] = "*.jpg"
    tool.put("a.txt")
    ended = tool.run("-DmigrateLocal.excludes=")
    assert ended.counts()["unmatched"] == 1
    warnings = [line for line in ended.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 3
    for key, words in (
        ("[common] cosPath", "a # beside a blank is part of the value"),
        ("[common] proxyPassword=***", "the quotes are part of the value"),
        ("[migrateLocal] includeSuffix=*.jpg", "a suffix has no wildcards"),
    ):
        (line,) = (line for line in warnings if key in line)
        assert words in line
        assert "config.ini line " in line
        assert line.removeprefix("warning: ") in tool.log("warn.log")
    assert "hidden one" not in ended.out + ended.err + tool.log("info.log") + tool.log("warn.log")
