"""URL lists: redirects, credentials, lengths, ranges and versions of what web servers send."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from cos_migrate.checksums import Check
from cos_migrate.errors import MigrateError, SourceChanged, SourceError
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.url_list.config import UrlListConfig
from cos_migrate.sources.url_list.source import UrlListSource
from tests.fakes.web_server import Fault, WebServer
from tests.sources.contract import content as content_of
from tests.sources.url_lists import TARGET, Site, certified, only_in, source_of


class TestRequests:
    def test_redirects_are_followed(self, site: Site) -> None:
        web = site.web
        site.write("~/start?token=1")
        web.put("/start", b"", redirect=(302, "/step%20two?x=1"))
        web.put("/step two", b"", redirect=(307, f"{web.url}/end"))
        web.put("/end", b"content")
        obj = only_in(source_of(site.path))
        assert obj.fingerprint.size == 7
        assert content_of(source_of(site.path), obj) == b"content"
        assert [seen.target for seen in web.seen if seen.method == "GET"] == [
            "/start?token=1",
            "/step%20two?x=1",
            "/end",
        ]

    def test_a_redirect_without_end(self, site: Site) -> None:
        site.write("~/a?secret")
        site.web.put("/a", b"", redirect=(301, "/a"))
        with pytest.raises(SourceError, match="redirected more than 10 times") as caught:
            only_in(source_of(site.path))
        assert "secret" not in caught.value.target

    def test_a_redirect_to_nowhere(self, site: Site) -> None:
        site.write("~/a")
        site.web.put("/a", b"", redirect=(301, "ftp://h/x"))
        with pytest.raises(SourceError, match="redirected, but its scheme ftp: is not supported"):
            only_in(source_of(site.path))

    def test_credentials_are_sent_to_their_server_only(self, site: Site) -> None:
        with WebServer() as other:
            site.write(site.web.url.replace("http://", "http://user:p%40ss@") + "/a")
            site.web.put("/a", b"", redirect=(302, "/b"), users={"user": "p@ss"})
            site.web.put("/b", b"", redirect=(302, f"{other.url}/c"), users={"user": "p@ss"})
            other.put("/c", b"content")
            obj = only_in(source_of(site.path))
            assert content_of(source_of(site.path), obj) == b"content"
            assert all("authorization" not in seen.headers for seen in other.seen)
            assert all("authorization" in seen.headers for seen in site.web.seen)

    def test_wrong_credentials(self, site: Site) -> None:
        site.write(site.web.url.replace("http://", "http://user:wrong@") + "/a")
        site.web.put("/a", b"x", users={"user": "right"})
        with pytest.raises(SourceError, match=r"answered 401; look at \[migrateUrl\]") as caught:
            only_in(source_of(site.path))
        assert "wrong" not in str(caught.value) + caught.value.target
        assert not caught.value.retryable

    @pytest.mark.parametrize("status", [403, 404, 405, 501])
    def test_head_refused(self, site: Site, status: int) -> None:
        site.web.head_status = status
        site.write("~/a")
        body = b"x" * 3_000_000
        site.web.put("/a", body, etag='"v1"')
        obj = only_in(source_of(site.path))
        assert obj.fingerprint == Fingerprint(len(body), obj.fingerprint.mtime_ns, "v1")
        assert content_of(source_of(site.path), obj) == body

    def test_head_that_lies_about_the_length(self, site: Site) -> None:
        site.web.head_lengths = "0"
        site.write("~/a", "~/empty")
        site.web.put("/a", b"12345")
        site.web.put("/empty", b"")
        source = source_of(site.path)
        sizes = [
            source.stat(obj).fingerprint.size
            for obj in source.scan()
            if isinstance(obj, SourceObject)
        ]
        assert sizes == [5, 0]

    @pytest.mark.parametrize("closing", [False, True])
    def test_no_length(self, site: Site, closing: bool) -> None:
        site.web.lengths, site.web.closing = False, closing
        site.write("~/a")
        site.web.put("/a", b"content")
        source = source_of(site.path)
        obj = only_in(source)
        assert obj.fingerprint.size == -1
        with source.open(obj, 0, -1) as reader:
            assert reader.read(100) == b"content"
            assert reader.read(100) == b""
            reader.check_unchanged()

    def test_a_body_without_length_must_have_the_size_that_was_told(self, site: Site) -> None:
        site.write("~/a")
        site.web.put("/a", b"content")
        source = source_of(site.path)
        obj = only_in(source)
        site.web.lengths = False
        assert content_of(source, obj) == b"content"
        for kind in ("longer", "cut"):
            site.web.faults.append(Fault(kind, at=3))
            with pytest.raises(MigrateError) as caught:
                content_of(source, obj)
            assert caught.value.retryable

    def test_ranges_that_are_not_honoured(self, site: Site) -> None:
        site.write("~/a")
        site.web.put("/a", b"0123456789")
        source = source_of(site.path)
        obj = only_in(source)
        site.web.faults.append(Fault("foreign-range"))
        with pytest.raises(SourceError) as caught:
            content_of(source, obj, 3, 4)
        assert caught.value.code == "RangeIgnored"
        site.web.ranges = False
        with pytest.raises(SourceError) as caught:
            content_of(source, obj, 3, 4)
        assert caught.value.code == "RangeIgnored"

    def test_a_compressed_page_is_kept_as_it_is(self, site: Site) -> None:
        site.write("~/a")
        site.web.put("/a", b"\x1f\x8bpacked", headers={"Content-Encoding": "gzip"})
        source = source_of(site.path)
        obj = only_in(source)
        with source.open(obj, 0, obj.fingerprint.size) as reader:
            assert reader.read(100) == b"\x1f\x8bpacked"
            assert reader.described.headers["content-encoding"] == "gzip"
        assert {seen.headers["accept-encoding"] for seen in site.web.seen} == {"identity"}

    def test_what_is_carried_over(self, site: Site) -> None:
        site.write("~/a")
        headers = {
            "Content-Type": "text/x",
            "Cache-Control": "max-age=1",
            "x-oss-meta-Who": "oss",
            "x-amz-meta-some_name": "ü".encode().decode("latin-1"),
            "x-cos-meta-kept": "yes",
            "x-amz-meta-who": "other",
            "Set-Cookie": "a=b",
        }
        site.web.put("/a", b"x", headers=headers, etag='"e-1"')
        described = source_of(site.path).describe(only_in(source_of(site.path)))
        assert dict(described.headers) == {
            "content-type": "text/x",
            "cache-control": "max-age=1",
            "x-cos-meta-etag": '"e-1"',
            "x-cos-meta-who": "oss",
            "x-cos-meta-some-name": "%C3%BC",
            "x-cos-meta-kept": "yes",
        }
        assert len(described.warnings) == 1

    def test_content_md5_is_compared(self, site: Site) -> None:
        site.write("~/a")
        body = b"x" * 200_000
        digest = hashlib.md5(body).digest()
        token = base64.b64encode(digest).decode()
        site.web.put("/a", body, headers={"Content-MD5": token})
        source = source_of(site.path)
        obj = only_in(source)
        described = source.describe(obj)
        assert described.md5 == digest.hex()
        assert described.checks == (Check("MD5", digest.hex()),)
        assert content_of(source, obj) == body
        site.web.faults.append(Fault("flip", at=100_000))
        with pytest.raises(SourceError) as caught:
            content_of(source, obj)
        assert caught.value.code == "SourceChecksumMismatch"
        with source.open(obj, 10, 20) as reader:
            assert reader.described.checks == ()

    @pytest.mark.parametrize(("etag", "name"), [('"v1"', "if-match"), ('W/"v1"', "if-unmod")])
    def test_the_version_is_pinned(self, site: Site, etag: str, name: str) -> None:
        site.write("~/a")
        page = site.web.put("/a", b"0123456789", etag=etag)
        source = source_of(site.path)
        obj = only_in(source)
        assert content_of(source, obj, 2, 3) == b"234"
        assert any(header.startswith(name) for header in site.web.seen[-1].headers)
        page.etag, page.modified = '"v2"', page.modified + 5
        with pytest.raises(SourceChanged):
            content_of(source, obj, 2, 3)
        assert [seen.status for seen in site.web.seen[-2:]] == [412, 206]

    def test_one_server_out_of_reach_says_nothing_of_the_others(self, site: Site) -> None:
        site.write("http://localhost:1/a")
        with pytest.raises(SourceError) as caught:
            only_in(source_of(site.path))
        assert (caught.value.status, caught.value.code) == (0, "UrlConnectionRefused")
        assert caught.value.retryable
        site.write("~/a")
        site.web.faults.append(Fault("status", status=503, times=-1))
        with pytest.raises(SourceError, match="answered 503") as caught:
            only_in(source_of(site.path))
        assert (caught.value.status, caught.value.retryable) == (0, True)

    @pytest.mark.parametrize("allowed", [False, True])
    @pytest.mark.parametrize("hops", [0, 1])
    def test_a_redirect_from_https_to_http(
        self, site: Site, tmp_path: Path, allowed: bool, hops: int
    ) -> None:
        with WebServer(tls=certified(tmp_path)) as secure:
            site.write(f"{secure.url}/a")
            site.web.put("/b", b"plain")
            secure.put("/a", b"", redirect=(302, "/hop" if hops else f"{site.web.url}/b"))
            secure.put("/hop", b"", redirect=(307, f"{site.web.url}/b"))
            config = UrlListConfig(urllist_path=str(site.path), allow_http_redirect=allowed)
            source = UrlListSource(config, TARGET, SourceOptions(str(tmp_path / "ca.pem")))
            if allowed:
                assert content_of(source, only_in(source)) == b"plain"
                return
            with pytest.raises(SourceError, match="from https to http") as caught:
                only_in(source)
            assert (caught.value.code, caught.value.retryable) == ("Downgraded", False)
            assert not site.web.seen

    def test_https_and_the_way_from_http(self, site: Site, tmp_path: Path) -> None:
        with WebServer(tls=certified(tmp_path)) as secure:
            secure.put("/b", b"over tls")
            site.write("~/a")
            site.web.put("/a", b"", redirect=(301, f"{secure.url}/b"))
            config = UrlListConfig(urllist_path=str(site.path))
            source = UrlListSource(config, TARGET, SourceOptions(str(tmp_path / "ca.pem")))
            assert content_of(source, only_in(source)) == b"over tls"
            with pytest.raises(SourceError) as caught:
                only_in(source_of(site.path))
            assert caught.value.code == "UrlCertificateInvalid"
