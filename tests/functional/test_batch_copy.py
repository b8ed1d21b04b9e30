"""`batchTaskPath` with buckets that COS copies itself: lines of two source buckets in one run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator import Account, EmbeddedCos
from tests.functional.cloud_tool import counted
from tests.functional.tool import BUCKET, SECRET_ID, SECRET_KEY, Tool, records

OTHER = "other-1250000000"
FIRST, SECOND = "first-1250000001", "second-1250000002"
READERS = {
    FIRST: Account("AKIDfirst", "first-secret-key"),
    SECOND: Account("AKIDsecond", "second-secret-key"),
}


class BatchCopy(Tool):
    """The tool with what no line brings."""

    def write_config(self) -> Path:
        values = {"cosPath": "/to/", "workerProcessNum": "0", **self.common}
        lines = ["[migrateType]", "type=migrateBucketCopy", "[common]"]
        lines += [f"{key}={value}" for key, value in values.items()]
        lines += ["[migrateBucketCopy]", *(f"{k}={v}" for k, v in self.local.items())]
        path = self.folder / "conf" / "config.ini"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[EmbeddedCos]:
    folder = tmp_path / "cos"
    folder.mkdir()
    with EmbeddedCos(
        folder,
        secret_id=SECRET_ID,
        secret_key=SECRET_KEY,
        buckets=[BUCKET, OTHER, FIRST, SECOND],
        more_accounts=list(READERS.values()),
    ) as server:
        for bucket, names in ((FIRST, ("a/x", "a/y")), (SECOND, ("a/x", "b/z"))):
            for name in names:
                body = server.store.receive([f"{bucket} {name}".encode()])
                server.store.put(bucket, name, body, {"content-type": "text/x"})
        yield server


@pytest.fixture
def tool(tmp_path: Path, cos: EmbeddedCos) -> BatchCopy:
    tool = BatchCopy(tmp_path / "tool", cos.port)
    tool.local = {"srcCosPath": "/a", "srcRegion": "ap-shanghai"}
    tool.common = {"batchTaskPath": str(tool.folder / "tasks.txt"), "region": "ap-guangzhou"}
    return tool


def write(tool: Tool, *lines: str) -> None:
    (tool.folder / "tasks.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def line(tool: Tool, bucket: str, source: str, **columns: str) -> str:
    values = {
        "destSecretId": SECRET_ID,
        "destSecretKey": SECRET_KEY,
        "destBucket": bucket,
        "destEndpoint": f"localhost:{tool.port}",
        "srcSecretId": READERS[source].secret_id,
        "srcSecretKey": READERS[source].secret_key,
        "srcBucket": source,
        "srcEndpoint": f"localhost:{tool.port}",
        **columns,
    }
    return "\t".join(values.values())


def database(tool: Tool, bucket: str, source: str, region: str = "ap-shanghai") -> Path:
    """Return where the run of a configuration without batchTaskPath has its records."""
    text = (
        f"[destCosFolder: /to/], [srcRegion: {region}], [srcBucket: {source}], [srcCosFolder: /a/]"
    )
    digest = hashlib.md5(text.encode()).hexdigest()
    return tool.folder / "db" / "migrate_copy_bucket" / bucket / digest


def record_of(bucket: str, source: str, name: str) -> str:
    return (
        f"[taskType: migrateBucketCopy] [destRegion: ap-guangzhou], [destBucketName: {bucket}], "
        f"[destKey: /to/{name}], [srcRegion: ap-shanghai], [srcBucketName: {source}], "
        f"[srcKey: a/{name}], [srcStorageClass: Standard]"
    )


def test_two_source_buckets_in_one_run_and_then_nothing_again(
    tool: BatchCopy, cos: EmbeddedCos
) -> None:
    write(tool, line(tool, BUCKET, FIRST), line(tool, OTHER, SECOND))
    ended = tool.run()
    assert ended.code == 0, ended.out + ended.err
    assert (ended.counts(0), ended.counts(1)) == (counted(new=2), counted(new=1))
    assert ended.lines("bucket:") == [
        f"bucket:{BUCKET}, list finished:true, status:ALL_OK",
        f"bucket:{OTHER}, list finished:true, status:ALL_OK",
    ]
    assert {key: cos.object_bytes(BUCKET, key) for key in cos.keys(BUCKET)} == {
        f"to/{name}": f"{FIRST} a/{name}".encode() for name in "xy"
    }
    assert cos.keys(OTHER) == ["to/x"]
    assert cos.object_bytes(OTHER, "to/x") == f"{SECOND} a/x".encode()
    assert cos.operations().count("PutObjectCopy") == 3
    assert not {"GetObject", "PutObject"} & set(cos.operations())
    for bucket, source, names in ((BUCKET, FIRST, "xy"), (OTHER, SECOND, "x")):
        kept = records(database(tool, bucket, source))
        for name in names:
            body = f"{source} a/{name}".encode()
            value = f"[srcSize: {len(body)}], [srcEtag: {hashlib.md5(body).hexdigest()}]"
            assert kept[record_of(bucket, source, name)] == f"{value}, [srcStorageClass: Standard]"
    assert f"line 2: {SECOND} of localhost:{tool.port} to {OTHER}" in tool.log("info.log")
    told = ended.out + ended.err + tool.log("info.log")
    assert not any(one.secret_key in told for one in READERS.values())

    cos.reset()
    again = tool.run()
    assert (again.counts(0), again.counts(1)) == (counted(skip=2), counted(skip=1))
    assert set(cos.operations()) == {"GetBucket", "HeadObject"}


@pytest.mark.parametrize("endpoint", ["cos.ap-beijing.myqcloud.com", "ap-beijing", ""])
def test_an_endpoint_that_is_a_region(tool: BatchCopy, cos: EmbeddedCos, endpoint: str) -> None:
    tool.common |= {"proxyHost": "127.0.0.1", "proxyPort": str(cos.port)}
    write(tool, line(tool, BUCKET, FIRST, srcEndpoint=endpoint))
    ended = tool.run()
    assert ended.code == 0, ended.out + ended.err
    region = "ap-beijing" if endpoint else "ap-shanghai"
    [listing] = [seen for seen in cos.requests if seen.operation == "GetBucket"]
    assert listing.headers["host"] == f"{FIRST}.cos.{region}.myqcloud.com"
    copies = [seen for seen in cos.requests if seen.operation == "PutObjectCopy"]
    assert all(
        seen.headers["x-cos-copy-source"].startswith(f"{FIRST}.cos.{region}.myqcloud.com/")
        for seen in copies
    )
    assert database(tool, BUCKET, FIRST, region).is_dir()


def test_lines_that_cannot_be_mapped_say_why_and_the_rest_goes_on(
    tool: BatchCopy, cos: EmbeddedCos
) -> None:
    del tool.local["srcRegion"]
    del tool.common["region"]
    public = {
        "destEndpoint": "cos.ap-guangzhou.myqcloud.com",
        "srcEndpoint": "cos.ap-shanghai.myqcloud.com",
    }
    tool.common |= {"proxyHost": "127.0.0.1", "proxyPort": str(cos.port)}
    write(
        tool,
        line(tool, BUCKET, FIRST),
        line(tool, BUCKET, FIRST, **{**public, "srcEndpoint": ""}),
        line(tool, BUCKET, FIRST, **public, srcBucket="noappid"),
        line(tool, BUCKET, FIRST, **public),
    )
    ended = tool.run()
    assert ended.code == 2
    assert ended.lines("task:") == [f"task:{number} invalid" for number in (1, 2, 3)]
    told = [text for text in ended.err.splitlines() if text.startswith("task:")]
    path = tool.common["batchTaskPath"]
    assert told[0].startswith("task:1 invalid: destEndpoint and srcEndpoint cannot be used")
    assert f"({path} line 1; legal: destEndpoint: cos.<region>.myqcloud.com; " in told[0]
    assert "only where the configuration sets srcRegion" in told[0]
    assert f"srcEndpoint cannot be used ({path} line 2; legal: srcEndpoint: cos." in told[1]
    assert f"srcBucket cannot be used ({path} line 3; legal: srcBucket: <name>-<APPID>" in told[2]
    assert ended.counts() == counted(new=2)
    assert cos.keys(BUCKET) == ["to/x", "to/y"]
    assert database(tool, BUCKET, FIRST).is_dir()
