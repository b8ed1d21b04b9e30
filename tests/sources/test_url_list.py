"""URL lists keep the contract of all sources, and what is peculiar to them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
import trustme

from cos_migrate.checksums import Check
from cos_migrate.errors import MigrateError, SourceChanged, SourceError
from cos_migrate.model import Fingerprint, Found, Note, Rejected, SourceObject, Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.list_files import NameIndex, Place
from cos_migrate.sources.url_list.config import UrlListConfig
from cos_migrate.sources.url_list.listing import UrlLists
from cos_migrate.sources.url_list.source import UrlListSource
from cos_migrate.sources.url_list.urls import BadUrl, follow_redirect, mask, parse_url
from tests.fakes.web_server import Fault, WebServer
from tests.sources.contract import Cut, PagesContract, Put, Remove, SourceContract, WireContract
from tests.sources.contract import content as content_of

PROVEN_KEYS = {
    "migrateUrl": {
        "functional/test_urls.py::test_killed_in_the_middle_and_completed": "urllistPath",
        "functional/test_urls.py::test_is_skip_head": "isSkipHead",
        "test_a_redirect_from_https_to_http": "allowHttpRedirect",
        "unit/config/test_config.py::test_keys_of_a_url_list_are_accepted_and_ignored": (
            "accessKeyId accessKeySecret"
        ),
    }
}

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")


class Examined(UrlListSource):
    """Lists what is there now, and asks for what the lists do not tell, as a run does."""

    def scan(self) -> Iterator[Found]:
        self._url_lists = UrlLists(self.config.urllist_path)
        for item in super().scan():
            yield self.stat(item) if isinstance(item, SourceObject) else item


class Site:
    """A server and a list of what lies there."""

    def __init__(self, web: WebServer, path: Path) -> None:
        self.web = web
        self.path = path
        self.path.touch()

    def put(self, key: str, body: bytes) -> None:
        if f"/{key}" not in self.web.pages:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{self.web.url}/{quote(key)}\n")
        self.web.put(f"/{key}", body)

    def remove(self, key: str) -> None:
        del self.web.pages[f"/{key}"]
        kept = [line for line in self.path.open() if not line.endswith(f"/{quote(key)}\n")]
        self.path.write_text("".join(kept))

    def write(self, *lines: str) -> None:
        """Write the list; `~` stands for the server."""
        text = "\n".join(line.replace("~", self.web.url, 1) for line in lines) + "\n"
        self.path.write_text(text, encoding="utf-8", newline="")


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def site(web: WebServer, tmp_path: Path) -> Site:
    return Site(web, tmp_path / "urls.txt")


@pytest.fixture
def put(site: Site) -> Put:
    return site.put


def source_of(path: Path, **more: Any) -> UrlListSource:
    return UrlListSource(UrlListConfig(urllist_path=str(path), **more), TARGET)


def certified(folder: Path) -> tuple[str, str]:
    """Make an authority (`ca.pem`) and a certificate of localhost; return its files."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    pair = authority.issue_cert("localhost")
    pair.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    pair.private_key_pem.write_to_path(str(folder / "key.pem"))
    return str(folder / "cert.pem"), str(folder / "key.pem")


def found_in(source: UrlListSource) -> list[Found]:
    return list(source.scan())


def only_in(source: UrlListSource) -> SourceObject:
    [item] = found_in(source)
    assert isinstance(item, SourceObject)
    return source.stat(item)


class TestUrlList(SourceContract, PagesContract, WireContract):
    impossible: ClassVar[frozenset[str]] = frozenset({"double//slash"})
    many: ClassVar[int] = 2_500
    sorted_by_key: ClassVar[bool] = False

    @pytest.fixture
    def source(self, site: Site) -> UrlListSource:
        return Examined(UrlListConfig(urllist_path=str(site.path)), TARGET)

    @pytest.fixture
    def remove(self, site: Site) -> Remove:
        return site.remove

    @pytest.fixture
    def cut(self, web: WebServer) -> Cut:
        @contextmanager
        def cut(at: int) -> Iterator[None]:
            web.faults.append(Fault("cut", operation="GET", times=-1, at=at))
            yield
            web.faults.clear()

        return cut


