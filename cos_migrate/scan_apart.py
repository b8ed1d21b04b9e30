"""A scan in a process of its own, seen from the coordinator.

A walk of files takes as long as looking up their records, and both want the interpreter: in two
processes they take half the time.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from cos_migrate.child import Child
from cos_migrate.model import Failure
from cos_migrate.scan_job import ScanJob
from cos_migrate.scanner import ScanEnded, Scanned


class ApartScanner:
    """A `Scanner` whose walk goes on in another process."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        job: ScanJob,
        post: Callable[[Scanned | ScanEnded], None],
    ) -> None:
        """`process`: `scan_process`. Raises RuntimeError when there are no more threads."""
        self._job = job
        self._post = post
        self._ended = False
        self._child = Child(process, self._hear, self._lost)

    def start(self) -> None:
        """Begin to scan."""
        self._child.write(self._job)

    def consumed(self) -> None:
        """Allow one more batch: one that was posted has been dealt with."""
        self._child.write(None)

    def stop(self) -> None:
        """End the scan where it is; ScanEnded is still posted."""
        self._end(ScanEnded(None))

    def _hear(self, event: Any) -> None:
        if isinstance(event, ScanEnded):
            self._end(event)
        else:
            self._post(Scanned(event))

    def _lost(self, reason: str) -> None:
        text = f"the process that lists the source ended by itself ({reason})"
        self._end(ScanEnded(Failure("scan", text, code="ScanLost")))

    def _end(self, event: ScanEnded) -> None:
        self._child.kill()  # it has nothing that could be lost
        if not self._ended:
            self._ended = True
            self._post(event)
