"""How names and causes are shown: keys, letters, long names, advice."""

from __future__ import annotations

import pytest

from cos_migrate.cos.keys import problem_of
from cos_migrate.errors import Side
from cos_migrate.model import Failure
from cos_migrate.report.advice import advice_for
from cos_migrate.report.causes import Causes, causes_table
from cos_migrate.text import all_visible, escaped, one_line, printable, printable_lines


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/a", None),
        ("/" + "a" * 850, None),
        ("/" + "a" * 851, "851 bytes"),
        ("/" + "é" * 425, None),
        ("/" + "é" * 426, "852 bytes"),
        ("/a\x19b", "0x19"),
        ("/a\nb", None),
        ("//a", "begin with /"),
        ("/\\a", "begin with \\"),
        ("/", "empty"),
        ("/a\udcff", "not UTF-8"),
    ],
)
def test_what_cos_takes_as_a_key(path: str, problem: str | None) -> None:
    found = problem_of(path)
    assert (found is None) if problem is None else (found is not None and problem in found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\t", r"a\x0ab\x0d\x09"),
        ("\udcff", r"\xff"),
        ("report\u202etxt.exe", r"report\u202etxt.exe"),
        ("a\u200bb\u2060\ufeff", r"a\u200bb\u2060\ufeff"),
        ("\u2066a\u2069\u200e\u200f\u061c", r"\u2066a\u2069\u200e\u200f\u061c"),
        ("so\xadft", r"so\xadft"),
        ("a\U000e0041\U000e007f", r"a\U000e0041\U000e007f"),
        ("a\ufe0f\U000e0101", r"a\ufe0f\U000e0101"),
        ("a\u200d\u200cb", r"a\u200d\u200cb"),
        ("a\ufe0f\u200d", r"a\ufe0f\u200d"),
        ("7\ufe0f", r"7\ufe0f"),
        ("\u3164\u115f\uffa0\u034f", r"\u3164\u115f\uffa0\u034f"),
        ("😀\ufe0f\ufe0e", "😀\ufe0f\\ufe0e"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == escaped(text) == shown
    assert not all_visible(["plain", text])


@pytest.mark.parametrize(
    "text",
    [
        "plain é 😀",
        "non\xa0breaking, \u3000 wide",
        "مرحبا بالعالم",
        "שָׁלוֹם",
        "می\u200cخواهم",
        "क्\u200dष",
        "ত্\u200d.txt",
        "e\u0301 ญี่ปุ่น",
        "👨\u200d👩\u200d👧",
        "❤\ufe0f\u200d🔥",
        "1\ufe0f\u20e3",
        "葛\U000e0100城",
        "ᠠ\u180bᠨ\u180eᠠ",
    ],
)
def test_letters_of_all_scripts_are_shown_as_they_are(text: str) -> None:
    assert printable(text) == escaped(text) == text


def test_many_names_at_once_are_judged_like_each() -> None:
    assert all_visible(["a/b c", "é 项目", "😀"])
    for text in ("a\nb", "é\u202e", "é\u3164", "😀a\U000e0101", "a\ufe0f"):
        assert not all_visible(["a/b c", text])


@pytest.mark.parametrize("letter", ["a", "é", "\u202e"])
def test_a_name_longer_than_any_real_one_is_cut_in_the_middle(letter: str) -> None:
    shown = printable("/first" + letter * 100_000 + "last")
    assert shown.startswith("/first")
    assert "...(100010 characters)..." in shown
    assert shown.endswith("last")
    assert len(shown) < 10_000
    assert len(escaped("/" + letter * 100_000)) > 100_000


def test_the_longest_record_of_a_real_object_is_shown_whole() -> None:
    record = f"[localPath: /{'d' * 4095}], [cosPath: /{'k' * 850}]"
    assert printable(record) == record


def test_lines_stay_apart() -> None:
    assert printable_lines("\n\na\u202e\nb\x1b[2J") == "\n\na\\u202e\nb\\x1b[2J"


def test_a_program_reads_names_as_they_are_but_for_line_breaks() -> None:
    assert one_line("a\u202eb\u200b") == "a\u202eb\u200b"
    assert one_line("a\nb") == r"a\x0ab"


def test_causes_are_bounded() -> None:
    causes = Causes()
    for number in range(5000):
        causes.count("x", Failure("op", "m", 500, f"Code{number}"))
    rows = list(causes_table(causes.causes()))
    assert len(rows) < 110
    assert sum(int(row.split()[0]) for row in rows[1:]) == 5000
    assert list(causes_table([])) == []


@pytest.mark.parametrize(
    ("failure", "advice"),
    [
        (Failure("op", "m", 403, "SignatureDoesNotMatch"), "secretKey"),
        (Failure("op", "m", 403, "Unknown"), "COS refuses it"),
        (Failure("PutObject", "m", 403, "AccessDenied", side=Side.COS), "right to write"),
        (Failure("PutObject", "m", 403, "ForeignAnswer", side=Side.COS), "proxyHost"),
        (Failure("PutObject", "m", 503, "ForeignAnswer", side=Side.COS), "in COS's place"),
        (
            Failure("GetObject", "m", 403, "ForeignAnswer", side=Side.SOURCE),
            "in the source's place",
        ),
        (Failure("PutObject", "m", 407, "ProxyRefused", side=Side.COS), "[common] proxyHost"),
        (
            Failure("GetObject", "m", 407, "ProxyRefused", side=Side.SOURCE),
            "proxy of the source's section",
        ),
        (Failure("GetObject", "m", 404, "NoSuchKey", side=Side.SOURCE), "gone from the source"),
        (Failure("HeadSource", "m", 404, "NoSuchKey", side=Side.SOURCE), "gone from the source"),
        (Failure("CopyObject", "m", 404, "NoSuchKey", side=Side.COS), "gone from the source"),
        (Failure("GetObject", "m", 0, "UrlNameNotResolved", side=Side.SOURCE), "host in the URL"),
        (Failure("HeadSource", "m", 0, "UrlTimeout", side=Side.SOURCE), "isSkipHead=on"),
        (Failure("GetObject", "m", 0, "Http403", side=Side.SOURCE), "look at the URL in the list"),
        (Failure("GetObject", "m", 0, "Http503", side=Side.SOURCE), "its web server had a problem"),
        (Failure("GetObject", "m", 403, "Http403", side=Side.SOURCE), "section of the source"),
        (Failure("PutObject", "m", 0, "CertificateStore", side=Side.COS), "caFile"),
        (Failure("GetObject", "m", 0, "UrlTimeout", side=Side.SOURCE), "too slow"),
        (Failure("GetObject", "m", 0, "CertificateInvalid", side=Side.SOURCE), "[common] caFile"),
        (Failure("read", "m", 0, "SameTarget"), "take one of the two lines out of the list"),
        (Failure("ListObjects", "m", 0, "SameTarget", side=Side.SOURCE), "rename one of the two"),
        (Failure("read", "m", 0, "NotMigratable"), "correct that line of the list"),
        (Failure("plan", "m", 0, "NotMigratable"), "rename it"),
        (Failure("plan", "m", 0, "ObjectTooLarge"), "split it: COS takes at most 50,000 GB"),
        (Failure("spool", "m", 0, "TmpFolder"), "disk of tmpFolder"),
        (Failure("op", "m", 599, "Odd"), "run again"),
        (Failure("op", "m", 418, "Teapot"), "error.log"),
        (Failure("PutObject", "m", 400, "InvalidURI", side=Side.COS), "refuses a character"),
        (Failure("PutObject", "m", 429, "Http429", side=Side.COS), "lower smallFileExecutorNum"),
        (Failure("GetObject", "m", 403, "AccessDenied", side=Side.SOURCE), "section of the source"),
        (Failure("RestoreObject", "m", 403, "AccessDenied", side=Side.SOURCE), "s3:RestoreObject"),
        (
            Failure("ListObjects", "m", 0, "ConnectionRefused", side=Side.SOURCE),
            "section of the source",
        ),
        (
            Failure("GetObject", "m", 503, "SlowDown", side=Side.SOURCE),
            "the source asks for fewer requests",
        ),
        (Failure("GetObject", "m", 503, "Odd", side=Side.SOURCE), "the source had a problem"),
        (
            Failure("HeadSource", "m", 403, "AccessDenied", side=Side.SOURCE),
            "section of the source",
        ),
        (Failure("HeadObject", "m", 403, "AccessDenied", side=Side.COS), "right to read"),
        (
            Failure("ListFolder", "m", 401, "Unauthorized", side=Side.SOURCE),
            "section of the source",
        ),
        (Failure("GetObject", "m", 403, "Archived", side=Side.SOURCE), "restore it"),
        (Failure("GetObject", "m", 0, "Timeout", side=Side.SOURCE), "network"),
    ],
)
def test_what_to_do(failure: Failure, advice: str) -> None:
    assert advice in advice_for(failure)
