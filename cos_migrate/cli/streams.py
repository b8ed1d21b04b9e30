"""Standard output and standard error: UTF-8, without a buffer, never in the way of an end.

A reader that does not read holds up the tool, as pipes are meant to. Once `hurried` is set it
does not: what it has not taken within a second is dropped.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
import time
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STANDARD_ERROR = 2
_PIECE = min(getattr(select, "PIPE_BUF", 512), 4096)
"""Bytes that a pipe takes at once when it is ready to be written to."""
_TERMINAL_PIECE = 64
"""Likewise of a terminal; there it may become twice as many, since line breaks take two."""
_LOOK_EVERY = 0.1
"""Seconds after which a write that waits looks whether it is to be hurried."""
_AGAIN = 0.005
"""Seconds after which a write is tried again that would have blocked."""
_PATIENCE = 1.0
"""Seconds in all for which a stream may hold up a hurried process."""


class Output(io.RawIOBase):
    """A standard stream; every write is complete, or fails, or is dropped when hurried."""

    def __init__(
        self, descriptor: int, *, forgiving: bool = False, patience: float = _PATIENCE
    ) -> None:
        """`forgiving`: what cannot be written is dropped, and raises nothing."""
        self._descriptor = descriptor
        self._forgiving = forgiving
        self._left = patience
        self._cut = False
        """Whether the last line that was written lacks its end."""
        mode = os.fstat(descriptor).st_mode
        self._terminal = os.isatty(descriptor)
        self._waits = self._terminal or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._piece = _TERMINAL_PIECE if self._terminal else _PIECE
        self.hurried = False
        """Whether this process has been asked to end; set by a signal handler."""

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._terminal

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of `data`. Raises OSError unless it is forgiving."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        was_cut, self._cut = self._cut, False
        if was_cut:
            rest = memoryview(b"\n" + rest)
        whole = len(rest)
        try:
            while rest:
                written = self._write_piece(rest) if not self._waits or self._is_ready() else 0
                if not written and self._given_up:
                    self._cut = was_cut or len(rest) < whole
                    break
                rest = rest[written:]
        except OSError:
            if not self._forgiving:
                raise
        return size

    def _write_piece(self, rest: memoryview) -> int:
        try:
            return os.write(self._descriptor, rest[: self._piece] if self._waits else rest)
        except BlockingIOError:  # another process that shares it has made it non-blocking
            self._waits = True
            time.sleep(_AGAIN)
            if self.hurried:
                self._left -= _AGAIN
            return 0

    @property
    def _given_up(self) -> bool:
        """Whether nothing that has to wait is written any more."""
        return self.hurried and self._left <= 0

    def _is_ready(self) -> bool:
        """Wait until it can be written to; return False when there is no time left for it."""
        while True:
            wait = max(0.0, min(_LOOK_EVERY, self._left)) if self.hurried else _LOOK_EVERY
            began = time.monotonic()
            if select.select((), (self._descriptor,), (), wait)[1]:
                return True
            if self.hurried:
                self._left -= time.monotonic() - began
                if self._given_up:
                    return False


def take_over() -> None:
    """Use these streams for whatever this process prints from now on.

    They are UTF-8 whatever locale and environment say; what cannot be encoded becomes an escape.
    """
    _open_closed_ones()
    if os.name == "nt":  # a console takes characters there, not bytes
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        devnull = os.devnull
        sys.stdout = sys.stdout or open(devnull, "w", encoding="utf-8")  # noqa: SIM115
        sys.stderr = sys.stderr or open(devnull, "w", encoding="utf-8")  # noqa: SIM115
        return
    sys.stdout = _text(Output(1))
    sys.stderr = _text(Output(_STANDARD_ERROR, forgiving=True))


def _text(output: Output) -> TextIO:
    return io.TextIOWrapper(
        cast("BinaryIO", output),  # as `python -u` does
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


def _open_closed_ones() -> None:
    """Have all three descriptors, even when this was started with some of them closed.

    What is opened next, such as the record database, would else take their numbers, and get what
    libraries and other processes write there.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def hurry() -> None:
    """Let no reader hold up this process any more. May be called from a signal handler."""
    for stream in (sys.stdout, sys.stderr):
        output = getattr(stream, "buffer", None)
        if isinstance(output, Output):
            output.hurried = True


def flush() -> None:
    """Write what is still held back; whatever becomes of it, it fails no more."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def write_at_once(descriptor: int, data: bytes) -> None:
    """Write a short text where that takes no waiting; else drop it. Raises nothing.

    For signal handlers.
    """
    with contextlib.suppress(OSError, ValueError):
        if os.name == "nt" or select.select((), (descriptor,), (), 0)[1]:
            os.write(descriptor, data)
