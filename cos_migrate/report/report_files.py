"""The sink that leaves a report of each run in log/report, as HTML and as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cos_migrate import __version__
from cos_migrate.language import ENGLISH, Language
from cos_migrate.report.causes import Causes
from cos_migrate.report.history import SentObjects, Throughput, Totals
from cos_migrate.report.run_report import ObjectWarning, RunReport
from cos_migrate.report.sinks import Batch, Progress, RunEnd, RunStart, Sink
from cos_migrate.safe_files import make_private_folder, open_safely
from cos_migrate.text import printable

REPORT_FOLDER = "log/report"
KEPT = 30
"""Reports that are kept of a job."""
_WARNINGS_MOST = 100
_FORMS = (".html", ".json")


class ReportFiles(Sink):
    """Gathers what a report shows, and writes it at the end of a run."""

    def __init__(
        self,
        folder: Path,
        job: str,
        causes: Causes,
        monotonic: Callable[[], float] = time.monotonic,
        language: Language = ENGLISH,
    ) -> None:
        """`folder`: of the tool. `causes`: the sink that counts failures.

        `language`: of the page.
        """
        self._folder = folder
        self._job = job
        self._causes = causes
        self._header: Sequence[str] = ()
        self._language = language
        self._monotonic = monotonic
        self._began = monotonic()
        self._throughput = Throughput()
        self._sent = SentObjects()
        self._warnings: dict[str, None] = {}
        self._object_warnings: dict[str, ObjectWarning] = {}
        self._more_warnings = 0
        self.written = ""
        """Path of the HTML file below the tool's folder; empty: none was written."""
        self.problem = ""
        """Why it could not be written."""

    def begin_run(self, start: RunStart) -> None:
        """Keep the configuration of the run, and start its clock."""
        self._header = start.header.splitlines()
        self._began = self._monotonic()

    begin_check = begin_run

    def add(self, batch: Batch) -> None:
        """Gather the objects that were sent."""
        self._sent.add(batch.sent)

    def warn(self, line: str) -> None:
        """Gather a warning about the whole run."""
        if line in self._warnings:
            return
        if len(self._warnings) < _WARNINGS_MOST:
            self._warnings[line] = None
        else:
            self._more_warnings += 1

    def warn_of_object(self, cos_path: str, text: str) -> None:
        """Count a warning about an object, by its text."""
        known = self._object_warnings.get(text)
        if known:
            self._object_warnings[text] = known._replace(objects=known.objects + 1)
        elif len(self._object_warnings) < _WARNINGS_MOST:
            self._object_warnings[text] = ObjectWarning(text, 1, printable(cos_path))
        else:
            self._more_warnings += 1

    def show_progress(self, progress: Progress) -> None:
        """Note how much has been sent so far."""
        totals = Totals(progress.sent, progress.bytes_passed, progress.failed)
        self._throughput.note(self._monotonic() - self._began, totals)

    def end_run(self, end: RunEnd) -> None:
        """Write the report of a run that sent something or failed."""
        summary = end.summary
        if not summary.is_notable:
            return
        self.show_progress(end.progress)
        report = RunReport(
            program=f"cos-migrate {__version__}",
            summary=summary.as_data(),
            summary_text=summary.text,
            started=summary.started,
            seconds=self._monotonic() - self._began,
            sent_bytes=end.progress.bytes_sent,
            seconds_each=self._throughput.seconds_each,
            rates=self._throughput.rates(),
            size_classes=self._sent.size_classes(),
            slowest=self._sent.slowest(),
            causes=self._causes.causes(),
            not_carried=sorted(self._object_warnings.values(), key=lambda each: -each.objects),
            warnings=[*self._warnings, *end.warnings],
            more_warnings=self._more_warnings,
            header=self._header,
        )
        try:
            self.written = self._write(report)
            self._remove_old()
        except OSError as error:
            self.problem = error.strerror or str(error)

    def _write(self, report: RunReport) -> str:
        """Write both files; return the path of the page below the tool's folder. Raises OSError."""
        from cos_migrate.report.report_page import html_page  # noqa: PLC0415 - once a run, at its end

        folder = self._folder / REPORT_FOLDER
        make_private_folder(folder)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(report.started))
        data = json.dumps(report.as_data(), ensure_ascii=False, indent=1) + "\n"
        number = 1
        while True:
            name = f"{stamp}-{self._job}" + (f"-{number}" if number > 1 else "")
            try:
                _write_new(folder / f"{name}.html", html_page(report, self._language))
                break
            except FileExistsError:
                number += 1
        _write_new(folder / f"{name}.json", data)
        return f"{REPORT_FOLDER}/{name}.html"

    def _remove_old(self) -> None:
        """Remove all reports of this job but the newest."""
        folder = self._folder / REPORT_FOLDER
        pattern = re.compile(rf"(\d{{8}}-\d{{6}})-{re.escape(self._job)}(?:-(\d+))?")
        reports: dict[tuple[str, int], str] = {}
        for name in os.listdir(folder):
            stem, form = os.path.splitext(name)
            found = pattern.fullmatch(stem)
            if found and form in _FORMS:
                reports[found[1], int(found[2] or 1)] = stem
        for key in sorted(reports)[:-KEPT]:
            for form in _FORMS:
                with contextlib.suppress(FileNotFoundError):
                    os.remove(folder / f"{reports[key]}{form}")


def _write_new(path: Path, text: str) -> None:
    """Write a new file. Raises FileExistsError, OSError."""
    descriptor = open_safely(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "backslashreplace"))
