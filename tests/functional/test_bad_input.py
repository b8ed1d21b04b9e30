"""Bad input through the front door: the right message, exit code 2, no traceback, no secret."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import ROOT, SECRET_KEY, Tool

BAD = [
    ({"bucketName": "noappid"}, [], "bucketName"),
    ({"cosPath": "folder"}, [], "folder is invalid, cospath must start with /"),
    ({"storageClass": "standard"}, [], "standard is invalid storage class!"),
    (
        {"smallFileThreshold": "1"},
        [],
        "invalid smallFileThresholdStr: 1, legal smallFileThreshold is [5242880, 5368709120]",
    ),
    (
        {"smallFileExecutorNum": "0"},
        [],
        "0 is invalid, legal smallFileExecutorNum  is [1, 1024] ",
    ),
    (
        {"executeTimeWindow": "25:00,3"},
        [],
        "25:00,3 is invalid, the legal executeTimeWindow example 03:30,21:00",
    ),
    ({"tmpFolder": "/none/here"}, [], "/none/here"),
    ({"outputFinishedFileFolder": "/none"}, [], "tempFolderPath /none not exist!"),
    ({}, ["-DmigrateLocal.localPath=/none"], "local path not exist!"),
    ({}, ["-DmigrateLocal.excludes=/none"], "excludePath /none not exist"),
    ({}, ["-Dcommon.cosPaht=/x/"], "cosPath"),
    ({}, ["-Dcomon.cosPath=/x/"], "common"),
    ({}, ["-DmigrateType.type=migrateNowhere"], "invalid config. section:migrateType, key:type"),
    ({}, ["--nonsense"], "--nonsense"),
    ({}, ["conf/other.ini"], "config conf/other.ini not exist or readable!"),
    ({"secretId": ""}, [], "config key miss. section: common, key: secretId"),
    ({"batchTaskPath": "KEY"}, [], "batchTaskPath does not work with migrateLocal"),
    ({}, ["-Dcommon.requestTryCount=0"], "requestTryCount"),
]


@pytest.mark.parametrize(("common", "words", "message"), BAD, ids=lambda value: str(value)[:40])
def test_one_mistake(
    cos: EmbeddedCos, tool: Tool, common: dict[str, str], words: list[str], message: str
) -> None:
    key = tool.folder / "aes.key"
    key.write_bytes(b"k" * 32)
    tool.common |= {name: value.replace("KEY", str(key)) for name, value in common.items()}
    tool.put("a")
    ended = tool.run(*words)
    assert ended.code == 2, ended.out
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert SECRET_KEY not in ended.out + ended.err
    assert not cos.requests
    assert not list((tool.folder / "db").iterdir())


def test_all_mistakes_at_once(tool: Tool) -> None:
    tool.common |= {"cosPath": "x", "bigFileExecutorNum": "65", "region": "", "https": "maybe"}
    ended = tool.run("-DmigrateLocal.localPath=/none")
    assert ended.code == 2
    for part in ("cospath", "bigFileExecutorNum", "region", "https", "local path not exist!"):
        assert part in ended.err


def test_the_shipped_config_names_its_placeholders(tool: Tool) -> None:
    ended = tool.run(str(ROOT / "conf" / "config.ini"))
    assert ended.code == 2
    for key in ("secretId", "secretKey", "bucketName", "localPath"):
        assert key in ended.err


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
