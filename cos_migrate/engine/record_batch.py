"""Database changes and outcomes that are committed together."""

from __future__ import annotations

import time

from cos_migrate.model import Outcome
from cos_migrate.report.report import Report
from cos_migrate.scan.positions import Positions
from cos_migrate.state.store import RecordStore

_SYNC_EVERY = 0.9
"""Seconds after which a written batch has to survive a power cut."""


class RecordBatch:
    """The records of the next commit, and the outcomes to report after it."""

    def __init__(self, state: RecordStore, report: Report, positions: Positions | None) -> None:
        """`positions`: those of a listing by pages; None for a walk."""
        self.puts: list[tuple[bytes, bytes]] = []
        self.deletes: list[bytes] = []
        self.outcomes: list[Outcome] = []
        self.positions = positions
        self._state = state
        self._report = report
        self._synced = time.monotonic()
        self._unsynced = False

    def commit(self, *, final: bool = False) -> None:
        """Write records, then report their outcomes. Raises StateError."""
        now = time.monotonic()
        due = now - self._synced >= _SYNC_EVERY
        if self.positions:
            # In one batch with the records of the objects before them.
            puts, deletes = self.positions.take_changes()
            self.puts += puts
            self.deletes += deletes
        if self.puts or self.deletes:
            self.write(sync=due or final)
        elif self._unsynced and (due or final):
            self._state.sync()
            self._unsynced = False
        if due:
            self._synced = now
        if self.outcomes:
            self._report.add(self.outcomes)
            self.outcomes = []

    def write(self, *, sync: bool = False) -> None:
        """Write the gathered changes, without reporting outcomes. Raises StateError."""
        self._state.write(self.puts, self.deletes, sync=sync)
        self.puts, self.deletes = [], []
        self._unsynced = not sync
