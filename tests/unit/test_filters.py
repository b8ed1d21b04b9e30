"""What is left out, and the reason that is named."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config.filter_settings import FilterSettings, Moment
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
YOUNG = time.time_ns() + 10**15
"""Modified in the future: young for as long as the tests take."""


def listed(name: str, size: int = 1, mtime_ns: int = OLD, storage_class: str = "") -> SourceObject:
    return SourceObject(name, name, Fingerprint(size, mtime_ns), 7, storage_class=storage_class)


def test_nothing_is_left_out_unless_it_is_asked_for() -> None:
    filters = Filters(FilterSettings())
    assert not filters
    assert not filters.reason_against_folder("/d/")
    found: list[Found | Row] = [("/d/a", "a", 0, -1), listed("a", 0, -1)]
    assert filters.replace_rejected(found) == found


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (Candidate("/d/x.tmp", "x.tmp", 0, YOUNG), "excludes"),
        (Candidate("/d/y.tmp", "y.tmp", 0, YOUNG), "suffix"),
        (Candidate("/d/y.jpg", "y.jpg", 0, YOUNG), "empty file"),
        (Candidate("/d/y.jpg", "y.jpg", 1, YOUNG), "do not match include suffix"),
        (Candidate("/d/y.txt", "y.txt", 1, YOUNG), "ignoreModifiedTimeLessThan"),
        (Candidate("/d/y.txt", "y.txt", 1, OLD), "srcStorageClass"),
        (Candidate("/d/y.txt", "y.txt", 1, OLD, "COLD"), "srcStorageClass"),
        (Candidate("/d/out/", "out/", 0, OLD, is_folder=True), "excludes"),
        (Candidate("/d/folder/", "folder/", 0, OLD, is_folder=True), "do not match include suffix"),
    ],
)
def test_the_first_reason_counts(candidate: Candidate, reason: str) -> None:
    line = Filters(ALL).line_against(candidate)
    start = f"[condition_not_match] [reason: {reason}]  [local_file: {candidate.name}]"
    assert line.startswith(start)
    assert (line == start) == (reason != "ignoreModifiedTimeLessThan")


def test_what_passes_all() -> None:
    assert not Filters(ALL).line_against(Candidate("/d/y.txt", "y.txt", 1, OLD, "ARCHIVE"))


def test_only_the_source_knows_whether_a_file_of_no_bytes_is_empty() -> None:
    asked: list[str] = []

    def is_empty(name: str) -> bool:
        asked.append(name)
        return False

    filters = Filters(FilterSettings(ignores_empty=True), is_empty)
    found = [("/d/a", "a", 0, OLD), ("/d/b", "b", 1, OLD)]
    assert filters.replace_rejected(found) == found
    assert asked == ["/d/a"]


def test_rows_and_objects_keep_their_place_and_their_page() -> None:
    filters = Filters(FilterSettings(ignored_suffixes=(".tmp",)))
    note, failed = Note("a line"), Rejected("z.tmp", "", "")
    kept, left_out = ("/d/a", "a", 1, OLD), ("/d/c.tmp", "c.tmp", 1, OLD)
    found: list[Found | Row] = [kept, listed("b.tmp"), note, left_out, failed]
    assert filters.replace_rejected(found) == [
        kept,
        Rejected("b.tmp", "b.tmp", "[condition_not_match] [reason: suffix]  [key: /b.tmp]", page=7),
        note,
        Rejected("/d/c.tmp", "c.tmp", "[condition_not_match] [reason: suffix]  [key: //d/c.tmp]"),
        failed,
    ]


def test_what_the_source_has_not_described_yet_passes() -> None:
    filters = Filters(FilterSettings(storage_class="ARCHIVE"))
    unknown = listed("a", -1)
    assert filters.replace_rejected([unknown]) == [unknown]
    assert filters.line_against_object(listed("a", 5, storage_class="COLD"))
    assert filters.line_against_object(listed("a", 5)), "none is the standard class"
    assert not filters.line_against_object(listed("a", 5, storage_class="ARCHIVE"))


def test_names_are_printable() -> None:
    line = Filters(FilterSettings(ignored_suffixes=("\n",))).line_against(
        Candidate("a\n", "a\n", 1, OLD)
    )
    assert line.endswith("[key: /a\\x0a]")


def patterned(**settings: Any) -> Filters:
    return Filters(FilterSettings(label="local_file: ", root="/d/")._replace(**settings))


@pytest.mark.parametrize(
    ("settings", "path", "reason"),
    [
        ({"include": ("*.jpg",)}, "a/x.png", "include"),
        ({"include": ("*.jpg",)}, "a/x.jpg", ""),
        ({"include": ("*.jpg",), "exclude": ("a",)}, "a/x.jpg", "exclude"),
        ({"exclude": ("b/",)}, "a/b", ""),
    ],
)
def test_patterns_match_the_path_below_cos_path(
    settings: dict[str, Any], path: str, reason: str
) -> None:
    line = patterned(**settings).line_against(Candidate("/d/" + path, path, 1, OLD))
    expected = f"[condition_not_match] [reason: {reason}]  [local_file: /d/{path}]"
    assert line == (expected if reason else "")


def test_folders_of_which_nothing_is_taken() -> None:
    filters = patterned(include=("photos/**/*.jpg",), exclude=("raw/",))
    assert not filters.reason_against_folder("/d/")
    assert not filters.reason_against_folder("/d/photos/2025/")
    assert filters.reason_against_folder("/d/docs/") == "include"
    assert filters.reason_against_folder("/d/photos/raw/") == "exclude"


def test_limits_belong_to_what_is_taken() -> None:
    filters = patterned(
        min_size=10,
        max_size=20,
        modified_after=Moment(OLD, is_age=False),
        modified_before=Moment(2 * OLD, is_age=False),
    )
    reasons = {
        (9, OLD): "minSize",
        (21, OLD): "maxSize",
        (10, OLD - 1): "modifiedAfter",
        (20, 2 * OLD + 1): "modifiedBefore",
        (10, OLD): "",
        (20, 2 * OLD): "",
    }
    for (size, mtime_ns), reason in reasons.items():
        line = filters.line_against(Candidate("/d/x", "x", size, mtime_ns))
        assert line == (
            f"[condition_not_match] [reason: {reason}]  [local_file: /d/x]" * bool(reason)
        )


def test_ages_count_from_the_start_of_the_run() -> None:
    hour = 3600 * 10**9
    filters = patterned(modified_after=Moment(hour, is_age=True))
    now = time.time_ns()
    assert filters.line_against(Candidate("/d/x", "x", 1, now - 2 * hour))
    assert not filters.line_against(Candidate("/d/x", "x", 1, now - hour // 2))


def test_what_cannot_be_asked_passes_with_one_warning() -> None:
    settings = FilterSettings(min_size=10, modified_before=Moment(OLD, is_age=False))
    filters = Filters(settings, describes_first=False)
    unknown = [listed("a", -1, -1), listed("b", -1, -1)]
    assert filters.replace_rejected(unknown) == unknown
    warnings = filters.take_warnings()
    assert [warning.split(" to ")[0] for warning in warnings] == [
        "[common] minSize cannot be applied",
        "[common] modifiedBefore cannot be applied",
    ]
    filters.replace_rejected(unknown)
    assert filters.take_warnings() == []


def test_a_name_is_judged_before_the_source_is_asked_about_the_object() -> None:
    filters = Filters(FilterSettings(exclude=("*.tmp",), min_size=10))
    kept = listed("a", -1)
    left_out = filters.replace_rejected([listed("b.tmp", -1), kept])
    assert left_out == [
        Rejected(
            "b.tmp", "b.tmp", "[condition_not_match] [reason: exclude]  [key: /b.tmp]", page=7
        ),
        kept,
    ]
    assert not filters.take_warnings()


def test_a_url_is_named_by_its_key() -> None:
    filters = Filters(FilterSettings(names_keys=True, exclude=("a",)))
    url = SourceObject("http://user:secret@host/a?sign=secret", "a", Fingerprint(-1))
    assert filters.line_against_name(url).endswith("[key: /a]")


def test_a_filter_file_reads_as_gitignore(tmp_path: Path) -> None:
    (tmp_path / "ignore").write_text("# comment\n*.log\n!keep.log\nbuild/\n\\#odd\n", "utf-8-sig")
    filters = patterned(filter_file=str(tmp_path / "ignore"))
    left_out = ["x.log", "a/x.log", "build/keep.log", "a/build/x/y", "#odd"]
    taken = ["keep.log", "a/keep.log", "build", "x"]
    for path in left_out:
        line = filters.line_against(Candidate("/d/" + path, path, 1, OLD))
        assert "[reason: filterFile]" in line, path
    for path in taken:
        assert not filters.line_against(Candidate("/d/" + path, path, 1, OLD)), path
    assert filters.reason_against_folder("/d/a/build/") == "filterFile"


def test_slashes_at_the_front_of_a_key_are_not_part_of_its_path() -> None:
    filters = Filters(FilterSettings(exclude=("/top", "a/*.tmp")))
    assert filters.line_against_name(listed("/top"))
    assert filters.line_against_name(listed("/a/x.tmp"))
    assert not filters.line_against_name(listed("/b/top"))
