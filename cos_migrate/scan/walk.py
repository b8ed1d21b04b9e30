"""Walks a source in a thread, a bounded number of batches ahead of the coordinator."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from cos_migrate.errors import MigrateError
from cos_migrate.model import Found, Row, failure_of, unexpected_failure
from cos_migrate.scan.base import Scan, ScanEnded, Scanned

_BATCH = 256
_BATCH_SECONDS = 0.05
AHEAD = 8
"""Batches that may wait for the coordinator: bounds the memory of a huge walk."""
_BUSY = 0.5
"""Share of processor time from which a walk is limited by the processor, not the disk."""


class WalkThread(Scan):
    """Walks a source in a thread and posts the batches."""

    def __init__(
        self,
        scan: Callable[[], Iterator[Found | Row]],
        post: Callable[[Scanned | ScanEnded], None],
        *,
        turns: bool = True,
    ) -> None:
        """`turns`: the walk may take turns with the coordinator, which runs in this process."""
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

    def allow_more(self, batches: int = 1) -> None:
        """Allow more batches, after `batches` posted ones were handled."""
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
            failure = unexpected_failure("scan", error, doing="the scan")
        self._post(ScanEnded(failure))

    def _walk(self) -> None:
        batch: list[Found | Row] = []
        # Post the first objects at once, so that transfers begin early.
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
