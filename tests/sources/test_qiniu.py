"""Qiniu keeps the contract of all sources, and what is peculiar to it."""

from __future__ import annotations

import hashlib
import time
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest

from cos_migrate.checksums import Check
from cos_migrate.config.values import Secret
from cos_migrate.errors import MigrateError, SourceError
from cos_migrate.model import Fingerprint, ListRange, Rejected, SourceObject, Target
from cos_migrate.sources.qiniu.source import QiniuSource
from tests.fakes.faults import Fault
from tests.fakes.messages import Answer
from tests.fakes.qiniu_server import (
    ARCHIVE,
    ARCHIVE_DIRECT,
    BUCKET,
    QiniuServer,
    error,
    qetag,
)
from tests.sources.bucket_contract import OrderedBucketContract, PrefixContract
from tests.sources.clouds import QiniuCloud
from tests.sources.contract import (
    content,
    failure,
    objects,
    only,
    pages,
)

PROVEN_KEYS = {
    "migrateQiniu": {
        "test_wrong_settings_are_named": "bucket accessKeyId accessKeySecret",
        "test_nothing_but_the_configuration_names_a_proxy": "proxyHost proxyPort",
        "test_an_authority_of_its_own": "srcHttps",
        "test_what_may_pass": "srcSocketTimeout",
        "test_below_a_folder": "prefix",
        "test_a_domain_that_is_not_there": "endPoint",
        "test_a_file_of_keys": "uriList",
        "sources/test_connect_timeout.py::test_a_server_that_takes_no_connection": (
            "srcConnectTimeout"
        ),
        "test_an_unsigned_url_of_a_private_bucket": "needSign",
        "test_hosts_of_a_private_deployment": "rsHost rsfHost ucHost",
    }
}

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")


def names(source: QiniuSource) -> list[str]:
    return [obj.name for obj in objects(source)]


def keys(source: QiniuSource) -> dict[str, str]:
    return {obj.name: obj.key for obj in objects(source)}


@pytest.fixture(name="server")
def _server(qiniu: QiniuServer) -> QiniuServer:
    return qiniu


@pytest.fixture
def cloud(server: QiniuServer) -> QiniuCloud:
    return QiniuCloud(server)


@pytest.fixture
def source(cloud: QiniuCloud) -> QiniuSource:
    return cloud.source()


class TestContract(OrderedBucketContract, PrefixContract):
    archived = "Archived"
    no_listing = "NotQiniu"
    takes_conditions = False
    impossible: ClassVar[frozenset[str]] = frozenset({"double//slash"})
    """Another key on COS; see below."""


class TestKeys:
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


class TestRecords:
    def test_their_texts(self, server: QiniuServer) -> None:
        stored = server.put("a/b/d.txt", b"12345")
        source = QiniuCloud(server).source(prefix="a/b")
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
        page = QiniuCloud(server).source().list_page(ListRange("k/"), page.next)
        assert [obj.name for obj in page.found] == wanted[1101:]  # type: ignore[union-attr]
        page = source.list_page(ListRange("k/", until="k/0002"), "")
        assert [obj.name for obj in page.found] == wanted[:3]  # type: ignore[union-attr]

    @pytest.mark.parametrize("how", ["refuse", "ignore"])
    def test_a_cloud_that_takes_only_its_own_markers(self, server: QiniuServer, how: str) -> None:
        wanted = [f"k/{number:03}" for number in range(60)]
        for key in wanted:
            server.put(key, b"")
        server.page_size, server.foreign_markers = 10, how
        assert names(QiniuCloud(server).source()) == wanted
        assert len(server.asked("List")) == 6
        found = [
            obj.name  # type: ignore[union-attr]
            for page in pages(QiniuCloud(server).source(), ListRange("k/"), "k/024")
            for obj in page.found
        ]
        assert found == wanted[25:]

    def test_a_cloud_whose_markers_say_something_else(self, server: QiniuServer) -> None:
        """It would take a marker made of a key for another key, and leave out what lies between."""
        wanted = [f"k/{number:03}/x" for number in range(60)]
        for key in wanted:
            server.put(key, b"")
        server.page_size, server.plain_markers = 10, True
        assert names(QiniuCloud(server).source()) == wanted
        source = QiniuCloud(server).source()
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
        found = {obj.name: obj.fingerprint for obj in objects(QiniuCloud(server).source())}
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

    def test_a_region_that_cannot_be_had(self, server: QiniuServer, source: QiniuSource) -> None:
        server.put("a", b"")
        server.faults.append(Fault("status", "Uc /v4/query", answer=error(599, "failed")))
        with pytest.raises(MigrateError) as caught:
            names(QiniuCloud(server).source())
        assert caught.value.retryable
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
        content(QiniuCloud(server).source(need_sign=False), only(source))
        assert server.asked("GetObject")[0].target == "/f"

    def test_what_is_archived_and_read_at_once(
        self, server: QiniuServer, source: QiniuSource
    ) -> None:
        server.put("f", b"y", type=ARCHIVE_DIRECT)
        assert content(source, only(source)) == b"y"

    def test_disabled_objects(self, server: QiniuServer, source: QiniuSource) -> None:
        server.put("f", b"x", status=1)
        found = failure(source)
        assert (found.code, found.fatal) == ("Disabled", False)


