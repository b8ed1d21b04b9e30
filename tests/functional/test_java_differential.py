"""The Java tool and ours do the same with the same tree and the same config.ini.

Where the Java tool is present (COS_MIGRATE_JAVA_TOOL names its folder) it runs beside ours, else
what it has once printed, recorded and stored is compared. What differs on purpose is in the
functions `intended_...` and, with reasons, in docs/compatibility.md.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import SECRET_ID, SECRET_KEY, Tool, records

pytest.importorskip("rocksdict")
from tests.functional import java_tool
from tests.functional.java_cases import CASES, VARIABLE, Case, Played

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the files are below /proc/self/cwd"
)
RECORDED = Path(__file__).resolve().parents[1] / "data" / "java_differential.json.gz"
_DATA = "/proc/self/cwd/data"
_NOT_FOUND = {
    f"skip the file for illegal utf-8 letter, [local_file:{_DATA}/{name}]": (
        f"[condition_not_match] [reason: {reason}]  [local_file: {_DATA}/{name}]"
    )
    for name, reason in (("links/broken", "broken link"), ("not there.txt", "not there"))
}
BROKEN_LINK = (
    "[condition_not_match] [reason: broken link]  [local_file: /proc/self/cwd/data/links/broken]"
)
_NO_MATCH = re.compile(r"( +migrate_condition_not_match : )(\d+)")
_PROGRESS = re.compile(r"\[UploadInProgress\] \[key: (.*)\] \[byteSent/ byteTotal/ percentage: ")
_FAILED = re.compile(r"\[fail\] task_info: .*\[cosPath: (/.*)\]")


def played_by_java(case: Case, folder: Path) -> Played:
    if VARIABLE not in os.environ:
        return recorded(case)
    (folder / "cos").mkdir(parents=True)
    with EmbeddedCos(folder / "cos", secret_id=SECRET_ID, secret_key=SECRET_KEY) as cos:
        tool = Tool(folder / "tool", cos.port)
        played = java_tool.play(case, tool, cos, java_tool.run_java, java_tool.java_records)
    assert played == recorded(case)
    return played


def recorded(case: Case) -> Played:
    everything: dict[str, Any] = json.loads(gzip.decompress(RECORDED.read_bytes()))
    return Played(**everything[case.name])


def intended_lines(java: list[str]) -> list[str]:
    """Return what ours has to say where the Java tool said this."""
    lines = []
    broken_link = "skip the file for illegal utf-8 letter" not in "".join(java)
    for line in java:
        count = _NO_MATCH.fullmatch(line)
        if count and broken_link:  # it is reported and counted, not only logged
            lines += [f"{count[1]}{int(count[2]) + 1}", BROKEN_LINK]
        else:
            lines.append(line)
    # Java says it of whatever a list names that it cannot find.
    lines = [_NOT_FOUND.get(line, line) for line in lines]
    failed = {found[1] for line in lines if (found := _FAILED.match(line))}
    told = (line.replace("*/ -1/ *", "*/ 0/ *") for line in lines)  # Java: of a folder -1
    # Java tells how far it came with what COS refused, mostly 100.00%.
    return sorted(
        line for line in told if not ((key := _PROGRESS.match(line)) and key[1] in failed)
    )


def intended_records(java: dict[str, str]) -> dict[str, str]:
    """Return what ours has to record where the Java tool recorded this."""
    return {
        # of a folder Java records the bytes that this file system needs for it
        key: re.sub(r"\[fileSize: \d+\]", "[fileSize: 0]", value) if "/]," in key else value
        for key, value in java.items()
    }


def intended_objects(java: dict[str, dict[str, str]], ours: dict[str, dict[str, str]]) -> None:
    """Compare objects: ours have a Content-Type, the Java tool's only where it is a folder."""
    assert java.keys() == ours.keys()
    for key, headers in ours.items():
        content_type = headers["content-type"]
        assert headers == {"content-type": content_type, **java[key]}


def without_the_causes(lines: list[str]) -> list[str]:
    """Leave out what ours says of failures behind the summary."""
    heads = ("The causes are in log/error.log", "count  status  code")
    row = re.compile(r"\d+ +\d+ +AccessDenied ")
    return [line for line in lines if not line.startswith(heads) and not row.match(line)]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_same_comes_of_both(case: Case, tmp_path: Path, cos: EmbeddedCos, tool: Tool) -> None:
    java = played_by_java(case, tmp_path / "java")
    ours = java_tool.play(case, tool, cos, Tool.run, records)
    assert [without_the_causes(lines) for lines in ours.runs] == [
        intended_lines(lines) for lines in java.runs
    ]
    # Of the run, of what COS answered, and of failures only ours has records.
    java_like = {
        key: value for key, value in ours.records.items() if not key.startswith("[cosmigrate ")
    }
    assert java_like == intended_records(java.records)
    assert ours.finished == java.finished
    intended_objects(java.objects, ours.objects)


def test_the_cases_are_many_enough() -> None:
    everything = recorded(CASES[0])
    assert len(everything.records) // 2 + len(everything.runs[0]) > 1000
    assert sum(len(lines) for case in CASES for lines in recorded(case).runs) > 2500
    kinds = {line.partition(",")[0].partition("]")[0] for line in everything.runs[0]}
    assert {"[ok", "[UploadInProgress", "[condition_not_match"} <= kinds
    assert replace(everything) == everything
