"""What is left out, and the reason that is named."""

from __future__ import annotations

import time

import pytest

from cos_migrate.config.filter_settings import FilterSettings
from cos_migrate.filters import Candidate, Filters
from cos_migrate.model import Fingerprint, Found, Note, Rejected, Row, SourceObject

ALL = FilterSettings(
    label="local_file: ",
    excluded=frozenset({"/d/x.tmp", "/d/out/"}),
    ignored_suffixes=(".tmp",),
    ignores_empty=True,
    wanted_suffixes=(".txt", ".tmp"),
    least_age=300,
    storage_class="ARCHIVE",
)
OLD = 1_000_000_000


def listed(name: str, size: int = 1, mtime_ns: int = OLD, storage_class: str = "") -> SourceObject:
    return SourceObject(name, name, Fingerprint(size, mtime_ns), 7, storage_class=storage_class)


def test_nothing_is_left_out_unless_it_is_asked_for() -> None:
    filters = Filters(FilterSettings())
    assert not filters
    assert not filters.against_folder("/d/")
    found: list[Found | Row] = [("/d/a", "a", 0, -1), listed("a", 0, -1)]
    assert filters.applied(found) == found


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (Candidate("/d/x.tmp", 0, time.time_ns()), "excludes"),
        (Candidate("/d/y.tmp", 0, time.time_ns()), "suffix"),
        (Candidate("/d/y.jpg", 0, time.time_ns()), "empty file"),
        (Candidate("/d/y.jpg", 1, time.time_ns()), "do not match include suffix"),
        (Candidate("/d/y.txt", 1, time.time_ns()), "ignoreModifiedTimeLessThan"),
        (Candidate("/d/y.txt", 1, OLD), "srcStorageClass"),
        (Candidate("/d/y.txt", 1, OLD, "COLD"), "srcStorageClass"),
        (Candidate("/d/out/", -1, OLD), "excludes"),
        (Candidate("/d/folder/", -1, OLD), "do not match include suffix"),
    ],
)
def test_the_first_reason_counts(candidate: Candidate, reason: str) -> None:
    line = Filters(ALL).against(candidate)
    start = f"[condition_not_match] [reason: {reason}]  [local_file: {candidate.name}]"
    assert line.startswith(start)
    assert (line == start) == (reason != "ignoreModifiedTimeLessThan")


def test_what_passes_all() -> None:
    assert not Filters(ALL).against(Candidate("/d/y.txt", 1, OLD, "ARCHIVE"))


def test_only_the_source_knows_whether_a_file_of_no_bytes_is_empty() -> None:
    asked: list[str] = []

    def is_empty(name: str) -> bool:
        asked.append(name)
        return False

    filters = Filters(FilterSettings(ignores_empty=True), is_empty)
    found = [("/d/a", "a", 0, OLD), ("/d/b", "b", 1, OLD)]
    assert filters.applied(found) == found
    assert asked == ["/d/a"]


def test_rows_and_objects_keep_their_place_and_their_page() -> None:
    filters = Filters(FilterSettings(ignored_suffixes=(".tmp",)))
    note, failed = Note("a line"), Rejected("z.tmp", "", "")
    kept, left_out = ("/d/a", "a", 1, OLD), ("/d/c.tmp", "c.tmp", 1, OLD)
    found: list[Found | Row] = [kept, listed("b.tmp"), note, left_out, failed]
    assert filters.applied(found) == [
        kept,
        Rejected("b.tmp", "b.tmp", "[condition_not_match] [reason: suffix]  [key: /b.tmp]", page=7),
        note,
        Rejected("/d/c.tmp", "c.tmp", "[condition_not_match] [reason: suffix]  [key: //d/c.tmp]"),
        failed,
    ]


def test_what_the_source_has_not_described_yet_passes() -> None:
    filters = Filters(FilterSettings(storage_class="ARCHIVE"))
    unknown = listed("a", -1)
    assert filters.applied([unknown]) == [unknown]
    assert filters.against_object(listed("a", 5, storage_class="COLD"))
    assert filters.against_object(listed("a", 5)), "none is the standard class"
    assert not filters.against_object(listed("a", 5, storage_class="ARCHIVE"))


def test_names_are_printable() -> None:
    line = Filters(FilterSettings(ignored_suffixes=("\n",))).against(Candidate("a\n", 1, OLD))
    assert line.endswith("[key: /a\\x0a]")
