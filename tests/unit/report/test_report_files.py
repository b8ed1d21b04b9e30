"""The files of reports: their names, and how many are kept."""

from __future__ import annotations

from pathlib import Path

from cos_migrate.model import Status
from cos_migrate.report.causes import Causes
from cos_migrate.report.report_files import KEPT, ReportFiles
from cos_migrate.report.sinks import Progress, RunEnd
from cos_migrate.report.summary import ReportedJob, Summary

JOB = ReportedJob("migrateLocal-bucket-1-abc", "migrateLocal", "bucket-1")


def end(started: float, sent: int = 1) -> RunEnd:
    counts = dict.fromkeys(Status, 0) | {Status.NEW: sent}
    summary = Summary(JOB, list_finished=True, counts=counts, started=started, ended=started)
    progress = Progress(sent, sent, 1, 1, 0, complete=True, sent=sent, bytes_sent=1)
    return RunEnd(summary, (), "", "", (), (), progress)


def write(folder: Path, started: float, sent: int = 1) -> str:
    files = ReportFiles(folder, JOB.name, Causes())
    files.end_run(end(started, sent))
    return files.written


def test_runs_of_the_same_second_have_numbers(tmp_path: Path) -> None:
    names = [Path(write(tmp_path, 0.0)).stem for _ in range(3)]
    assert names[1:] == [f"{names[0]}-2", f"{names[0]}-3"]
    assert names[0].endswith(f"-{JOB.name}")


def test_the_newest_reports_of_a_job_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "log" / "report"
    folder.mkdir(parents=True)
    foreign = [folder / "20200101-000000-other-job.html", folder / "notes.txt"]
    for path in foreign:
        path.write_text("")
    names = [Path(write(tmp_path, 1000.0 * number)).stem for number in range(KEPT + 3)]
    names.append(Path(write(tmp_path, 1000.0 * (KEPT + 2))).stem)
    for form in ("html", "json"):
        found = {path.stem for path in folder.glob(f"*.{form}")} - {foreign[0].stem}
        assert found == set(names[-KEPT:])
    assert all(path.exists() for path in foreign)


def test_a_run_that_sent_nothing_leaves_none(tmp_path: Path) -> None:
    assert write(tmp_path, 0.0, sent=0) == ""
    assert not (tmp_path / "log").exists()
