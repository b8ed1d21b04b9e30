"""Lists of objects that know how many of their lines could not be written."""

from __future__ import annotations

import os

from cos_migrate.report.logs import AppendFile


class CountedList(AppendFile):
    """An AppendFile of which a reader has to know whether it is whole."""

    total = 0
    """Lines that were to be written."""
    missing = 0
    """Lines of these that were not."""

    def append_lines(self, lines: bytes, count: int) -> None:
        """Append lines, each with its end, or count them as missing. Never raises."""
        self.total += count
        if not self.append(lines):
            self.missing += count

    def gap(self, name: str, things: str) -> str:
        """Return a sentence on what is missing in this list, called `name`; empty: nothing."""
        if not self.missing:
            return ""
        return f"{self.missing} of {self.total} {things} are missing in {name}: {self.problem}"


class OwnList(CountedList):
    """A CountedList that no other process appends to: it never holds a part of a line."""

    def _write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data` or, on a full disk, nothing of it."""
        before = os.fstat(descriptor).st_size
        try:
            super()._write(descriptor, data)
        except OSError:
            os.ftruncate(descriptor, before)
            self._torn = False
            raise
