"""Walk a source in a thread, a bounded number of batches ahead of the coordinator."""

from __future__ import annotations

import abc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from cos_migrate.errors import MigrateError
from cos_migrate.model import Failure, Found, ListRange, Row
from cos_migrate.pools.results import failure_of
from cos_migrate.text import describe_error

_BATCH = 256
_BATCH_SECONDS = 0.05
AHEAD = 8
"""Batches that may wait for the coordinator: bounds the memory of a huge walk."""
_BUSY = 0.5
"""Share of processor time from which a walk is limited by the processor, not the disk."""


class Listed(NamedTuple):
    """The position of a page in a listing."""

    page: int
    """Number of the page, which its objects carry."""
    number: int
    """Number of the range."""
    part: ListRange
    """The range as it is now: it may have been split since the last page."""
    next: str
    """The marker after this page; empty when the range is complete."""
    more: tuple[tuple[int, ListRange], ...]
    """New ranges, with their numbers."""
    spoilt: bool = False
    """Whether the range cannot be complete, so that a later run must list it from here again."""


class Scanned(NamedTuple):
    """A batch of objects that a scan found."""

    found: Sequence[Found | Row]
    listed: Listed | None = None
    """Their position in a listing; None for a walk."""


class ScanEnded(NamedTuple):
    """The end of a scan; `failure` is the reason for an early end, None for a complete scan."""

    failure: Failure | None


class Scan(abc.ABC):
    """Finds the objects of a source; posts them in batches, and `ScanEnded` at last."""

    @abc.abstractmethod
    def start(self) -> None:
        """Begin."""

    @abc.abstractmethod
    def consumed(self) -> None:
        """Allow one more batch, after a posted one was handled."""

    @abc.abstractmethod
    def stop(self) -> None:
        """End early; `ScanEnded` is still posted."""

    def watch(self) -> list[str]:
        """Return warnings about what it depends on; called some times a second."""
        return []


class Scanner(Scan):
    """Walks a source in a thread and posts the batches."""

    def __init__(
        self,
        scan: Callable[[], Iterator[Found | Row]],
        post: Callable[[Scanned | ScanEnded], None],
        *,
        turns: bool = True,
    ) -> None:
        """`turns`: the walk shares the interpreter with the coordinator."""
        self._scan = scan
        self._post = post
        self._changed = threading.Condition()
        self._waiting = 0
        self._turns = turns
        self._ahead = 1 if turns else AHEAD
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def consumed(self, batches: int = 1) -> None:
        """Allow more batches, after so many posted ones were handled."""
        with self._changed:
            self._waiting -= batches
            self._changed.notify()

    def stop(self) -> None:
        """End the walk after the current object; ScanEnded is still posted."""
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
            text = f"the scan broke off: {describe_error(error)}"
            failure = Failure("scan", text, code="Unexpected")
        self._post(ScanEnded(failure))

    def _walk(self) -> None:
        batch: list[Found | Row] = []
        # The first objects are posted at once, so that transfers begin early.
        most = 1
        since, used = time.monotonic(), time.thread_time()
        try:
            for item in self._scan():
                batch.append(item)
                if len(batch) >= most or time.monotonic() - since > _BATCH_SECONDS:
                    if self._turns:
                        self._set_ahead(time.monotonic() - since, time.thread_time() - used)
                    if not self._post_batch(batch):
                        return
                    batch = []
                    most = min(_BATCH, most * 4)
                    since, used = time.monotonic(), time.thread_time()
        finally:  # objects found before a failure count
            if batch and not self._stopping:
                self._post(Scanned(batch))

    def _set_ahead(self, spent: float, used: float) -> None:
        """Set how far to walk ahead, from the elapsed and the processor seconds of a batch.

        Where the disk answers at once, two threads that compete for the interpreter cost three
        times as much: then the walk and the coordinator take turns.
        """
        self._ahead = 1 if used > spent * _BUSY else AHEAD

    def _post_batch(self, batch: list[Found | Row]) -> bool:
        """Post a batch and wait for room for the next; return whether to go on."""
        with self._changed:
            self._waiting += 1
        self._post(Scanned(batch))
        with self._changed:
            while self._waiting >= self._ahead and not self._stopping:
                self._changed.wait()
        return not self._stopping
