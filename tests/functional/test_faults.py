"""A server that fails, lies, hangs and breaks off: nothing wrong may ever be recorded."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos, Fault
from tests.functional.tool import BUCKET, Ended, Tool, end, records
from tests.functional.waiting import HeldCos, wait_until

MIB = 1 << 20


def failures(tool: Tool) -> list[dict[str, object]]:
    [path] = (tool.folder / "log").glob("failed-*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def assert_not_recorded(tool: Tool, name: str) -> None:
    assert not [
        key for key in records(tool.database) if key.startswith("[taskType") and f"/{name}]" in key
    ]


PASSING = [
    Fault("status", status=500),
    Fault("status", status=503, code="SlowDown"),
    Fault("status", status=429, code="TooManyRequests", retry_after=1),
    Fault("reset"),
    Fault("drop"),
    Fault("truncate"),
    Fault("wrong-crc"),
    Fault("corrupt"),
    Fault("close"),
    Fault("early", status=503, code="SlowDown"),
]


@pytest.mark.parametrize(("operation", "size"), [("PutObject", 3000), ("UploadPart", 6 * MIB)])
def test_passing_faults_are_outlived(
    cos: EmbeddedCos, tool: Tool, operation: str, size: int
) -> None:
    bodies = {f"{number}-{fault.kind}": os.urandom(size) for number, fault in enumerate(PASSING)}
    for (name, body), fault in zip(bodies.items(), PASSING, strict=True):
        tool.put(name, body)
        cos.faults.append(replace(fault, operation=operation, key=f"^{name}$", times=2))
    ended = tool.run()
    assert (ended.code, ended.counts()["new"]) == (0, len(bodies)), ended.out
    assert {name: cos.object_bytes(BUCKET, name) for name in bodies} == bodies
    assert all(cos.hits(fault) for fault in cos.faults)


def test_faults_around_the_parts(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["bigFileUploadPartSize"] = str(3 * MIB)
    bodies = {}
    for operation in ("InitiateMultipartUpload", "CompleteMultipartUpload"):
        for kind in ("status", "reset", "drop", "truncate", "error-in-200"):
            name = f"{operation}-{kind}"
            bodies[name] = os.urandom(6 * MIB)
            tool.put(name, bodies[name])
            cos.faults.append(Fault(kind, operation, f"^{name}$"))
    ended = tool.run()
    assert (ended.code, ended.counts()["new"]) == (0, len(bodies)), ended.out
    assert {name: cos.object_bytes(BUCKET, name) for name in bodies} == bodies
    assert all(cos.hits(fault) for fault in cos.faults)


def test_a_server_that_always_lies_is_never_believed(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["requestTryCount"] = "2"
    names = [f"{size}-{kind}" for size in ("small", "big") for kind in ("wrong-crc", "corrupt")]
    for name in names:
        tool.put(name, os.urandom(5000 if name.startswith("small") else 6 * MIB))
        cos.faults.append(Fault(name.partition("-")[2], key=name, times=-1))
    tool.put("other", b"fine")
    ended = tool.run()
    assert ended.code == 1
    assert ended.counts() == {"new": 1, "update": 0, "fail": 4, "skip": 0, "unmatched": 0}
    assert ended.status == "PART_OK"
    assert [failure["code"] for failure in failures(tool)] == ["ChecksumMismatch"] * 4
    for name in names:
        assert_not_recorded(tool, name)
    cos.faults.clear()
    assert tool.run().counts() == {"new": 4, "update": 0, "fail": 0, "skip": 1, "unmatched": 0}


def test_a_wrong_crc_of_the_whole_makes_it_anew(cos: EmbeddedCos, tool: Tool) -> None:
    content = os.urandom(11 * MIB)
    tool.put("big", content)
    cos.faults.append(Fault("wrong-crc", operation="CompleteMultipartUpload", times=1))
    ended = tool.run()
    assert ended.code == 0, ended.out
    assert cos.operations().count("InitiateMultipartUpload") == 2
    assert cos.object_bytes(BUCKET, "big") == content


def test_without_a_crc_size_and_etag_are_compared(cos: EmbeddedCos, tool: Tool) -> None:
    for name, size in (("small", 5000), ("big", 6 * MIB)):
        tool.put(name, os.urandom(size))
    cos.faults.append(Fault("no-crc", times=-1))
    ended = tool.run()
    assert ended.code == 0, ended.out + tool.log("error.log")
    assert ended.counts()["new"] == 2
    last = ended.out.partition("used_time")[2].splitlines()[1]
    assert "unverified" in last
    assert last.split(" : ")[1].startswith("2 ")
    [path] = (tool.folder / "log").glob("unverified-*.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["cos_path"] for line in lines} == {"/small", "/big"}
    assert tool.run().counts()["skip"] == 2


def test_without_a_crc_a_corrupted_object_is_noticed(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["requestTryCount"] = "1"
    tool.put("small", b"x" * 100)
    cos.faults += [Fault("corrupt", operation="PutObject", times=-1)]
    no_crc = Fault("no-crc", operation="HeadObject", times=-1)
    cos.faults.append(no_crc)
    ended = tool.run()
    assert ended.counts()["fail"] == 1


def test_client_errors_are_not_tried_again(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    cos.faults.append(
        Fault("status", status=400, code="EntityTooLarge", times=-1, operation="PutObject")
    )
    ended = tool.run()
    assert ended.counts()["fail"] == 1
    assert cos.operations() == ["PutObject"]
    assert "EntityTooLarge" in ended.out
    assert "lower smallFileThreshold" in ended.out
    [failure] = failures(tool)
    assert (failure["status"], failure["code"]) == (400, "EntityTooLarge")
    assert failure["request_id"]
    error = tool.log("error.log")
    assert str(failure["request_id"]) in error
    assert "[status: 400]" in error


def test_tries_run_out(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["requestTryCount"] = "3"
    tool.put("a")
    tool.put("b")
    cos.faults.append(Fault("status", key="^a$", status=500, times=-1))
    ended = tool.run()
    assert ended.counts() == {"new": 1, "update": 0, "fail": 1, "skip": 0, "unmatched": 0}
    assert [seen.key for seen in cos.requests].count("a") == 3


def test_retry_after_is_honoured(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    cos.faults.append(Fault("status", status=503, code="SlowDown", retry_after=2))
    assert tool.run().code == 0
    first, second = cos.requests
    assert second.started - first.ended >= 1.9


def test_a_hanging_server_is_given_up(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common |= {"requestTimeoutEnable": "on", "requestTimeoutMs": "1000"}
    tool.put("a")
    tool.put("b", b"b" * (6 * MIB))
    cos.faults.append(Fault("hang", seconds=600, times=2, operation="PutObject"))
    cos.faults.append(Fault("hang", seconds=600, times=1, operation="UploadPart"))
    ended = tool.run()
    assert ended.code == 0, ended.out


def test_a_kept_alive_connection_that_the_server_closed_is_no_failed_try(
    cos: EmbeddedCos, tool: Tool
) -> None:
    tool.common |= {"requestTryCount": "1", "smallFileExecutorNum": "2"}
    for number in range(60):
        tool.put(f"{number}", str(number))
    cos.faults.append(Fault("close", times=-1))
    ended = tool.run()
    assert ended.counts()["new"] == 60


ONE_MESSAGE = [
    ({"secretId": "AKIDother"}, "InvalidAccessKeyId"),
    ({"secretKey": "wrong"}, "SignatureDoesNotMatch"),
]


@pytest.mark.parametrize(("wrong", "code"), ONE_MESSAGE, ids=str)
def test_wrong_credentials_end_the_run_with_one_message(
    cos: EmbeddedCos, tool: Tool, wrong: dict[str, str], code: str
) -> None:
    tool.common |= wrong
    for number in range(50):
        tool.put(f"{number}")
    ended = tool.run()
    assert len(cos.requests) == 1
    assert_stopped(ended, code)


def assert_stopped(ended: Ended, code: str) -> None:
    assert ended.code == 1
    assert ended.status == "ALL_FAIL"
    assert not ended.list_finished
    assert ended.err.count("the run stops") == 1
    assert code in ended.err
    assert ended.counts()["fail"] == 1


@pytest.mark.parametrize(("status", "code"), [(404, "NoSuchBucket"), (403, "RequestTimeTooSkewed")])
def test_what_no_object_can_escape_ends_the_run(
    cos: EmbeddedCos, tool: Tool, status: int, code: str
) -> None:
    for number in range(50):
        tool.put(f"{number}")
    cos.faults.append(Fault("status", status=status, code=code, times=-1))
    assert_stopped(tool.run(), code)
    assert len(cos.requests) == 1


def test_a_bucket_that_goes_in_the_middle_ends_the_run(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["smallFileExecutorNum"] = "2"
    for number in range(300):
        tool.put(f"{number:03}")
    cos.faults.append(Fault("status", status=404, code="NoSuchBucket", times=-1, skip=40))
    ended = tool.run()
    assert ended.code == 1
    assert ended.err.count("the run stops") == 1
    assert ended.counts()["new"] == 40
    assert 10 <= ended.counts()["fail"] < 60
    cos.faults.clear()
    again = tool.run().counts()
    assert (again["new"], again["skip"]) == (260, 40)


def test_nobody_listens(tool: Tool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    tool.common |= {"endPointSuffix": f"localhost:{port}", "requestTryCount": "2"}
    for number in range(20):
        tool.put(f"{number}")
    assert_stopped(tool.run(), "ConnectionRefused")


def test_an_endpoint_that_does_not_exist(tool: Tool) -> None:
    tool.common |= {"endPointSuffix": "no-such-name.invalid", "requestTryCount": "1"}
    for number in range(20):
        tool.put(f"{number}")
    assert_stopped(tool.run(), "NameNotResolved")


def test_slow_down_lowers_the_rate_of_requests(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common |= {"smallFileExecutorNum": "16", "bigFileExecutorNum": "2"}
    cos.latency = 0.01
    for number in range(200):
        tool.put(f"{number}")
    cos.faults.append(Fault("status", status=503, code="SlowDown", times=30, skip=20))
    ended = tool.run()
    assert ended.counts()["new"] == 200, ended.out[-3000:]
    assert re.search(r"COS asks to slow down: [0-9,]+ requests a second", tool.log("info.log"))


def test_a_file_that_vanishes_or_cannot_be_read(cos: HeldCos, tool: Tool) -> None:
    cos.hold()
    tool.common |= {"smallFileExecutorNum": "1", "workerProcessNum": "1"}
    # As many as the walk lists, in batches of one and four, before the first is sent.
    for number in range(5):
        tool.put(f"{number}")
    process = tool.start()
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    for path in tool.data.iterdir():
        path.unlink()
    cos.release()
    ended = end(process)
    counts = ended.counts()
    assert counts["fail"] >= 3
    assert counts["new"] + counts["fail"] == 5
    assert {failure["code"] for failure in failures(tool)} == {"ENOENT"}


def test_a_file_that_is_written_to_is_never_stored_mixed(cos: HeldCos, tool: Tool) -> None:
    size = 12 * MIB
    path = tool.put("growing", b"a" * size)
    cos.hold(0, "UploadPart")
    tool.common["bigFileExecutorNum"] = "1"
    process = tool.start()
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    path.write_bytes(b"b" * size)
    cos.release()
    ended = end(process)
    assert ended.code == 0, ended.out
    assert cos.object_bytes(BUCKET, "growing") == b"b" * size
    assert tool.run().counts()["skip"] == 1


def test_a_file_that_never_rests_fails(cos: EmbeddedCos, tool: Tool) -> None:
    path = tool.put("busy", b"0")
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.wait(0.0005):
            number += 1
            path.write_bytes(b"x" * (number % 1000 + 1))

    cos.latency = 0.05
    writer = threading.Thread(target=write)
    writer.start()
    try:
        ended = tool.run()
    finally:
        stop.set()
        writer.join()
    counts = ended.counts()
    assert counts["new"] + counts["fail"] == 1
    if counts["fail"]:
        assert failures(tool)[0]["code"] == "Changed"


def test_stdout_that_nobody_reads(cos: EmbeddedCos, tool: Tool) -> None:
    for number in range(300):
        tool.put(f"{number}")
    process = tool.start()
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(240) == 0, err
    assert len(cos.keys(BUCKET)) == 300
    assert "Traceback" not in err


def test_log_folder_gone(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    (tool.folder / "log").rmdir()
    Path(tool.folder / "log").write_text("a file", encoding="utf-8")
    ended = tool.run()
    assert ended.code == 0
    assert "warning" in ended.err
    assert cos.keys(BUCKET) == ["a"]


@pytest.mark.parametrize(
    ("fault", "files"),
    [
        ({"status": 407, "code": ""}, 1),
        ({"status": 400, "code": "InvalidStorageClass"}, 1),
        ({"status": 500}, 5),
        ({"status": 200, "code": ""}, 5),  # each worker once more: it is a COS without CRC-64
        ({"status": 503, "code": "SlowDown"}, 20),
    ],
    ids=lambda value: str(value["status"]) if isinstance(value, dict) else "",
)
def test_an_endpoint_that_never_answers_well_is_not_asked_for_every_file(
    cos: EmbeddedCos, tool: Tool, fault: dict[str, object], files: int
) -> None:
    for number in range(20):
        tool.put(f"{number}")
    tool.common["requestTryCount"] = "1"
    cos.faults.append(Fault(kind="status", times=-1, **fault))  # type: ignore[arg-type]
    ended = tool.run()
    assert ended.code == 1
    assert len({seen.key for seen in cos.requests}) == files
    assert ("the run stops: " in ended.err) == (files < 20)
