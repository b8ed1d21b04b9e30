"""The end of a run on a terminal."""

from __future__ import annotations

import re

import pytest

from cos_migrate.model import Failure, Status
from cos_migrate.report.closing import closing_lines
from cos_migrate.report.display import TerminalSize
from cos_migrate.report.sinks import Cause, Progress, RunEnd
from cos_migrate.report.summary import ReportedJob, Summary

SIZE = TerminalSize(80, 24)
ADVICE = "look at [common] secretKey, and at the rights of its account"

NEXT = f"The list is in log/failed-{'x' * 60}.jsonl; run again to send the missing objects."


def end(causes: int, sent: int = 100) -> RunEnd:
    counts = dict.fromkeys(Status, 0) | {Status.NEW: sent, Status.FAIL: causes * 10}
    job = ReportedJob("job", "migrateLocal", "bucket-1")
    summary = Summary(job, list_finished=True, counts=counts, started=0, ended=50, lasted=50.0)
    failure = Failure("PutObject", "denied", 403, "AccessDenied")
    folder = "/to/" + "a-long-folder/" * 10
    by_cause = [
        Cause(403, f"Code{number}", 10, ADVICE, folder, [("/a", failure)])
        for number in range(causes)
    ]
    progress = Progress(sent, sent, 1, 1, 0, complete=True, sent=sent, bytes_passed=100 << 20)
    return RunEnd(summary, by_cause, "the table", NEXT, ["a gap"], (), progress)


@pytest.mark.parametrize("size", [TerminalSize(80, 24), TerminalSize(120, 24)])
def test_it_fits_one_screen(size: TerminalSize) -> None:
    lines = "\n".join(closing_lines(end(20), size, colours=False)).strip("\n").split("\n")
    assert len(lines) <= size.lines - 2, "the name of the report and the prompt follow"
    assert all(len(line) <= size.columns for line in lines if ADVICE not in line)
    text = "\n".join(lines)
    assert "sent 100.0 MiB in 50 s: 2.0 MiB/s, 2.0 objects/s" in text
    assert re.search(r"10  403 Code0  \.\.\..*folder/", text)
    assert re.search(r"\d+ objects for \d+ other causes: see log/error.log", text)
    assert " ".join(lines).endswith(f"{NEXT} a gap"), "it is folded between words"
    assert (f"folder/  {ADVICE}" in text) == (size.columns >= 100)


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_sentences_are_folded_between_words(columns: int) -> None:
    run = end(3)
    lines = list(closing_lines(run, TerminalSize(columns, 50), colours=False))
    folded = [line for line in lines if line not in {run.summary.text, *run.gaps}]
    assert all(len(line) <= columns for line in folded if "log/failed-" not in line)
    text = " ".join(line.strip() for line in folded)
    assert text.count(ADVICE) == 3
    assert "sent 100.0 MiB in 50 s: 2.0 MiB/s, 2.0 objects/s" in text


def test_the_summary_stays_as_it_is() -> None:
    run = end(0)
    first, *others = closing_lines(run, TerminalSize(80, 24), colours=False)
    assert first == run.summary.text
    assert others[:-1] == ["sent 100.0 MiB in 50 s: 2.0 MiB/s, 2.0 objects/s", "a gap"]
    coloured = next(iter(closing_lines(run, TerminalSize(80, 24), colours=True)))
    assert "\x1b[32mstatus:ALL_OK\x1b[0m" in coloured


def test_one_line_is_enough_where_no_object_escapes_a_cause() -> None:
    run = end(1, sent=0)
    stopped = run._replace(summary=run.summary._replace(list_finished=False))
    fatal = Failure("PutObject", "unknown key", 403, "InvalidAccessKeyId", fatal=True)
    cause = run.by_cause[0]._replace(samples=[("/a", fatal)])
    lines = list(closing_lines(stopped._replace(by_cause=[cause]), SIZE, colours=False))
    assert lines == [f"nothing was migrated: {ADVICE}; log/error.log has more", "a gap"]
    for other in (stopped, end(1, sent=1)._replace(by_cause=[cause])):
        assert "op statistics" in next(iter(closing_lines(other, SIZE, colours=False)))


@pytest.mark.parametrize(
    ("ended_by", "last"),
    [
        (0, "next: --compare shows whether source and COS agree"),
        (130, "stopped: start the same command again to go on"),
        (3, "a gap"),
    ],
)
def test_the_next_step_of_a_run_without_failures(ended_by: int, last: str) -> None:
    run = end(0)
    stopped = run.summary._replace(ended_by=ended_by, list_finished=not ended_by)
    lines = closing_lines(run._replace(summary=stopped), TerminalSize(80, 24), colours=False)
    assert list(lines)[-1] == last


def test_nothing_is_said_of_a_run_that_sent_nothing() -> None:
    lines = list(closing_lines(end(0, sent=0), TerminalSize(80, 24), colours=False))
    assert lines[1:] == ["a gap"]
