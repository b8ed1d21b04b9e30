"""The report of a run as a page and as JSON."""

from __future__ import annotations

import html.parser
import json
from collections.abc import Mapping

import pytest

from cos_migrate.model import Failure
from cos_migrate.report.causes import Causes
from cos_migrate.report.history import Rate, SizeClass, Slow
from cos_migrate.report.report_page import html_page
from cos_migrate.report.run_report import ObjectWarning, RunReport
from cos_migrate.report.spelling import spell_seconds, spell_size

HOSTILE = "<script>alert(1)</script>&\u202e\"'"
SUMMARY: Mapping[str, object] = {
    "type": "migrateLocal",
    "bucket": "bucket-1250000000",
    "status": "PART_OK",
    "list_finished": False,
    "start_time": "2026-01-01T00:00:00+08:00",
    "end_time": "2026-01-01T00:10:00+08:00",
    "exit_code": 1,
    "migrate_new": 12345,
    "migrate_update": 0,
    "migrate_fail": 3,
    "migrate_skip": 1,
    "migrate_condition_not_match": 0,
}


def report() -> RunReport:
    causes = Causes()
    for number in range(3):
        failure = Failure("PutObject", f"denied {HOSTILE}", 403, "AccessDenied", "id-1")
        causes.count(f"/data/{number}", failure, f"/to/{HOSTILE}/{number}")
    return RunReport(
        program="cos-migrate 1",
        summary=SUMMARY,
        summary_text="the block",
        started=0.0,
        seconds=600.0,
        sent_bytes=5 << 30,
        seconds_each=300.0,
        rates=[Rate(10, 1000, 0), Rate(30, 2000, 3)],
        size_classes=[SizeClass(0, 1, 5, 0), SizeClass(1, 0, 15, 5 << 30)],
        slowest=[Slow(60.0, f"/slow{HOSTILE}", 1 << 30)],
        causes=causes.causes(),
        not_carried=[ObjectWarning("a header is lost", 7, f"/x{HOSTILE}")],
        warnings=["the clock differs"],
        more_warnings=2,
        header=["cos-migrate 1", f"[common] cosPath={HOSTILE}"],
    )


class Reader(html.parser.HTMLParser):
    """Checks that all elements are closed, and gathers texts and names."""

    VOID = frozenset({"meta", "line", "rect", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_well_formed_and_self_contained() -> None:
    reader = Reader()
    page = html_page(report())
    reader.feed(page)
    assert not reader.open
    assert not reader.addresses
    assert not reader.names & {"script", "link", "img", "iframe"}
    assert "default-src 'none'" in page
    assert "\u202e" not in page
    for text in (
        "12,345",
        "PART_OK",
        "403 AccessDenied",
        "not complete",
        "5.0 GiB",
        "10 min",
        "a header is lost",
        "the clock differs",
        "2 more warnings",
        "the block",
        "/slow<script>",
    ):
        assert text in reader.text


def test_the_json_holds_what_the_page_shows() -> None:
    data = json.loads(json.dumps(report().as_data()))
    assert data["summary"] == SUMMARY
    assert data["throughput"]["objects_per_second"] == [10, 30]
    assert data["sizes"][-1] == {"least": 1, "below": None, "objects": 15, "bytes": 5 << 30}
    failures = data["failures"]
    assert [(each["code"], each["count"]) for each in failures] == [("AccessDenied", 3)]
    assert len(failures[0]["samples"]) == 3
    assert "write to the bucket" in failures[0]["advice"]
    assert data["object_warnings"][0]["count"] == 7


def test_a_report_without_transfers_has_no_charts() -> None:
    empty = report()._replace(rates=[], size_classes=[], slowest=[], causes=[], sent_bytes=0)
    reader = Reader()
    reader.feed(html_page(empty))
    assert not reader.open
    assert "svg" not in reader.names


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.9, "59 s"),
        (600, "10 min"),
        (3725, "1 h 2 min"),
        (90000, "1 d 1 h"),
        (86400, "1 d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert spell_seconds(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 << 50, "5.0 PiB"),
        (5 << 60, "5120.0 PiB"),
    ],
)
def test_sizes(size: float, text: str) -> None:
    assert spell_size(size) == text
