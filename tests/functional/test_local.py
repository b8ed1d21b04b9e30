"""Local files to COS, as a user runs it: output, counters, records, what arrives."""

from __future__ import annotations

import hashlib
import os
import re
import time

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import BUCKET, Tool, end, records
from tests.functional.waiting import HeldCos, wait_until

MIB = 1 << 20


def arrived(cos: EmbeddedCos, tool: Tool, prefix: str = "") -> None:
    """Assert that the bucket holds exactly the files, byte for byte."""
    files = {
        prefix + path.relative_to(tool.data).as_posix(): path.read_bytes()
        for path in tool.data.rglob("*")
        if path.is_file()
    }
    assert cos.keys(BUCKET) == sorted(files, key=str.encode)
    for key, content in files.items():
        assert cos.object_bytes(BUCKET, key) == content, key


def test_new_skip_update(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a.txt", "first", mtime=1_700_000_000.5)
    tool.put("folder/b c+%41ü😀.bin", b"\0" * 1000)
    tool.put("empty", b"")
    tool.put("big.bin", os.urandom(12 * MIB))
    first = tool.run()
    assert first.code == 0, first.err
    assert first.out.startswith("cos migrate tool config path:conf/config.ini\n")
    assert first.counts() == {"new": 4, "update": 0, "fail": 0, "skip": 0, "unmatched": 0}
    assert (first.status, first.list_finished) == ("ALL_OK", True)
    arrived(cos, tool)
    data = tool.data.as_posix()
    key = (
        f"[taskType: migrateLocal] [bucket: {BUCKET}], [localPath: {data}/a.txt], [cosPath: /a.txt]"
    )
    [ok] = [line for line in first.lines("[ok]") if "a.txt" in line]
    assert re.fullmatch(r"\[ok\] \[requestid: \S+\], task_info: " + re.escape(key), ok)
    progress = "[UploadInProgress] [key: /{}] [byteSent/ byteTotal/ percentage: {}/ {}/ 100.00%]"
    assert progress.format("a.txt", 5, 5) in first.out
    assert progress.format("empty", 0, 0) in first.out
    assert progress.format("big.bin", 12 * MIB, 12 * MIB) in first.out
    kept = records(tool.database)
    assert kept[key] == "[mtime: 1700000000500], [fileSize: 5]"
    assert kept["x-cos-requestId-/a.txt"] == ok.split("requestid: ")[1].split("]")[0]
    for name in ("a.txt", "big.bin"):
        stored = cos.store.get(BUCKET, name)
        value = kept[f"[cosmigrate stored] /{name}"]
        assert value.startswith(f"E{stored.etag} C{stored.crc64:016x} M"), value
    assert not [name for name in kept if "savepoint" in name or "cosmigrate upload" in name]
    assert not [name for name in kept if "cosmigrate part" in name]

    cos.reset()
    second = tool.run()
    assert second.code == 0
    assert second.counts() == {"new": 0, "update": 0, "fail": 0, "skip": 4, "unmatched": 0}
    assert f"[skip] task_info: {key}" in second.out
    assert cos.operations() == ["HeadObject"], "nothing to send: one look at COS"

    tool.put("a.txt", "changed")
    third = tool.run()
    assert third.counts() == {"new": 0, "update": 1, "fail": 0, "skip": 3, "unmatched": 0}
    arrived(cos, tool)
    results = (tool.folder / "db" / "result.out").read_text(encoding="utf-8")
    assert results.count("migrateLocal over! op statistics:") == 3
    assert first.out.partition("\n\n\n")[2].rstrip() in results


def test_the_summary_is_the_java_tools(tool: Tool) -> None:
    tool.put("a")
    out = tool.run().out
    time_form = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.search(
        "\n\n\nbucket:examplebucket-1250000000, list finished:true, status:ALL_OK\n"
        "migrateLocal over! op statistics:\n"
        "                   migrate_new : 1\n"
        "                migrate_update : 0\n"
        "                  migrate_fail : 0\n"
        "                  migrate_skip : 0\n"
        "   migrate_condition_not_match : 0\n"
        f"                    start_time : {time_form}\n"
        f"                      end_time : {time_form}\n"
        r"                     used_time : \d+ s" + "\n",
        out,
    )


def test_every_line_is_in_the_log_too(tool: Tool) -> None:
    tool.put("a")
    tool.put("b.tmp")
    tool.local["ignoreSuffix"] = ".tmp"
    ended = tool.run()
    log = tool.log("info.log")
    for line in ended.lines("["):
        assert line in log
    assert "[condition_not_match] [reason: suffix]" in ended.out
    assert "[common] secretKey=***" in log
    assert "[common] bucketName=examplebucket-1250000000" in log


def test_cos_path_and_metadata(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common |= {"cosPath": "/x//y", "storageClass": "Standard_IA", "encryptionType": "sse-cos"}
    tool.common["threadTrafficLimit"] = "819200000"
    tool.put("d/small.JPG", b"jpeg")
    tool.put("big.html", b"h" * (6 * MIB))
    assert tool.run().code == 0
    arrived(cos, tool, "x/y/")
    small = cos.object_head(BUCKET, "x/y/d/small.JPG").headers
    assert small["content-type"] == "image/jpeg"
    assert small["x-cos-meta-md5"] == hashlib.md5(b"jpeg").hexdigest()
    big = cos.object_head(BUCKET, "x/y/big.html").headers
    assert big["content-type"] == "text/html"
    assert big["x-cos-meta-md5"] == hashlib.md5(b"h" * (6 * MIB)).hexdigest()
    for headers in (small, big):
        assert headers["x-cos-storage-class"] == "STANDARD_IA"
        assert headers["x-cos-server-side-encryption"] == "AES256"
    limited = {s.operation for s in cos.requests if "x-cos-traffic-limit" in s.headers}
    assert limited == {"PutObject", "UploadPart"}


def test_without_md5(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["entireFileMd5Attached"] = "OFF"
    tool.put("a")
    tool.put("b", b"b" * (6 * MIB))
    assert tool.run().code == 0
    for key in "ab":
        assert "x-cos-meta-md5" not in cos.object_head(BUCKET, key).headers


def test_d_overrides_win(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    ended = tool.run(
        "-Dcommon.cosPath=/over/", "-Dfile.encoding=UTF-8", "-Xmx4g", "conf/config.ini"
    )
    assert ended.code == 0, ended.err
    assert cos.keys(BUCKET) == ["over/a"]
    assert ended.err.count("-Dfile.encoding") + ended.err.count("-Xmx4g") >= 1


def test_quiet_leaves_only_the_summary(tool: Tool) -> None:
    tool.put("a")
    ended = tool.run("--quiet")
    assert not ended.lines("[")
    assert ended.counts()["new"] == 1
    assert "[ok]" in tool.log("info.log")


def test_filters_are_told_and_counted(tool: Tool) -> None:
    tool.put("keep.txt", mtime=1_000_000)
    tool.put("no.tmp", mtime=1_000_000)
    tool.put("empty.txt", b"", mtime=1_000_000)
    tool.put("young.txt")
    tool.put("out/a.txt")
    tool.put("single.txt", mtime=1_000_000)
    tool.put("other.log", mtime=1_000_000)
    tool.local |= {
        "excludes": f"{tool.data / 'out'};{tool.data / 'single.txt'}",
        "ignoreSuffix": ".tmp",
        "includeSuffix": ".txt",
        "ignoreEmptyFile": "on",
        "ignoreModifiedTimeLessThanSeconds": "300",
    }
    ended = tool.run()
    assert ended.code == 0
    assert ended.counts() == {"new": 1, "update": 0, "fail": 0, "skip": 0, "unmatched": 5}
    for name, reason in {
        "no.tmp": "suffix",
        "empty.txt": "empty file",
        "single.txt": "excludes",
        "other.log": "do not match include suffix",
        "young.txt": "ignoreModifiedTimeLessThan",
    }.items():
        [line] = [x for x in ended.lines("[condition_not_match]") if name in x]
        start = f"[condition_not_match] [reason: {reason}]  [local_file: {tool.data}/{name}]"
        assert line.startswith(start)
    assert "exclude folder" in tool.log("info.log")


def test_a_file_list(cos: EmbeddedCos, tool: Tool) -> None:
    tool.put("a")
    tool.put("d/b")
    tool.put("unlisted")
    listing = tool.folder / "list.txt"
    listing.write_text("a\nd/\nd/b\nmissing\n", encoding="utf-8")
    tool.local |= {"fileListMode": "on", "fileListPath": str(listing)}
    ended = tool.run()
    assert ended.counts() == {"new": 3, "update": 0, "fail": 0, "skip": 0, "unmatched": 1}
    line = f"[condition_not_match] [reason: not there]  [local_file: {tool.data}/missing]"
    assert line in ended.out
    assert "illegal utf-8" not in ended.out
    assert cos.keys(BUCKET) == ["a", "d/", "d/b"]
    folder = cos.object_head(BUCKET, "d/")
    assert folder.headers["content-type"] == "application/x-directory"
    assert folder.size == 0
    assert f"[localPath: {tool.data}/d/], [cosPath: /d/]" in ended.out
    assert tool.run().counts()["skip"] == 3


def test_without_records_everything_is_an_update(tool: Tool) -> None:
    tool.put("a")
    assert tool.run().counts()["new"] == 1
    tool.local["checkLocalRecord"] = "false"
    assert tool.run().counts()["update"] == 1


def test_skip_same_path(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common["skipSamePath"] = "true"
    tool.put("a", "one")
    tool.put("b", b"b" * (6 * MIB))
    assert tool.run().counts()["new"] == 2
    for path in (tool.folder / "db").glob("*"):
        path.rename(tool.folder / f"old-{path.name}")
    tool.put("c")
    tool.put("a", "two")
    ended = tool.run()
    assert ended.counts() == {"new": 1, "update": 0, "fail": 0, "skip": 2, "unmatched": 0}
    assert len(ended.lines("[skip] file on cos, task_info: [taskType: migrateLocal]")) == 2
    assert cos.object_bytes(BUCKET, "a") == b"one"
    assert "[localPath: " + str(tool.data) + "/a]" not in "".join(records(tool.database))


def test_finished_files_are_listed(tool: Tool) -> None:
    result = tool.folder / "result"
    result.mkdir()
    tool.common["outputFinishedFileFolder"] = str(result)
    tool.put("a b", "12345", mtime=1_700_000_000.25)
    tool.run()
    tool.run()
    name = time.strftime("%Y-%m-%d.out")
    text = (result / name).read_text(encoding="utf-8")
    assert text == f"{tool.data}/a b\t5\t1700000000250\n"


@pytest.mark.skipif(os.name == "nt", reason="no line breaks in names there")
def test_a_line_break_in_a_name_makes_no_second_line(tool: Tool) -> None:
    result = tool.folder / "result"
    result.mkdir()
    tool.common["outputFinishedFileFolder"] = str(result)
    tool.put("a\nb\tc")
    assert tool.run().code == 0
    [finished] = result.iterdir()
    [line] = finished.read_text(encoding="utf-8").splitlines()
    assert line.split("\t")[0] == f"{tool.data}/a\\x0ab\\x09c"
    out = tool.folder / "ids.txt"
    tool.run(environ={"RUN_MODE": "DUMP_REQUESTID", "DUMP_REQUESTID_FILE": str(out)})
    [line] = out.read_text(encoding="utf-8").splitlines()
    assert line.startswith("/a\\x0ab\\x09c \t ")


def test_request_ids_can_be_asked_for(tool: Tool) -> None:
    tool.put("a")
    tool.put("b")
    first = tool.run()
    ids = dict(re.findall(r"\[requestid: (\S+)\], .*\[cosPath: (\S+)\]", first.out))
    environ = {"RUN_MODE": "query_requestid", "QUERY_REQUESTID_KEY": "/a"}
    answer = tool.run(environ=environ)
    request_id = next(key for key, path in ids.items() if path == "/a")
    assert f"query requestid, [key: /a], [requestid: {request_id}]" in answer.out
    assert "op statistics" not in answer.out
    none = tool.run(environ={**environ, "QUERY_REQUESTID_KEY": "/none"})
    assert "query requestid, [key: /none], [requestid: Null]" in none.out
    out = tool.folder / "ids.txt"
    tool.run(environ={"RUN_MODE": "DUMP_REQUESTID", "DUMP_REQUESTID_FILE": str(out)})
    lines = out.read_text(encoding="utf-8").splitlines()
    assert sorted(lines) == sorted(f"{path} \t {key}" for key, path in ids.items())
    missing = tool.run(environ={"RUN_MODE": "DUMP_REQUESTID"})
    assert "env DUMP_REQUESTID_FILE is null" in missing.err
    assert missing.code == 2


def test_a_temporary_token(tool: Tool, cos: EmbeddedCos) -> None:
    tool.common["token"] = "session-token-value"
    tool.put("a")
    ended = tool.run()
    assert "Use temporary token to put object" in ended.out
    assert cos.requests[0].headers["x-cos-security-token"] == "session-token-value"
    everything = ended.out + ended.err + tool.log("info.log")
    assert "session-token-value" not in everything
    assert "testsecretkey" not in everything


def test_credentials_from_the_environment(tool: Tool) -> None:
    tool.common |= {"secretId": "COS_SECRETID", "secretKey": "${MY_KEY}"}
    tool.put("a")
    environ = {"COS_SECRETID": "AKIDtestsecretid", "MY_KEY": "testsecretkey0123456789"}
    assert tool.run(environ=environ).code == 0


def test_an_empty_folder(tool: Tool, cos: EmbeddedCos) -> None:
    ended = tool.run()
    assert (ended.code, ended.status) == (0, "ALL_OK")
    assert not cos.requests


def test_one_process_does_the_same(cos: EmbeddedCos, tool: Tool) -> None:
    tool.common |= {"workerProcessNum": "0", "smallFileExecutorNum": "1", "bigFileExecutorNum": "1"}
    for number in range(20):
        tool.put(f"{number}", str(number))
    tool.put("big", os.urandom(6 * MIB))
    assert tool.run().counts()["new"] == 21
    arrived(cos, tool)
    assert cos.most_at_once <= 2


def test_concurrency_is_what_was_asked_for(cos: EmbeddedCos, tool: Tool) -> None:
    cos.latency = 0.02
    tool.common |= {"smallFileExecutorNum": "6", "bigFileExecutorNum": "1"}
    for number in range(120):
        tool.put(f"{number}", str(number))
    assert tool.run().counts()["new"] == 120
    assert 4 <= cos.most_at_once <= 6
    assert all(r.ended <= cos.requests[1].started + 9 for r in cos.requests[:1])


def test_the_first_transfer_goes_alone(cos: EmbeddedCos, tool: Tool) -> None:
    cos.latency = 0.05
    for number in range(30):
        tool.put(f"{number}", str(number))
    tool.run()
    requests = sorted(cos.requests, key=lambda seen: seen.started)
    assert requests[0].ended <= requests[1].started


def test_logs_and_records_of_two_jobs_at_once(cos: EmbeddedCos, tool: Tool) -> None:
    for number in range(60):
        tool.put(f"{number}", str(number))
    one = tool.start("-Dcommon.cosPath=/one/")
    two = tool.start("-Dcommon.cosPath=/two/")
    for process in (one, two):
        ended = end(process)
        assert ended.code == 0, ended.err
        assert "migrate_new : 60" in ended.out
    assert len(cos.keys(BUCKET)) == 120


def test_the_same_job_twice_at_once_is_refused(cos: HeldCos, tool: Tool) -> None:
    cos.hold()
    for number in range(10):
        tool.put(f"{number}")
    first = tool.start()
    try:
        wait_until(lambda: cos.held > 0, lambda: first.poll() is None)
        second = tool.run()
        assert second.code == 3
        assert "init db error, may be another process with same config is running " in second.err
        assert "Traceback" not in second.err
    finally:
        first.kill()
        first.communicate()


def test_many_small_files_for_a_class_that_bills_them_large(tool: Tool) -> None:
    for number in range(120):
        tool.put(f"{number}")
    tool.common["storageClass"] = "Archive"
    ended = tool.run()
    assert ended.code == 0
    assert ended.err.count("smaller than 64 KB") == 1


def test_a_debug_log_when_asked_for(tool: Tool) -> None:
    tool.put("a")
    tool.put("big", b"b" * (6 * MIB))
    assert tool.run("--debug").code == 0
    log = tool.log("debug.log")
    assert "PutObject /a" in log
    assert "UploadPart /big" in log
    assert "testsecretkey" not in log
