"""The coordinator's end of a process that was started for it: frames out, frames in, its end.

Whatever becomes of the process, nothing here waits for it without a limit.
"""

from __future__ import annotations

import collections
import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from cos_migrate import wire
from cos_migrate.masking import masked

_CLOSE_SECONDS = 15.0
"""How long a process that has nothing to do any more may take to end before it is ended."""


class Child:
    """A process of which stdin, stdout and stderr are pipes."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        hear: Callable[[Any], None],
        lost: Callable[[str], None],
    ) -> None:
        """Start to listen; `hear` gets each frame, `lost` why the process ended by itself.

        Both are called by another thread. Raises RuntimeError when there are no more threads.
        """
        self._process = process
        self._closing = False
        self._last_words: collections.deque[bytes] = collections.deque(maxlen=5)
        self._listener = threading.Thread(target=self._listen, args=(hear, lost), daemon=True)
        self._errors = threading.Thread(target=self._hear_errors, daemon=True)
        self._limit = threading.Timer(_CLOSE_SECONDS, process.kill)
        self._limit.daemon = True
        try:
            self._errors.start()
            self._listener.start()  # at the end it waits for the other
        except RuntimeError:
            self.kill()
            raise

    def write(self, value: Any) -> None:
        """Send a frame; of a process that has ended meanwhile `lost` tells."""
        if self._process.stdin:
            with contextlib.suppress(OSError, ValueError):
                wire.send(self._process.stdin, value)  # type: ignore[arg-type]

    def let_end(self) -> None:
        """Expect that it ends; one that does not is ended in a while."""
        self._closing = True
        with contextlib.suppress(RuntimeError):  # no more threads: then without a limit
            self._limit.start()

    def kill(self) -> None:
        """End it at once."""
        self._closing = True
        self._process.kill()

    def close(self) -> None:
        """Wait for the end that is expected."""
        self._process.wait()
        self._limit.cancel()
        self._listener.join()
        self._errors.join()

    def _listen(self, hear: Callable[[Any], None], lost: Callable[[str], None]) -> None:
        stream = self._process.stdout
        try:
            while stream:
                hear(wire.receive(stream))  # type: ignore[arg-type]
        except (EOFError, OSError):
            pass
        code = self._process.wait()
        for pipe in (self._process.stdin, stream):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        if not self._closing:
            self._errors.join(1.0)
            words = masked(b" | ".join(self._last_words).decode("utf-8", "replace"))
            lost(f"{_how(code)}{', ' + words if words else ''}")

    def _hear_errors(self) -> None:
        if self._process.stderr:
            with self._process.stderr as stream:
                for line in stream:
                    self._last_words.append(line.strip()[:500])


def _how(code: int) -> str:
    """Return how a process ended, by its exit code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
