"""The tool in the folder of the Java tool, whose records it goes on with."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.state import formats
from tests.functional.java_cases import DATA, OLD, SMALL
from tests.functional.java_tool import configure, content_of, plant_small
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Tool, end, records

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the records name files below /proc/self/cwd"
)
rocksdict = pytest.importorskip("rocksdict")
JAVA = Path(__file__).resolve().parents[1] / "data" / "java_db"
[UPLOAD] = JAVA.glob("uploads/*.json")
BIG = "to here/second/big.bin"


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    """A COS that knows of the upload which the Java tool began."""
    begun = json.loads(UPLOAD.read_text("utf-8"))
    folder = tmp_path / "cos"
    folder.mkdir()
    with EmbeddedCos(folder, secret_id=SECRET_ID, secret_key=SECRET_KEY) as server:
        server.store.begin_upload(
            begun["bucket"], begun["key"], begun["headers"], upload_id=UPLOAD.stem
        )
        yield server


@pytest.fixture
def tool(tmp_path: Path, cos: EmbeddedCos) -> Tool:
    """The folder of a team that has run the Java tool: its database and its files."""
    tool = Tool(tmp_path / "tool", cos.port)
    configure(tool, SMALL, cos.port)
    tool.common["probeRecords"] = "off"  # this COS never had what the records say
    shutil.copytree(JAVA / "db", tool.folder / "db", dirs_exist_ok=True)
    # Under JDK 8 the Java tool saw the times of `whole/` without what is below a second.
    plant_small(tool.data, second=False, fraction_ns=123_456_789)
    plant_small(tool.data, second=True)
    return tool


def without_the_big_one(tool: Tool) -> None:
    (tool.data / "second" / "big.bin").unlink()


def test_nothing_is_sent_again(tool: Tool, cos: EmbeddedCos) -> None:
    without_the_big_one(tool)
    ended = tool.run()
    assert ended.code == 0, ended.err
    assert ended.counts() == {"new": 0, "update": 0, "fail": 0, "skip": 38, "unmatched": 0}
    assert cos.requests == []
    assert ended.err.count("taken over from the Java tool") == 1
    assert "38 records, 38 request ids, 1 save points" in ended.err
    assert f"{tool.database}.java" in ended.err
    assert "taken over from the Java tool" in tool.log("warn.log")
    again = tool.run()
    assert (again.counts()["skip"], again.err) == (38, "")
    assert cos.requests == []


def test_ten_thousand_records_mean_ten_thousand_files_left_alone(
    tool: Tool, cos: EmbeddedCos
) -> None:
    shutil.rmtree(tool.data)
    tool.data.mkdir()
    pairs = {}
    for number in range(10_000):
        path = tool.data / f"{number:05d}"
        path.touch()
        os.utime(path, ns=(OLD, OLD + number * 1_000_000))
        key = (
            f"[taskType: migrateLocal] [bucket: {BUCKET}], [localPath: {DATA}/{number:05d}], "
            f"[cosPath: /to here/{number:05d}]"
        )
        pairs[key] = f"[mtime: {OLD // 1_000_000 + number}], [fileSize: 0]"
    database = tool.database
    shutil.rmtree(database)
    opened: Any = rocksdict.Rdict(str(database), rocksdict.Options(raw_mode=True))
    for key, value in pairs.items():
        opened[key.encode()] = value.encode()
    opened.close()
    begun = time.monotonic()
    with tool.start("--quiet") as process:
        assert process.stderr
        assert "10000 records" in process.stderr.readline()
        started = time.monotonic() - begun
        assert end(process).counts()["skip"] == 10_000
    assert started < 60  # 0.5 s on a machine that has nothing else to do
    assert tool.run("--quiet").counts()["skip"] == 10_000
    assert cos.requests == []
    kept = records(database)
    assert kept.pop("[cosmigrate run]").endswith(" whole")
    assert kept == {**pairs, "[cosmigrate scanned]": "10000"}


def test_what_has_changed_since_is_sent(tool: Tool, cos: EmbeddedCos) -> None:
    without_the_big_one(tool)
    later = OLD + 60 * 10**9
    for name in ("whole/1.txt", "first/02"):
        os.utime(tool.data / name, ns=(later, later))
    (tool.data / "first" / "empty").write_bytes(b"filled")
    ended = tool.run()
    assert ended.counts() == {"new": 0, "update": 3, "fail": 0, "skip": 35, "unmatched": 0}
    assert len(cos.keys(BUCKET)) == 3
    assert tool.run().counts()["skip"] == 38


def test_in_a_database_of_our_own_a_time_within_the_second_counts(
    tool: Tool, cos: EmbeddedCos
) -> None:
    shutil.rmtree(tool.database)
    shutil.rmtree(tool.data)
    path = tool.put("a", "one")
    os.utime(path, ns=(OLD, OLD))
    assert tool.run().counts()["new"] == 1
    path.write_bytes(b"two")
    os.utime(path, ns=(OLD + 5_000_000, OLD + 5_000_000))
    assert tool.run().counts()["update"] == 1
    assert cos.object_bytes(BUCKET, "to here/a") == b"two"


def test_the_unfinished_upload_is_finished(tool: Tool, cos: EmbeddedCos) -> None:
    ended = tool.run()
    assert ended.code == 0, ended.err
    assert ended.counts() == {"new": 1, "update": 0, "fail": 0, "skip": 38, "unmatched": 0}
    assert cos.keys(BUCKET) == [BIG]
    content = (tool.data / "second" / "big.bin").read_bytes()
    assert content == content_of("second/big.bin", len(content))
    assert cos.object_bytes(BUCKET, BIG) == content
    operations = cos.operations()
    assert "InitiateMultipartUpload" not in operations
    assert operations.count("UploadPart") == 3
    uploads = {dict(seen.params).get("uploadId") for seen in cos.requests}
    assert UPLOAD.stem in uploads
    assert not any("upload" in key for key in records(tool.database))


def test_an_upload_that_cos_has_forgotten_begins_anew(tool: Tool, cos: EmbeddedCos) -> None:
    [upload] = cos.store.uploads(BUCKET)
    cos.store.abort(upload)
    ended = tool.run()
    assert ended.code == 0, ended.err
    assert cos.keys(BUCKET) == [BIG]


def test_request_ids_are_told_of_a_database_of_the_java_tool(tool: Tool) -> None:
    path = "/to here/first/ünï cödé 日本.txt"
    ended = tool.run(environ={"RUN_MODE": "QUERY_REQUESTID", "QUERY_REQUESTID_KEY": path})
    assert ended.code == 0, ended.err
    [line] = ended.lines("query requestid, ")
    assert line.startswith(f"query requestid, [key: {path}], [requestid: ")
    assert "Null" not in line
    assert "taken over from the Java tool" in ended.err
    assert records(tool.database)[formats.request_id_key(path).decode()] in line


def test_a_database_that_cannot_be_read_ends_the_run(tool: Tool, cos: EmbeddedCos) -> None:
    for path in tool.database.iterdir():
        if path.suffix in {".sst", ".log"} or path.name.startswith("MANIFEST"):
            path.write_bytes(b"\xff" * path.stat().st_size)
    ended = tool.run()
    assert ended.code == 3
    assert "nothing could be read from it" in ended.err
    assert cos.requests == []
    assert {path.suffix for path in tool.database.parent.iterdir()} == {"", ".lock"}
