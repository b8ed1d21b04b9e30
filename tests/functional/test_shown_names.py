"""Names that mean to deceive, or have no end, in everything that is printed and logged."""

from __future__ import annotations

import json
import os

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted
from tests.functional.tool import BUCKET as TARGET
from tests.functional.tool import Ended, Tool, records

INVISIBLE = "\u202e\u200b\u2066\ufeff\u200f\u00ad\u3164\U000e0041"
ESCAPES = r"\u202e\u200b\u2066\ufeff\u200f\xad\u3164\U000e0041"
SCRIPTS = "می\u200cخواهم שלום 👩\u200d🔬"
posix = pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")


def all_text(tool: Tool, ended: Ended) -> str:
    logs = [tool.log(name) for name in ("info.log", "warn.log", "error.log", "debug.log")]
    return "\n".join([ended.out, ended.err, *logs])


def test_what_cannot_be_seen_is_shown_as_escapes_and_stored_as_it_is(
    tool: Tool, cos: EmbeddedCos
) -> None:
    result = tool.folder / "result"
    result.mkdir()
    tool.common["outputFinishedFileFolder"] = str(result)
    tool.local["ignoreSuffix"] = ".left"
    names = [f"a{INVISIBLE}.txt", f"b {SCRIPTS}"]
    for name in names:
        tool.put(name)
    tool.put(f"c{INVISIBLE}.left")
    tool.put(f"d{INVISIBLE}\x19")  # COS takes no such key
    os.symlink(tool.data / "nowhere", tool.data / f"e{INVISIBLE}")
    first, second = tool.run("--debug"), tool.run()
    assert first.counts() == counted(new=2, fail=1, unmatched=2)
    assert second.counts() == counted(skip=2, fail=1, unmatched=2)
    finished = "".join(path.read_text(encoding="utf-8") for path in result.iterdir())
    for shown in (all_text(tool, first), second.out, finished):
        assert not set(INVISIBLE) & set(shown)
        assert f"a{ESCAPES}.txt" in shown
        assert f"b {SCRIPTS}" in shown
    for letter in "cde":
        assert f"{letter}{ESCAPES}" in first.out
    assert cos.keys(TARGET) == sorted(names)
    assert [key for key in records(tool.database) if names[0] in key]
    dump = tool.folder / "dump"
    environ = {"RUN_MODE": "dump_requestid", "DUMP_REQUESTID_FILE": str(dump)}
    assert tool.run(environ=environ).code == 0
    assert [line.split(" \t ")[0] for line in dump.read_text("utf-8").splitlines()] == [
        f"/{name}" for name in names
    ]


def test_a_key_without_end_is_cut_in_lines_and_whole_in_the_list(
    from_s3: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    key = "begin" + "k" * 100_000 + "end"
    for name in (key, "kept"):
        s3.put(name, b"x")
    ended = from_s3.run("--debug")
    assert ended.counts() == counted(new=1, fail=1)
    shown = all_text(from_s3, ended)
    assert max(map(len, shown.splitlines())) < 4_000
    assert "/beginkkk" in ended.out
    assert "kkkend" in ended.out
    assert "characters)..." in ended.out
    (listed,) = (from_s3.folder / "log").glob("failed-*.jsonl")
    assert json.loads(listed.read_text(encoding="utf-8"))["name"] == key
    assert cos.keys(TARGET) == ["kept"]


@posix
def test_a_list_of_failures_that_did_not_fit_says_how_many_it_lacks(tool: Tool) -> None:
    for number in range(100):
        tool.put(f"{number}\x19{'n' * 100}")
    # A limit for all files (ulimit -f) would hit the records of the failures, too.
    tool.code = (
        "import errno, os, runpy\n"
        "from cos_migrate.report.lists import SingleWriterList\n"
        "write = SingleWriterList._write\n"
        "def limited(self, descriptor, data):\n"
        "    if os.fstat(descriptor).st_size + len(data) > 16_000:\n"
        "        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))\n"
        "    write(self, descriptor, data)\n"
        "SingleWriterList._write = limited\n"
        "runpy.run_module('cos_migrate', run_name='__main__')"
    )
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(fail=100)), ended.err
    (listed,) = (tool.folder / "log").glob("failed-*.jsonl")
    whole = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines()]
    assert 0 < len(whole) < 100
    assert ended.out.splitlines()[-1] == (
        f"{100 - len(whole)} of 100 failures are missing in log/{listed.name}: File too large"
    )
