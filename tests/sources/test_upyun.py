"""Upyun keeps the contract of all sources, and what is peculiar to it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import ClassVar

import pytest

from cos_migrate.checksums import Check
from cos_migrate.errors import SourceError
from cos_migrate.model import Fingerprint, ListRange, Note, Page, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.upyun import listing
from cos_migrate.sources.upyun.source import UpyunSource
from tests.fakes.certificates import issue
from tests.fakes.faults import Fault
from tests.fakes.messages import Answer
from tests.fakes.upyun_server import UpyunServer, error
from tests.sources.bucket_contract import BucketContract
from tests.sources.clouds import UpyunCloud
from tests.sources.contract import (
    PagesContract,
    SourceContract,
    WireContract,
    content,
    failure,
    objects,
    only,
)

PROVEN_KEYS = {
    "migrateUpyun": {
        "test_wrong_settings_are_named": "bucket accessKeyId accessKeySecret",
        "test_nothing_but_the_configuration_names_a_proxy": "proxyHost proxyPort",
        "test_an_authority_of_its_own": "srcHttps",
        "test_what_may_pass": "srcSocketTimeout",
        "test_below_a_folder": "prefix",
        "test_a_server_that_is_not_there": "endPoint",
        "test_a_file_of_keys": "uriList",
        "functional/test_upyun.py::test_the_proxy_is_for_all_requests_and_is_told": "dbPrefix",
        "sources/test_connect_timeout.py::test_a_server_that_takes_no_connection": (
            "srcConnectTimeout"
        ),
        "functional/test_upyun.py::test_every_object_with_its_metadata_and_then_nothing_again": (
            "compareMd5"
        ),
        "test_both_orders": "acsendingOrder",
    }
}

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")


def keys(source: UpyunSource) -> dict[str, str]:
    return {obj.name: obj.key for obj in objects(source)}


@pytest.fixture(name="server")
def _server(upyun: UpyunServer) -> UpyunServer:
    return upyun


@pytest.fixture
def cloud(server: UpyunServer) -> UpyunCloud:
    return UpyunCloud(server)


@pytest.fixture
def source(cloud: UpyunCloud) -> UpyunSource:
    return cloud.source()


class TestContract(BucketContract, SourceContract, PagesContract, WireContract):
    archived = ""
    no_listing = "NotUpyun"
    takes_conditions = False
    impossible: ClassVar[frozenset[str]] = frozenset({"double//slash"})
    """No folder has an empty name."""
    sorted_by_key: ClassVar[bool] = False


class TestKeys:
    def test_a_prefix_without_its_slash(self, server: UpyunServer) -> None:
        for path in ("a/b/d.txt", "a/bc/d.txt"):
            server.put(path, b"")
        assert keys(UpyunCloud(server).source(prefix="a/b")) == {"a/b/d.txt": "d.txt"}

    def test_folders_create_nothing(self, server: UpyunServer, source: UpyunSource) -> None:
        server.mkdir("empty/deep")
        server.put("a/b", b"")
        assert keys(source) == {"a/b": "a/b"}

    def test_folders_are_ranges_of_their_own(
        self, server: UpyunServer, source: UpyunSource
    ) -> None:
        for path in ("b/1", "a/1/x", "f"):
            server.put(path, b"")
        page = source.list_page(source.ranges()[0], "")
        assert page.more == (ListRange("a/"), ListRange("b/"))
        assert source.split(page.more[0], "") is None

    def test_both_orders(self, server: UpyunServer) -> None:
        for number in range(1003):
            server.put(f"{number:04}", b"")
        rising = list(keys(UpyunCloud(server).source()))
        assert rising == sorted(rising)
        assert list(keys(UpyunCloud(server).source(acsending_order=False))) == rising[::-1]

    def test_a_file_of_keys(self, server: UpyunServer, tmp_path: Path) -> None:
        for path in ("a/1", "a/2", "b"):
            server.put(path, path.encode())
        listed = tmp_path / "keys.txt"
        listed.write_text("a/1\n/b\n\na", encoding="utf-8")
        source = UpyunCloud(server).source(uri_list=str(listed), prefix="a")
        assert keys(source) == {"a/1": "1", "b": "b", "a": "a"}
        one, two, folder = objects(source)
        assert content(source, source.stat(one)) == b"a/1"
        assert content(source, source.stat(two)) == b"b"
        with pytest.raises(SourceError, match="it is a folder"):
            source.stat(folder)
        with pytest.raises(SourceError, match="it is a folder"), source.open(folder, 0, -1):
            pass


class TestRecords:
    def test_their_texts(self, server: UpyunServer) -> None:
        server.put("a/b/d.txt", b"12345", modified=1_795_417_187)
        source = UpyunCloud(server).source(prefix="a/b", end_point=server.address)
        obj = only(source)
        assert source.record_key(obj, "/x/d.txt") == (
            "[taskType: migrateUpyun] [bucket: examplebucket-1250000000] [cosPath: /x/d.txt]"
        )
        value = "[fileSize: 5] [etag: Mon Nov 23 06:59:47 UTC 2026]"
        assert source.record_value(obj) == value
        assert source.is_unchanged(obj, value.replace("06:59:47 UTC", "14:59:47 CST"))
        assert not source.is_unchanged(obj, value.replace("06:59:47 UTC", "14:59:48 CST"))
        assert not source.is_unchanged(obj, value.replace("5]", "6]"))
        assert source.record_kind == "migrate_from_upyun"

    def test_the_name_of_the_database(self, server: UpyunServer) -> None:
        for prefix in ("a/b", "a/b/"):
            source = UpyunCloud(server).source(end_point="", prefix=prefix)
            assert source.job_text() == "[srcEndpoint: ] [prefix: a/b/] [cosFolder: /x/] "
        named = UpyunCloud(server).source(SourceOptions(db_cos_path="/old/"), db_prefix="before/")
        assert named.job_text() == (
            f"[srcEndpoint: {server.address}] [prefix: before/] [cosFolder: /old/] "
        )


class TestListing:
    @pytest.mark.parametrize("loops", ["stay", "restart"])
    def test_iterators_that_lead_nowhere(
        self, server: UpyunServer, source: UpyunSource, loops: str
    ) -> None:
        for number in range(2500):
            server.put(f"{number:05}", b"")
        server.loops = loops
        with pytest.raises(SourceError) as caught:
            objects(source)
        assert (caught.value.code, caught.value.retryable) == ("ListingLoops", False)

    def test_pages_that_repeat_behind_new_iterators(
        self, server: UpyunServer, source: UpyunSource
    ) -> None:
        body = b'{"files":[{"name":"a","type":"t","length":0,"last_modified":1}]}'
        for number in range(3):
            headers = {"x-upyun-list-iter": f"random{number}"}
            server.faults.append(Fault("status", "List", answer=Answer(200, headers, body)))
        with pytest.raises(SourceError, match="in circles"):
            objects(source)
        assert len(server.asked("List")) == 2

    def test_a_page_is_asked_for_again(self, server: UpyunServer, source: UpyunSource) -> None:
        for number in range(2500):
            server.put(f"{number:05}", b"")
        first = source.list_page(ListRange(), "")
        second = source.list_page(ListRange(), first.next)
        assert source.list_page(ListRange(), first.next) == second
        assert len(source.list_page(ListRange(), second.next).found) == 500

    def test_lines_of_text_are_read_too(self, server: UpyunServer, source: UpyunSource) -> None:
        body = b"a\tN\t5\t1700000000\nsub\tF\t0\t1700000000"
        headers = {"x-upyun-list-iter": "g2gCZAAEbmV4dGQAA2VvZg", "Content-Type": "text/plain"}
        server.faults.append(Fault("status", "List", answer=Answer(200, headers, body)))
        page = source.list_page(ListRange("f/"), "")
        assert [obj.name for obj in page.found] == ["f/a"]  # type: ignore[union-attr]
        assert page.more == (ListRange("f/sub/"),)

    @pytest.mark.parametrize("end", ['"g2gCZAAEbmV4dGQAA2VvZg=="', '""', "null"])
    def test_iterators_in_the_page_alone(
        self, server: UpyunServer, source: UpyunSource, end: str
    ) -> None:
        """As JSON has them too: nothing promises the header, or how a number is written."""
        first = b""" {"iter": "next1", "files": [{"type": "folder", "name": "sub"},
            {"type": "text/plain", "name": "a", "length": "5", "last_modified": 1700000000.0}]}"""
        last = b'{"files": null, "iter": ' + end.encode() + b"}"
        for body in (first, last):
            server.faults.append(Fault("status", "List", answer=Answer(200, {}, body)))
        page = source.list_page(ListRange("f/"), "")
        assert page.found == [SourceObject("f/a", "f/a", Fingerprint(5, 1_700_000_000 * 10**9))]
        assert (page.next, page.more) == ("next1", (ListRange("f/sub/"),))
        assert source.list_page(ListRange("f/"), "next1") == Page([], "")

    def test_an_md5_in_base64(self, source: UpyunSource) -> None:
        digest = hashlib.md5(b"x").digest()
        headers = {b"content-md5": base64.b64encode(digest)}
        assert (
            source.description(SourceObject("a", "a", Fingerprint(1)), headers).md5 == digest.hex()
        )

    def test_a_page_that_cannot_be_understood(
        self, server: UpyunServer, source: UpyunSource
    ) -> None:
        garbled = Answer(200, {"x-upyun-list-iter": "x"}, b'{"files":[{"name":1}]}')
        server.faults.append(Fault("status", "List", answer=garbled))
        assert "cannot be understood" in str(failure(source))

    def test_a_folder_that_is_removed_meanwhile(
        self, server: UpyunServer, source: UpyunSource
    ) -> None:
        server.put("a/f", b"")
        server.put("b", b"")
        first = source.list_page(ListRange(), "")
        server.remove("a/f")
        server.remove("a")
        assert source.list_page(first.more[0], "") == Page([], "")


class TestObjects:
    def test_what_is_carried_over(self, server: UpyunServer) -> None:
        md5 = server.put("f", b"x", mime="text/css", meta={"colour": "red"}).md5
        plain = {"content-type": "text/css", "x-cos-meta-colour": "red"}
        source = UpyunCloud(server).source(compare_md5=True)
        for each, wanted in (
            (UpyunCloud(server).source(), plain),
            (source, {**plain, "x-cos-meta-upyun-etag": md5}),
        ):
            with each.open(only(each), 0, 1) as reader:
                assert dict(reader.described.headers) == wanted
        server.tells_md5 = False
        with source.open(only(source), 0, 1) as reader:
            assert dict(reader.described.headers) == plain

    @pytest.mark.parametrize("tells", [True, False])
    def test_head(self, server: UpyunServer, source: UpyunSource, tells: bool) -> None:
        server.head_tells_length = tells
        server.put("f", b"content")
        described = source.describe(only(source))
        assert described.md5 == hashlib.md5(b"content").hexdigest()
        assert described.checks == (Check("MD5", described.md5),)
        assert described.fingerprint == only(source).fingerprint


class TestConfiguration:
    def test_no_permission(self, server: UpyunServer, source: UpyunSource) -> None:
        server.may_read = False
        assert "user need permission (40100017); look at [migrateUpyun]" in str(failure(source))
        server.may_read = True
        server.faults.append(Fault("status", answer=error(403, 40300000, "no")))
        assert "the operator must be allowed to read" in str(failure(source))

    def test_a_prefix_that_is_no_folder(self, server: UpyunServer) -> None:
        server.put("a/file", b"content")
        for prefix in ("none", "a/file", "a/fi"):
            [note] = UpyunCloud(server).source(prefix=prefix).scan()
            assert isinstance(note, Note)
            assert note.warning
            assert f"prefix={prefix}/" in note.line or f"prefix={prefix}:" in note.line

    def test_an_address_with_https(self, tmp_path: Path) -> None:
        ca_file = tmp_path / "ca.pem"
        with UpyunServer(tls=issue(ca_file, "127.0.0.1")) as server:
            server.put("f", b"x")
            options = SourceOptions(ca_file=str(ca_file))
            source = UpyunCloud(server).source(options, end_point=f"https://{server.address}")
            assert content(source, only(source)) == b"x"


@pytest.mark.parametrize("name", ["../above", "other/deep", ".."])
def test_names_that_are_no_children(
    server: UpyunServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    server.put("src/a", b"x")
    source = UpyunCloud(server).source(prefix="src/")
    parsed = listing._children
    more = listing.Child(name, is_folder=False, size=1, modified=1)
    monkeypatch.setattr(listing, "_children", lambda *words: [more, *parsed(*words)])
    page = source.list_page(ListRange("src/"), "")
    assert [item.name for item in page.found if isinstance(item, SourceObject)] == ["src/a"]
    assert page.problem is not None
    assert name in page.problem.message
