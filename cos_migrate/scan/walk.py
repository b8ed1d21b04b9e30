"""The scan thread: it walks the source ahead of the coordinator, a bounded way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from cos_migrate.errors import MigrateError
from cos_migrate.model import Failure, Found, ListRange, Row
from cos_migrate.pools.messages import failure_of
from cos_migrate.text import words_of

_BATCH = 256
_BATCH_SECONDS = 0.05
AHEAD = 8
"""Batches that may wait for the coordinator: what bounds the memory of a huge listing."""
_BUSY = 0.5
"""The share of its time from which on a walk is one of the processor, not of the disk."""


class Listed(NamedTuple):
    """Where a page stands in a listing by pages."""

    page: int
    """The number its objects carry."""
    number: int
    """That of its range."""
    part: ListRange
    """The range as it is now: it may have been cut since the last page."""
    next: str
    """The marker behind this page, empty when the range is complete."""
    more: tuple[tuple[int, ListRange], ...]
    """Further ranges, with their numbers."""
    spoilt: bool = False
    """Whether the range cannot be complete: a later run must list it from here on again."""


class Scanned(NamedTuple):
    """A batch of what the source has."""

    found: Sequence[Found | Row]
    listed: Listed | None = None
    """Where they stand in a listing by pages; None for a walk."""


class ScanEnded(NamedTuple):
    """Nothing more follows; `failure` says why it ended early, None when it is complete."""

    failure: Failure | None


class Scanner:
    """Runs a source's scan in a thread and posts its batches."""

    def __init__(
        self,
        scan: Callable[[], Iterator[Found | Row]],
        post: Callable[[Scanned | ScanEnded], None],
        *,
        turns: bool = True,
    ) -> None:
        """`turns`: the walk shares the interpreter with who uses what it finds."""
        self._scan = scan
        self._post = post
        self._changed = threading.Condition()
        self._waiting = 0
        self._turns = turns
        self._ahead = 1 if turns else AHEAD
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)

    def start(self) -> None:
        """Begin to scan."""
        self._thread.start()

    def consumed(self, batches: int = 1) -> None:
        """Allow more batches: so many that were posted have been dealt with."""
        with self._changed:
            self._waiting -= batches
            self._changed.notify()

    def stop(self) -> None:
        """End the scan behind the object it is at; ScanEnded is still posted."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def _run(self) -> None:
        failure = None
        try:
            self._walk()
        except MigrateError as error:
            failure = failure_of(error)
        except Exception as error:
            text = f"the scan broke off: {words_of(error)}"
            failure = Failure("scan", text, code="Unexpected")
        self._post(ScanEnded(failure))

    def _walk(self) -> None:
        batch: list[Found | Row] = []
        # The first objects leave at once, so that transfers begin early.
        most = 1
        since, used = time.monotonic(), time.thread_time()
        try:
            for item in self._scan():
                batch.append(item)
                if len(batch) >= most or time.monotonic() - since > _BATCH_SECONDS:
                    if self._turns:
                        self._judge(time.monotonic() - since, time.thread_time() - used)
                    if not self._give(batch):
                        return
                    batch = []
                    most = min(_BATCH, most * 4)
                    since, used = time.monotonic(), time.thread_time()
        finally:  # what was found before a scan broke off counts
            if batch and not self._stopping:
                self._post(Scanned(batch))

    def _judge(self, spent: float, used: float) -> None:
        """Decide how far to walk ahead, by the seconds that a batch took and used of a processor.

        Where the disk answers at once, two threads that both want the interpreter hand it to and
        fro, at three times the cost: then the walk and the coordinator take turns.
        """
        self._ahead = 1 if used > spent * _BUSY else AHEAD

    def _give(self, batch: list[Found | Row]) -> bool:
        """Post a batch; return whether to go on, once there is room for the next."""
        with self._changed:
            self._waiting += 1
        self._post(Scanned(batch))
        with self._changed:
            while self._waiting >= self._ahead and not self._stopping:
                self._changed.wait()
        return not self._stopping
