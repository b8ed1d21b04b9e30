"""`shard=k/N`: several starts share one job, each with records of its own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from cos_migrate.emulator import Fault
from cos_migrate.shards import Shard
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, counted, stored
from tests.functional.test_compare import put_on_cos
from tests.functional.test_delete_extra import age
from tests.functional.tool import BUCKET, Ended, Tool, records
from tests.functional.waiting import HeldCos, kill_in_the_middle

NAMES = [f"folder {number % 3}/{number}" for number in range(24)]


@pytest.fixture
def tool(tool: Tool) -> Tool:
    tool.common |= {"workerProcessNum": "0", "cosPath": "/to/"}
    for name in NAMES:
        tool.put(name, name, mtime=1_700_000_000)
    return tool


def run_shard(tool: Tool, text: str, *words: str, **keys: str) -> Ended:
    return tool.run(
        *words,
        f"-Dcommon.shard={text}",
        *(f"-Dcommon.{key}={value}" for key, value in keys.items()),
    )


def own(text: str, names: list[str] = NAMES) -> set[str]:
    """Return the names that belong to a shard."""
    return {name for name in names if Shard.parse(text).owns(f"/to/{name}")}


def database(tool: Tool, text: str) -> Path:
    job = f"[local: {tool.data}/], [cosFolder: /to/] [shard: {text}]"
    name = hashlib.md5(job.encode()).hexdigest()
    return tool.folder / "db" / "migrate_from_local" / BUCKET / name


def test_shards_share_the_objects_and_nothing_twice(cos: HeldCos, tool: Tool) -> None:
    tool.common["exclude"] = "0"
    shards = ("1/3", "2/3", "3/3")
    seen: list[str] = []
    for text in shards:
        mine = own(text)
        unmatched = len(mine & {"folder 0/0"})
        ended = run_shard(tool, text)
        assert ended.code == 0
        assert ended.counts() == counted(new=len(mine) - unmatched, unmatched=unmatched)
        assert ended.out.rpartition("shard : ")[2].split()[0] == text
        others = set(NAMES) - mine
        assert not [name for name in others if f"/{name}]" in ended.out + tool.log("error.log")]
        seen += mine
        assert len(list((tool.folder / "log" / "report").glob(f"*shard-{text[0]}-of-3.json"))) == 1
        written = records(database(tool, text))
        assert {k.rpartition("/to/")[2] for k in written if k.startswith("[taskType")} == {
            f"{name}]" for name in mine - {"folder 0/0"}
        }
    assert sorted(seen) == sorted(NAMES)
    assert set(stored(cos)) == {f"to/{name}" for name in NAMES} - {"to/folder 0/0"}
    ended = run_shard(tool, "2/3")
    assert ended.counts()["skip"] == len(own("2/3") - {"folder 0/0"})
    readme = (database(tool, "2/3") / "README").read_text()
    assert readme.count("[shard: 2/3]") == 2


def test_records_of_the_whole_job_are_taken_over_once(cos: HeldCos, tool: Tool) -> None:
    cos.faults.append(
        Fault("status", "PutObject", "folder 1", times=-1, status=400, code="InvalidArgument")
    )
    ended = tool.run()
    failed = {name for name in NAMES if name.startswith("folder 1")}
    assert ended.counts() == counted(new=len(NAMES) - len(failed), fail=len(failed))
    before = records(tool.database)
    cos.faults.clear()
    mine = own("1/2")
    dry = run_shard(tool, "1/2", "--dry-run")
    expected = counted(new=len(mine & failed), skip=len(mine - failed))
    assert dry.counts() == expected
    assert not database(tool, "1/2").exists()
    retried = run_shard(tool, "1/2", "--retry-failed")
    assert (retried.code, retried.counts()) == (0, counted(new=len(mine & failed))), retried.err
    assert "were taken over" in retried.err
    again = run_shard(tool, "1/2")
    assert again.counts() == counted(skip=len(mine))
    assert "were taken over" not in again.err
    whole = tool.folder / "db" / "migrate_from_local" / BUCKET
    job = hashlib.md5(f"[local: {tool.data}/], [cosFolder: /to/]".encode()).hexdigest()
    assert records(whole / job) == before
    # The records of one object, of every kind, are in one shard.
    run_shard(tool, "2/2", "--dry-run")
    run_shard(tool, "2/2")
    mine_too = {k for k in records(database(tool, "2/2")) if "/to/" in k}
    assert not mine_too & {k for k in records(database(tool, "1/2")) if "/to/" in k}


def test_a_killed_shard_goes_on(cos: HeldCos, tool: Tool) -> None:
    tool.common["shard"] = "1/2"
    part = 1 << 20
    big = next(f"big{n}" for n in range(99) if Shard(1, 2).owns(f"/to/big{n}"))
    tool.common |= {"bigFileUploadPartSize": str(part), "bigFileExecutorNum": "1"}
    tool.put(big, bytes(6 * part))
    mine = own("1/2")
    kill_in_the_middle(cos, tool, ("PutObject", 4), 2)
    seen = len(cos.operations())
    ended = tool.run()
    assert ended.code == 0, ended.err
    counts = ended.counts()
    assert counts["new"] + counts["skip"] == len(mine) + 1
    assert counts["skip"] >= 3
    assert cos.operations()[seen:].count("UploadPart") == 4
    assert set(stored(cos)) == {f"to/{name}" for name in mine} | {f"to/{big}"}


def test_compare_and_deletes_touch_no_other_shard(cos: HeldCos, tool: Tool) -> None:
    for text in ("1/2", "2/2"):
        assert run_shard(tool, text).code == 0
    gone = sorted(own("1/2"))[:2] + sorted(own("2/2"))[:3]
    for name in gone:
        (tool.data / name).unlink()
    for key in ("to/foreign", "to/other", "to/third", "to/folder 0/9/below"):
        put_on_cos(cos, key, b"1")
    compared = run_shard(tool, "1/2", "--compare")
    extra = {"foreign", "other", "third", "folder 0/9/below", *gone}
    mine = own("1/2", sorted(extra))
    assert set(compared.lines("[extra]")) == {f"[extra] [key: /to/{name}]" for name in mine}
    assert compared.figure("same") == len(own("1/2")) - 2
    assert compared.figure("missing") == 0
    age(cos)  # what was written in the second before a run stays
    ended = run_shard(tool, "1/2", deleteExtra="all", maxDelete="100%")
    going = mine - {"folder 0/9/below", "foreign", "other", "third"}
    assert ended.figure("migrate_delete") <= len(mine)
    left = {key.removeprefix("to/") for key in stored(cos)}
    assert not going & left
    assert own("2/2", gone) <= left
    assert "folder 0/9/below" in left  # below the name of an object, whatever its shard


def test_a_folder_that_cannot_be_listed_concerns_all(tool: Tool) -> None:
    tool.module = "tests.functional.closed_folders"
    tool.put("closed/x")
    for text in ("1/2", "2/2"):
        ended = tool.run(f"-Dcommon.shard={text}", environ={"CLOSED": "1"})
        assert (ended.code, ended.counts()["fail"], ended.list_finished) == (1, 1, False)
        ended = run_shard(tool, text, "--retry-failed")
        assert (ended.code, ended.counts()["new"]) == (0, len(own(text, ["closed/x"])))


def test_a_bucket_with_pages_and_a_position(from_s3: CloudTool, s3: S3Server, cos: HeldCos) -> None:
    s3.page_size = 3
    for number in range(12):
        s3.put(f"key{number}", b"1")
    from_s3.common["resume"] = "true"
    counts = 0
    for text in ("1/2", "2/2"):
        ended = run_shard(from_s3, text)
        assert ended.code == 0, ended.err
        counts += ended.counts()["new"]
    assert (counts, len(stored(cos))) == (12, 12)


@pytest.mark.parametrize("value", ["0/4", "5/4", "three"])
def test_a_wrong_value(tool: Tool, value: str) -> None:
    ended = run_shard(tool, value)
    assert ended.code == 2
    for text in ("[common]", "shard", value, "k/N"):
        assert text in ended.err


def test_reports_are_merged(tool: Tool, cos: HeldCos, tmp_path: Path) -> None:
    cos.faults.append(
        Fault("status", "PutObject", "to/folder 1/1", times=-1, status=400, code="InvalidArgument")
    )
    assert tool.run("-Dcommon.shard=1/2").code in {0, 1}
    other = Tool(tmp_path / "other", cos.port, dict(tool.common), {"localPath": str(tool.data)})
    part = tool.run("--merge-reports", str(tool.folder))
    assert (part.code, part.list_finished) == (1, False)
    assert "2/2" in part.err
    run_shard(other, "2/2")
    run_shard(other, "2/2")  # the last run counts
    merged = tool.run("--merge-reports", str(tool.folder), str(other.folder / "db"))
    failing = len([name for name in NAMES if name.startswith("folder 1/1")])
    assert merged.code == 1
    assert merged.counts()["fail"] == failing
    assert merged.counts()["new"] == len(own("1/2")) - len(
        [name for name in own("1/2") if name.startswith("folder 1/1")]
    )
    assert sum(merged.counts().values()) == len(NAMES)
    assert "shard : 2 of 2" in merged.out
    cos.faults.clear()
    for each, text in ((tool, "1/2"), (other, "2/2")):
        run_shard(each, text)
    merged = tool.run("--merge-reports", str(tool.folder), str(other.folder))
    assert (merged.code, merged.status, merged.list_finished) == (0, "ALL_OK", True)


def test_a_folder_without_shards_is_refused(tool: Tool, tmp_path: Path) -> None:
    assert tool.run().code == 0
    ended = tool.run("--merge-reports", str(tool.folder), str(tmp_path / "nowhere"))
    assert ended.code == 2
    assert "no summary of a run with the key shard" in ended.err
    assert "nowhere" in ended.err
    data = json.loads((tool.folder / "db" / "result.jsonl").read_text())
    assert "shard" not in data
