"""Stops the tool on a signal: in good order on the first, at once on the second."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from cos_migrate import signals
from cos_migrate.cli import streams

_MESSAGE = b"\nstopping: transfers under way are being finished; a second signal ends at once\n"

_PIECE = 1.0
"""Seconds; the longest single wait."""


class StopSignal:
    """The signal that asked this process to stop, if one has arrived."""

    def __init__(self, interrupt: Callable[[], object]) -> None:
        """`interrupt` ends a run early; called from a signal handler."""
        self._interrupt = interrupt
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._hard_limit: signals.HardLimit | None = None
        self.number = 0
        """0: none has arrived."""

    @property
    def exit_code(self) -> int:
        """The exit code for the signal; 0: none has arrived."""
        return signals.exit_code(self.number) if self.number else 0

    @property
    def name(self) -> str:
        """The name of the signal that has arrived."""
        return signals.name_of(self.number)

    def wait(self, seconds: float) -> None:
        """Sleep until a signal arrives, or for `seconds`."""
        until = time.monotonic() + seconds
        # In pieces: a signal that arrives just before a wait begins does not end it.
        while not self.number and (left := until - time.monotonic()) > 0:
            with suppress(queue.Empty):
                self._wake.get(timeout=min(left, _PIECE))

    @contextmanager
    def handled(self, note_end: Callable[[str], object]) -> Iterator[None]:
        """Handle signals until the end of a block; `note_end` logs an early end."""
        self._hard_limit = signals.HardLimit(
            note_end=lambda code: note_end(
                f"{self.name}, exit code {code}, without waiting any longer"
            )
        )
        try:
            with signals.handled(self._on_signal):
                yield
        finally:
            self._hard_limit.cancel()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Set the number first and print last: no stream may delay the end of a run.

        The main thread may hold any lock, so this takes none.
        """
        code = signals.exit_code(number)
        if self.number:
            if self._hard_limit:
                self._hard_limit.begin(code)
                time.sleep(2 * signals.NOTE_SECONDS)  # for its entry in the log
            os._exit(code)
        self.number = number
        if self._hard_limit:
            self._hard_limit.begin(code)
        self._interrupt()
        self._wake.put(None)
        streams.limit_waits()
        streams.write_without_waiting(2, _MESSAGE)
