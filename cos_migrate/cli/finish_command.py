"""The command of `onFinish`: it gets the summary of each run on its stdin."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO, NamedTuple

from cos_migrate.config.values import Secret
from cos_migrate.report.summary import Summary
from cos_migrate.text import printable_lines, without_secrets

LIMIT = 60.0
"""Seconds that the command may take."""
LIMIT_STOPPING = 3.0
"""Seconds from the end of a run that a signal has stopped to the end of the command."""
_LOOK_EVERY = 0.1
_OUTPUT_MOST = 4096
"""Bytes of output that are kept."""
_OUTPUT_WAIT = 0.5
"""Seconds for the rest of the output: a process that the command leaves behind may keep it open."""


class Finished(NamedTuple):
    """How the command of `onFinish` ended."""

    problem: str
    """Why it failed; empty: it did not."""
    output: str
    """The beginning of what it wrote, printable."""


class FinishCommand:
    """The command of `onFinish`, started without a shell."""

    def __init__(
        self,
        command: Secret,
        environ: Mapping[str, str] | None,
        is_stopping: Callable[[], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`environ`: None means this process's. `is_stopping`: whether a signal has arrived."""
        text = command.reveal()
        self._words = text if sys.platform == "win32" else shlex.split(text)
        self._environ = environ
        self._is_stopping = is_stopping
        self._clock = clock
        name = text.split()[0] if sys.platform == "win32" else self._words[0]
        self.name = os.path.basename(name)
        """Its program, for messages: its arguments may hold secrets."""

    def run(self, summary: Summary) -> Finished:
        """Run the command for a run that has just ended."""
        stopping_until = summary.ended + LIMIT_STOPPING if self._is_stopping() else None
        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        try:
            process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._environ,
                creationflags=flags,
                start_new_session=not flags,
            )
        except (OSError, ValueError) as error:
            return Finished(getattr(error, "strerror", "") or "it cannot be started", "")
        output = _Output(process.stdout)
        # A summary is smaller than what a pipe holds: a command that does not read delays nothing.
        with contextlib.suppress(OSError), process.stdin or contextlib.nullcontext() as pipe:
            if pipe:
                pipe.write(json.dumps(summary.as_data()).encode() + b"\n")
        problem = self._wait(process, stopping_until)
        return Finished(problem, output.text())

    def _wait(self, process: subprocess.Popen[bytes], stopping_until: float | None) -> str:
        """Wait for the end of the command; return what was wrong."""
        began = time.monotonic()
        while True:
            left = LIMIT - (time.monotonic() - began)
            if self._is_stopping():
                if stopping_until is None:
                    stopping_until = self._clock() + LIMIT_STOPPING
                left = min(left, stopping_until - self._clock())
            try:
                code = process.wait(max(0.0, min(left, _LOOK_EVERY)))
            except subprocess.TimeoutExpired:
                if left > 0:
                    continue
                _end_group(process)
                return "it took too long and was ended"
            return f"it ended with the exit code {code}" if code else ""


class _Output:
    """The beginning of a command's output; the rest is read and dropped."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._kept = b""
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        with contextlib.suppress(RuntimeError):  # no more threads: then without it
            self._thread.start()

    def _read(self) -> None:
        stream = self._stream
        if stream is None:
            return
        with contextlib.suppress(OSError, ValueError), stream:
            while data := os.read(stream.fileno(), 1 << 16):
                self._kept += data[: _OUTPUT_MOST - len(self._kept)]

    def text(self) -> str:
        """Return it, once the command has ended."""
        with contextlib.suppress(RuntimeError):
            self._thread.join(_OUTPUT_WAIT)
        text = self._kept.decode("utf-8", "backslashreplace").strip()
        return printable_lines(without_secrets(text))


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command and the processes that it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
