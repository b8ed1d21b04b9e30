"""The signals that end the tool, and the time limit of an end in good order."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

Handler = Callable[[int, FrameType | None], object]

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
HARD_LIMIT = 29.0
"""Seconds within which a run ends after a signal: service managers usually kill after 30."""
NOTE_SECONDS = 0.5
"""Seconds that `note_end` of a HardLimit may take."""


def exit_code(number: int) -> int:
    """Return the exit code that shells use for a process ended by a signal."""
    return 128 + number


def name_of(number: int) -> str:
    """Return the name of a signal."""
    return signal.Signals(number).name


def install(handler: Handler) -> dict[int, Handler | int | None]:
    """Handle every signal that is not ignored (as by nohup); return the previous handlers."""
    return {
        number: signal.signal(number, handler)
        for number in _numbers()
        if signal.getsignal(number) != signal.SIG_IGN
    }


@contextlib.contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Handle the signals until the end of a block."""
    before = install(handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextlib.contextmanager
def kept_from_new_threads() -> Iterator[None]:
    """Let the threads that a block starts, and those that they start, get no signals.

    A signal that another thread gets does not wake the main thread, which handles it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _numbers())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_command(number: int, _frame: FrameType | None) -> NoReturn:
    """Handle a signal by SystemExit, so that the command cleans up behind itself."""
    raise SystemExit(exit_code(number))


def ignore() -> None:
    """Ignore the signals: the parent process decides when this one ends."""
    for number in _numbers():
        signal.signal(number, signal.SIG_IGN)


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class HardLimit:
    """Ends this process when a stop takes too long, even while the main thread is blocked.

    A second signal ends it at once. Records are as after a kill: objects that were sent and not
    recorded are sent again.
    """

    def __init__(
        self, seconds: float = HARD_LIMIT, note_end: Callable[[int], object] = lambda _: None
    ) -> None:
        """`note_end` gets the exit code just before the end, and may take half a second."""
        self._seconds = seconds
        self._note_end = note_end
        self._codes: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        thread = threading.Thread(target=self._run, name="hard-limit", daemon=True)
        with contextlib.suppress(RuntimeError):  # no more threads: then without a limit
            thread.start()

    def begin(self, code: int) -> None:
        """Start the time limit, or end at once if it is running; `code` is the exit code.

        May be called from a signal handler.
        """
        self._codes.put(code)

    def cancel(self) -> None:
        """Stop the time limit."""
        self._codes.put(None)

    def _run(self) -> None:
        code = self._codes.get()
        if code is None:
            return
        try:
            again = self._codes.get(timeout=self._seconds)
        except queue.Empty:
            again = code
        if again is not None:
            self._end(again)

    def _end(self, code: int) -> None:
        with contextlib.suppress(RuntimeError):
            # The disk may be what the run waits for.
            last = threading.Thread(target=self._note_end, args=(code,), daemon=True)
            last.start()
            last.join(NOTE_SECONDS)
        os._exit(code)
