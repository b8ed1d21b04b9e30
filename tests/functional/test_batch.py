"""`batchTaskPath`: one pair of buckets a line, migrated one after the other."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator import Account, EmbeddedCos, Fault
from tests.functional.folder_cloud import FolderTool
from tests.functional.test_window_and_daemon import wait_for_rounds
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Ended, Tool, end, records
from tests.functional.waiting import HeldCos, Watched, wait_until

OTHER = "other-1250000000"
SECOND = Account("AKIDsecondaccount", "second-secret-key")


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[HeldCos]:
    folder = tmp_path / "cos"
    folder.mkdir()
    with HeldCos(
        folder, secret_id=SECRET_ID, secret_key=SECRET_KEY, more_accounts=[SECOND]
    ) as server:
        yield server


@pytest.fixture
def tool(tmp_path: Path, cos: EmbeddedCos) -> FolderTool:
    tool = FolderTool(tmp_path / "tool", cos.port, batch=True)
    tool.common["batchTaskPath"] = str(tool.folder / "tasks.txt")
    return tool


def line(tool: FolderTool, bucket: str, source: str, **columns: str) -> str:
    values = {
        "destSecretId": SECRET_ID,
        "destSecretKey": SECRET_KEY,
        "destBucket": bucket,
        "destEndpoint": f"localhost:{tool.port}",
        "srcSecretId": "source-id",
        "srcSecretKey": "source-secret",
        "srcBucket": source,
        "srcEndpoint": str(tool.clouds),
        **columns,
    }
    return "\t".join(values.values())


def write(tool: FolderTool, *lines: str, end_of_line: str = "\n") -> None:
    text = "".join(f"{each}{end_of_line}" for each in lines)
    (tool.folder / "tasks.txt").write_text(text, encoding="utf-8", newline="")


def no_secrets(ended: Ended, tool: FolderTool) -> bool:
    everything = (
        ended.out
        + ended.err
        + "".join(tool.log(name) for name in ("info.log", "warn.log", "error.log"))
    )
    secrets = (SECRET_KEY, SECOND.secret_key, "source-secret", "mixed-up-secret")
    return not any(secret in everything for secret in secrets)


def test_each_line_is_a_run_of_its_own(cos: EmbeddedCos, tool: FolderTool) -> None:
    tool.add("a", b"one", "first")
    tool.add("b", b"two", "second")
    tool.add("c", b"three", "second")
    second = {"destSecretId": SECOND.secret_id, "destSecretKey": SECOND.secret_key}
    write(tool, line(tool, BUCKET, "first"), "", line(tool, OTHER, "second", **second))
    ended = tool.run()
    assert ended.code == 0, ended.out + ended.err
    assert ended.counts(0) == {"new": 1, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}
    assert ended.counts(1) == {"new": 2, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}
    assert ended.lines("bucket:") == [
        f"bucket:{BUCKET}, list finished:true, status:ALL_OK",
        f"bucket:{OTHER}, list finished:true, status:ALL_OK",
    ]
    assert cos.keys(BUCKET) == ["a"]
    assert cos.keys(OTHER) == ["b", "c"]
    keys = {
        seen.headers["authorization"].partition("q-ak=")[2].partition("&")[0]
        for seen in cos.requests
    }
    assert keys == {SECRET_ID, SECOND.secret_id}
    databases = sorted(
        path.parent.name for path in (tool.folder / "db").glob("*/*/*") if path.is_dir()
    )
    assert databases == sorted([BUCKET, OTHER])
    assert no_secrets(ended, tool)
    assert f"line 3: second of {tool.clouds} to {OTHER} of localhost:" in tool.log("info.log")
    again = tool.run()
    assert (again.counts(0)["skip"], again.counts(1)["skip"]) == (1, 2)


def test_a_wrong_line_is_named_by_its_number_and_the_rest_goes_on(
    cos: EmbeddedCos, tool: FolderTool
) -> None:
    tool.add("a", b"one", "first")
    write(
        tool,
        line(tool, BUCKET, "first").rpartition("\t")[0],
        line(tool, "mixed-up-secret", "first"),
        line(tool, BUCKET, "first") + "\tninth",
        line(tool, BUCKET, "first", destSecretKey="", srcEndpoint=""),
        line(tool, BUCKET, "first"),
    )
    ended = tool.run()
    assert ended.code == 2
    assert ended.lines("task:") == [f"task:{number} invalid" for number in (1, 2, 3, 4)]
    assert "task:1 invalid: it has 7 columns instead of 8" in ended.err
    assert "task:2 invalid: destBucket cannot be used" in ended.err
    assert "task:4 invalid: destSecretKey and srcEndpoint cannot be used" in ended.err
    assert ended.counts()["new"] == 1
    assert ended.out.count("op statistics") == 1
    assert cos.keys(BUCKET) == ["a"]
    assert no_secrets(ended, tool)
    assert "task:2 invalid" in tool.log("error.log")


def test_the_exit_code_is_that_of_the_worst(cos: EmbeddedCos, tool: FolderTool) -> None:
    tool.add("a", b"one", "first")
    tool.add("b", b"two", "second")
    cos.faults.append(
        Fault("status", "PutObject", "a", times=-1, status=400, code="InvalidArgument")
    )
    write(tool, line(tool, BUCKET, "first"), line(tool, OTHER, "second"))
    ended = tool.run()
    assert ended.code == 1
    assert ended.counts(0)["fail"] == 1
    assert ended.counts(1)["new"] == 1


def test_lists_of_failures_of_one_job_stay_apart(cos: EmbeddedCos, tool: FolderTool) -> None:
    tool.add("a", b"one", "first")
    tool.add("b", b"two", "second")
    cos.faults.append(Fault("status", "PutObject", times=-1, status=400, code="InvalidArgument"))
    write(tool, line(tool, BUCKET, "first"), line(tool, BUCKET, "second"))
    assert tool.run().code == 1
    lists = sorted((tool.folder / "log").glob("failed-*.jsonl"))
    assert [json.loads(path.read_text(encoding="utf-8"))["name"] for path in lists] == ["a", "b"]


def test_secrets_from_the_environment_and_windows_line_ends(
    cos: EmbeddedCos, tool: FolderTool
) -> None:
    tool.add("a", b"one", "first")
    columns = {"destSecretKey": "${DEST_KEY}", "srcSecretKey": "${SRC_KEY}"}
    write(tool, "\ufeff" + line(tool, BUCKET, "first", **columns), end_of_line="\r\n")
    environ = {"DEST_KEY": SECRET_KEY, "SRC_KEY": "source-secret"}
    assert tool.run(environ=environ).code == 0
    assert cos.keys(BUCKET) == ["a"]
    unset = tool.run()
    assert unset.code == 2
    assert "task:1 invalid: destSecretKey and srcSecretKey cannot be used" in unset.err


def test_a_public_endpoint_is_its_region(cos: EmbeddedCos, tool: FolderTool) -> None:
    tool.add("a", b"one", "first")
    tool.common |= {"proxyHost": "127.0.0.1", "proxyPort": str(cos.port)}
    write(tool, line(tool, BUCKET, "first", destEndpoint="cos.ap-shanghai.myqcloud.com"))
    assert tool.run().code == 0
    hosts = {seen.headers["host"] for seen in cos.requests}
    assert hosts == {f"{BUCKET}.cos.ap-shanghai.myqcloud.com"}


def test_without_an_endpoint_the_region_of_common_counts(
    cos: EmbeddedCos, tool: FolderTool
) -> None:
    tool.add("a", b"one", "first")
    write(tool, line(tool, BUCKET, "first", destEndpoint=""))
    assert "task:1 invalid: destEndpoint cannot be used" in tool.run().err
    tool.common |= {"proxyHost": "127.0.0.1", "proxyPort": str(cos.port), "region": "ap-beijing"}
    assert tool.run().code == 0
    hosts = {seen.headers["host"] for seen in cos.requests}
    assert hosts == {f"{BUCKET}.cos.ap-beijing.myqcloud.com"}


def test_ctrl_c_ends_all(cos: HeldCos, tool: FolderTool) -> None:
    for number in range(30):
        tool.add(f"{number}", b"x", "first")
    tool.add("b", b"two", "second")
    tool.common["smallFileExecutorNum"] = "1"
    cos.hold(2)
    write(tool, line(tool, BUCKET, "first"), line(tool, OTHER, "second"))
    run = Watched(tool.start())
    wait_until(lambda: cos.held > 0, run.alive)
    run.send_signal(signal.SIGINT)
    cos.release()
    ended = run.end()
    assert ended.code == 130
    assert ended.out.count("op statistics") == 1
    assert cos.keys(OTHER) == []


def test_daemon_mode_repeats_all_of_them(cos: EmbeddedCos, tool: FolderTool) -> None:
    tool.add("a", b"one", "first")
    tool.add("b", b"two", "second")
    tool.common |= {"daemonMode": "on", "daemonModeInterVal": "1"}
    write(tool, line(tool, BUCKET, "first"))
    process = tool.start()
    results = tool.folder / "db" / "result.out"
    wait_for_rounds(results, 1)
    write(tool, line(tool, BUCKET, "first"), line(tool, OTHER, "second"))
    wait_for_rounds(results, 3)
    process.send_signal(signal.SIGINT)
    assert end(process).code == 130
    assert cos.keys(OTHER) == ["b"]


def test_a_file_without_tasks(tool: FolderTool) -> None:
    write(tool, "", "  ")
    ended = tool.run()
    assert ended.code == 2
    assert "holds no task" in ended.err


def test_local_files_have_no_batch(tmp_path: Path, cos: EmbeddedCos) -> None:
    tool = Tool(tmp_path / "local", cos.port)
    tasks = tool.folder / "tasks.txt"
    tasks.write_text("x\n", encoding="utf-8")
    tool.common["batchTaskPath"] = str(tasks)
    ended = tool.run()
    assert ended.code == 2
    assert "batchTaskPath does not work with migrateLocal" in ended.err
    assert "cloud sources only" in ended.err
    assert not cos.requests


def test_request_ids_of_all_tasks(tool: FolderTool) -> None:
    tool.add("a", b"one", "first")
    tool.add("b", b"two", "second")
    write(tool, line(tool, BUCKET, "first"), "wrong", line(tool, OTHER, "second"))
    out = tool.run().out
    found = re.findall(r"requestid: (\S+)\], .*cosPath: /(.)\]", out)
    ids = {key: request_id for request_id, key in found}
    for key in "ab":
        environ = {"RUN_MODE": "QUERY_REQUESTID", "QUERY_REQUESTID_KEY": f"/{key}"}
        assert f"[key: /{key}], [requestid: {ids[key]}]" in tool.run(environ=environ).out
    dump = tool.folder / "ids.txt"
    tool.run(environ={"RUN_MODE": "DUMP_REQUESTID", "DUMP_REQUESTID_FILE": str(dump)})
    wanted = [f"/{key} \t {ids[key]}" for key in "ab"]
    assert dump.read_text(encoding="utf-8").splitlines() == wanted


def test_the_database_of_each_task_holds_its_records(tool: FolderTool) -> None:
    tool.add("a", b"one", "first")
    write(tool, line(tool, BUCKET, "first"))
    tool.run()
    [key] = [key for key in records(tool.database) if key.startswith("[taskType")]
    assert key == f"[taskType: migrateFolder] [bucket: {BUCKET}] [cosPath: /a]"
