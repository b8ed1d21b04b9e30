"""Qiniu keeps the contract of all sources, and what is peculiar to it."""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest
import trustme

from cos_migrate.checksums import Check
from cos_migrate.config.values import Secret
from cos_migrate.errors import MigrateError, SourceError
from cos_migrate.model import Fingerprint, ListRange, Rejected, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.qiniu.config import QiniuConfig
from cos_migrate.sources.qiniu.source import QiniuSource
from tests.fakes.faults import Fault
from tests.fakes.messages import Answer
from tests.fakes.qiniu_server import (
    ARCHIVE,
    ARCHIVE_DIRECT,
    BUCKET,
    DEEP_ARCHIVE,
    QiniuServer,
    error,
    qetag,
)
from tests.fakes.qiniu_tokens import ACCESS_KEY, SECRET_KEY
from tests.sources.contract import (
    BucketContract,
    CutsContract,
    PagesContract,
    SourceContract,
    WireContract,
    content,
    objects,
    only,
    pages,
)

PROVEN_KEYS = {
    "migrateQiniu": {
        "test_a_missing_bucket": "bucket",
        "test_wrong_keys": "accessKeyId accessKeySecret",
        "functional/test_qiniu.py::test_a_prefix_through_a_proxy": "prefix proxyHost proxyPort",
        "test_https": "srcHttps",
        "sources/test_connect_timeout.py::test_a_server_that_takes_no_connection": (
            "srcConnectTimeout"
        ),
        "test_silence_is_not_waited_for": "srcSocketTimeout",
        "functional/test_qiniu.py::test_a_file_of_keys": "uriList",
        "test_a_domain_that_is_not_there": "endPoint",
        "test_an_unsigned_url_of_a_private_bucket": "needSign",
        "test_hosts_of_a_private_deployment": "rsHost rsfHost ucHost",
    }
}

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")


def build(server: QiniuServer, options: SourceOptions | None = None, **changes: Any) -> QiniuSource:
    settings: dict[str, Any] = {
        "bucket": BUCKET,
        "access_key_id": Secret(ACCESS_KEY),
        "access_key_secret": Secret(SECRET_KEY),
        "end_point": server.domain,
        "uc_host": server.uc,
        **changes,
    }
    return QiniuSource(QiniuConfig(**settings), TARGET, options)


def names(source: QiniuSource) -> list[str]:
    return [obj.name for obj in objects(source)]


def keys(source: QiniuSource) -> dict[str, str]:
    return {obj.name: obj.key for obj in objects(source)}


def failure(source: QiniuSource) -> MigrateError:
    """Return how reading the first listed object, or the listing, fails."""
    with pytest.raises(MigrateError) as caught:
        content(source, objects(source)[0])
    return caught.value


