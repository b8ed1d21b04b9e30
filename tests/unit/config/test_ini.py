"""The text of config.ini: what each kind of line means."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.config import ini
from cos_migrate.errors import ConfigError


def parse(text: str | bytes, *paths: str) -> ini.IniFile:
    data = text if isinstance(text, bytes) else text.encode()
    return ini.parse(data, lambda _section, key: key in paths)


def value(text: str, *paths: str) -> str:
    read = parse(f"[s]\n{text}\n", *paths)
    assert not read.problems
    return read.sections["s"]["k"].value


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("k=v", "v"),
        ("k:v", "v"),
        ("k = v", "v"),
        ("  k\t=\t v \t", "v"),
        ("k=a=b", "a=b"),
        ("k=a:b", "a:b"),
        ("k:a=b", "a=b"),
        ("k=http://h:1/?x=1", "http://h:1/?x=1"),
        ("k=%(home)s 100%", "%(home)s 100%"),
        ("k=${NAME}", "${NAME}"),
        ("k=a # no comment", "a # no comment"),
        ("k=a ; no comment", "a ; no comment"),
        ("k=", ""),
        ("k", None),
        ('k="quoted"', '"quoted"'),
        ("k=数据", "数据"),
        ("k=a\u2028b\x85c", "a\u2028b\x85c"),
        ("k=\u00a0v", "\u00a0v"),
        (r"k=a\\b", r"a\b"),
        (r"k=a\tb\nc\rd\fe\bf", "a\tb\nc\rd\fe\bf"),
        (r"k=\u4e2d\u6587", "中文"),
        (r"k=\ud83d\ude00", "😀"),
        (r"k=\\t", r"\t"),
        (r"k=\\u4e2d", r"\u4e2d"),
        (r"k=\q\#", "q#"),
        (r"k=\tv\t", "v"),
        ("k=a\\\n  b", "ab"),
        ("k=a\\\\\nj=b", "a\\"),
        ("k=a\\\n# b\\\n= c", "a# b= c"),
        ("k=a\\", "a"),
    ],
)
def test_value(line: str, expected: str | None) -> None:
    if expected is None:
        assert parse(f"[s]\n{line}\n").problems == [
            "line 2 is no comment, no [section] and no key=value"
        ]
    else:
        assert value(line) == expected


@pytest.mark.parametrize(
    ("line", "expected", "warned"),
    [
        (r"k=E:\\data\\new", r"E:\data\new", False),
        (r"k=E:\data\new", r"E:\data\new", True),
        (r"k=E:\\data\new", r"E:\data\new", True),
        (r"k=\\\\server\\share", r"\\server\share", False),
        (r"k=\\server\share", r"\\server\share", True),
        ("k=E:\\data\\", "E:\\data\\", True),
        (r"k=E:\\data\\", "E:\\data\\", False),
        (r"k=/data/\u4e2d", r"/data/\u4e2d", True),
        ("k=/a;\\\n  /b", "/a;/b", False),
        ("k=/data/100%", "/data/100%", False),
    ],
)
def test_path_value(line: str, expected: str, *, warned: bool) -> None:
    read = parse(f"[s]\n{line}\n", "k")
    entry = read.sections["s"]["k"]
    assert entry.value == expected
    assert bool(entry.warning) is warned


def test_a_path_that_ends_in_a_backslash_swallows_no_line() -> None:
    read = parse("[s]\nk=E:\\data\\\nother=1\n", "k")
    assert read.sections["s"]["other"].value == "1"


def test_an_unknown_escape_is_warned_about() -> None:
    assert parse("[s]\nk=a\\qb\n").sections["s"]["k"].warning


def test_comments_blank_lines_and_every_line_ending() -> None:
    read = parse(b"\xef\xbb\xbf# one\r\n; two\r\r\n  # three\n[s]\r\nk=v\r\n\n j = w\n")
    assert not read.problems
    assert read.sections == {"s": {"k": ini.Entry("v", 6), "j": ini.Entry("w", 8)}}


def test_sections_merge_and_the_last_duplicate_wins() -> None:
    read = parse("[a]\nk=1\n[b]\nk=2\n[ a ]\nk=3\nj=4\n")
    assert read.sections["a"] == {"k": ini.Entry("3", 6, earlier=2), "j": ini.Entry("4", 7)}
    assert read.lines == {"a": 1, "b": 3}


def test_keys_and_sections_are_case_sensitive() -> None:
    read = parse("[a]\nk=1\nK=2\n[A]\nk=3\n")
    assert read.sections["a"]["k"].value == "1"
    assert read.sections["A"]["k"].value == "3"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("k=v\n", "line 1 stands before the first [section]"),
        ("[s\nk=v\n", "line 1 begins with [ but is no [section]"),
        ("[]\nk=v\n", "line 1 begins with [ but is no [section]"),
        ("[s] x\n", "line 1 begins with [ but is no [section]"),
        ("[s]\n=v\n", "line 2 is no comment, no [section] and no key=value"),
        ("[s]\nsecret words\n", "line 2 is no comment, no [section] and no key=value"),
        (b"[s]\nk=\xd6\xd0\n", "line 2 is not UTF-8 (byte 0xD6); save the file as UTF-8"),
        (b"[s]\nk=a\\\n\xff\n", "line 3 is not UTF-8 (byte 0xFF); save the file as UTF-8"),
    ],
)
def test_broken_line(text: str | bytes, problem: str) -> None:
    assert parse(text).problems == [problem]


def test_a_broken_section_is_one_problem_and_its_keys_go_nowhere() -> None:
    read = parse("[a]\nk=1\n[b\nk=2\nj=3\n[c]\nk=4\n")
    assert len(read.problems) == 1
    assert read.sections["a"] == {"k": ini.Entry("1", 2)}


def test_bad_bytes_in_a_comment_are_a_warning_only() -> None:
    read = parse(b"# \xd6\xd0\n[s]\nk=v\n")
    assert not read.problems
    assert read.warnings == ["line 1 is not UTF-8 (byte 0xD6); save the file as UTF-8"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_wide_encoding_is_named(encoding: str) -> None:
    read = parse("[s]\nk=v\n".encode(encoding))
    assert read.problems == ["is not UTF-8 text (UTF-16, perhaps); save it as UTF-8"]


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.ini"
    path.write_bytes(b"#" * (5 * 1024 * 1024))
    with pytest.raises(ConfigError, match="invalid config format"):
        ini.read(str(path))


_words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1)


@given(_words)
def test_doubled_backslashes_bring_any_value_back(text: str) -> None:
    line = "k=" + text.replace("\\", "\\\\")
    assert value(line) == text
    assert value(line, "k") == text


@given(st.binary(), st.booleans())
def test_no_bytes_are_too_much(data: bytes, keeps: bool) -> None:
    def keeps_backslash(_section: str, _key: str) -> bool:
        return keeps

    ini.parse(b"[s]\nk=" + data, keeps_backslash)
    ini.parse(data, keeps_backslash)
