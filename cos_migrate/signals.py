"""The signals that ask the tool to end, in one place."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

Handler = Callable[[int, FrameType | None], object]

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
HARD_LIMIT = 29.0
"""Seconds after a signal in which a run ends, whatever it waits for: service managers usually kill
after 30."""
LAST_WORDS = 0.5
"""Seconds that noting such an end may take."""


def exit_code(number: int) -> int:
    """Return the exit code of a process that a signal has ended, as shells have it."""
    return 128 + number


def name_of(number: int) -> str:
    """Return the name of a signal."""
    return signal.Signals(number).name


def install(handler: Handler) -> dict[int, Handler | int | None]:
    """Handle every signal that is not ignored, as nohup has it; return the handlers before."""
    return {
        number: signal.signal(number, handler)
        for number in _numbers()
        if signal.getsignal(number) != signal.SIG_IGN
    }


@contextlib.contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Handle the signals for a while."""
    before = install(handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def ignore() -> None:
    """Ignore them all: the process that has started this one decides."""
    for number in _numbers():
        signal.signal(number, signal.SIG_IGN)


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class HardLimit:
    """Ends this process when a stop takes too long, whatever the main thread waits for.

    A second signal ends it at once.

    Records are as after a kill: what was sent and not recorded is sent again.
    """

    def __init__(
        self, seconds: float = HARD_LIMIT, last_words: Callable[[int], object] = lambda _: None
    ) -> None:
        """`last_words` is given the exit code just before the end, for half a second at most."""
        self._seconds = seconds
        self._last_words = last_words
        self._codes: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        thread = threading.Thread(target=self._run, name="hard-limit", daemon=True)
        with contextlib.suppress(RuntimeError):  # no more threads: then without a limit
            thread.start()

    def begin(self, code: int) -> None:
        """Count from now on, end at once when it counts already; `code` is the exit code.

        May be called from a signal handler.
        """
        self._codes.put(code)

    def cancel(self) -> None:
        """Stop counting."""
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
            last = threading.Thread(target=self._last_words, args=(code,), daemon=True)
            last.start()
            last.join(LAST_WORDS)
        os._exit(code)
