"""From Alibaba Cloud OSS to COS with the whole tool, as a user runs it."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.emulator import Fault as CosFault
from cos_migrate.state.opening import open_store
from tests.fakes.faults import Fault
from tests.fakes.oss_server import BEIJING, BUCKET, HANGZHOU, KEY_ID, SECRET, OssServer
from tests.fakes.oss_signature import Account
from tests.fakes.oss_store import Bucket
from tests.functional.tool import BUCKET as TARGET
from tests.functional.tool import SECRET_ID, SECRET_KEY, Tool, end, records
from tests.functional.waiting import HeldCos, parts_written, wait_until

MIB = 1 << 20
BIG = 5 * MIB + 1000
"""Bytes of an object that is sent in parts: six of 1 MiB."""
NAMES = [
    "a b+c%41&d?e=f.txt",
    "文/件 😀.txt",
    "x//y",
    "dir/",
    "dir/empty",
    "q'\"#;",
    "z/" * 30 + "z",
]


@dataclass
class AliTool(Tool):
    """The tool with a `[migrateAli]` section."""

    oss: OssServer | None = None
    ali: dict[str, str] = field(default_factory=dict)

    def write_config(self) -> Path:
        assert self.oss
        common = {
            "secretId": SECRET_ID,
            "secretKey": SECRET_KEY,
            "bucketName": TARGET,
            "region": "ap-guangzhou",
            "endPointSuffix": f"localhost:{self.port}",
            "workerProcessNum": "0",
            **self.common,
        }
        ali = {
            "bucket": BUCKET,
            "accessKeyId": KEY_ID,
            "accessKeySecret": SECRET,
            "endPoint": f"127.0.0.1:{self.oss.port}",
            "srcSocketTimeout": "120000",  # a machine under load is no silent source
            **self.ali,
        }
        parts = ["[migrateType]", "type=migrateAli", "[common]"]
        parts += [f"{key}={value}" for key, value in common.items()]
        parts += ["[migrateAli]", *(f"{key}={value}" for key, value in ali.items())]
        path = self.folder / "conf" / "config.ini"
        path.write_text("\n".join(parts) + "\n", encoding="utf-8")
        return path


@pytest.fixture(name="oss")
def _oss() -> Iterator[OssServer]:
    with OssServer() as oss:
        yield oss


@pytest.fixture(name="ali")
def _ali(tmp_path: Path, cos: EmbeddedCos, oss: OssServer) -> AliTool:
    return AliTool(tmp_path / "tool", cos.port, oss=oss)


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def stored(cos: EmbeddedCos) -> dict[str, bytes]:
    return {key: cos.object_bytes(TARGET, key) for key in cos.keys(TARGET)}


def source(oss: OssServer, folder: str = "") -> dict[str, bytes]:
    """Return what must be on COS."""
    objects = oss.store.buckets[BUCKET].objects
    return {folder + key.lstrip("/"): found.data for key, found in objects.items()}


def counted(**counts: int) -> dict[str, int]:
    return {"new": 0, "update": 0, "fail": 0, "skip": 0, "unmatched": 0, **counts}


def test_every_object_with_its_metadata_and_then_nothing_again(
    ali: AliTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    for number, name in enumerate(NAMES):
        oss.put(name, noise(number * 1000, number), {"Content-Type": f"text/x{number}"})
    standard = {
        "Content-Type": "image/x",
        "Cache-Control": "no-cache",
        "Content-Disposition": "inline",
        "Content-Encoding": "gzip",
        "Content-Language": "de",
        "Expires": "Thu, 01 Dec 2030 16:00:00 GMT",
    }
    user = {"x-oss-meta-Some_Name": "value", "x-oss-meta-text": "Größe"}
    small = oss.put("meta/small", b"hello", {**standard, **user})
    big = oss.put("meta/big", noise(BIG), {**standard, **user})
    ali.common.update(cosPath="/to/", workerProcessNum="2")
    ended = ali.run()
    assert (ended.code, ended.status, ended.list_finished) == (0, "ALL_OK", True)
    assert ended.counts() == counted(new=len(NAMES) + 2)
    assert stored(cos) == source(oss, "to/")
    for made, key in ((small, "to/meta/small"), (big, "to/meta/big")):
        headers = cos.object_head(TARGET, key).headers
        for name, value in standard.items():
            assert headers[name.lower()] == value
        assert headers["x-cos-meta-some-name"] == "value"
        assert headers["x-cos-meta-text"] == "Gr%C3%B6%C3%9Fe"
        assert headers["x-cos-meta-oss-etag"] == made.etag
        assert headers["x-cos-meta-md5"] == hashlib.md5(made.data).hexdigest()
    # Each byte once: the big object in parts.
    assert sum(seen.sent for seen in oss.downloads()) == sum(map(len, source(oss).values()))
    kept = records(ali.database)
    key = f"[taskType: migrateAli] [bucket: {TARGET}] [cosPath: /to/meta/small]"
    assert kept[key] == f"[fileSize: 5] [etag: {small.etag}]"
    assert f"task_info: {key}" in ended.out
    text = f"[srcEndpoint: 127.0.0.1:{oss.port}] [prefix: ] [cosFolder: /to/] "
    assert ali.database.name == hashlib.md5(text.encode()).hexdigest()
    assert ali.database.parents[1].name == "migrate_from_ali"
    assert SECRET not in ended.out + ended.err + ali.log("info.log") + ali.log("error.log")

    del oss.seen[:]
    cos.reset()
    again = ali.run("--debug")
    assert SECRET not in ali.log("debug.log")
    assert again.counts() == counted(skip=len(NAMES) + 2)
    assert again.code == 0
    assert set(oss.operations()) == {"ListObjects"}
    assert cos.operations() == ["HeadObject"]

    oss.put("meta/small", b"another")
    oss.put("new", b"x")
    third = ali.run()
    assert third.counts() == counted(new=1, update=1, skip=len(NAMES) + 1)
    assert stored(cos) == source(oss, "to/")


def test_through_a_proxy_with_v4_signatures(ali: AliTool, oss: OssServer, cos: EmbeddedCos) -> None:
    for number in range(20):
        oss.put(f"a/b{number}/c", noise(100, number))
    oss.put("other", b"x")
    oss.put("big", noise(BIG))
    ali.ali.update(endPoint=HANGZHOU, proxyHost="127.0.0.1", proxyPort=str(oss.port), prefix="a/b")
    ended = ali.run(
        environ={"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    )
    assert ended.counts() == counted(new=20)
    assert sorted(cos.keys(TARGET)) == sorted(f"b{number}/c" for number in range(20))
    assert {seen.notes["signed"] for seen in oss.seen} == {"v4"}
    assert {seen.host for seen in oss.seen} == {f"{BUCKET}.{HANGZHOU}"}
    ali.ali["prefix"] = "/big"
    assert ali.run().counts() == counted(new=1)
    assert cos.object_bytes(TARGET, "big") == noise(BIG)


def test_names_that_differ_in_leading_slashes_only(
    ali: AliTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    """One key on COS cannot be two objects: the plain name is migrated, the other is told."""
    for key in ("a/x", "a//x", "a//alone"):
        oss.put(key, key.encode())
    ali.ali["prefix"] = "a/"
    for again in (False, True):
        ended = ali.run()
        done = counted(skip=2, fail=1) if again else counted(new=2, fail=1)
        assert (ended.code, ended.counts()) == (1, done), ali.log("error.log")
        assert stored(cos) == {"x": b"a/x", "alone": b"a//alone"}
    assert "same object as a/x" in ali.log("error.log")


def test_many_pages_listed_at_once(ali: AliTool, oss: OssServer, cos: EmbeddedCos) -> None:
    for number in range(3000):
        oss.put(f"{number % 9}/{number % 4}/{number:05}", b"")
    oss.latency = 0.02
    ended = ali.run()
    assert ended.counts() == counted(new=3000)
    assert ended.list_finished
    assert sorted(cos.keys(TARGET)) == sorted(source(oss))


def test_killed_in_the_middle_and_completed(ali: AliTool, oss: OssServer, cos: HeldCos) -> None:
    for number in range(80):
        oss.put(f"small/{number:03}", noise(2000, number))
    for number in range(2):
        oss.put(f"big/{number}", noise(BIG, number))
    cos.hold(30, "PutObject")
    cos.hold(5, "UploadPart")
    ali.common.update(
        workerProcessNum="2",
        smallFileExecutorNum="4",
        bigFileExecutorNum="2",
        bigFileUploadPartSize=str(MIB),
    )
    process = ali.start()
    wait_until(lambda: cos.held == 6 and parts_written(ali) == 5, lambda: process.poll() is None)
    process.kill()
    end(process)
    cos.wait_until_left()
    wait_until(lambda: not oss.connections)
    kept = records(ali.database)
    migrated = {key for key in source(oss) if f"cosPath: /{key}]" in "".join(kept)}
    parts = sum(key.startswith("[cosmigrate part]") for key in kept)
    del oss.seen[:]
    ended = ali.run()
    assert (ended.code, ended.status) == (0, "ALL_OK")
    assert stored(cos) == source(oss)
    # What was recorded is not read again, be it an object or a part.
    assert not migrated & {seen.key for seen in oss.downloads()}
    left = 6 * len({"big/0", "big/1"} - migrated)
    ranges = {(seen.key, seen.range) for seen in oss.downloads() if seen.range}
    assert len(ranges) == left - parts
    del oss.seen[:]
    assert ali.run().counts() == counted(skip=82)
    assert not oss.downloads()


def test_a_listing_that_broke_off_goes_on_where_it_was(
    ali: AliTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    for number in range(3500):
        oss.put(f"{number:05}", b"")
    broken = Fault("status", "ListObjects", skip=2, times=-1, status=403, code="AccessDenied")
    oss.faults.append(broken)
    ali.common.update(listParallel="1", resume="true")
    ended = ali.run()
    assert (ended.code, ended.list_finished) == (1, False)
    assert ended.counts() == counted(new=2000)
    oss.faults.clear()
    del oss.seen[:]
    again = ali.run()
    assert (again.code, again.list_finished) == (0, True)
    assert again.counts() == counted(new=1500)
    assert oss.operations().count("ListObjects") == 2
    assert sorted(cos.keys(TARGET)) == sorted(source(oss))


def test_acls_are_carried_over(ali: AliTool, oss: OssServer, cos: EmbeddedCos) -> None:
    oss.put("open", b"x", acl="public-read")
    oss.put("open-big", noise(BIG), acl="public-read")
    oss.put("closed", b"x", acl="private")
    oss.put("plain", b"x")
    ali.common["copyAcl"] = "on"
    assert ali.run().counts() == counted(new=4)
    acls = {key: cos.object_head(TARGET, key).acl for key in cos.keys(TARGET)}
    assert acls == {
        "open": "public-read",
        "open-big": "public-read",
        "closed": "private",
        "plain": "",
    }


def test_no_fault_of_the_source_leaves_a_wrong_object(
    ali: AliTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    for number in range(60):
        oss.put(f"small/{number:03}", noise(3000 + number, number))
    oss.put("big/one", noise(BIG))
    oss.faults += [
        Fault("cut", "GetObject", "small/001|small/002", times=2, at=1234),
        Fault("flip", "GetObject", "small/003|small/004", times=2, at=1234),
        Fault("reset", "GetObject", "small/005|small/006", times=2),
        Fault("wrong-crc", "GetObject", "small/007|small/008", times=2),
        Fault("hang", "GetObject", "small/009", seconds=1.0),
        Fault("status", "GetObject", "small/01", times=2),
        Fault("status", "GetObject", "small/02|big", times=3, status=503, code="SlowDown"),
        Fault("cut", "GetObject", "big", at=MIB),
        Fault("reset", "GetObject", "big"),
        Fault("status", "ListObjects", times=2, status=503, code="ServiceUnavailable"),
        Fault("reset", "ListObjects"),
        Fault("cut", "ListObjects", at=2000),
    ]
    ended = ali.run()
    assert (ended.code, ended.counts()) == (0, counted(new=61)), ended.out + ended.err
    assert stored(cos) == source(oss)
    assert all(oss.hits(fault) == fault.times for fault in oss.faults)


def test_lasting_damage_is_a_fail_and_never_recorded(
    ali: AliTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    for name in ("small/flipped", "small/cut", "small/good"):
        oss.put(name, noise(3000))
    big = oss.put("big/flipped", noise(BIG))
    oss.put("big/cut", noise(BIG, 2))
    oss.faults += [
        Fault("flip", operation="GetObject", key="flipped", times=-1, at=1000),
        Fault("cut", operation="GetObject", key="cut", times=-1, at=1000),
    ]
    ali.common["requestTryCount"] = "2"
    ended = ali.run()
    assert (ended.code, ended.status) == (1, "PART_OK")
    assert ended.counts() == counted(new=1, fail=4)
    assert cos.keys(TARGET) == ["small/good"]
    assert len([key for key in records(ali.database) if key.startswith("[taskType")]) == 1
    oss.faults.clear()
    again = ali.run()
    assert again.counts() == counted(new=4, skip=1)
    assert stored(cos) == source(oss)
    assert cos.object_bytes(TARGET, "big/flipped") == big.data


def test_objects_that_change_while_they_are_migrated(
    ali: AliTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    oss.put("small", noise(1000))
    oss.put("big", noise(BIG))
    oss.put("shrinks", noise(BIG, 2))
    ali.common["bigFileUploadPartSize"] = str(MIB)
    small, big, shrunk = noise(1500, 3), noise(BIG, 4), noise(900, 5)
    oss.faults += [
        Fault("call", "GetObject", "small", action=lambda: oss.put("small", small)),
        Fault("call", "GetObject", "big", skip=3, action=lambda: oss.put("big", big)),
        Fault("call", "GetObject", "shrinks", skip=3, action=lambda: oss.put("shrinks", shrunk)),
    ]
    ended = ali.run()
    assert ended.code == 0, ended.out + ended.err
    assert ended.counts() == counted(new=3)
    assert stored(cos) == source(oss)
    assert all(oss.hits(fault) for fault in oss.faults)
    assert ali.run().counts() == counted(skip=3)


def test_parts_without_an_md5_pass_through_a_file(
    ali: AliTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    made = oss.put("parts", noise(BIG), parts=3)
    ended = ali.run()
    assert ended.counts() == counted(new=1)
    headers = cos.object_head(TARGET, "parts").headers
    assert headers["x-cos-meta-md5"] == hashlib.md5(made.data).hexdigest()
    assert headers["x-cos-meta-oss-etag"] == made.etag
    assert sum(seen.sent for seen in oss.downloads()) == len(made.data)
    assert not [path for path in (ali.folder / "tmp").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"accessKeyId": "LTAInobody"}, "[migrateAli] accessKeyId"),
        ({"accessKeySecret": "guessed"}, "[migrateAli] accessKeySecret"),
        ({"bucket": "none"}, "[migrateAli] bucket"),
    ],
)
def test_wrong_access_ends_with_one_message(
    ali: AliTool, oss: OssServer, cos: EmbeddedCos, changed: dict[str, str], words: str
) -> None:
    oss.put("a", b"x")
    ali.ali.update(changed)
    ended = ali.run()
    assert ended.code == 1
    assert not ended.list_finished
    assert words in ended.out + ended.err
    assert words in ali.log("error.log")
    assert SECRET not in ended.out + ended.err
    assert not cos.requests
    assert len(oss.seen) == 1


def test_a_wrong_endpoint_is_told(tmp_path: Path, cos: EmbeddedCos) -> None:
    with OssServer(buckets=(Bucket(BUCKET, endpoint=BEIJING),)) as oss:
        ali = AliTool(tmp_path / "tool", cos.port, oss=oss)
        ali.ali.update(endPoint=HANGZHOU, proxyHost="127.0.0.1", proxyPort=str(oss.port))
        ended = ali.run()
        assert (ended.code, ended.list_finished) == (1, False)
        assert BEIJING in ended.out + ended.err
        assert "[migrateAli] endPoint" in ended.out + ended.err


def test_no_permission_to_list_is_told(tmp_path: Path, cos: EmbeddedCos) -> None:
    blind = Account(KEY_ID, SECRET, denied=frozenset({"ListObjects"}))
    with OssServer(accounts=(blind,)) as oss:
        oss.put("a", b"x")
        ali = AliTool(tmp_path / "tool", cos.port, oss=oss)
        ended = ali.run()
        assert (ended.code, ended.list_finished) == (1, False)
        assert "oss:ListObjects" in ended.out + ended.err
        keys = tmp_path / "keys"
        keys.write_text("a\nmissing\n")
        ali.ali["uriList"] = str(keys)
        ended = ali.run()
        assert (ended.code, ended.list_finished) == (1, True)
        assert ended.counts() == counted(new=1, fail=1)
        assert stored(cos) == {"a": b"x"}
        assert ali.run().counts() == counted(skip=1, fail=1)


def test_archived_objects_are_named(ali: AliTool, oss: OssServer, cos: EmbeddedCos) -> None:
    oss.put("cold", b"x", storage_class="Archive")
    oss.put("cold-big", noise(BIG), storage_class="DeepColdArchive")
    oss.put("warm", b"y")
    ended = ali.run()
    assert (ended.code, ended.counts()) == (1, counted(new=1, fail=2))
    assert "must be restored" in ali.log("error.log")
    assert cos.keys(TARGET) == ["warm"]


def test_compared_in_real_time(ali: AliTool, oss: OssServer, cos: EmbeddedCos) -> None:
    oss.put("old", b"old", modified=time.time() - 3600)
    oss.put("new", b"new", modified=time.time() - 3600)
    ali.common["realTimeCompare"] = "on"
    assert ali.run().counts() == counted(update=2)
    oss.put("new", b"newer", modified=time.time() + 60)
    del oss.seen[:]
    ended = ali.run()
    assert ended.counts() == counted(update=1, skip=1)
    assert [seen.key for seen in oss.downloads()] == ["new"]
    assert stored(cos) == source(oss)


def test_downloads_are_told_as_by_the_java_tool(ali: AliTool, oss: OssServer) -> None:
    oss.put("a b/c.txt", b"12345")
    ended = ali.run()
    assert ended.code == 0, ended.out + ended.err
    line = "[DownloadOk] [key: a b/c.txt] [byteDownload/ byteTotal/ percentage: 5/ 5/ 100.00%]"
    assert line in ended.out.splitlines()


def test_an_etag_that_is_the_md5_is_believed_when_the_content_agrees(
    ali: AliTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    right, wrong = oss.put("right", noise(BIG)), oss.put("wrong", noise(BIG, 2))
    oss.store.put(BUCKET, replace(right, content_md5=""))
    oss.store.put(BUCKET, replace(wrong, content_md5="", etag="0" * 32))
    ended = ali.run()
    assert ended.counts() == counted(new=2)
    for made in (right, wrong):
        headers = cos.object_head(TARGET, made.key).headers
        assert headers["x-cos-meta-md5"] == hashlib.md5(made.data).hexdigest()
    read = sum(seen.sent for seen in oss.downloads() if seen.key == "right")
    assert read == len(right.data), "streamed"


def test_what_java_has_recorded_is_checked_by_what_oss_tells(
    ali: AliTool, oss: OssServer, cos: EmbeddedCos
) -> None:
    """The Java tool records no CRC-64."""
    for name in ("p/a", "p/b"):
        oss.put(name, b"12345")
    ali.ali["prefix"] = "p/"
    assert ali.run().code == 0
    with open_store(ali.database) as state:
        state.write([], [key for key, _ in state.scan(b"[cosmigrate stored] ")])
    ali.common["check"] = "on"
    cos.faults.append(CosFault("wrong-crc", operation="HeadObject", key="b", times=-1))
    ended = ali.run()
    assert ended.code == 1
    assert ended.lines("[ok] check") == ["[ok] check ok: /a"]
    assert len(ended.lines("[fail] check crc64 fail: /b. ")) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (403, "UserDisable"), (400, "KmsServiceNotEnabled")],
)
def test_objects_that_oss_refuses_at_the_front_stop_nothing(
    ali: AliTool, oss: OssServer, status: int, code: str
) -> None:
    for number in range(60):
        oss.put(f"{number:02}", b"x")
    oss.faults.append(Fault("status", "GetObject", "^[01]", times=-1, status=status, code=code))
    ended = ali.run()
    assert (ended.counts(), ended.list_finished) == (counted(new=40, fail=20), True), ended.err
    assert code in ali.log("error.log")
