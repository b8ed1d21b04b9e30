"""A run that skips everything asks COS before it says that all is well."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.folder_cloud import FolderTool
from tests.functional.tool import BUCKET, Tool, end
from tests.polling import wait_until

BEHIND = "objects were skipped because the records say that COS has them, but it has none of those"


@pytest.fixture(name="filled", params=["local", "cloud"])
def _filled(request: pytest.FixtureRequest, tmp_path: Path, cos: EmbeddedCos) -> Tool:
    """The tool, behind a run that has sent seven objects."""
    return behind_a_run(str(request.param), tmp_path, cos)


@pytest.fixture(name="sent")
def _sent(tmp_path: Path, cos: EmbeddedCos) -> Tool:
    """The same where it does not matter whence the objects come."""
    return behind_a_run("cloud", tmp_path, cos)


def behind_a_run(kind: str, tmp_path: Path, cos: EmbeddedCos) -> Tool:
    names = [f"d{number}/{number}" for number in range(7)]
    if kind == "local":
        tool = Tool(tmp_path / "tool", cos.port, common={"workerProcessNum": "0"})
        for name in names:
            tool.put(name)
    else:
        tool = FolderTool(tmp_path / "tool", cos.port)
        for name in names:
            tool.add(name)
    assert tool.run().counts()["new"] == 7
    cos.reset()
    return tool


def asked(cos: EmbeddedCos) -> list[str]:
    return [operation for operation in cos.operations() if operation != "GetBucket"]


def test_one_object_that_is_there_is_enough(filled: Tool, cos: EmbeddedCos) -> None:
    ended = filled.run()
    assert (ended.code, ended.status, ended.err) == (0, "ALL_OK", "")
    assert ended.counts()["skip"] == 7
    assert asked(cos) == ["HeadObject"]


def test_nothing_is_asked_when_it_is_off(filled: Tool, cos: EmbeddedCos) -> None:
    for key in cos.keys(BUCKET):
        cos.store.delete(BUCKET, key)
    filled.common["probeRecords"] = "off"
    ended = filled.run()
    assert (ended.code, ended.status, ended.err) == (0, "ALL_OK", "")
    assert asked(cos) == []


def test_nothing_is_asked_when_something_was_sent(filled: Tool, cos: EmbeddedCos) -> None:
    if isinstance(filled, FolderTool):
        filled.add("new")
    else:
        filled.put("new")
    assert filled.run().counts()["new"] == 1
    assert asked(cos) == ["PutObject"]


def test_an_emptied_bucket_is_warned_of_behind_the_summary(filled: Tool, cos: EmbeddedCos) -> None:
    for key in cos.keys(BUCKET):
        cos.store.delete(BUCKET, key)
    ended = filled.run()
    assert (ended.code, ended.status, ended.list_finished) == (0, "ALL_OK", True)
    assert ended.counts()["skip"] == 7
    [line] = ended.err.splitlines()
    assert line.startswith(f"warning: 7 {BEHIND}")
    assert str(filled.database) in line
    assert f"7 {BEHIND}" in filled.log("warn.log")
    log = filled.log("info.log")
    assert log.rindex("used_time") < log.rindex(BEHIND)
    heads = [entry for entry in cos.requests if entry.operation == "HeadObject"]
    assert len({entry.key for entry in heads}) in {2, 3}  # as the pages of a listing fall
    # And one more that could have named a missing bucket.
    assert len(asked(cos)) == len(heads) + 1
    # The way out that is named.
    filled.database.rename(filled.folder / "aside")
    assert filled.run().counts()["new"] == 7


def test_some_that_are_gone_are_not_noticed(filled: Tool, cos: EmbeddedCos) -> None:
    for key in cos.keys(BUCKET)[:-1]:
        cos.store.delete(BUCKET, key)
    assert filled.run().err == ""


@pytest.mark.parametrize(
    ("changes", "code", "advice"),
    [
        ({"secretKey": "wrong"}, "SignatureDoesNotMatch", "[common] secretKey"),
        ({"secretId": "AKIDwrong"}, "InvalidAccessKeyId", "[common] secretId"),
        ({"endPointSuffix": "127.0.0.1:9"}, "ConnectionRefused", "endPointSuffix"),
    ],
)
def test_what_no_object_could_escape_ends_the_run(
    sent: Tool, changes: dict[str, str], code: str, advice: str
) -> None:
    sent.common.update(changes, requestTryCount="1")
    ended = sent.run()
    assert (ended.code, ended.status) == (1, "ALL_FAIL")
    assert ended.counts()["skip"] == 7
    [line] = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: the run stops: ")
    assert f"({code})" in line
    assert advice in line
    assert BEHIND not in ended.err


@pytest.mark.parametrize(
    ("status", "code"), [(403, "RequestTimeTooSkewed"), (404, "NoSuchBucket"), (503, "SlowDown")]
)
def test_refusals_that_head_cannot_name(
    sent: Tool, cos: EmbeddedCos, status: int, code: str
) -> None:
    cos.faults.append(Fault("status", status=status, code=code, times=-1))
    sent.common["requestTryCount"] = "1"
    ended = sent.run()
    assert (ended.code, ended.status) == (1, "ALL_FAIL")
    assert (f"({code})" if status != 503 else "(Http503)") in ended.err


@pytest.mark.parametrize("status", [403, 405])
def test_a_refused_head_says_nothing(filled: Tool, cos: EmbeddedCos, status: int) -> None:
    for operation in ("HeadObject", "GetObjectACL", "GetObjectAcl"):
        fault = Fault("status", operation, status=status, code="AccessDenied", times=-1)
        cos.faults.append(fault)
    ended = filled.run()
    assert (ended.code, ended.status, ended.err) == (0, "ALL_OK", "")


def test_each_round_of_a_daemon_asks(filled: Tool, cos: EmbeddedCos) -> None:
    filled.common.update(daemonMode="on", daemonModeInterVal="1")
    process = filled.start()
    wait_until(lambda: asked(cos).count("HeadObject") >= 2, lambda: process.poll() is None)
    process.terminate()
    ended = end(process)
    assert ended.code == 143
    assert ended.err.count("warning") == 0


def test_a_source_that_is_suddenly_empty(filled: Tool) -> None:
    root = filled.clouds / "src" if isinstance(filled, FolderTool) else filled.data
    for path in root.rglob("*"):
        if path.is_file():
            path.unlink()
    for _ in range(2):
        ended = filled.run()
        assert (ended.code, ended.status) == (0, "ALL_OK")
        assert "found_before : 7" in ended.out
        assert "nothing was found to migrate" in ended.out
        assert "the last run found 7 objects" in ended.err
        assert "the last run found 7 objects" in filled.log("warn.log")
        assert "found_before : 7" in (filled.folder / "db" / "result.out").read_text()
