"""Upyun keeps the contract of all sources, and what is peculiar to it."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme

from cos_migrate.checksums import Check
from cos_migrate.config.values import Secret
from cos_migrate.errors import MigrateError, SourceError
from cos_migrate.model import Fingerprint, ListRange, Note, Page, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.upyun import listing
from cos_migrate.sources.upyun.config import UpyunConfig
from cos_migrate.sources.upyun.source import UpyunSource
from tests.fakes.faults import Fault
from tests.fakes.messages import Answer
from tests.fakes.upyun_server import SERVICE, UpyunServer, error
from tests.fakes.upyun_tokens import OPERATOR, PASSWORD
from tests.sources.contract import (
    BucketContract,
    PagesContract,
    SourceContract,
    WireContract,
    content,
    objects,
    only,
)

PROVEN_KEYS = {
    "migrateUpyun": {
        "test_a_missing_service": "bucket",
        "test_wrong_keys": "accessKeyId accessKeySecret",
        "test_the_prefix_is_a_folder": "prefix",
        "functional/test_upyun.py::test_the_proxy_is_for_all_requests_and_is_told": (
            "proxyHost proxyPort dbPrefix"
        ),
        "test_https": "srcHttps",
        "sources/test_connect_timeout.py::test_a_server_that_takes_no_connection": (
            "srcConnectTimeout"
        ),
        "test_silence_is_not_waited_for": "srcSocketTimeout",
        "test_a_file_of_keys": "uriList",
        "functional/test_upyun.py::test_many_folders_in_either_order": "endPoint",
        "functional/test_upyun.py::test_every_object_with_its_metadata_and_then_nothing_again": (
            "compareMd5"
        ),
        "test_both_orders": "acsendingOrder",
    }
}

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")


def build(server: UpyunServer, options: SourceOptions | None = None, **changes: Any) -> UpyunSource:
    settings: dict[str, Any] = {
        "bucket": SERVICE,
        "access_key_id": Secret(OPERATOR),
        "access_key_secret": Secret(PASSWORD),
        "end_point": server.address,
        **changes,
    }
    return UpyunSource(UpyunConfig(**settings), TARGET, options)


def keys(source: UpyunSource) -> dict[str, str]:
    return {obj.name: obj.key for obj in objects(source)}


def failure(source: UpyunSource) -> MigrateError:
    """Return how reading the first listed file, or the listing, fails."""
    with pytest.raises(MigrateError) as caught:
        content(source, objects(source)[0])
    return caught.value


@pytest.fixture
def server() -> Iterator[UpyunServer]:
    with UpyunServer() as server:
        yield server


@pytest.fixture
def source(server: UpyunServer) -> UpyunSource:
    return build(server)


class TestContract(SourceContract, BucketContract, PagesContract, WireContract):
    impossible: ClassVar[frozenset[str]] = frozenset({"double//slash"})
    """No folder has an empty name."""
    sorted_by_key: ClassVar[bool] = False


class TestKeys:
    def test_the_prefix_is_a_folder(self, server: UpyunServer) -> None:
        for path in ("a/b/d.txt", "a/b/c/e", "a/bc/d.txt", "top"):
            server.put(path, b"")
        wanted = {"a/b/d.txt": "d.txt", "a/b/c/e": "c/e"}
        for prefix in ("a/b", "a/b/"):
            assert keys(build(server, prefix=prefix)) == wanted
        assert len(keys(build(server))) == 4

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
        rising = list(keys(build(server)))
        assert rising == sorted(rising)
        assert list(keys(build(server, acsending_order=False))) == rising[::-1]

    def test_a_file_of_keys(self, server: UpyunServer, tmp_path: Path) -> None:
        for path in ("a/1", "a/2", "b"):
            server.put(path, path.encode())
        listed = tmp_path / "keys.txt"
        listed.write_text("a/1\n/b\n\na", encoding="utf-8")
        source = build(server, uri_list=str(listed), prefix="a")
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
        source = build(server, prefix="a/b", end_point=server.address)
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
            source = build(server, end_point="", prefix=prefix)
            assert source.job_text() == "[srcEndpoint: ] [prefix: a/b/] [cosFolder: /x/] "
        named = build(server, SourceOptions(db_cos_path="/old/"), db_prefix="before/")
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

    def test_a_page_that_cannot_be_had(self, server: UpyunServer, source: UpyunSource) -> None:
        server.put("a", b"")
        for fault in (
            Fault("status", "List", answer=error(503, 50300000, "busy")),
            Fault("reset", "List", times=2),  # the first one, on a kept-alive connection, is free
            Fault("cut", "List", at=20),
        ):
            server.faults.append(fault)
            assert failure(source).retryable, fault
            server.faults.clear()
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
        source = build(server, compare_md5=True)
        for each, wanted in (
            (build(server), plain),
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
    def test_wrong_keys(self, server: UpyunServer) -> None:
        server.put("f", b"x")
        for changes in (
            {"access_key_secret": Secret("wrong")},
            {"access_key_id": Secret("unknown")},
        ):
            found = failure(build(server, None, **changes))
            assert found.fatal
            assert "look at [migrateUpyun] accessKeyId, accessKeySecret" in str(found)

    def test_a_missing_service(self, server: UpyunServer) -> None:
        found = failure(build(server, bucket="other"))
        assert found.fatal
        assert "look at [migrateUpyun] bucket" in str(found)

    def test_no_permission(self, server: UpyunServer, source: UpyunSource) -> None:
        server.may_read = False
        assert "user need permission (40100017); look at [migrateUpyun]" in str(failure(source))
        server.may_read = True
        server.faults.append(Fault("status", answer=error(403, 40300000, "no")))
        assert "the operator must be allowed to read" in str(failure(source))

    def test_a_prefix_that_is_no_folder(self, server: UpyunServer) -> None:
        server.put("a/file", b"content")
        for prefix in ("none", "a/file", "a/fi"):
            [note] = build(server, prefix=prefix).scan()
            assert isinstance(note, Note)
            assert note.warning
            assert f"prefix={prefix}/" in note.line or f"prefix={prefix}:" in note.line

    def test_something_else_answers(self, server: UpyunServer, source: UpyunSource) -> None:
        server.faults.append(Fault("status", "List", answer=Answer(200, {}, b"<html>")))
        assert "look at [migrateUpyun] endPoint" in str(failure(source))
        with UpyunServer() as gone:
            assert isinstance(gone, UpyunServer)
            nowhere = gone.address
        found = failure(build(server, end_point=nowhere))
        assert found.retryable
        assert "look at [migrateUpyun] endPoint" in str(found)

    def test_all_requests_take_the_proxy(
        self, server: UpyunServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        server.put("f", b"x")
        assert content(build(server), only(build(server))) == b"x"
        server.seen.clear()
        host, _, port = server.address.partition(":")
        # Without an endPoint it is the public API, which only the proxy stands for here.
        source = build(server, end_point="", proxy_host=host, proxy_port=int(port))
        assert content(source, only(source)) == b"x"
        source.stat(only(source))
        assert {entry.proxied for entry in server.seen} == {True}
        assert {entry.authority for entry in server.seen} == {"v0.api.upyun.com"}

    def test_https(self, tmp_path: Path) -> None:
        authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        trusted = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(trusted))
        with UpyunServer(tls=context) as server:
            server.put("f", b"x")
            source = build(server, SourceOptions(ca_file=str(trusted)), src_https=True)
            assert content(source, only(source)) == b"x"
            explicit = build(
                server,
                SourceOptions(ca_file=str(trusted)),
                end_point=f"https://{server.address}",
            )
            assert content(explicit, only(explicit)) == b"x"

    def test_silence_is_not_waited_for(self, server: UpyunServer) -> None:
        server.put("f", b"x")
        source = build(server, src_socket_timeout=1000)
        for operation in ("Get", "List"):
            server.faults.append(Fault("hang", operation))
            found = failure(source)
            assert (found.code, found.retryable) == ("Timeout", True)

    def test_no_secret_is_shown(self, source: UpyunSource) -> None:
        assert PASSWORD not in repr(source.config)


@pytest.mark.parametrize("name", ["../above", "other/deep", ".."])
def test_names_that_are_no_children(
    server: UpyunServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    server.put("src/a", b"x")
    source = build(server, prefix="src/")
    parsed = listing._children
    more = listing.Child(name, is_folder=False, size=1, modified=1)
    monkeypatch.setattr(listing, "_children", lambda *words: [more, *parsed(*words)])
    page = source.list_page(ListRange("src/"), "")
    assert [item.name for item in page.found if isinstance(item, SourceObject)] == ["src/a"]
    assert page.problem is not None
    assert name in page.problem.message