class TestConfiguration:
    def test_wrong_settings_of_a_private_deployment(self, server: QiniuServer) -> None:
        for wrong, code, text in (
            ({"access_key_id": Secret("unknown")}, "BadToken", "accessKeyId"),
            ({"bucket": "other"}, "NoSuchBucket", "bucket"),
        ):
            changes: dict[str, Any] = {"uc_host": "", "rsf_host": server.rsf, **wrong}
            found = failure(QiniuCloud(server).source(**changes))
            assert (found.code, found.fatal) == (code, True)
            assert f"look at [migrateQiniu] {text}" in str(found)

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
        found = failure(QiniuCloud(server).source(end_point=server.rs))
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
        found = failure(QiniuCloud(server).source(end_point=nowhere))
        assert found.retryable
        assert "look at [migrateQiniu] endPoint" in str(found)
        found = failure(QiniuCloud(server).source(rsf_host=nowhere))
        assert "look at [migrateQiniu] rsHost, rsfHost and ucHost" in str(found)

    def test_an_unsigned_url_of_a_private_bucket(self, server: QiniuServer) -> None:
        server.put("f", b"x")
        found = failure(QiniuCloud(server).source(need_sign=False))
        assert found.fatal
        assert "look at [migrateQiniu] needSign" in str(found)

    def test_hosts_of_a_private_deployment(self, server: QiniuServer) -> None:
        server.put("f", b"x", type=ARCHIVE)
        source = QiniuCloud(server).source(
            end_point=f"http://{server.domain}",
            rs_host=f"http://{server.rs}",
            rsf_host=server.rsf,
            uc_host="",
        )
        assert failure(source).code == "Archived"
        assert not [entry for entry in server.seen if entry.operation.startswith("Uc")]
        alone = QiniuCloud(server).source(rsf_host=server.rsf, uc_host="")
        assert failure(alone).code == "Forbidden"  # there is nobody to ask why

    def test_an_older_private_deployment(self, server: QiniuServer) -> None:
        server.put("f", b"x")
        server.knows_v4 = False
        source = QiniuCloud(server).source()
        assert names(source) == ["f"]
        assert source.stat(only(source)).fingerprint.size == 1
        assert len(server.asked("Uc /v2/query")) == 1

    def test_something_else_answers(self, server: QiniuServer) -> None:
        found = failure(QiniuCloud(server).source(rsf_host=server.domain))
        assert "look at [migrateQiniu]" in str(found)
        found = failure(QiniuCloud(server).source(uc_host=server.rs))
        assert "look at [migrateQiniu] rsHost, rsfHost and ucHost" in str(found)

    def test_no_token_is_shown(self, server: QiniuServer, source: QiniuSource) -> None:
        server.put("f", b"x")
        server.faults.append(Fault("status", "GetObject", answer=error(500, "oops")))
        found = failure(source)
        assert "token" not in f"{found} {found.target}"
