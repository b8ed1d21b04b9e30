"""Walks a source in another process: the coordinator's side of `walk_main`.

Walking files takes as long as looking up their records, and both need the interpreter: in two
processes they take half the time. A process that is lost is replaced: the next one walks from the
start, and the objects that already arrived are skipped if they are the same.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from functools import partial

from cos_migrate.model import Failure, Found, Row
from cos_migrate.processes.child import Child
from cos_migrate.processes.liveness import (
    DEFAULT_WAIT_LIMITS,
    HeartbeatChange,
    HeartbeatWatch,
    WaitLimits,
    describe_change,
)
from cos_migrate.scan.base import Scan, ScanEnded, Scanned
from cos_migrate.scan.walk import AHEAD
from cos_migrate.scan.walk_starter import WalkStarter
from cos_migrate.sources.recipe import SourceRecipe

_MAX_PROCESSES = 4
_ALLOWED_AT_ONCE = AHEAD // 2
"""Batches: each frame wakes the other process, which then takes the processor."""


_Walker = Child[int, list[Found | Row] | ScanEnded]
"""Its frames: how many more batches it may send; objects, and their end."""


class _Received:
    """Count and checksum of the objects received from a scan; equal for equal beginnings."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def add(self, found: Sequence[Found | Row]) -> None:
        """Count the objects of the next batch and continue the checksum with their names."""
        self.count += len(found)
        names = [item[0] for item in found]  # a note's line, else a name
        self._sum = zlib.crc32("\n".join([*names, ""]).encode("utf-8", "surrogatepass"), self._sum)

    def equals(self, other: _Received) -> bool:
        """Return whether both received the same objects."""
        return (self.count, self._sum) == (other.count, other._sum)


class WalkProcess(Scan):
    """A walk in a process that is started when this is made."""

    def __init__(
        self,
        starter: WalkStarter,
        recipe: SourceRecipe,
        post: Callable[[Scanned | ScanEnded], None],
        limits: WaitLimits = DEFAULT_WAIT_LIMITS,
    ) -> None:
        """Raises OSError, and RuntimeError if there are no more threads."""
        self._starter = starter
        self._recipe = recipe
        self._post = post
        self._counting = threading.Lock()
        self._allowed = 0
        """Handled batches that were not yet reported to the other process."""
        self._ended = False
        self._limits = limits
        self._watch: HeartbeatWatch[int] = HeartbeatWatch(limits)
        self._tries = 1
        self._received = _Received()
        self._again: _Received | None = None
        """Count of the objects that a replacement has repeated; None once it has caught up."""
        self._starting = threading.Lock()
        with self._starting:
            self._child = self._start_process()

    def start(self) -> None:
        """Do nothing: the process has been started."""

    def allow_more(self) -> None:
        """Allow one more batch, after a posted one was handled."""
        with self._counting:  # the thread that reads from a replacement counts too
            self._allowed += 1
            if self._allowed < _ALLOWED_AT_ONCE:
                return
            self._allowed = 0
        self._child.write(_ALLOWED_AT_ONCE)

    def stop(self) -> None:
        """End the scan at once; ScanEnded is still posted."""
        self._end(ScanEnded(None))

    def watch(self) -> list[str]:
        """Return warnings about a process that went silent or is back; replace a dead one."""
        child, tries = self._child, self._tries
        if self._ended:
            return []
        lines = []
        for _, sign in self._watch.look({tries: child.heartbeats}):
            name = f"the process that lists the source ({child.pid})"
            lines.append(describe_change(name, sign, self._limits))
            if sign is HeartbeatChange.DEAD:
                child.kill()
                child.close(time.monotonic())  # objects already sent count
                self._lost(lines[-1])
        return lines

    def _start_process(self) -> _Walker:
        return Child(
            self._starter.take(self._recipe), partial(self._receive, self._tries), self._lost
        )

    def _receive(self, tries: int, event: list[Found | Row] | ScanEnded) -> None:
        if tries != self._tries:
            return  # from a process that was replaced
        if isinstance(event, ScanEnded):
            if self._again:
                event = _changed_source()
            self._end(event)
            return
        found = self._skip_repeated(event) if self._again else event
        if found:
            self._received.add(found)
            self._post(Scanned(found))

    def _skip_repeated(self, found: list[Found | Row]) -> list[Found | Row]:
        """Return the new objects of a replacement's batch."""
        again = self._again
        if again is None:
            return found
        known = min(len(found), self._received.count - again.count)
        again.add(found[:known])
        if again.count == self._received.count:
            self._again = None
            if not again.equals(self._received):
                self._end(_changed_source())
                return []
        if known == len(found):
            self.allow_more()
        return found[known:]

    def _lost(self, reason: str) -> None:
        if self._ended:
            return
        self._tries += 1
        self._again = _Received() if self._received.count else None
        try:
            if self._tries > _MAX_PROCESSES:
                raise OSError("it was replaced often enough")
            with self._starting:
                self._child = self._start_process()
        except (OSError, RuntimeError):
            text = f"the process that lists the source ended by itself ({reason})"
            self._end(ScanEnded(Failure("scan", text, code="ScanLost")))

    def _end(self, event: ScanEnded) -> None:
        with self._starting:
            self._child.kill()  # it holds nothing that could be lost
        if not self._ended:
            self._ended = True
            self._post(event)


def _changed_source() -> ScanEnded:
    text = "the process that lists the source ended by itself, and the source changed meanwhile"
    return ScanEnded(Failure("scan", text, code="ScanLost"))
