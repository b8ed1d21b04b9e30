"""Foreign answers beside new versions of an object: which is which."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.state.opening import open_store
from tests.fakes.s3_server import S3Server
from tests.fakes.tampered import Answered, Asked, tampered
from tests.fakes.upyun_server import UpyunServer
from tests.functional.cloud_tool import CloudTool, counted, stored
from tests.functional.sites import (
    s3_section,
    upyun_section,
)
from tests.functional.test_foreign_answers import (
    ALL,
    OBJECTS,
    Cloud,
    Maker,
    ali,
    aws,
    body_of,
    by,
    cos_bucket,
    healthy,
    must_all_arrive,
    must_all_fail,
    recorded,
)


@pytest.fixture(name="cloud", params=ALL, ids=lambda maker: maker.__name__)
def _cloud(request: pytest.FixtureRequest, tmp_path: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    maker: Maker = request.param
    with maker(tmp_path / "tool", cos) as cloud:
        cloud.tool.common |= {"requestTryCount": "1", "bigFileExecutorNum": "4"}
        yield cloud


@pytest.fixture(name="s3")
def _s3(tmp_path: Path, cos: EmbeddedCos) -> Iterator[Cloud]:
    with aws(tmp_path / "tool", cos) as cloud:
        cloud.tool.common["requestTryCount"] = "1"
        yield cloud


@pytest.mark.parametrize("maker", [ali, cos_bucket], ids=lambda maker: maker.__name__)
def test_a_new_version_without_the_request_id_that_the_service_always_sends(
    maker: Maker, tmp_path: Path, cos: EmbeddedCos
) -> None:
    """A proxy that answers programs sends no HTML."""
    told = {"content-type": "application/json", "etag": '"page"'}

    def alter(asked: Asked, answered: Answered) -> Answered:
        is_object = asked.path.rpartition("/")[2] in OBJECTS and answered.status in {200, 206}
        return Answered(200, dict(told), b'{"error": "login"}') if is_object else answered

    with maker(tmp_path / "tool", cos) as cloud:
        cloud.tool.common["requestTryCount"] = "1"
        cloud.way.alter = alter
        for _ in range(2):
            must_all_fail(cloud, cos)
        cloud.way.alter = healthy
        must_all_arrive(cloud, cos)


def test_a_new_version_without_the_request_id_that_other_answers_had(
    s3: Cloud, cos: EmbeddedCos
) -> None:
    """Not every S3 service sends one: the first object, which goes alone, shows it."""
    told = {"content-type": "application/json", "etag": '"page"'}

    first: list[str] = []

    def alter(asked: Asked, answered: Answered) -> Answered:
        key = asked.path.rpartition("/")[2]
        if key not in OBJECTS or key in first:
            return answered
        if not first:
            first.append(key)
            return answered
        return Answered(200, dict(told), b'{"error": "login"}')

    s3.way.alter = alter
    assert s3.tool.run().counts() == counted(new=1, fail=len(OBJECTS) - 1)
    assert stored(cos) == {first[0]: body_of(first[0])}


def test_a_shorter_body_whose_length_no_answer_tells(s3: Cloud, cos: EmbeddedCos) -> None:
    """The version is the listed one: then so is its size, in a second run too."""

    def alter(asked: Asked, answered: Answered) -> Answered:
        if "list-type" not in asked.target:
            answered.headers.pop("content-length", None)
            answered.headers.pop("content-range", None)
            answered.headers["transfer-encoding"] = "chunked"
            return Answered(200, answered.headers, b"short")
        return answered

    s3.way.alter = alter
    for _ in range(2):
        must_all_fail(s3, cos)
    s3.way.alter = healthy
    must_all_arrive(s3, cos)


def test_a_listed_md5_proves_what_an_answer_without_an_etag_holds(
    tmp_path: Path, cos: EmbeddedCos
) -> None:
    with S3Server() as server, tampered(server.port) as way:
        for key in ("right", "foreign"):
            server.put(key, body_of("small"))
        section = s3_section(way.port)
        tool = CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateAws", cloud=section)
        tool.common["requestTryCount"] = "1"

        def alter(asked: Asked, answered: Answered) -> Answered:
            answered.headers.pop("etag", None)
            if asked.path.endswith("foreign"):
                answered.body = b"x" * len(answered.body)
            return answered

        way.alter = alter
        ended = tool.run()
        assert (ended.code, ended.counts()) == (1, counted(new=1, fail=1)), ended.out
        assert stored(cos) == {"right": body_of("small")}
        assert "ContradictoryAnswer" in ended.out
        assert len(recorded(tool)) == 1


def test_a_size_that_the_listing_only_learns_later(tmp_path: Path, cos: EmbeddedCos) -> None:
    """A file that was replaced within its second contradicts the listing that was before."""
    with UpyunServer() as server, tampered(server.ports[0]) as way:
        server.put("a", b"before", modified=1_700_000_000)
        section = upyun_section(way.port)
        tool = CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateUpyun", cloud=section)
        tool.common["requestTryCount"] = "1"

        def refuse(asked: Asked) -> None:
            if asked.path.endswith("/a"):
                server.put("a", b"afterwards", modified=1_700_000_000)

        way.refuse = refuse
        assert tool.run().counts() == counted(fail=1)
        # It is tried before it is listed again; that is what the third run knows.
        assert tool.run().counts() == counted(fail=1)
        ended = tool.run()
        assert (ended.code, ended.counts()) == (0, counted(new=1)), ended.out
        assert stored(cos) == {"a": b"afterwards"}


def test_a_check_does_not_believe_a_page(tmp_path: Path, cos: EmbeddedCos) -> None:
    """The source is asked where no CRC-64 is recorded, as in the Java tool's records."""
    with ali(tmp_path / "tool", cos) as cloud:
        must_all_arrive(cloud, cos)
        with open_store(cloud.tool.database) as state:
            crcs = [key for key, _ in state.scan(b"[cosmigrate ")]
            assert len(crcs) >= len(OBJECTS)
            state.write([], crcs, sync=True)
        cloud.tool.common |= {"check": "on", "requestTryCount": "1"}
        cloud.way.alter = by("HEAD")
        ended = cloud.tool.run()
        assert (ended.code, ended.counts()) == (1, counted(fail=len(OBJECTS))), ended.out
        assert ended.counts(0) == counted(skip=len(OBJECTS))
        cloud.way.alter = healthy
        assert cloud.tool.run().counts() == counted(new=len(OBJECTS))
