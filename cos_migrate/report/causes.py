"""The table of causes: failures counted by status and code, with examples and advice each."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence

from cos_migrate.errors import Code
from cos_migrate.http.web_pages import FOREIGN
from cos_migrate.language import Say
from cos_migrate.model import Failure
from cos_migrate.report.advice import advice_for
from cos_migrate.report.sinks import Batch, Cause, Sink
from cos_migrate.report.spelling import padded, width_of
from cos_migrate.text import printable

_MAX_CAUSES = 100
"""Limit of distinct causes: a server that invents codes must not fill the memory."""
_OTHER = (0, "other", "")
_TO_BE_CORRECTED = frozenset(
    {FOREIGN, Code.ETAG_IS_NO_MD5, Code.PROXY_REFUSED, "CertificateInvalid", "TlsFailed"}
)


_SAMPLES_MOST = 5
_FOLDERS_MOST = 1000
"""Limit of distinct folders that are counted for a cause."""


class _Counted:
    """The failures of one cause."""

    def __init__(self) -> None:
        self.count = 0
        self.samples: list[tuple[str, Failure]] = []
        self.folders: collections.Counter[str] = collections.Counter()

    def add(self, name: str, cos_path: str, failure: Failure) -> None:
        self.count += 1
        if len(self.samples) < _SAMPLES_MOST:
            self.samples.append((name, failure))
        folder = cos_path[: cos_path.rfind("/") + 1]
        if folder and (folder in self.folders or len(self.folders) < _FOLDERS_MOST):
            self.folders[folder] += 1


class Causes(Sink):
    """Counts failures by status, code and what to do."""

    def __init__(self) -> None:
        self._counted: dict[tuple[int, str, str], _Counted] = {}
        self.needs_correction = False
        """Whether the user has to change something, such as a key, before running again."""

    def add(self, batch: Batch) -> None:
        """Count the failures of a batch."""
        for outcome, failure in batch.failed:
            self.count(printable(outcome.name), failure, outcome.cos_path)

    def count(self, name: str, failure: Failure, cos_path: str = "") -> None:
        """Count one failure; `name`: the name of its object, printable."""
        if failure.fatal or failure.code in _TO_BE_CORRECTED:
            self.needs_correction = True
        cause = (failure.status, failure.code or failure.operation, advice_for(failure))
        if cause not in self._counted and len(self._counted) >= _MAX_CAUSES:
            cause = _OTHER
        self._counted.setdefault(cause, _Counted()).add(name, cos_path, failure)

    def causes(self) -> list[Cause]:
        """Return all causes, the most frequent first."""
        rows = []
        for (status, code, advice), counted in self._counted.items():
            folders = counted.folders.most_common(1)
            folder = printable(folders[0][0]) if folders else ""
            _, first = counted.samples[0]
            what = advice or advice_for(first)
            rows.append(
                Cause(status, printable(code), counted.count, what, folder, counted.samples)
            )
        return sorted(rows, key=lambda cause: -cause.objects)


def causes_table(causes: Sequence[Cause], say: Say = str) -> Iterator[str]:
    """Yield the lines of a table of causes; none without failures. `say` translates texts."""
    if not causes:
        return
    heads = (say("count"), say("status"), say("code"), say("example"), say("what to do"))
    rows = [heads]
    for cause in causes:
        name, _ = cause.samples[0]
        status = str(cause.status) if cause.status else "-"
        rows.append((str(cause.objects), status, cause.code, _short(name), say(cause.advice)))
    widths = [max(width_of(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [padded(cell, width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[4]])


def _short(name: str) -> str:
    most = 60
    return name if len(name) <= most else "..." + name[-(most - 3) :]