def encrypted(folder: Path) -> tuple[ssl.SSLContext, SourceOptions]:
    """Return what a server needs for TLS, and how a source trusts it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusted = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    return context, SourceOptions(ca_file=str(trusted))


@pytest.fixture
def server() -> Iterator[QiniuServer]:
    with QiniuServer() as server:
        yield server


@pytest.fixture
def source(server: QiniuServer) -> QiniuSource:
    return build(server)


class TestContract(SourceContract, BucketContract, PagesContract, CutsContract, WireContract):
    impossible: ClassVar[frozenset[str]] = frozenset({"double//slash"})
    """Another key on COS; see below."""


class TestKeys:
    def test_a_prefix_takes_away_all_up_to_its_last_slash(self, server: QiniuServer) -> None:
        for key in ("a/b/d.txt", "a/bc/d.txt", "a/c", "b"):
            server.put(key, b"")
        assert keys(build(server, prefix="a/b")) == {
            "a/b/d.txt": "b/d.txt",
            "a/bc/d.txt": "bc/d.txt",
        }
        assert keys(build(server, prefix="a/b/")) == {"a/b/d.txt": "d.txt"}

    def test_slashes_are_collapsed_on_cos_only(
        self, server: QiniuServer, source: QiniuSource
    ) -> None:
        wanted = {"/a": "a", "//b": "b", "c//d///e": "c/d/e", "f/": "f/", "g//": "g/"}
        for key in wanted:
            server.put(key, key.encode())
        assert keys(source) == wanted
        for obj in objects(source):
            assert content(source, obj) == obj.name.encode()

    def test_no_two_objects_become_one(self, server: QiniuServer, source: QiniuSource) -> None:
        for key in ("a/b", "a//b", "c//d", "c///d", "/e"):
            server.put(key, key.encode())
        found = list(source.scan())
        rejected = [item for item in found if isinstance(item, Rejected)]
        assert [(item.name, item.key) for item in rejected] == [("c//d", "c/d")]
        assert rejected[0].failure is not None
        assert "the same object as c///d" in rejected[0].failure.message
        for item in found:
            if not isinstance(item, SourceObject):
                continue
            if item.name == "a//b":
                with pytest.raises(SourceError, match="the same object as a/b"):
                    content(source, item)
            else:
                assert content(source, item) == item.name.encode()
        # A page that is asked for again rejects nothing more.
        assert list(source.scan()) == found

    def test_an_empty_key_is_listed(self, server: QiniuServer, source: QiniuSource) -> None:
        server.put("", b"nameless")
        server.put("a", b"")
        assert names(source) == ["", "a"]
        assert content(source, objects(source)[0]) == b"nameless"

    def test_a_file_of_keys(self, server: QiniuServer, tmp_path: Path) -> None:
        for key in ("a/1", "a/2", "\u4e2d/ 3 "):
            server.put(key, key.encode())
        listed = tmp_path / "keys.txt"
        listed.write_bytes("\ufeffa/1\r\n\n\u4e2d/ 3 \nmissing".encode())
        source = build(server, uri_list=str(listed), prefix="a/")
        assert keys(source) == {"a/1": "1", "\u4e2d/ 3 ": "\u4e2d/ 3 ", "missing": "missing"}
        found = [source.stat(obj) for obj in objects(source)[:2]]
        assert [content(source, obj) for obj in found] == [b"a/1", "\u4e2d/ 3 ".encode()]
        assert not server.asked("List")
        assert source.split(source.ranges()[0], "") is None


class TestRecords:
    def test_their_texts(self, server: QiniuServer) -> None:
        stored = server.put("a/b/d.txt", b"12345")
        source = build(server, prefix="a/b")
        assert source.job_text() == f"[srcPrefix: a/b] [srcBucket: {BUCKET}] [cosFolder: /x/]"
        obj = only(source)
        assert source.record_key(obj, "/x/b/d.txt") == (
            "[taskType: migrateQiniu] [bucket: examplebucket-1250000000] [cosPath: /x/b/d.txt]"
        )
        assert source.record_value(obj) == f"[fileSize: 5] [etag: {stored.etag}]"
        assert source.record_kind == "migrate_from_qiniu"


class TestListing:
    def test_it_goes_on_behind_any_key(self, server: QiniuServer, source: QiniuSource) -> None:
        wanted = sorted(f"k/{number:04}" for number in range(1500))
        for key in wanted:
            server.put(key, b"")
        page = source.list_page(ListRange("k/", after="k/0100"), "")
        assert [obj.name for obj in page.found][:1] == ["k/0101"]  # type: ignore[union-attr]
        assert page.next == "k/1100"
        page = build(server).list_page(ListRange("k/"), page.next)
        assert [obj.name for obj in page.found] == wanted[1101:]  # type: ignore[union-attr]
        page = source.list_page(ListRange("k/", until="k/0002"), "")
        assert [obj.name for obj in page.found] == wanted[:3]  # type: ignore[union-attr]

    @pytest.mark.parametrize("how", ["refuse", "ignore"])
    def test_a_cloud_that_takes_only_its_own_markers(self, server: QiniuServer, how: str) -> None:
        wanted = [f"k/{number:03}" for number in range(60)]
        for key in wanted:
            server.put(key, b"")
        server.page_size, server.foreign_markers = 10, how
        assert names(build(server)) == wanted
        assert len(server.asked("List")) == 6
        found = [
            obj.name  # type: ignore[union-attr]
            for page in pages(build(server), ListRange("k/"), "k/024")
            for obj in page.found
        ]
        assert found == wanted[25:]

    def test_a_cloud_whose_markers_say_something_else(self, server: QiniuServer) -> None:
        """It would take a marker made of a key for another key, and leave out what lies between."""
        wanted = [f"k/{number:03}/x" for number in range(60)]
        for key in wanted:
            server.put(key, b"")
        server.page_size, server.plain_markers = 10, True
        assert names(build(server)) == wanted
        source = build(server)
        part = ListRange("k/", after="k/004/x")
        assert source.split(ListRange("k/"), "k/009/x") is None
        for marker in ("k/024/x", ""):
            found = [obj.name for page in pages(source, part, marker) for obj in page.found]  # type: ignore[union-attr]
            assert found == [key for key in wanted if key > (marker or part.after)]

    def test_numbers_and_times_as_others_write_them(self, server: QiniuServer) -> None:
        body = b"""{"marker": "", "commonPrefixes": null, "items": [
            {"key": "a", "hash": "h", "fsize": 5.0, "putTime": 1.7954171870000000e16},
            {"key": "b", "hash": "h", "fsize": "6", "putTime": null}]}"""
        server.faults.append(Fault("status", "List", answer=Answer(200, {}, body)))
        found = {obj.name: obj.fingerprint for obj in objects(build(server))}
        assert found == {
            "a": Fingerprint(5, 1_795_417_187 * 10**9, "h"),
            "b": Fingerprint(6, -1, "h"),
        }

    def test_the_region_is_asked_for_once(self, server: QiniuServer, source: QiniuSource) -> None:
        for number in range(2001):
            server.put(f"{number:05}", b"")
        assert len(names(source)) == 2001
        assert len(server.asked("Uc /v4/query")) == 1
        assert len(server.asked("List")) == 3
        assert all(entry.status == 200 for entry in server.seen)

    def test_empty_pages_are_not_the_end(self, server: QiniuServer, source: QiniuSource) -> None:
        for number in range(2001):
            server.put(f"{number:05}", b"")
        server.empty_pages = True
        assert len(names(source)) == 2001

    @pytest.mark.parametrize("fault", ["loops", "shuffles"])
    def test_a_listing_that_is_out_of_order(
        self, server: QiniuServer, source: QiniuSource, fault: str
    ) -> None:
        for number in range(2001):
            server.put(f"{number:05}", b"")
        server.loops_at, server.shuffles = (2, False) if fault == "loops" else (0, True)
        with pytest.raises(SourceError) as caught:
            names(source)
        assert caught.value.code == "ListingOutOfOrder"
        assert not caught.value.retryable

    def test_a_page_that_cannot_be_had(self, server: QiniuServer, source: QiniuSource) -> None:
        server.put("a", b"")
        for fault in (
            Fault("status", "List", answer=error(503, "busy")),
            Fault("reset", "List"),
            Fault("cut", "List", at=20),
            Fault("status", "Uc /v4/query", answer=error(599, "failed")),
        ):
            server.faults.append(fault)
            with pytest.raises(MigrateError) as caught:
                names(build(server))
            assert caught.value.retryable, fault
            server.faults.clear()
        assert names(source) == ["a"]


class TestObjects:
    def test_what_is_carried_over(self, server: QiniuServer, source: QiniuSource) -> None:
        stored = server.put("f", b"x", mime="text/css", meta={"Colour_x": "r\u00f6t", "b": "1"})
        with source.open(only(source), 0, 1) as reader:
            described = reader.described
        assert dict(described.headers) == {
            "content-type": "text/css",
            "x-cos-meta-qiniu-etag": f'"{stored.etag}"',
            "x-cos-meta-colour-x": "r%C3%B6t",
            "x-cos-meta-b": "1",
        }
        assert source.describe(only(source)).headers == described.headers

    def test_the_md5_comes_from_the_management_service(
        self, server: QiniuServer, source: QiniuSource
    ) -> None:
        server.put("f", b"content")
        assert source.describe(only(source)).md5 == ""
        server.knows_md5 = True
        server.put("f", b"content")
        described = source.describe(only(source))
        assert described.md5 == hashlib.md5(b"content").hexdigest()
        assert described.checks == (Check("qetag", qetag(b"content")),)
        server.faults.append(Fault("status", "Stat", times=-1, answer=error(403, "no")))
        assert source.describe(only(source)).md5 == ""

    @pytest.mark.parametrize("size", [1, 4 << 20, (4 << 20) + 1, 9 << 20])
    def test_a_flipped_bit_is_seen(
        self, server: QiniuServer, source: QiniuSource, size: int
    ) -> None:
        server.put("f", b"x" * size)
        server.faults.append(Fault("flip", "GetObject", at=size // 2))
        found = failure(source)
        assert (found.code, found.retryable) == ("SourceChecksumMismatch", True)
        assert content(source, only(source)) == b"x" * size

    def test_a_hash_of_other_parts_is_no_checksum(
        self, server: QiniuServer, source: QiniuSource
    ) -> None:
        server.put("f", b"x" * 100, etag="n" + qetag(b"x")[1:])
        assert content(source, only(source)) == b"x" * 100

    def test_urls_are_signed_for_an_hour(self, server: QiniuServer, source: QiniuSource) -> None:
        server.put("f", b"x")
        content(source, only(source))
        query = parse_qs(server.asked("GetObject")[0].target.partition("?")[2])
        assert 3300 <= int(query["e"][0]) - time.time() <= 3601
        server.private = False
        server.seen.clear()
        content(build(server, need_sign=False), only(source))
        assert server.asked("GetObject")[0].target == "/f"

    def test_archived_objects_are_named_as_such(
        self, server: QiniuServer, source: QiniuSource
    ) -> None:
        for kind in (ARCHIVE, DEEP_ARCHIVE):
            server.put("f", b"x", type=kind)
            found = failure(source)
            assert found.code == "Archived"
            assert "must be restored" in str(found)
            assert not found.fatal
            assert not found.retryable
        server.restore("f")
        assert content(source, only(source)) == b"x"
        server.put("f", b"y", type=ARCHIVE_DIRECT)
        assert content(source, only(source)) == b"y"

    def test_disabled_objects(self, server: QiniuServer, source: QiniuSource) -> None:
        server.put("f", b"x", status=1)
        found = failure(source)
        assert (found.code, found.fatal) == ("Disabled", False)


class TestConfiguration:
    def test_wrong_keys(self, server: QiniuServer) -> None:
        server.put("f", b"x")
        found = failure(build(server, access_key_secret=Secret("wrong")))
        assert found.fatal
        assert "look at [migrateQiniu] accessKeyId and accessKeySecret" in str(found)
        found = failure(build(server, access_key_id=Secret("unknown")))
        assert found.fatal
        assert "look at [migrateQiniu] accessKeyId" in str(found)
        private = build(server, access_key_id=Secret("unknown"), uc_host="", rsf_host=server.rsf)
        assert failure(private).code == "BadToken"

    def test_a_missing_bucket(self, server: QiniuServer) -> None:
        for source in (
            build(server, bucket="other"),
            build(server, bucket="other", uc_host="", rsf_host=server.rsf),
        ):
            found = failure(source)
            assert found.fatal
            assert "no such bucket; look at [migrateQiniu] bucket" in str(found)

    def test_no_permission_to_list(self, server: QiniuServer, source: QiniuSource) -> None:
        server.put("f", b"x")
        server.may_list = False
        assert "must be allowed to list" in str(failure(source))

    def test_a_domain_of_another_bucket(self, server: QiniuServer, source: QiniuSource) -> None:
        server.put("f", b"x")
        server.domain_bucket = "other"
        found = failure(source)
        assert found.fatal
        assert "look at [migrateQiniu] endPoint" in str(found)

    def test_a_domain_that_is_not_among_the_bucket_s(self, server: QiniuServer) -> None:
        server.put("f", b"x")
        found = failure(build(server, end_point=server.rs))
        assert found.fatal
        assert f"the bucket's download domains: {server.domain}" in str(found)

    def test_one_object_that_the_domain_lacks_stops_nothing(
        self, server: QiniuServer, source: QiniuSource
    ) -> None:
        server.put("f", b"x")
        content(source, only(source))
        server.faults.append(Fault("status", "GetObject", answer=error(404, "Document not found")))
        found = failure(source)
        assert (found.code, found.fatal) == ("NotServed", False)

    def test_a_domain_that_is_not_there(self, server: QiniuServer) -> None:
        server.put("f", b"x")
        with QiniuServer() as gone:
            assert isinstance(gone, QiniuServer)
            nowhere = gone.domain
        found = failure(build(server, end_point=nowhere))
        assert found.retryable
        assert "look at [migrateQiniu] endPoint" in str(found)
        found = failure(build(server, rsf_host=nowhere))
        assert "look at [migrateQiniu] rsHost, rsfHost and ucHost" in str(found)

    def test_an_unsigned_url_of_a_private_bucket(self, server: QiniuServer) -> None:
        server.put("f", b"x")
        found = failure(build(server, need_sign=False))
        assert found.fatal
        assert "look at [migrateQiniu] needSign" in str(found)

    def test_hosts_of_a_private_deployment(self, server: QiniuServer) -> None:
        server.put("f", b"x", type=ARCHIVE)
        source = build(
            server,
            end_point=f"http://{server.domain}",
            rs_host=f"http://{server.rs}",
            rsf_host=server.rsf,
            uc_host="",
        )
        assert failure(source).code == "Archived"
        assert not [entry for entry in server.seen if entry.operation.startswith("Uc")]
        alone = build(server, rsf_host=server.rsf, uc_host="")
        assert failure(alone).code == "Forbidden"  # there is nobody to ask why

    def test_an_older_private_deployment(self, server: QiniuServer) -> None:
        server.put("f", b"x")
        server.knows_v4 = False
        source = build(server)
        assert names(source) == ["f"]
        assert source.stat(only(source)).fingerprint.size == 1
        assert len(server.asked("Uc /v2/query")) == 1

    def test_something_else_answers(self, server: QiniuServer) -> None:
        found = failure(build(server, rsf_host=server.domain))
        assert "look at [migrateQiniu]" in str(found)
        found = failure(build(server, uc_host=server.rs))
        assert "look at [migrateQiniu] rsHost, rsfHost and ucHost" in str(found)

    def test_all_requests_take_the_proxy(
        self, server: QiniuServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        server.put("f", b"x")
        assert content(build(server), only(build(server))) == b"x"
        server.seen.clear()
        server.names |= {"uc.example.test": "uc", "www.example.test": "io"}
        host, _, port = server.rs.partition(":")
        source = build(
            server,
            proxy_host=host,
            proxy_port=int(port),
            uc_host="uc.example.test",
            end_point="www.example.test",
        )
        assert content(source, only(source)) == b"x"
        source.stat(only(source))
        assert {entry.proxied for entry in server.seen} == {True}
        assert {entry.operation for entry in server.seen} == {
            "Uc /v4/query",
            "List",
            "Stat",
            "GetObject",
        }

    def test_https(self, tmp_path: Path) -> None:
        context, options = encrypted(tmp_path)
        with QiniuServer(tls=context) as server:
            server.put("f", b"x")
            source = build(server, options, src_https=True)
            assert content(source, only(source)) == b"x"
            strangers = failure(build(server, src_https=True))
            assert "not trusted" in str(strangers)

    def test_silence_is_not_waited_for(self, server: QiniuServer) -> None:
        server.put("f", b"x")
        source = build(server, src_socket_timeout=1000)
        server.faults.append(Fault("hang", "GetObject"))
        found = failure(source)
        assert (found.code, found.retryable) == ("Timeout", True)
        server.faults.append(Fault("hang", "List"))
        with pytest.raises(MigrateError) as caught:
            names(source)
        assert caught.value.retryable

    def test_no_secret_is_shown(self, server: QiniuServer, source: QiniuSource) -> None:
        server.put("f", b"x")
        assert SECRET_KEY not in repr(source.config)
        server.faults.append(Fault("status", "GetObject", answer=error(500, "oops")))
        found = failure(source)
        assert "token" not in f"{found} {found.target}"
