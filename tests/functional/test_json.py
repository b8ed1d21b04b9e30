"""`--json`: stdout carries nothing but events, which docs/events.schema.json describes."""

from __future__ import annotations

import os
import signal

from tests.events import events, named
from tests.fakes.s3_server import KEY, S3Server
from tests.functional.cloud_tool import CloudTool, noise
from tests.functional.test_window_and_daemon import wait_for_rounds
from tests.functional.tool import BUCKET, NAMES, SECRET_KEY, Tool, end
from tests.functional.waiting import HeldCos, Watched, wait_until

MIB = 1 << 20


def lines_of_results(tool: Tool) -> str:
    return (tool.folder / "db" / "result.jsonl").read_text(encoding="utf-8")


def test_events_of_files(tool: Tool) -> None:
    tool.put("\u6587\U0001f600\x07", b"12345")
    tool.put("big", noise(6 * MIB))
    tool.put("left out.tmp")
    os.close(os.open(os.fsencode(tool.data) + b"/\xff", os.O_CREAT))
    (tool.data / "link").symlink_to("nowhere")
    tool.common |= {"cosPath": "/to/", "exclude": "*.tmp", "COSPATH2": "unknown"}
    ended = tool.run("--json", "--debug", "-Xmx4g")
    found = events(ended.out)
    assert ended.code == 1
    (start,) = named(found, "start")
    assert found.index(start) == len(named(found, "warning", level="warning"))
    assert start["config"] == "conf/config.ini"
    assert start["source"] == f"localPath={tool.data}"
    assert "COSPATH2" in "".join(each["message"] for each in named(found, "warning"))
    assert "warning: " in ended.err
    new = {each["key"]: each for each in named(found, "object", outcome="new")}
    assert {key: each["size"] for key, each in new.items()} == {
        "/to/\u6587\U0001f600\x07": 5,
        "/to/big": 6 * MIB,
    }
    assert all(each["request_id"] for each in new.values())
    (failed,) = named(found, "object", outcome="fail")
    assert failed["source"].endswith("\\xff")
    assert (failed["status"], failed["code"]) == (0, "NameNotUtf8")
    assert failed["message"] == "its name is not UTF-8"
    left_out = named(found, "object", outcome="condition_not_match")
    assert {each.get("key", each.get("source")): each["reason"] for each in left_out} == {
        "/to/left out.tmp": "exclude",
        str(tool.data / "link"): "broken link",
    }
    (summary,) = named(found, "summary")
    counts = (2, 0, 1, 0, 2)
    assert tuple(summary[name] for name in NAMES.values()) == counts
    assert (summary["bytes"], summary["status"], summary["exit_code"]) == (
        5 + 6 * MIB,
        "PART_OK",
        1,
    )
    assert events(lines_of_results(tool)) == [summary]
    for field in ("job", "type", "source", "bucket", "cosPath"):
        assert summary[field] == start[field]

    again = events(tool.run("--json").out)
    skipped = named(again, "object", outcome="skip")
    assert {each["key"]: each["size"] for each in skipped} == {
        key: each["size"] for key, each in new.items()
    }
    (summary,) = named(again, "summary")
    assert (summary["migrate_skip"], summary["bytes"]) == (2, 0)

    quiet = events(tool.run("--json", "--quiet").out)
    assert not named(quiet, "object")
    assert named(quiet, "summary", migrate_skip=2)
    assert len(events(lines_of_results(tool))) == 3


def test_events_of_a_cloud_and_of_a_check(from_s3: CloudTool, s3: S3Server, cos: HeldCos) -> None:
    for name in ("a/good", "a/changed"):
        s3.put(name, b"123")
    s3.put("a/gone", b"x", storage_class="GLACIER")
    from_s3.common |= {"check": "on", "token": ""}
    assert from_s3.run().code == 1
    cos.store.put(BUCKET, "a/changed", cos.store.receive([b"1234"]), {}, acl="")
    ended = from_s3.run("--json")
    found = events(ended.out)
    assert {each["key"] for each in named(found, "object", outcome="skip")} == {
        "/a/good",
        "/a/changed",
    }
    (failed,) = named(found, "object", outcome="fail", key="/a/gone")
    assert (failed["status"], failed["code"]) == (200, "InvalidObjectState")
    run, check = named(found, "summary")
    assert "check" not in run
    assert (check["migrate_new"], check["migrate_fail"], check["check"]) == (1, 1, True)
    (differs,) = named(found, "object", outcome="fail", check=True)
    assert (differs["key"], differs["code"]) == ("/a/changed", "CheckLength")
    assert KEY not in ended.out
    assert SECRET_KEY not in ended.out


def test_events_of_rounds_that_a_signal_ends(tool: Tool, cos: HeldCos) -> None:
    tool.common |= {"daemonMode": "on", "daemonModeInterVal": "1", "smallFileExecutorNum": "1"}
    tool.put("a")
    process = Watched(tool.start("--json"))
    wait_for_rounds(tool.folder / "db" / "result.out", 2)
    cos.hold()
    tool.put("b")
    wait_until(lambda: cos.held > 0, process.alive)
    process.send_signal(signal.SIGINT)
    cos.release()
    ended = process.end()
    found = events(ended.out)
    assert ended.code == 130
    rounds = named(found, "summary")
    assert len(rounds) == len(named(found, "start")) >= 3
    codes = [each["exit_code"] for each in rounds]
    assert codes == [0] * (len(rounds) - 1) + [130]
    assert events(lines_of_results(tool)) == rounds


def test_an_unusable_database_and_wrong_words(tool: Tool, cos: HeldCos) -> None:
    tool.put("a")
    cos.hold()
    first = tool.start()
    wait_until(lambda: cos.held > 0, lambda: first.poll() is None)
    ended = tool.run("--json")
    assert (ended.code, ended.out) == (3, "")
    assert "init db error" in ended.err
    cos.release()
    end(first)
    for words, environ in (
        (("--json", "-Dcommon.cosPath=x"), {}),
        (("--json", "--demo"), {}),
        (("--json",), {"RUN_MODE": "QUERY_REQUESTID", "QUERY_REQUESTID_KEY": "/a"}),
    ):
        ended = tool.run(*words, environ=environ)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err


def test_a_reader_that_goes_away(tool: Tool, cos: HeldCos) -> None:
    for number in range(3):
        tool.put(str(number))
    cos.hold()
    process = tool.start("--json")
    assert process.stdout
    assert process.stdout.readline().startswith('{"v": 1, "event": "start"')
    process.stdout.close()
    cos.release()
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0
    assert "the reader of this output is gone" in err
    assert named(events(lines_of_results(tool)), "summary", migrate_new=3)
