"""`check=on`: what was migrated is compared with what is on COS, in a second pass."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
import qcloud_cos

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.folder_cloud import FolderTool
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Ended, Tool, records
from tests.functional.waiting import HeldCos, Watched, wait_until

MIB = 1 << 20


@pytest.fixture
def tool(tool: Tool) -> Tool:
    tool.common |= {"check": "on", "workerProcessNum": "0"}
    return tool


@pytest.fixture
def cloud(tmp_path: Path, cos: EmbeddedCos) -> FolderTool:
    tool = FolderTool(tmp_path / "cloud tool", cos.port)
    tool.common["check"] = "on"
    return tool


def sdk(cos: EmbeddedCos) -> qcloud_cos.CosS3Client:
    config = qcloud_cos.CosConfig(
        Region="ap-guangzhou",
        SecretId=SECRET_ID,
        SecretKey=SECRET_KEY,
        Scheme="http",
        Proxies={"http": f"http://127.0.0.1:{cos.port}"},
    )
    return qcloud_cos.CosS3Client(config, retry=0)


def replace(cos: EmbeddedCos, key: str, content: bytes | None) -> None:
    """Change or remove what is on COS behind the tool's back."""
    if content is None:
        sdk(cos).delete_object(Bucket=BUCKET, Key=key)
    else:
        sdk(cos).put_object(Bucket=BUCKET, Key=key, Body=content)