def test_what_only_head_tells_is_believed(web: WebServer, site: Site) -> None:
    """Else such a server's content would count as changed, now or in every later run."""
    site.put("a", b"x")
    source = source_of(site.path)
    listed = only_in(source)
    assert listed.fingerprint.mtime_ns > 0
    web.put("/a", b"x", modified=0)
    with source.open(listed, 0, 1) as reader:
        assert reader.read(9) == b"x"
        assert reader.described.fingerprint == listed.fingerprint


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "url", "key"),
        [
            ("http://h/a/b.txt", "http://h/a/b.txt", "a/b.txt"),
            ("HTTPS://H.Example/a?x=1&y=%20", "https://h.example/a?x=1&y=%20", "a"),
            ("http://h:80/a", "http://h/a", "a"),
            ("https://h:80/a", "https://h:80/a", "a"),
            ("http://h:8080/a#part?x", "http://h:8080/a", "a"),
            ("http://h//a///b//", "http://h//a///b//", "a/b/"),
            ("http://h/a%20b%2Fc", "http://h/a%20b%2Fc", "a b/c"),
            ("http://h/a b", "http://h/a%20b", "a b"),
            ("http://h/100%", "http://h/100%25", "100%"),
            ("http://h/%zz%41", "http://h/%25zz%41", "%zzA"),
            ("http://h/%2541", "http://h/%2541", "%41"),
            ("http://h/ü/中?q=中 x", "http://h/%C3%BC/%E4%B8%AD?q=%E4%B8%AD%20x", "ü/中"),
            ("http://h/a+b[1]{2}", "http://h/a+b%5B1%5D%7B2%7D", "a+b[1]{2}"),
            ("http://bücher.example/a", "http://xn--bcher-kva.example/a", "a"),
            ("http://faß.example/a", "http://xn--fa-hia.example/a", "a"),
            ("http://[::1]:81/a", "http://[::1]:81/a", "a"),
            ("\t http://h/a \r", "http://h/a", "a"),
        ],
    )
    def test_what_is_requested_and_the_key(self, text: str, url: str, key: str) -> None:
        address = parse_url(text)
        assert (address.url, address.key) == (url, key)
        assert parse_url(address.url) == address

    @pytest.mark.parametrize("text", ["http://h", "http://h/", "http://h//", "http://h?a=/b"])
    def test_no_path(self, text: str) -> None:
        assert parse_url(text).key == ""

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("just words", "does not begin with http:// or https://"),
            ("/a/b", "does not begin"),
            ("ftp://user:secret@h/a", "its scheme ftp: is not supported"),
            ("http:/h/a", "// is missing"),
            ("http:///a", "names no host"),
            ("http://ho st/secret", "its host is no host name"),
            ("http://h\\@evil/secret", "its host is no host name"),
            ("http://h:0/secret", "its port"),
            ("http://h:x/secret", "its port"),
            ("http://h:70000/secret", "its port"),
            ("http://h/%ff?secret", "not UTF-8"),
        ],
    )
    def test_what_is_no_url(self, text: str, why: str) -> None:
        with pytest.raises(BadUrl, match=why) as caught:
            parse_url(text)
        assert "secret" not in str(caught.value)

    def test_credentials_become_a_header(self) -> None:
        address = parse_url("http://us%40er:p%3Aw%2F@h/a")
        assert address.url == "http://h/a"
        token = base64.b64decode(address.authorization.removeprefix("Basic "))
        assert token == b"us@er:p:w/"

    def test_credentials_stay_with_their_server(self) -> None:
        start = parse_url("https://u:p@h/a/b")
        assert follow_redirect(start, "c?x").url == "https://h/a/c?x"
        assert follow_redirect(start, "/d").authorization == start.authorization
        for elsewhere in ("//other/x", "http://h/x", "https://h:444/x"):
            assert follow_redirect(start, elsewhere).authorization == ""
        with pytest.raises(BadUrl):
            follow_redirect(start, "file:///etc/passwd")

    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("http://h/a?sig=x#f", "http://h/a?***"),
            ("http://u:p@h/a", "http://***@h/a"),
            ("http://h?token", "http://h?***"),
            ("ftp://u:p@h/a", "ftp://***@h/a"),
            ("/lists/a?b:7", "/lists/a?b:7"),
            ("user:p@h/a?sig=x", "***@h/a?***"),
            ("user@h/a", "***@h/a"),
            ("//user:p@h/a", "//***@h/a"),
            ("http:user:p@h/a", "***@h/a"),
            ("http://user:p/w@h/a", "http://***@h/a"),
            ("h:80/a@b", "h:80/a@b"),
            ("h/a@b", "h/a@b"),
            (
                "[taskType: migrateUrl] [bucket: b] [cosPath: /q?x=1] [url: http://u:p@h/q%3F?s=]]",
                "[taskType: migrateUrl] [bucket: b] [cosPath: /q?x=1] [url: http://***@h/q%3F?***]",
            ),
        ],
    )
    def test_masking(self, text: str, masked: str) -> None:
        assert mask(text) == masked


