"""URL lists keep the contract of all sources, and what is peculiar to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from cos_migrate.errors import SourceError
from cos_migrate.model import Fingerprint, Found, Note, Rejected, SourceObject
from cos_migrate.sources.list_files import NameIndex, Place
from cos_migrate.sources.url_list.config import UrlListConfig
from cos_migrate.sources.url_list.listing import UrlLists
from cos_migrate.sources.url_list.source import UrlListSource
from tests.fakes.web_server import Fault, WebServer
from tests.sources.contract import Cut, PagesContract, Put, Remove, SourceContract, WireContract
from tests.sources.url_lists import TARGET, Site, only_in, source_of

PROVEN_KEYS = {
    "migrateUrl": {
        "functional/test_urls.py::test_killed_in_the_middle_and_completed": "urllistPath",
        "functional/test_urls.py::test_is_skip_head": "isSkipHead",
        "sources/test_url_requests.py::test_a_redirect_from_https_to_http": "allowHttpRedirect",
        "unit/config/test_config.py::test_keys_of_a_url_list_are_accepted_and_ignored": (
            "accessKeyId accessKeySecret"
        ),
    }
}


class Examined(UrlListSource):
    """Lists what is there now, and asks for what the lists do not tell, as a run does."""

    def scan(self) -> Iterator[Found]:
        self._url_lists = UrlLists(self.config.urllist_path)
        for item in super().scan():
            yield self.stat(item) if isinstance(item, SourceObject) else item


@pytest.fixture
def put(site: Site) -> Put:
    return site.put


def found_in(source: UrlListSource) -> list[Found]:
    return list(source.scan())


class TestUrlList(SourceContract, PagesContract, WireContract):
    impossible: ClassVar[frozenset[str]] = frozenset({"double//slash"})
    many: ClassVar[int] = 1_100
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