def failed(tool: Tool) -> list[dict[str, str]]:
    [path] = (tool.folder / "log").glob("failed-*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def checks(ended: Ended) -> list[str]:
    return [line for line in ended.out.splitlines() if re.match(r"\[(ok|fail)\] check ", line)]


def test_all_is_well(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a.txt", b"12345")
    tool.put("x/empty", b"")
    tool.put("x/big", os.urandom(6 * MIB))
    ended = tool.run()
    assert ended.code == 0, ended.out + ended.err
    assert ended.counts(0) == {"new": 3, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}
    assert ended.counts(1) == {"new": 3, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}
    assert sorted(checks(ended)) == [
        "[ok] check ok: /a.txt",
        "[ok] check ok: /x/big",
        "[ok] check ok: /x/empty",
    ]
    assert cos.operations().count("HeadObject") == 3
    second = tool.run()
    assert second.counts(0)["skip"] == 3
    assert second.counts(1)["new"] == 3


def test_what_differs_and_what_is_missing(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["cosPath"] = "/x/"
    for name in ("short", "other", "gone", "fine"):
        tool.put(name, b"12345")
    assert tool.run().code == 0
    replace(cos, "x/short", b"123")
    replace(cos, "x/other", b"abcde")
    replace(cos, "x/gone", None)
    ended = tool.run()
    assert ended.code == 1
    assert ended.counts(0) == {"new": 0, "update": 0, "fail": 0, "skip": 4, "unmatched": 0}
    assert ended.counts(1) == {"new": 1, "update": 0, "fail": 3, "skip": 0, "unmatched": 0}
    assert ended.status == "PART_OK"
    lines = checks(ended)
    assert "[ok] check ok: /x/fine" in lines
    assert "[fail] check length fail: /x/short. cosLength: 3, localLength: 5" in lines
    assert "[fail] check exist fail: /x/gone. localLength: 5" in lines
    [crc] = [line for line in lines if line.startswith("[fail] check crc64 fail: /x/other. cosCrc")]
    assert re.search(r"cosCrc64: \d+, localCrc64: \d+$", crc)
    causes = {entry["cos_path"]: entry["code"] for entry in failed(tool)}
    assert causes == {
        "/x/short": "CheckLength",
        "/x/other": "CheckCrc64",
        "/x/gone": "CheckMissing",
    }
    assert "move the job's folder below db/ away" in ended.out
    assert "[operation: check]" in tool.log("error.log")


def test_failures_of_the_migration_stay_listed(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("good")
    tool.put("gone")
    assert tool.run().code == 0
    replace(cos, "gone", None)
    tool.put("bad")
    cos.faults.append(Fault("status", operation="PutObject", status=400, code="Bad", times=-1))
    ended = tool.run()
    assert ended.code == 1
    assert {entry["cos_path"] for entry in failed(tool)} == {"/bad", "/gone"}


def test_a_file_that_is_gone_is_compared_by_its_record(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a", b"12345")
    tool.put("b", b"12345")
    assert tool.run().code == 0
    (tool.data / "a").unlink()
    (tool.data / "b").unlink()
    replace(cos, "b", b"1")
    ended = tool.run()
    assert ended.code == 1
    assert sorted(checks(ended)) == [
        "[fail] check length fail: /b. cosLength: 1, localLength: 5",
        "[ok] check length ok: /a",
    ]


def test_a_file_that_changed_behind_its_time_is_noticed(tool: Tool) -> None:
    path = tool.put("a", b"12345", mtime=1_700_000_000)
    assert tool.run().code == 0
    path.write_bytes(b"54321")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    ended = tool.run()
    assert ended.counts(0)["skip"] == 1
    assert ended.code == 1
    assert checks(ended)[0].startswith("[fail] check crc64 fail: /a.")


def test_where_cos_tells_no_crc_the_length_is_all(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    cos.faults.append(Fault("no-crc", times=-1))
    ended = tool.run()
    assert ended.code == 0
    assert checks(ended) == ["[ok] check length ok: /a"]


def test_a_folder_object(tool: Tool) -> None:
    tool.put("d/b")
    listing = tool.folder / "list.txt"
    listing.write_text("d/\nd/b\n", encoding="utf-8")
    tool.local |= {"fileListMode": "on", "fileListPath": str(listing)}
    ended = tool.run()
    assert ended.code == 0, ended.out
    assert sorted(checks(ended)) == ["[ok] check ok: /d/", "[ok] check ok: /d/b"]


def test_many_at_once_but_the_first_alone(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["smallFileExecutorNum"] = "6"
    for number in range(60):
        tool.put(f"{number}")
    assert tool.run().code == 0
    cos.reset()
    cos.latency = 0.02
    ended = tool.run()
    assert ended.counts(1)["new"] == 60
    assert 4 <= cos.most_at_once <= 6
    seen = sorted(cos.requests, key=lambda one: one.started)
    assert seen[0].ended <= seen[1].started


def test_passing_faults_are_outlived(cos: EmbeddedCos, tool: Tool) -> None:
    for number in range(5):
        tool.put(f"{number}")
    cos.faults += [
        Fault("status", operation="HeadObject", status=503, code="SlowDown", times=2),
        Fault("reset", operation="HeadObject", times=1),
    ]
    ended = tool.run()
    assert ended.code == 0, ended.out
    assert ended.counts(1)["new"] == 5


def test_a_refusal_ends_it_with_one_message(cos: EmbeddedCos, tool: Tool) -> None:
    for number in range(300):
        tool.put(f"{number}")
    assert tool.run().code == 0
    cos.reset()
    cos.faults.append(Fault("status", operation="HeadObject", status=403, times=-1))
    ended = tool.run()
    assert ended.code == 1
    assert ended.list_finished is False
    assert len(cos.requests) < 100


def test_objects_that_may_not_be_looked_at_are_named_and_end_nothing(
    cos: EmbeddedCos, tool: Tool
) -> None:
    for number in range(60):
        tool.put(f"{'a' if number < 20 else 'b'}/{number:02}")
    assert tool.run().code == 0
    cos.faults.append(Fault("status", "HeadObject", "^a/", status=403, times=-1))
    ended = tool.run()
    assert (ended.code, ended.list_finished) == (1, True)
    assert (ended.counts(1)["new"], ended.counts(1)["fail"]) == (40, 20)


def test_ctrl_c_ends_it(cos: HeldCos, tool: Tool) -> None:
    tool.common["smallFileExecutorNum"] = "2"
    for number in range(100):
        tool.put(f"{number}")
    assert tool.run().code == 0
    cos.reset()
    cos.hold(4, "HeadObject")
    run = Watched(tool.start())
    wait_until(lambda: cos.held > 0, run.alive)
    run.send_signal(signal.SIGINT)
    cos.release()
    ended = run.end()
    assert ended.code == 130
    assert ended.list_finished is False
    assert 0 < ended.counts(1)["new"] < 100


def test_with_worker_processes(tool: Tool) -> None:
    tool.common["workerProcessNum"] = "2"
    for number in range(20):
        tool.put(f"{number}")
    assert tool.run().counts(1)["new"] == 20


def test_off_it_asks_nothing(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["check"] = "off"
    tool.put("a")
    ended = tool.run()
    assert ended.out.count("op statistics") == 1
    assert "HeadObject" not in cos.operations()


def test_a_cloud_is_compared_by_its_records(cos: EmbeddedCos, cloud: FolderTool) -> None:
    for name in ("a", "b", "c", "d"):
        cloud.add(name, name.encode() * 5)
    ended = cloud.run()
    assert ended.code == 0, ended.out + ended.err
    assert len([line for line in checks(ended) if line.startswith("[ok] check ok: /")]) == 4
    replace(cos, "b", b"BBBBB")
    replace(cos, "c", b"c")
    replace(cos, "d", None)
    (cloud.clouds / "src" / "a").unlink()
    ended = cloud.run()
    assert ended.code == 1
    words = [line.partition(".")[0] for line in sorted(checks(ended))]
    assert words == [
        "[fail] check crc64 fail: /b",
        "[fail] check exist fail: /d",
        "[fail] check length fail: /c",
        "[ok] check ok: /a",
    ]


def test_a_cloud_that_tells_a_crc_is_asked_where_none_is_recorded(
    cos: EmbeddedCos, cloud: FolderTool
) -> None:
    cloud.add("a", b"12345")
    cloud.add("b", b"12345")
    assert cloud.run().code == 0
    forget_checksums(cloud.database)
    replace(cos, "a", b"54321")
    without = cloud.run()
    assert sorted(checks(without)) == ["[ok] check length ok: /a", "[ok] check length ok: /b"]
    cloud.source["crc64"] = "true"
    told = cloud.run()
    assert told.code == 1
    assert checks(told)[-1] == "[ok] check ok: /b" or checks(told)[0] == "[ok] check ok: /b"
    assert any(line.startswith("[fail] check crc64 fail: /a") for line in checks(told))


def test_an_encrypted_object_is_compared_by_its_plain_length(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a", b"12345")
    assert tool.run().code == 0
    sdk(cos).put_object(
        Bucket=BUCKET,
        Key="a",
        Body=b"\0\1\2\3\4",
        Metadata={
            "x-cos-meta-client-side-encryption-key": "k",
            "x-cos-meta-client-side-encryption-unencrypted-content-length": "5",
        },
    )
    assert checks(tool.run()) == ["[ok] check length ok: /a"]


def test_what_it_verified_is_recorded(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a", b"12345")
    tool.put("other", b"12345")
    assert tool.run().code == 0
    kept = records(tool.database)
    forget_checksums(tool.database)
    replace(cos, "other", b"54321")
    assert tool.run().code == 1
    again = records(tool.database)
    assert again["[cosmigrate stored] /a"] == kept["[cosmigrate stored] /a"]
    assert "[cosmigrate stored] /other" not in again


def forget_checksums(database: Path) -> None:
    from cos_migrate.state.opening import open_store  # noqa: PLC0415

    with open_store(database) as state:
        state.write([], [key for key, _ in state.scan(b"[cosmigrate stored] ")])
