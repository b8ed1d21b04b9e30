"""The faults of the OSS of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import oss2
import pytest
import requests

from tests.fakes.faults import Fault
from tests.fakes.oss_server import KEY_ID, SECRET, OssServer
from tests.fakes.oss_signature import Account
from tests.fakes.oss_store import crc64_of
from tests.fakes.tests.test_oss_server import TEMPORARY, client


@pytest.fixture(name="oss")
def _oss() -> Iterator[OssServer]:
    with OssServer(accounts=(Account(KEY_ID, SECRET), TEMPORARY)) as oss:
        yield oss


def test_faults(oss: OssServer) -> None:
    made = oss.put("a", bytes(1000))
    bucket = client(oss)

    def got(**fault: Any) -> Any:
        one = Fault(operation="GetObject", **fault)
        oss.faults = [one]
        try:
            result = bucket.get_object("a")
            data = result.read()
        except (oss2.exceptions.OssError, requests.RequestException) as error:
            return error
        else:
            return data if result.client_crc == result.server_crc else "another CRC-64"
        finally:
            assert oss.hits(one) == 1

    assert got(kind="status", status=503, code="SlowDown").status == 503
    assert isinstance(got(kind="reset"), oss2.exceptions.RequestError)
    assert isinstance(got(kind="hang", seconds=0.01), oss2.exceptions.RequestError)
    assert isinstance(got(kind="cut", at=10), requests.RequestException)
    assert oss.downloads("a")[-1].sent == 10
    assert got(kind="flip", at=7) == "another CRC-64"
    assert got(kind="wrong-crc") == "another CRC-64"
    assert got(kind="no-crc") == "another CRC-64"
    assert oss.downloads("a")[-1].sent == 1000
    assert got(kind="call", action=lambda: oss.put("a", b"new")) == b"new"
    oss.faults = [Fault("unpinned"), Fault("whole")]
    old = {"If-Match": made.etag}
    assert bucket.get_object("a", headers=old).read() == b"new"
    assert bucket.get_object("a", byte_range=(1, 1)).read() == b"new"
    assert bucket.get_object("a", byte_range=(1, 1)).read() == b"e"
    with pytest.raises(ValueError, match="no fault"):
        Fault("nonsense")


def test_listing_faults(oss: OssServer) -> None:
    bucket = client(oss)
    for name in "abcdef":
        oss.put(name)

    def listed(kind: str, marker: str = "") -> tuple[list[str], str]:
        oss.faults = [Fault(kind, operation="ListObjects")]
        page = bucket.list_objects(max_keys=2, marker=marker)
        return [found.key for found in page.object_list], page.next_marker

    assert listed("shuffle") == (["b", "a"], "b")
    assert listed("same-marker", "b") == (["c", "d"], "b")
    assert listed("repeat", "d") == (["a", "b"], "b")


def test_known_checksums() -> None:
    assert crc64_of(b"123456789") == 0x995DC9BBDF1939FA
    assert crc64_of(b"") == 0
    for size in (1, 2, 3, 255, 4096, 4097):
        data = bytes(number * 7 & 0xFF for number in range(size))
        theirs = oss2.utils.Crc64()
        theirs.update(data)
        assert crc64_of(data) == theirs.crc


def test_many_clients_at_once(oss: OssServer) -> None:
    oss.put("a", bytes(16384))
    url = client(oss).sign_url("GET", "a", 600)

    def read(_: int) -> int:
        with requests.Session() as session:
            return sum(len(session.get(url, timeout=120).content) for _ in range(5))

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(read, range(32))) == 160 * 16384
    assert len(oss.downloads("a")) == 160
