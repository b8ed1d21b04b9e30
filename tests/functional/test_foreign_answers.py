"""Answers that are not those of the source: nothing of them is stored, and nothing recorded."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.emulator import Fault as CosFault
from tests.fakes import s3_server
from tests.fakes.oss_server import OssServer
from tests.fakes.qiniu_server import QiniuServer
from tests.fakes.s3_server import S3Server
from tests.fakes.s3_store import kept_of
from tests.fakes.tampered import Answered, Asked, Tampered, tampered
from tests.fakes.upyun_server import UpyunServer
from tests.fakes.web_server import WebServer
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.sites import (
    SOURCE,
    cos_section,
    oss_section,
    qiniu_section,
    s3_section,
    upyun_section,
)
from tests.functional.tool import records

MIB = 1 << 20
SMALL, BIG = 500, 5 * MIB + 1000
"""Bytes; the second is sent in parts."""
FAULTS = ("page-of-5", "page-of-its-size", "same-version-empty", "same-version-of-400")
OBJECTS = {f"{size}-{fault}": fault for size in ("small", "big") for fault in FAULTS}


def body_of(key: str) -> bytes:
    return noise(SMALL if key.startswith("small") else BIG, len(key))


def foreign(asked: Asked, answered: Answered) -> Answered:
    """Return what comes instead of an object of `OBJECTS`, as its name says."""
    key = asked.path.rpartition("/")[2]
    fault = OBJECTS.get(key)
    asks_acl = re.search(r"[?&]acl(=|&|$)", asked.target)  # a signature may hold these letters
    if fault is None or asks_acl or answered.status not in {200, 206}:
        return answered
    if fault.startswith("page"):
        size = 5 if fault == "page-of-5" else len(body_of(key))
        page = b"<html>Log in, please</html>".ljust(size)[:size]
        return Answered(200, {"content-type": "text/html"}, page)
    answered.headers.pop("content-range", None)
    body = b"" if fault == "same-version-empty" else answered.body[:400].ljust(400)
    lengths = {name: str(len(body)) for name in ("content-length", "x-upyun-file-size")}
    known = {name: lengths[name] for name in lengths if name in answered.headers}
    return Answered(200, answered.headers | {"content-length": str(len(body))} | known, body)


class Cloud(NamedTuple):
    """A source with the objects of `OBJECTS`, and the way to it."""

    tool: CloudTool
    way: Tampered


Maker = Callable[[Path, EmbeddedCos], contextlib.AbstractContextManager[Cloud]]


@contextlib.contextmanager
def s3_like(folder: Path, cos: EmbeddedCos, migrate_type: str) -> Iterator[Cloud]:
    """The small ones have an ETag of parts, so that no checksum tells what they are."""
    with S3Server() as s3, tampered(s3.port) as way:
        for key in OBJECTS:
            size = 100 if key.startswith("small") else 0
            s3.buckets[s3_server.BUCKET].put(key, kept_of(body_of(key), part_size=size))
        section = s3_section(way.port)
        yield Cloud(CloudTool(folder, cos.port, migrate_type=migrate_type, cloud=section), way)


@contextlib.contextmanager
def aws(folder: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    with s3_like(folder, cos, "migrateAws") as cloud:
        yield cloud


@contextlib.contextmanager
def csp(folder: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    with s3_like(folder, cos, "migrateCsp") as cloud:
        yield cloud


@contextlib.contextmanager
def ali(folder: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    with OssServer() as oss, tampered(oss.port) as way:
        for key in OBJECTS:
            oss.put(key, body_of(key))
        section = oss_section(way.port)
        yield Cloud(CloudTool(folder, cos.port, migrate_type="migrateAli", cloud=section), way)


@contextlib.contextmanager
def upyun(folder: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    with UpyunServer() as server, tampered(server.ports[0]) as way:
        server.tells_md5 = False
        for key in OBJECTS:
            server.put(key, body_of(key))
        section = upyun_section(way.port)
        yield Cloud(CloudTool(folder, cos.port, migrate_type="migrateUpyun", cloud=section), way)


@contextlib.contextmanager
def qiniu(folder: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    with QiniuServer() as server, tampered(int(server.domain.rpartition(":")[2])) as way:
        server.names[f"127.0.0.1:{way.port}"] = "io"
        for key in OBJECTS:
            server.put(key, body_of(key))
        section = qiniu_section(server, f"127.0.0.1:{way.port}")
        tool = CloudTool(folder, cos.port, migrate_type="migrateQiniu", cloud=section)
        yield Cloud(tool, way)


@contextlib.contextmanager
def cos_bucket(folder: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    cos.faults.append(CosFault("status", "PutObjectCopy", status=405, code="No", times=-1))
    for key in OBJECTS:
        cos.store.put(SOURCE, key, cos.store.receive([body_of(key)]), {}, acl="")
    with tampered(cos.port) as way:
        section = cos_section(way.port)
        tool = CloudTool(folder, cos.port, migrate_type="migrateBucketCopy", cloud=section)
        yield Cloud(tool, way)


@contextlib.contextmanager
def url_list(folder: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    with WebServer() as web, tampered(web.port) as way:
        for number, key in enumerate(OBJECTS):
            web.put(f"/{key}", body_of(key), etag=f'"v{number}"')
        urls = folder.parent / "urls"
        lines = [f"http://127.0.0.1:{way.port}/{key}" for key in OBJECTS]
        urls.write_text("\n".join(lines), encoding="utf-8")
        section = {"urllistPath": str(urls)}
        yield Cloud(CloudTool(folder, cos.port, migrate_type="migrateUrl", cloud=section), way)


ALL = [aws, csp, ali, upyun, qiniu, cos_bucket, url_list]


@pytest.fixture(name="cloud", params=ALL, ids=lambda maker: maker.__name__)
def _cloud(request: pytest.FixtureRequest, tmp_path: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    maker: Maker = request.param
    with maker(tmp_path / "tool", cos) as cloud:
        cloud.tool.common |= {"requestTryCount": "1", "bigFileExecutorNum": "4"}
        yield cloud


def recorded(tool: CloudTool) -> list[str]:
    return [key for key in records(tool.database) if key.startswith("[taskType")]


def must_all_fail(cloud: Cloud, cos: EmbeddedCos) -> None:
    ended = cloud.tool.run()
    assert (ended.code, ended.counts()) == (1, counted(fail=len(OBJECTS))), ended.out
    assert len(ended.lines("[fail] task_info: ")) == len(OBJECTS)
    assert "[ok]" not in ended.out
    assert "ContradictoryAnswer" in ended.out + ended.err
    assert stored(cos) == {}
    assert recorded(cloud.tool) == []


def must_all_arrive(cloud: Cloud, cos: EmbeddedCos) -> None:
    ended = cloud.tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=len(OBJECTS))), ended.out
    assert stored(cos) == {key: body_of(key) for key in OBJECTS}


def healthy(_: Asked, answered: Answered) -> Answered:
    return answered


def by(method: str) -> Callable[[Asked, Answered], Answered]:
    """Return what alters the answers to GET or to HEAD."""
    return lambda asked, answered: foreign(asked, answered) if asked.method == method else answered


def test_no_foreign_answer_is_stored_and_a_later_run_finds_what_is_there(
    cloud: Cloud, cos: EmbeddedCos
) -> None:
    """What failed before is asked about by HEAD, and not by the listing that knows better."""
    cloud.way.alter = by("GET")
    must_all_fail(cloud, cos)
    if cloud.tool.migrate_type != "migrateUrl":  # HEAD is its listing
        cloud.way.alter = foreign
        must_all_fail(cloud, cos)
    cloud.way.alter = healthy
    must_all_arrive(cloud, cos)


def test_foreign_answers_to_head_alone(cloud: Cloud, cos: EmbeddedCos) -> None:
    """Small objects are not asked about by HEAD; a URL is, and GET has the last word."""
    cloud.way.alter = by("HEAD")
    failed = {key for key in OBJECTS if key.startswith("big")}
    if cloud.tool.migrate_type == "migrateUrl":
        failed = {key for key in OBJECTS if key.endswith("same-version-of-400")}
    ended = cloud.tool.run()
    assert ended.counts() == counted(new=len(OBJECTS) - len(failed), fail=len(failed)), ended.out
    assert stored(cos) == {key: body_of(key) for key in OBJECTS if key not in failed}
    assert len(recorded(cloud.tool)) == len(OBJECTS) - len(failed)
    cloud.way.alter = healthy
    counts = cloud.tool.run().counts()
    # What HEAD had said of a URL may be recorded: then it is an update.
    assert (counts["new"], counts["fail"]) == (len(failed), 0)
    assert stored(cos) == {key: body_of(key) for key in OBJECTS}


@pytest.fixture(name="s3")
def _s3(tmp_path: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    with aws(tmp_path / "tool", cos) as cloud:
        cloud.tool.common["requestTryCount"] = "1"
        yield cloud


def test_nothing_is_stored_through_the_temporary_folder(s3: Cloud, cos: EmbeddedCos) -> None:
    """With a raised threshold the big ones go there, since no MD5 of theirs is known."""
    s3.tool.common |= {"smallFileThreshold": str(64 * MIB), "bufferMemory": str(16 * MIB)}
    s3.way.alter = by("GET")
    must_all_fail(s3, cos)


def test_nothing_is_encrypted_and_stored(s3: Cloud, cos: EmbeddedCos) -> None:
    key = s3.tool.folder / "key"
    key.write_bytes(b"k" * 32)
    s3.tool.common |= {"clientEncryption": "on", "keyPath": str(key)}
    s3.way.alter = by("GET")
    must_all_fail(s3, cos)


def test_a_page_that_passes_is_no_failure(s3: Cloud, cos: EmbeddedCos) -> None:
    """Each object is answered by the page once; the event loop's own try counts for nothing."""
    s3.tool.common |= {"requestTryCount": "3", "smallFileExecutorNum": "4"}
    times: dict[str, int] = {}

    def alter(asked: Asked, answered: Answered) -> Answered:
        times[asked.path] = times.get(asked.path, 0) + 1
        page = asked.method == "GET" and times[asked.path] <= 2
        return foreign(asked, answered) if page else answered

    s3.way.alter = alter
    must_all_arrive(s3, cos)


def test_a_page_for_the_keys_of_a_list(s3: Cloud, cos: EmbeddedCos, tmp_path: Path) -> None:
    """Nothing was listed of them, but every answer of an S3 has an ETag or a time."""
    keys = tmp_path / "keys"
    keys.write_text("\n".join(OBJECTS), encoding="utf-8")
    s3.tool.cloud["uriList"] = str(keys)
    s3.way.alter = lambda _, __: Answered(200, {"content-type": "text/html"}, b"login")
    must_all_fail(s3, cos)
    s3.way.alter = healthy
    must_all_arrive(s3, cos)


def test_a_page_with_an_etag_of_its_own(s3: Cloud, cos: EmbeddedCos) -> None:
    """A new ETag is a new version, but not on a web page that names no request of the cloud."""
    headers = {"content-type": "text/html", "etag": '"page"'}
    s3.way.alter = lambda asked, answered: (
        answered if "list-type" in asked.target else Answered(200, dict(headers), b"login")
    )
    for _ in range(2):
        must_all_fail(s3, cos)
    s3.way.alter = healthy
    must_all_arrive(s3, cos)
