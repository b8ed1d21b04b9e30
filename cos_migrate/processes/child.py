"""A started process as the coordinator sees it: frames out, frames in, its end.

Nothing here waits for the process without a limit.
"""

from __future__ import annotations

import collections
import contextlib
import os
import pickle
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from cos_migrate.processes.frames import FrameReader, packed
from cos_migrate.text import masked

Sent = TypeVar("Sent")
Received = TypeVar("Received")

_KILLED = 1.0
"""Seconds that are waited for a killed process; one that hangs in the kernel is left to it."""
_PAUSE_LEAST, _PAUSE_MOST = 0.001, 0.05
"""Seconds after which a write is tried again for which there was no room."""


class Child(Generic[Sent, Received]):
    """A process whose stdin, stdout and stderr are pipes; frames of two types go to and fro."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        on_frame: Callable[[Received], None],
        on_loss: Callable[[str], None],
        unpack: Callable[[bytes], Received | None] = pickle.loads,
    ) -> None:
        """Start to read; `on_frame` takes each frame, `on_loss` the reason of an unexpected end.

        Both are called in another thread. `unpack` as in FrameReader. Raises RuntimeError when
        there are no more threads.
        """
        self._unpack = unpack
        self._process = process
        self.pid = process.pid
        self.heartbeats = 0
        """Frames received: each is a heartbeat, an empty one nothing else."""
        self._closing = False
        self._sending = threading.Lock()
        self._unsent = bytearray()
        """Bytes that did not fit into the pipe; another thread sends them."""
        self._last_words: collections.deque[bytes] = collections.deque(maxlen=5)
        self._reader = threading.Thread(
            target=self._read_frames, args=(on_frame, on_loss), daemon=True
        )
        self._errors = threading.Thread(target=self._read_errors, daemon=True)
        if process.stdin and os.name == "posix":
            os.set_blocking(process.stdin.fileno(), False)
        try:
            self._errors.start()
            self._reader.start()  # at the end it waits for the other
        except RuntimeError:
            self.kill()
            raise

    def write(self, value: Sent) -> None:
        """Send a frame, without waiting for the process to take it.

        The end of the process is left to `on_loss`.
        """
        self.write_frame(packed(value))

    def write_frame(self, frame: bytes) -> None:
        """Send a frame that is packed already, as `write` does."""
        with self._sending:
            if self._unsent:
                self._unsent += frame
                return
            self._unsent += memoryview(frame)[self._push(frame) :]
            if not self._unsent:
                return
        try:
            threading.Thread(target=self._push_rest, daemon=True).start()
        except RuntimeError:  # no more threads
            self._push_rest()

    def let_end(self) -> None:
        """Expect the end of the process: `on_loss` is not called."""
        self._closing = True

    def kill(self) -> None:
        """End the process at once."""
        self._closing = True
        self._process.kill()

    def close(self, deadline: float) -> None:
        """Wait for the end of the process until time.monotonic() is `deadline`, then end it.

        All frames it sent have been handled when this returns.
        """
        self._reader.join(max(0.0, deadline - time.monotonic()))
        if self._reader.is_alive():
            self.kill()
            self._reader.join(_KILLED)
        self._errors.join(_KILLED)

    def _push(self, data: bytes | bytearray) -> int:
        """Write as much as fits into the pipe; return the number of bytes written or dropped."""
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            return len(data)
        try:
            return os.write(stdin.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError:  # it has ended
            return len(data)

    def _push_rest(self) -> None:
        pause = _PAUSE_LEAST
        while True:
            time.sleep(pause)
            with self._sending:
                pushed = self._push(self._unsent)
                del self._unsent[:pushed]
                if not self._unsent:
                    return
            pause = _PAUSE_LEAST if pushed else min(2 * pause, _PAUSE_MOST)

    def _read_frames(
        self, on_frame: Callable[[Received], None], on_loss: Callable[[str], None]
    ) -> None:
        stream = self._process.stdout
        try:
            reader = FrameReader(stream, self._unpack) if stream else None
            while reader:
                frame = reader.read()
                self.heartbeats += 1
                if frame is not None:
                    on_frame(frame)
        except (EOFError, OSError):
            pass
        code = self._process.wait()
        with self._sending:
            for pipe in (self._process.stdin, stream):
                if pipe:
                    with contextlib.suppress(OSError):
                        pipe.close()
        if not self._closing:
            self._errors.join(_KILLED)
            words = masked(b" | ".join(self._last_words).decode("utf-8", "replace"))
            on_loss(f"{_how(code)}{', ' + words if words else ''}")

    def _read_errors(self) -> None:
        if self._process.stderr:
            with self._process.stderr as stream:
                for line in stream:
                    self._last_words.append(line.strip()[:500])


def _how(code: int) -> str:
    """Return in words how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
