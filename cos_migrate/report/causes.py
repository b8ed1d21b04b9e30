"""The table of causes: failures counted by status and code, with an example and advice each."""

from __future__ import annotations

from collections.abc import Iterator

from cos_migrate.errors import ETAG_IS_NO_MD5
from cos_migrate.http.web_pages import FOREIGN
from cos_migrate.model import Failure
from cos_migrate.report.advice import advice_for
from cos_migrate.report.sinks import Batch, Sink
from cos_migrate.text import printable

_MAX_CAUSES = 100
"""Limit of distinct causes: a server that invents codes must not fill the memory."""
_OTHER = (0, "other")
_TO_BE_CORRECTED = frozenset(
    {FOREIGN, ETAG_IS_NO_MD5, "ProxyRefused", "CertificateInvalid", "TlsFailed"}
)


class Causes(Sink):
    """Counts failures by (status, code)."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], int] = {}
        self._examples: dict[tuple[int, str], tuple[str, Failure]] = {}
        self.needs_correction = False
        """Whether the user has to change something, such as a key, before running again."""

    def add(self, batch: Batch) -> None:
        """Count the failures of a batch."""
        for outcome, failure in batch.failed:
            self.count(printable(outcome.name), failure)

    def count(self, name: str, failure: Failure) -> None:
        """Count one failure; `name` is that of its object."""
        if failure.fatal or failure.code in _TO_BE_CORRECTED:
            self.needs_correction = True
        cause = (failure.status, failure.code or failure.operation)
        if cause not in self._counts and len(self._counts) >= _MAX_CAUSES:
            cause = _OTHER
        self._counts[cause] = self._counts.get(cause, 0) + 1
        self._examples.setdefault(cause, (name, failure))

    def table(self) -> Iterator[str]:
        """Yield the lines of a table, the most frequent cause first; none without failures."""
        if not self._counts:
            return
        rows = [("count", "status", "code", "example", "what to do")]
        for cause, count in sorted(self._counts.items(), key=lambda item: -item[1]):
            name, failure = self._examples[cause]
            status = str(cause[0]) if cause[0] else "-"
            advice = advice_for(failure)
            rows.append((str(count), status, printable(cause[1]), _short(name), advice))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            yield "  ".join([*cells, row[4]])


def _short(name: str) -> str:
    most = 60
    return name if len(name) <= most else "..." + name[-(most - 3) :]
