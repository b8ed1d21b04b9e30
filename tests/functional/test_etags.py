"""ETags that are no MD5, that are weak or bare, and servers that refuse conditions that hold."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from awscrt.checksums import crc64nvme

from cos_migrate.emulator import EmbeddedCos
from tests.fakes import oss_server, s3_server
from tests.fakes.http_base import Seen
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import Fault, S3Server
from tests.fakes.s3_store import kept_of
from tests.fakes.tampered import Answered, Asked, Tampered, tampered
from tests.fakes.web_server import WebServer
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.sites import s3_section
from tests.functional.tool import BUCKET

MIB = 1 << 20
SMALL = {f"small-{number}": noise(1000, number) for number in range(4)}
BIG = {"big": noise(5 * MIB + 1000)}
ALL = SMALL | BIG
NO_MD5 = "etagIsMd5=off"
RESTS = "run again when nothing writes to it"


class Cloud(NamedTuple):
    tool: CloudTool
    s3: S3Server
    way: Tampered


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    with S3Server() as s3, tampered(s3.port) as way:
        section = s3_section(way.port)
        tool = CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateAws", cloud=section)
        tool.common |= {"smallFileExecutorNum": "1", "bigFileExecutorNum": "1"}
        yield Cloud(tool, s3, way)


def put_without_md5(s3: S3Server) -> None:
    for key, body in ALL.items():
        etag = hashlib.md5(b"salt" + body).hexdigest()
        s3.buckets[s3_server.BUCKET].put(key, kept_of(body, etag=etag))


def sent_of(s3: S3Server, key: str) -> int:
    return s3.downloaded(key)


@pytest.mark.parametrize("migrate_type", ["migrateAws", "migrateCsp"])
def test_etags_that_are_no_md5(cloud: Cloud, cos: EmbeddedCos, migrate_type: str) -> None:
    """Each object is read twice, and no more; the key is what is left to do."""
    tool, s3, _ = cloud
    tool.migrate_type = migrate_type
    put_without_md5(s3)
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(fail=len(ALL))), ended.out
    assert re.search(rf"^{len(ALL)} .* EtagIsNoMd5 .*{NO_MD5}", ended.out, re.MULTILINE)
    assert "seem to be no MD5" in tool.log("error.log")
    assert stored(cos) == {}
    assert not cos.store.uploads(BUCKET)
    for key, body in ALL.items():
        assert sent_of(s3, key) == 2 * len(body)
    if migrate_type == "migrateCsp":
        return
    tool.cloud["etagIsMd5"] = "off"
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=len(ALL))), ended.out
    assert stored(cos) == ALL
    for key, body in ALL.items():
        headers = cos.object_head(BUCKET, key).headers
        assert headers["x-cos-meta-md5"] == hashlib.md5(body).hexdigest()
        assert headers["x-cos-meta-s3-etag"] == hashlib.md5(b"salt" + body).hexdigest()
    assert tool.run().counts() == counted(skip=len(ALL))


def test_content_that_is_read_otherwise_each_time_is_no_matter_of_etags(
    cloud: Cloud, cos: EmbeddedCos
) -> None:
    tool, s3, way = cloud
    s3.put("a", b"x" * 100)
    tool.common["requestTryCount"] = "3"
    number = 0

    def alter(asked: Asked, answered: Answered) -> Answered:
        nonlocal number
        if asked.path.endswith("/a"):
            number += 1
            answered.body = b"%0100d" % number
        return answered

    way.alter = alter
    ended = tool.run()
    assert ended.counts() == counted(fail=1)
    assert "SourceChecksumMismatch" in ended.out
    assert NO_MD5 not in ended.out
    assert stored(cos) == {}


def test_other_checksums_are_compared_where_the_etag_is_not(cloud: Cloud, cos: EmbeddedCos) -> None:
    tool, s3, _ = cloud
    tool.cloud["etagIsMd5"] = "off"
    tool.common["requestTryCount"] = "2"
    for key, body in {"right": b"right", "wrong": b"wrong"}.items():
        crc32 = base64.b64encode(zlib.crc32(b"right").to_bytes(4, "big")).decode()
        kept = kept_of(body, etag="0" * 32, checksums={"x-amz-checksum-crc32": crc32})
        s3.buckets[s3_server.BUCKET].put(key, kept)
    ended = tool.run()
    assert ended.counts() == counted(new=1, fail=1)
    assert "SourceChecksumMismatch" in ended.out
    assert stored(cos) == {"right": b"right"}


# -- conditions ------------------------------------------------------------------------------------


def conditional(asked: Asked | Seen) -> bool:
    return bool(asked.headers.keys() & {"if-match", "if-unmodified-since"})


def refusing(status: int) -> Answered:
    text = b"<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>"
    code = b"NotImplemented" if status == 501 else b"PreconditionFailed"
    body = text.replace(b"PreconditionFailed", code)
    return Answered(status, {"content-type": "application/xml"}, body)


@pytest.mark.parametrize("status", [412, 501])
def test_a_service_that_refuses_every_condition(
    cloud: Cloud, cos: EmbeddedCos, status: int
) -> None:
    """It is asked once without, and then never with one again."""
    tool, s3, way = cloud
    for key, body in ALL.items():
        s3.put(key, body)
    way.refuse = lambda asked: refusing(status) if conditional(asked) else None
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=len(ALL))), ended.out
    assert stored(cos) == ALL
    statuses = [seen.status for seen in way.seen]
    # One by a thread; before it, at most one by the event loop, which leaves it to the threads.
    assert statuses.count(status) <= 2
    assert tool.run().counts() == counted(skip=len(ALL))


@pytest.mark.parametrize("form", ["W/&quot;{}&quot;", "{}"], ids=["weak", "bare"])
@pytest.mark.parametrize("kind", ["s3", "oss"])
def test_weak_and_bare_etags(tmp_path: Path, cos: EmbeddedCos, kind: str, form: str) -> None:
    """A strict server holds no weak ETag for equal to another, whatever the request says."""
    header = form.replace("&quot;", '"')
    with OssServer() as oss, S3Server() as s3:
        for key, body in ALL.items():
            (oss if kind == "oss" else s3).put(key, body)
        with tampered(oss.port if kind == "oss" else s3.port) as way:

            def alter(asked: Asked, answered: Answered) -> Answered:
                if "etag" in answered.headers:
                    answered.headers["etag"] = header.format(answered.headers["etag"].strip('"'))
                answered.body = re.sub(
                    rb"<ETag>(?:&quot;|\")?([^&\"<]*)(?:&quot;|\")?</ETag>",
                    lambda found: f"<ETag>{form.format(found[1].decode())}</ETag>".encode(),
                    answered.body,
                )
                answered.headers.pop("content-length")
                if asked.method == "HEAD":
                    length = len(ALL[asked.path.rpartition("/")[2]])
                    answered.headers["content-length"] = str(length)
                return answered

            way.alter = alter
            if form.startswith("W/"):
                way.refuse = lambda asked: refusing(412) if conditional(asked) else None
            names = oss_server if kind == "oss" else s3_server
            section = {
                "bucket": names.BUCKET,
                "accessKeyId": names.KEY_ID,
                "accessKeySecret": oss_server.SECRET if kind == "oss" else s3_server.KEY,
                "endPoint": f"127.0.0.1:{way.port}",
            }
            migrate_type = "migrateAli" if kind == "oss" else "migrateAws"
            tool = CloudTool(tmp_path / "t", cos.port, migrate_type=migrate_type, cloud=section)
            tool.common["smallFileExecutorNum"] = "1"
            ended = tool.run()
            assert (ended.code, ended.counts()) == (0, counted(new=len(ALL))), ended.out
            assert stored(cos) == ALL
            assert tool.run().counts() == counted(skip=len(ALL))
            assert [seen.status for seen in way.seen].count(412) <= 2


def test_what_changed_is_migrated_as_it_is_and_conditions_stay(
    cloud: Cloud, cos: EmbeddedCos
) -> None:
    tool, s3, way = cloud
    s3.put("a", b"before")
    s3.put("b", b"b")
    fault = Fault("call", "GetObject", key="^a$", action=lambda: s3.change("a"))
    s3.faults.append(fault)
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=2)), ended.out
    assert stored(cos) == {"a": b"before!", "b": b"b"}
    assert [conditional(seen) for seen in way.seen if seen.key.endswith("/b")] == [True]


def test_the_advice_to_run_again_when_it_rests(cloud: Cloud, cos: EmbeddedCos) -> None:
    """It is true of an object that changes all the time, and of no other."""
    tool, s3, way = cloud
    s3.put("a", b"0")
    number = 0

    def changing(asked: Asked) -> None:
        nonlocal number
        if asked.path.endswith("/a"):
            number += 1
            s3.put("a", b"%d" % number)

    way.refuse = changing
    ended = tool.run()
    assert ended.counts() == counted(fail=1)
    assert RESTS in ended.out

    def never(asked: Asked) -> Answered | None:
        return refusing(412) if asked.path.endswith("/a") else None

    way.refuse = never
    ended = tool.run()
    assert ended.counts() == counted(fail=1)
    assert RESTS not in ended.out
    assert stored(cos) == {}


def test_an_object_that_get_and_head_tell_of_otherwise(cloud: Cloud, cos: EmbeddedCos) -> None:
    tool, s3, way = cloud
    s3.put("a", b"0")

    def alter(asked: Asked, answered: Answered) -> Answered:
        if asked.path.endswith("/a") and asked.method == "GET":
            answered.headers["etag"] = '"another"'
        return answered

    way.alter = alter
    ended = tool.run()
    assert ended.counts() == counted(fail=1)
    assert "ContradictoryAnswer" in ended.out
    assert RESTS not in ended.out
    assert stored(cos) == {}


def test_a_farm_of_web_servers_with_etags_of_their_own(tmp_path: Path, cos: EmbeddedCos) -> None:
    """The same time and size is the same version; what is read in parts comes from one of them."""
    with WebServer() as web, tampered(web.port) as way:
        for key, body in ALL.items():
            web.put(f"/{key}", body, etag='"any"')
        requests = 0

        def own(asked: Asked) -> str:
            return '"one"' if asked.headers["x-turn"] == "1" else '"two"'

        def refuse(asked: Asked) -> Answered | None:
            nonlocal requests
            requests += 1
            asked.headers["x-turn"] = str(requests % 2)
            wanted = asked.headers.pop("if-match", None)
            return refusing(412) if wanted not in {None, own(asked)} else None

        def alter(asked: Asked, answered: Answered) -> Answered:
            answered.headers["etag"] = own(asked)
            return answered

        way.refuse, way.alter = refuse, alter
        urls = tmp_path / "urls"
        lines = [f"http://127.0.0.1:{way.port}/{key}" for key in ALL]
        urls.write_text("\n".join(lines), encoding="utf-8")
        section = {"urllistPath": str(urls)}
        tool = CloudTool(tmp_path / "t", cos.port, migrate_type="migrateUrl", cloud=section)
        ended = tool.run()
        assert (ended.code, ended.counts()) == (0, counted(new=len(ALL))), ended.out
        assert stored(cos) == ALL
        assert tool.run().counts() == counted(skip=len(ALL))


@pytest.mark.parametrize("md5", ["on", "off"])
def test_a_flipped_byte_of_an_object_in_parts(
    cos: EmbeddedCos, from_s3: CloudTool, s3: S3Server, md5: str
) -> None:
    """S3 states the CRC-64/NVME of the whole; the bytes are streamed, or lie in a file first."""
    bodies = {f"big-{number}": noise(6 * MIB + number, number) for number in range(3)}
    for number, (key, body) in enumerate(bodies.items()):
        sums = {
            "x-amz-checksum-crc64nvme": base64.b64encode(
                crc64nvme(body).to_bytes(8, "big")
            ).decode(),
            "x-amz-checksum-type": "FULL_OBJECT",
        }
        headers = {"x-amz-server-side-encryption": "aws:kms"} if number else {}
        s3.put(key, body, part_size=0 if number else 5 * MIB, checksums=sums, headers=headers)
        s3.faults.append(Fault("flip", "GetObject", f"^{key}$", skip=number % 2, at=1000 * number))
    from_s3.common |= {"entireFileMd5Attached": md5, "bigFileUploadPartSize": str(MIB)}
    ended = from_s3.run()
    assert (ended.code, ended.counts()) == (0, counted(new=3)), ended.out
    assert all(s3.hits(fault) for fault in s3.faults)
    assert stored(cos) == bodies


def test_composite_checksums_are_named_once(
    cos: EmbeddedCos, from_s3: CloudTool, s3: S3Server
) -> None:
    sums = {"x-amz-checksum-crc32": "AAAAAA==-2", "x-amz-checksum-type": "COMPOSITE"}
    for number in range(5):
        s3.put(f"parts-{number}", b"hello", part_size=3, checksums=sums)
    assert from_s3.run().counts() == counted(new=5)
    assert from_s3.log("warn.log").count("a checksum of the checksums of its parts") == 1
    assert len(stored(cos)) == 5
