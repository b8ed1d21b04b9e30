"""Chinese and Korean: what is translated in a first run, and what no language changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.tool import Ended, Tool

CHINESE, KOREAN = {"LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}, {"LC_ALL": "ko_KR.UTF-8"}
CASES = pytest.mark.parametrize(
    ("environ", "advice", "language"),
    [
        (CHINESE, "给 [common] secretId 的账号授予写入该存储桶的权限", "zh"),
        (KOREAN, "[common] secretId의 계정에 Bucket 쓰기 권한을 주십시오", "ko"),
    ],
    ids=["zh", "ko"],
)


def lines_for_scripts(ended: Ended) -> list[str]:
    """Return event lines and statistics without times and request ids."""
    text = re.sub(r"\[requestid: [^]]*\]|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|: \d+ s\b", "", ended.out)
    kinds = ("[", "bucket:", "migrateLocal over!", "    ", "cos migrate tool")
    return sorted(line for line in text.splitlines() if line.startswith(kinds))


def one_object_fails(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("sent.txt")
    tool.put("folder/refused.txt")
    tool.common |= {"workerProcessNum": "0"}
    cos.faults.append(
        Fault("status", "PutObject", "refused", times=-1, status=403, code="AccessDenied")
    )


@CASES
def test_a_first_run(
    cos: EmbeddedCos, tool: Tool, environ: dict[str, str], advice: str, language: str
) -> None:
    one_object_fails(cos, tool)
    english = tool.run()
    for name in ("db", "log"):
        (tool.folder / name).rename(tool.folder / f"{name}-english")
        (tool.folder / name).mkdir()
    ended = tool.run(environ=environ)
    assert ended.code == english.code == 1
    assert lines_for_scripts(ended) == lines_for_scripts(english)
    assert len(lines_for_scripts(ended)) > 8
    assert advice in ended.out
    assert "give the account" not in ended.out
    assert "give the account" in tool.log("error.log")
    for path in (tool.folder / "log").glob("*.*"):
        assert path.read_text(encoding="utf-8").isascii(), path
    (page,) = (tool.folder / "log" / "report").glob("*.html")
    assert f'<html lang="{language}">' in page.read_text(encoding="utf-8")
    assert advice in page.read_text(encoding="utf-8")
    data = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert "give the account" in data["failures"][0]["advice"]


@CASES
def test_json_stays_english(
    cos: EmbeddedCos, tool: Tool, environ: dict[str, str], advice: str, language: str
) -> None:
    one_object_fails(cos, tool)
    ended = tool.run("--json", "-Dcommon.fooBar=1", environ=environ)
    assert ended.code == 2
    assert not ended.err.isascii()
    ended = tool.run("--json", "-Xmx4g", environ=environ)
    assert ended.code == 1
    assert ended.out.isascii()
    assert "\\u" not in ended.out
    assert not ended.err.isascii(), "a warning of -Xmx4g"
    assert advice not in ended.out
    assert language in {"zh", "ko"}


def test_wrong_configurations(tool: Tool) -> None:
    tool.common |= {"secretId": "", "cosPath": "backup", "smalFileExecutorNum": "9"}
    chinese, korean = tool.run(environ=CHINESE), tool.run(environ=KOREAN)
    for ended in (chinese, korean):
        assert ended.code == 2
        assert "config key miss. section: common, key: secretId (conf/config.ini" in ended.err
        assert "backup is invalid, cospath must start with /" in ended.err
        assert "nearest" not in ended.err
        assert "is missing or blank" not in ended.err
    assert "缺失或为空" in chinese.err
    assert "以 / 开头的路径" in chinese.err
    assert "最接近的键是 smallFileExecutorNum" in chinese.err
    assert "비어 있습니다" in korean.err
    assert "가장 비슷한 키는 smallFileExecutorNum" in korean.err


def test_a_missing_file_keeps_its_line(tool: Tool) -> None:
    ended = tool.run("gone.ini", environ=CHINESE)
    first, second = ended.err.splitlines()
    assert first == "config gone.ini not exist or readable! (No such file or directory)"
    assert "gone.ini" in second
    assert "不存在" in second


def test_the_key_comes_before_the_system(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    tool.common |= {"language": "KO"}
    assert "경고: " in tool.run("-Xmx4g", environ=CHINESE).err
    assert "warning: " in tool.run("-Xmx4g", "-Dcommon.language=en", environ=CHINESE).err
    tool.common |= {"storageClass": "Nonsense"}
    assert "가능한 값" in tool.run(environ=CHINESE).err, "errors are told in it too"
    tool.common |= {"language": "cn"}
    ended = tool.run()
    assert ended.code == 2
    assert "cn is none of the languages (conf/config.ini" in ended.err
    assert "legal: en, zh or ko" in ended.err
    assert not cos.faults


def test_help(tool: Tool) -> None:
    english, chinese = tool.run("--help").out, tool.run("--help", environ=CHINESE).out
    korean = tool.run("--help", "-Dcommon.language=ko", environ=CHINESE).out
    words = re.findall(r"^ +(--[a-z=-]+|-h)", english, re.MULTILINE)
    assert len(words) > 10
    for text, heading in ((chinese, "选项:"), (korean, "옵션:")):
        assert re.findall(r"^ +(--[a-z=-]+|-h)", text, re.MULTILINE) == words
        assert heading in text
        assert "show the version" not in text


def test_a_terminal_of_another_character_set_gets_english(tool: Tool) -> None:
    assert "warning: " in tool.run("-Xmx4g", environ={"LC_ALL": "zh_CN.GB18030"}).err


def test_the_checks_of_a_configuration(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    ended = tool.run("--check-config", environ=CHINESE)
    assert ended.code == 0, ended.out
    assert "[ok] 写权限: 在 /.cos-migrate-check 发起并终止了一次分块上传" in ended.out
    assert cos.requests


def test_the_catalogues_are_in_the_package_and_its_wheel() -> None:
    root = Path(__file__).resolve().parents[2]
    names = {path.name for path in (root / "cos_migrate" / "language").glob("*.mo")}
    assert names == {"zh.mo", "ko.mo"}
    assert '"cos_migrate.language" = ["*.mo"]' in (root / "pyproject.toml").read_text("utf-8")
