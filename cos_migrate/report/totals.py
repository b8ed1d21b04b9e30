"""The running totals of a run: objects and bytes found, done, sent and under way."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import NamedTuple

from cos_migrate.model import Failure, Outcome, Status
from cos_migrate.report.sinks import Batch, Progress, Unfinished


class PoolUse(NamedTuple):
    """How many transfers of a pool are under way, and how many may be."""

    under_way: int
    """Transfers."""
    limit: int
    """Transfers that may be under way at once."""


class RunTotals:
    """Counts what a run has found and done so far; each outcome is counted exactly once."""

    def __init__(self, *, is_dry: bool = False) -> None:
        """`is_dry`: new and updated objects are only counted, not sent."""
        self._is_dry = is_dry
        self.counts: collections.Counter[Status] = collections.Counter()
        """Objects by outcome."""
        self.compared = 0
        """Objects that were compared, in a comparison."""
        self.unverified = 0
        """Objects whose size and ETag alone could be compared."""
        self.bytes_sent = 0
        """Bytes of new and updated objects."""
        self.final = False
        """Whether all objects are found, so that the totals grow no more."""
        self.waiting = ""
        """Reason why less is sent than could be; empty: there is none."""
        self.restoring = ""
        """How many objects are being restored at the source; empty: none."""
        self.requests: collections.Counter[tuple[str, str]] = collections.Counter()
        """Requests to COS by operation and status; only where the job counts them."""
        self.small_pool = self.big_pool = PoolUse(0, 0)
        self.objects_ahead = self.bytes_ahead = 0
        """As in Progress."""
        self._bytes_done = self._known = self._bytes_known = self._bytes_under_way = 0
        self._bytes_passed = self._bytes_granted = 0
        self._unfinished: Sequence[Unfinished] = ()

    def add(self, outcomes: Sequence[Outcome]) -> Batch:
        """Count outcomes; return them, prepared for the sinks."""
        counts = self.counts
        routine: list[str] = []
        notable: list[str] = []
        sent: list[Outcome] = []
        failed: list[tuple[Outcome, Failure]] = []
        unverified: list[Outcome] = []
        new, update = Status.NEW, Status.UPDATE
        updates = 0
        for outcome in outcomes:
            status = outcome.status
            if status is new or status is update:
                routine.append(outcome.lines)
                sent.append(outcome)
                if outcome.unverified:
                    unverified.append(outcome)
                updates += status is update
                continue
            counts[status] += outcome.objects
            self._bytes_done += outcome.size
            if status is Status.SKIP:
                routine.append(outcome.lines)
            else:
                notable.append(outcome.lines)
                if outcome.failure:
                    failed.append((outcome, outcome.failure))
        size = sum([outcome.size for outcome in sent])
        self._bytes_done += size
        counts[update] += updates
        counts[new] += len(sent) - updates
        if self._is_dry:
            sent = []
        else:
            self.bytes_sent += size
        self.unverified += len(unverified)
        return Batch(outcomes, "".join(routine), "".join(notable), failed, unverified, sent)

    def add_found(self, objects: int, size: int) -> None:
        """Add objects that were found, and their bytes."""
        self._known += objects
        self._bytes_known += size

    def note_request(self, operation: str, status: int) -> None:
        """Count a request to COS; status 0: there was no answer."""
        self.requests[operation, str(status or "none")] += 1

    def note_granted(self, size: int) -> None:
        """Note how many bytes a limit has let pass so far; they count before their object ends."""
        self._bytes_passed += size - self._bytes_granted
        self._bytes_granted = size

    def set_work(self, transferred: int, size: int, unfinished: Sequence[Unfinished]) -> None:
        """Set how many objects single requests have sent or copied, and the big ones under way.

        `size`: bytes of all objects and parts of this run that were sent or copied, or are on
        their way. `unfinished`: the one begun first at the front.
        """
        if not self._is_dry:
            self.requests["PutObject", "200"] = transferred - self.requests["CopyObject", "200"]
            self._bytes_passed = max(self._bytes_passed, size)
        self._unfinished = unfinished
        self._bytes_under_way = sum(each.sent for each in unfinished)

    def progress(self) -> Progress:
        """Return the state of the run."""
        done = self.counts.total() + self.compared
        return Progress(
            done=done,
            known=max(self._known, done),
            bytes_done=self._bytes_done + self._bytes_under_way,
            bytes_known=self._bytes_known,
            failed=self.counts[Status.FAIL],
            complete=self.final,
            sent=0 if self._is_dry else self.counts[Status.NEW] + self.counts[Status.UPDATE],
            bytes_sent=self.bytes_sent + self._bytes_under_way,
            bytes_passed=self._bytes_passed,
            unfinished=self._unfinished,
            waiting=self.waiting,
            objects_ahead=self.objects_ahead,
            bytes_ahead=self.bytes_ahead,
        )
