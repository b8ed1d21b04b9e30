"""The scan thread: it walks the source ahead of the coordinator, a bounded way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cos_migrate.errors import MigrateError
from cos_migrate.model import Failure, Found, ListRange
from cos_migrate.tasks import failure_of

_BATCH = 256
_BATCH_SECONDS = 0.05
_AHEAD = 8
"""Batches that may wait for the coordinator: what bounds the memory of a huge listing."""


@dataclass(frozen=True, slots=True)
class Listed:
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


@dataclass(frozen=True, slots=True)
class Scanned:
    """A batch of what the source has."""

    found: list[Found]
    listed: Listed | None = None
    """Where they stand in a listing by pages; None for a walk."""


@dataclass(frozen=True, slots=True)
class ScanEnded:
    """Nothing more follows; `failure` says why it ended early, None when it is complete."""

    failure: Failure | None


class Scanner:
    """Runs a source's scan in a thread and posts its batches."""

    def __init__(
        self, scan: Callable[[], Iterator[Found]], post: Callable[[Scanned | ScanEnded], None]
    ) -> None:
        self._scan = scan
        self._post = post
        self._credits = threading.Semaphore(_AHEAD)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)

    def start(self) -> None:
        """Begin to scan."""
        self._thread.start()

    def consumed(self) -> None:
        """Allow one more batch: one that was posted has been dealt with."""
        self._credits.release()

    def stop(self) -> None:
        """End the scan behind the object it is at; ScanEnded is still posted."""
        self._stopping = True
        self._credits.release()

    def _run(self) -> None:
        failure = None
        try:
            self._walk()
        except MigrateError as error:
            failure = failure_of(error)
        except Exception as error:
            text = f"the scan broke off: {type(error).__name__}: {error}"
            failure = Failure("scan", text, code="Unexpected")
        self._post(ScanEnded(failure))

    def _walk(self) -> None:
        batch: list[Found] = []
        # The first objects leave at once, so that transfers begin early.
        most, since = 1, time.monotonic()
        for item in self._scan():
            batch.append(item)
            if len(batch) >= most or time.monotonic() - since > _BATCH_SECONDS:
                self._credits.acquire()
                if self._stopping:
                    return
                self._post(Scanned(batch))
                batch = []
                most, since = min(_BATCH, most * 4), time.monotonic()
        if batch and not self._stopping:
            self._post(Scanned(batch))
