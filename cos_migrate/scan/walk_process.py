"""A scan in a process of its own, seen from the coordinator.

A walk of files takes as long as looking up their records, and both want the interpreter: in two
processes they take half the time. A process that ends by itself is replaced: the next one walks
from the start, and what has been heard of already is passed over, provided that it is the same.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from cos_migrate.model import Failure, Found, Row
from cos_migrate.pools.liveness import DEFAULT_LIMITS, Limits, Sign, Watch, words_of
from cos_migrate.pools.process import Child
from cos_migrate.scan.walk import AHEAD, ScanEnded, Scanned
from cos_migrate.scan.walk_ahead import Scans
from cos_migrate.sources.recipe import ScanJob

_TRIES = 4
_ALLOWED_AT_ONCE = AHEAD // 2
"""Batches: the other process wakes for each frame that it gets, and takes the processor away."""


class Heard:
    """How much of a scan has been heard, and what: two that agree have been the same so far."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def add(self, found: Sequence[Found | Row]) -> None:
        """Take what comes next."""
        self.count += len(found)
        names = [item[0] for item in found]  # a note's line, else a name
        self._sum = zlib.crc32("\n".join([*names, ""]).encode("utf-8", "surrogatepass"), self._sum)

    def same(self, other: Heard) -> bool:
        """Return whether both have heard the same."""
        return (self.count, self._sum) == (other.count, other._sum)


class ApartScanner:
    """A `Scanner` whose walk goes on in another process; it has begun when this is made."""

    def __init__(
        self,
        scans: Scans,
        job: ScanJob,
        post: Callable[[Scanned | ScanEnded], None],
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """Raises OSError, and RuntimeError when there are no more threads."""
        self._scans = scans
        self._job = job
        self._post = post
        self._counting = threading.Lock()
        self._consumed = 0
        """Batches that were dealt with and that the other process does not know of."""
        self._ended = False
        self._limits = limits
        self._watch: Watch[int] = Watch(limits)
        self._tries = 1
        self._heard = Heard()
        self._again: Heard | None = None
        """What a replacement has told of what was heard before; None once it is behind that."""
        self._starting = threading.Lock()
        with self._starting:
            self._child = self._listen()

    def start(self) -> None:
        """Begin to scan; that was done already."""

    def consumed(self) -> None:
        """Allow one more batch: one that was posted has been dealt with."""
        with self._counting:  # the thread that listens to a replacement counts too
            self._consumed += 1
            if self._consumed < _ALLOWED_AT_ONCE:
                return
            self._consumed = 0
        self._child.write(_ALLOWED_AT_ONCE)

    def stop(self) -> None:
        """End the scan where it is; ScanEnded is still posted."""
        self._end(ScanEnded(None))

    def watch(self) -> list[str]:
        """Return warnings of a process that shows no sign of life, or shows one again.

        One that has shown none for long is replaced.
        """
        child, tries = self._child, self._tries
        if self._ended:
            return []
        lines = []
        for _, sign in self._watch.look({tries: child.beats}):
            name = f"the process that lists the source ({child.pid})"
            lines.append(words_of(name, sign, self._limits))
            if sign is Sign.DEAD:
                child.kill()
                child.close(time.monotonic())  # what it had sent counts
                self._lost(lines[-1])
        return lines

    def _listen(self) -> Child:
        return Child(self._scans.take(self._job), partial(self._hear, self._tries), self._lost)

    def _hear(self, tries: int, event: Any) -> None:
        if tries != self._tries:
            return  # of one that has been replaced
        if isinstance(event, ScanEnded):
            if self._again:
                event = _differs()
            self._end(event)
            return
        found = self._pass_over(event) if self._again else event
        if found:
            self._heard.add(found)
            self._post(Scanned(found))

    def _pass_over(self, found: list[Found | Row]) -> list[Found | Row]:
        """Return what of a replacement's batch is new."""
        again = self._again
        if again is None:
            return found
        known = min(len(found), self._heard.count - again.count)
        again.add(found[:known])
        if again.count == self._heard.count:
            self._again = None
            if not again.same(self._heard):
                self._end(_differs())
                return []
        if known == len(found):
            self.consumed()
        return found[known:]

    def _lost(self, reason: str) -> None:
        if self._ended:
            return
        self._tries += 1
        self._again = Heard() if self._heard.count else None
        try:
            if self._tries > _TRIES:
                raise OSError("it was replaced often enough")
            with self._starting:
                self._child = self._listen()
        except (OSError, RuntimeError):
            text = f"the process that lists the source ended by itself ({reason})"
            self._end(ScanEnded(Failure("scan", text, code="ScanLost")))

    def _end(self, event: ScanEnded) -> None:
        with self._starting:
            self._child.kill()  # it has nothing that could be lost
        if not self._ended:
            self._ended = True
            self._post(event)


def _differs() -> ScanEnded:
    text = "the process that lists the source ended by itself, and the source changed meanwhile"
    return ScanEnded(Failure("scan", text, code="ScanLost"))
