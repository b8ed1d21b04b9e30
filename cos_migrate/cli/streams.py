"""Standard output and error: UTF-8, unbuffered, and unable to delay the end of the process.

A reader that does not read blocks the tool, as usual for pipes; once `waits_limited` is set,
output that it has not read within a second is dropped.
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
"""Bytes that a pipe accepts without blocking when it is ready for writing."""
_TERMINAL_PIECE = 64
"""Bytes for a terminal, which may turn a line break into two bytes."""
_CHECK_EVERY = 0.1
"""Seconds after which a blocked write checks `waits_limited`."""
_RETRY_AFTER = 0.005
"""Seconds after which a write that would have blocked is tried again."""
_CONSOLES = (-11, -12)
"""Numbers by which Windows knows standard output and error (STD_OUTPUT_HANDLE, ...)."""
_PROCESS_ESCAPES = 4
"""ENABLE_VIRTUAL_TERMINAL_PROCESSING of a console's mode."""
_PATIENCE = 1.0
"""Seconds in all for which a stream may block once its waits are limited."""


class StandardStream(io.RawIOBase):
    """A standard stream: each write is complete, fails or, once `waits_limited`, is dropped."""

    def __init__(
        self, descriptor: int, *, forgiving: bool = False, patience: float = _PATIENCE
    ) -> None:
        """`forgiving`: output that cannot be written is dropped without an error."""
        self._descriptor = descriptor
        self._forgiving = forgiving
        self._left = patience
        self._cut = False
        """Whether the last written line is incomplete."""
        mode = os.fstat(descriptor).st_mode
        self._terminal = os.isatty(descriptor)
        self._waits = self._terminal or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._piece = _TERMINAL_PIECE if self._terminal else _PIECE
        self.waits_limited = False
        """Whether output is dropped that would block for long; set by a signal handler."""

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
        """Write all of `data`. Raises OSError unless `forgiving`."""
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
        except BlockingIOError:  # another process that shares it made it non-blocking
            self._waits = True
            time.sleep(_RETRY_AFTER)
            if self.waits_limited:
                self._left -= _RETRY_AFTER
            return 0

    @property
    def _given_up(self) -> bool:
        """Whether output that would block is dropped."""
        return self.waits_limited and self._left <= 0

    def _is_ready(self) -> bool:
        """Wait until the stream accepts data; return False when the patience is used up."""
        while True:
            wait = max(0.0, min(_CHECK_EVERY, self._left)) if self.waits_limited else _CHECK_EVERY
            began = time.monotonic()
            if select.select((), (self._descriptor,), (), wait)[1]:
                return True
            if self.waits_limited:
                self._left -= time.monotonic() - began
                if self._given_up:
                    return False


def replace_standard_streams() -> None:
    """Replace `sys.stdout` and `sys.stderr` by a StandardStream each.

    They are UTF-8 in every locale; characters that cannot be encoded are escaped.
    """
    _open_closed_ones()
    if os.name == "nt":  # a console there takes characters, not bytes
        _enable_escapes()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        devnull = os.devnull
        sys.stdout = sys.stdout or open(devnull, "w", encoding="utf-8")  # noqa: SIM115
        sys.stderr = sys.stderr or open(devnull, "w", encoding="utf-8")  # noqa: SIM115
        return
    sys.stdout = _text(StandardStream(1))
    sys.stderr = _text(StandardStream(_STANDARD_ERROR, forgiving=True))


def _enable_escapes() -> None:
    """Let the consoles of Windows interpret escape sequences, which older ones print otherwise."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - for consoles of Windows only

        kernel = ctypes.WinDLL("kernel32")
        kernel.GetStdHandle.restype = ctypes.c_void_p
        for number in _CONSOLES:
            console, mode = ctypes.c_void_p(kernel.GetStdHandle(number)), ctypes.c_uint32()
            if kernel.GetConsoleMode(console, ctypes.byref(mode)):
                kernel.SetConsoleMode(console, mode.value | _PROCESS_ESCAPES)


def _text(output: StandardStream) -> TextIO:
    return io.TextIOWrapper(
        cast("BinaryIO", output),  # unbuffered, as with `python -u`
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


def _open_closed_ones() -> None:
    """Open those of the three standard descriptors that are closed.

    Otherwise the next file to be opened, such as the record database, gets one of their numbers,
    and with it the output of libraries and other processes.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def limit_waits() -> None:
    """Limit the time for which readers can block this process. Safe in a signal handler."""
    for stream in (sys.stdout, sys.stderr):
        output = getattr(stream, "buffer", None)
        if isinstance(output, StandardStream):
            output.waits_limited = True


def flush() -> None:
    """Flush both streams; errors are ignored."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def write_without_waiting(descriptor: int, data: bytes) -> None:
    """Write a short text if that does not block, else drop it; for signal handlers."""
    with contextlib.suppress(OSError, ValueError):
        if os.name == "nt" or select.select((), (descriptor,), (), 0)[1]:
            os.write(descriptor, data)