class TestLists:
    def test_blank_lines_bom_and_crlf(self, site: Site) -> None:
        text = "\ufeffhttp://h/a\r\n\r\n   \nhttp://h/b\t\r\n\nhttp://h/c"
        site.path.write_text(text, encoding="utf-8", newline="")
        items = [item for item in found_in(source_of(site.path)) if isinstance(item, SourceObject)]
        assert [item.key for item in items] == ["a", "b", "c"]
        assert [item.name for item in items] == ["http://h/a", "http://h/b", "http://h/c"]

    def test_what_cannot_be_migrated_is_named_by_list_and_line(self, site: Site) -> None:
        site.path.write_bytes(b"http://h/a\nftp://u:pw@h/b\n\nhttp://h\nwords\n\xff\nhttp://h/c\n")
        items = found_in(source_of(site.path))
        bad = [item for item in items if isinstance(item, Rejected)]
        assert len(items) == 6
        texts = ["ftp://***@h/b", "http://h", "words", "\\xff"]
        assert [item.name for item in bad] == [
            f"{site.path}:{line}: {text}" for line, text in zip((2, 4, 5, 6), texts, strict=True)
        ]
        for item, line in zip(bad, (2, 4, 5, 6), strict=True):
            assert item.failure
            assert f"line {line} of {site.path}" in item.failure.message
            assert item.failure.code == "NotMigratable"
            assert "pw" not in item.failure.message
            assert not item.key

    @pytest.mark.parametrize("control", ["\t", "\x00", "\x1b", "\r", "\x7f", "\x85", "\v"])
    def test_a_control_character_in_a_line_is_refused(self, site: Site, control: str) -> None:
        text = f"http://h/a\nhttp://u:pw@h/b{control}c?sign=pw\r\n\t http://h/d\t\n"
        site.path.write_bytes(text.encode())
        items = found_in(source_of(site.path))
        assert [item.key for item in items if isinstance(item, SourceObject)] == ["a", "d"]
        (bad,) = (item for item in items if isinstance(item, Rejected))
        assert bad.failure
        code = f"U+{ord(control):04X}"
        assert (
            f"line 2 of {site.path}: it holds a control character ({code})" in bad.failure.message
        )
        assert "http://***@h/b\\x" in bad.failure.message
        assert "pw" not in bad.failure.message + bad.name
        assert (bad.failure.operation, bad.failure.code) == ("read", "NotMigratable")

    @pytest.mark.parametrize(
        ("line", "masked"),
        [
            ("user:pw@host/a?sign=pw", "***@host/a?***"),
            ("//user:pw@host/a#pw", "//***@host/a#***"),
            ("htp://user:p?w@host/a", "htp://***@host/a"),
            ("http:user:pw@host/a", "***@host/a"),
            ("/data/a b.txt", "/data/a b.txt"),
        ],
    )
    def test_a_bad_line_is_shown_without_what_may_be_secret(
        self, site: Site, line: str, masked: str
    ) -> None:
        site.path.write_text(f"\n{line}\n", encoding="utf-8")
        (bad,) = found_in(source_of(site.path))
        assert isinstance(bad, Rejected)
        assert bad.failure
        assert bad.failure.message.endswith(f": {masked}")
        assert bad.name == f"{site.path}:2: {masked}"

    def test_a_long_bad_line_is_cut(self, site: Site) -> None:
        site.path.write_text("x" * 100_000, encoding="utf-8")
        (bad,) = found_in(source_of(site.path))
        assert isinstance(bad, Rejected)
        assert len(bad.name) < len(str(site.path)) + 300

    def test_the_same_url_twice_is_migrated_once(self, site: Site) -> None:
        site.write("http://h/a?x=1", "http://h/b", "http://H:80/%61?x=1#f", "http://h/b")
        items = found_in(source_of(site.path))
        assert [type(item) for item in items] == [SourceObject, SourceObject, Note, Note]
        note = items[2]
        assert isinstance(note, Note)
        assert "line 3" in note.line
        assert f"line 1 of {site.path}" in note.line

    def test_a_second_url_for_the_same_key_fails_and_names_the_first(self, site: Site) -> None:
        site.write("http://h/a?v=1", "http://h/b", "http://h/a?v=2", "http://other//a")
        items = found_in(source_of(site.path))
        second, third = items[2:]
        for item in (second, third):
            assert isinstance(item, Rejected)
            assert item.failure
            assert f"line 1 of {site.path}" in item.failure.message
            assert item.failure.code == "SameTarget"
            assert not item.key

    def test_a_folder_of_lists(self, tmp_path: Path) -> None:
        folder = tmp_path / "lists"
        (folder / "sub").mkdir(parents=True)
        (folder / "b.txt").write_text("http://h/1\nhttp://h/2\n")
        (folder / "a.txt").write_text("http://h/2\nhttp://h/3\n")
        (folder / "sub" / "c").write_text("http://h/3?other\nhttp://h/4")
        (folder / "empty").touch()
        source = source_of(folder)
        assert [Path(part.prefix).name for part in source.ranges()] == [
            "a.txt",
            "b.txt",
            "empty",
            "c",
        ]
        items = found_in(source)
        assert [item.key for item in items if isinstance(item, SourceObject)] == list("2314")
        [failed] = [item for item in items if isinstance(item, Rejected)]
        assert failed.failure
        assert f"line 2 of {folder / 'a.txt'}" in failed.failure.message
        [note] = [item for item in items if isinstance(item, Note)]
        assert f"line 1 of {folder / 'a.txt'}" in note.line

    def test_lists_are_told_apart_in_any_order(self, tmp_path: Path) -> None:
        folder = tmp_path / "lists"
        folder.mkdir()
        for name in "abc":
            lines = [f"http://h/{number}?{name}" for number in range(1500)]
            (folder / name).write_text("\n".join(lines))
        source = source_of(folder)
        first, second, third = source.ranges()
        late = [*source.list_page(third, "").found, *source.list_page(second, "").found]
        assert all(isinstance(item, Rejected) for item in late)
        page = source.list_page(first, "")
        rest = source.list_page(first, page.next)
        assert all(isinstance(item, SourceObject) for item in [*page.found, *rest.found])

    def test_a_listing_that_goes_on_knows_the_earlier_lines(self, site: Site) -> None:
        lines = [f"http://h/{number}" for number in range(1200)]
        site.write(*lines, "http://h/7", "http://h/8?x")
        [part] = source_of(site.path).ranges()
        marker = source_of(site.path).list_page(part, "").next
        page = source_of(site.path).list_page(part, marker)
        assert [type(item) for item in page.found[-2:]] == [Note, Rejected]
        assert len(page.found) == 202

    def test_a_list_that_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "b").write_text("http://h/1\n")
        source = source_of(tmp_path)
        [part] = source.ranges()
        (tmp_path / "b").unlink()
        with pytest.raises(SourceError, match=r"the list .*b cannot be read"):
            source.list_page(part, "")

    def test_a_million_would_fit(self) -> None:
        index = NameIndex()
        for line in range(20_000):
            assert index.first(f"k{line}", f"u{line}", Place(3, line + 1)) == (
                Place(3, line + 1),
                True,
            )
        assert index.first("k77", "u77", Place(4, 1)) == (Place(3, 78), True)
        assert index.first("k77", "other", Place(4, 1)) == (Place(3, 78), False)
        assert index._slots * 24 <= 20_000 * 72

    def test_the_job_and_its_records(self, tmp_path: Path, site: Site) -> None:
        assert source_of(tmp_path).job_text() == f"[urlPath: {tmp_path}/], [cosFolder: /x/]"
        source = source_of(site.path)
        assert source.job_text() == f"[urlPath: {site.path}], [cosFolder: /x/]"
        obj = SourceObject("http://h/a?b", "a", Fingerprint(7, 1_700_000_000_000_000_000))
        assert source.record_key(obj, "/x/a") == (
            "[taskType: migrateUrl] [bucket: examplebucket-1250000000] [cosPath: /x/a] "
            "[url: http://h/a?b]"
        )
        value = "[fileSize: 7], [lastModify: Tue, 14 Nov 2023 22:13:20 GMT]"
        assert source.record_value(obj) == value
        unknown = obj._replace(fingerprint=Fingerprint(-1))
        assert source.record_value(unknown) == "[fileSize: -1], [lastModify: ]"

    def test_what_counts_as_unchanged(self, site: Site) -> None:
        source = source_of(site.path)
        java = "[fileSize: -1], [lastModify: ]"
        obj = SourceObject("http://h/a", "a", Fingerprint(7, 1_700_000_000_000_000_000))
        value = source.record_value(obj)
        unsized = obj._replace(fingerprint=obj.fingerprint._replace(size=-1))
        undated = obj._replace(fingerprint=Fingerprint(7))
        assert source.is_unchanged(obj, java)
        assert source.renewed_value(obj, java) == value
        assert source.renewed_value(obj, value) == ""
        assert source.is_unchanged(unsized, value)
        assert source.is_unchanged(undated, source.record_value(undated))
        assert not source.is_unchanged(undated, value)
        assert not source.is_unchanged(obj, "[fileSize: 8], [lastModify: ]")
        assert not source.is_unchanged(obj, "no headArrt")
        careless = source_of(site.path, is_skip_head=True)
        assert careless.is_unchanged(unsized, "anything")
        assert careless.renewed_value(unsized, value) == ""
        assert not careless.describes_first


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
