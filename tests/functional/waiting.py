"""Waits for what a run does: a line, a request, a record. No test waits for time to pass."""

from __future__ import annotations

import re
import subprocess
import threading
from typing import IO

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.emulator.messages import Request
from cos_migrate.emulator.operations import operation_of
from cos_migrate.emulator.service import Reply
from tests.functional.tool import Ended, Tool, end
from tests.polling import PATIENCE, wait_until

__all__ = [
    "PATIENCE",
    "HeldCos",
    "Watched",
    "kill_in_the_middle",
    "objects_written",
    "parts_written",
    "wait_until",
]
_OBJECT = re.compile(rb"\[taskType: [^\]]+\](?:,? \[[A-Za-z]+: [^\]]*\])+")
_PART = re.compile(rb"\[cosmigrate part\] \[uploadId: [^\]]+\] \[number: \d+\]")


def parts_written(tool: Tool) -> int:
    """Return how many parts the database of a run that is under way has in its log."""
    return len(_written(tool, _PART))


def objects_written(tool: Tool) -> int:
    """Return how many objects it has there; where a block ends, one may be overlooked."""
    return len(_written(tool, _OBJECT))


def _written(tool: Tool, what: re.Pattern[bytes]) -> set[bytes]:
    logs = (tool.folder / "db").glob("*/*/*/*.log")
    return {found for log in logs for found in what.findall(log.read_bytes())}


class HeldCos(EmbeddedCos):
    """A COS that keeps answers back for as long as a test wants it."""

    held = 0
    """Requests that are carried out and wait for their answer."""

    def __enter__(self) -> HeldCos:
        self._flow = threading.Condition()
        self._answers: dict[str, int] = {}
        """By operation (empty: any), the requests that are answered before others are kept back."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self.stop()

    def hold(self, after: int = 0, operation: str = "") -> None:
        """Answer `after` more requests, of one operation where it is named, and then no more."""
        with self._flow:
            self._answers[operation] = after

    def release(self) -> None:
        """Answer what was kept back, and all that comes."""
        with self._flow:
            self._answers = {}
            self._flow.notify_all()

    def hold_again(self, after: int) -> None:
        """Answer what was kept back and `after` more requests."""
        with self._flow:
            self._answers = {"": after}
            self._flow.notify_all()

    def wait_until_left(self) -> None:
        """Answer all that was kept back, and wait until the killed clients' requests are over."""
        self.release()
        wait_until(lambda: not self._open)

    def answer(self, request: Request, connection: int) -> Reply:
        """Carry out a request; return its answer once it may have one."""
        operation = operation_of(request, request.path[1:])
        reply = super().answer(request, connection)
        with self._flow:
            left = self._answers
            which = operation if operation in left else ""
            if which in left:
                left[which] -= 1
                if left[which] < 0:
                    self.held += 1
                    self._flow.wait_for(lambda: left is not self._answers)
                    self.held -= 1
        return reply


def kill_in_the_middle(cos: HeldCos, tool: Tool, small: tuple[str, int], parts: int) -> None:
    """Kill a run when so many objects and parts are recorded, and no others will be.

    `small`: the operation that sends small objects, and how many of them.
    """
    cos.hold(small[1], small[0])
    cos.hold(parts, "UploadPart")
    process = tool.start()
    wait_until(
        lambda: objects_written(tool) >= small[1] - 1 and parts_written(tool) == parts,
        lambda: process.poll() is None,
    )
    process.kill()
    end(process)
    cos.wait_until_left()


class Watched:
    """A run whose output is read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: dict[str, list[str]] = {"out": [], "err": []}
        assert process.stdout
        assert process.stderr
        self._readers = [
            threading.Thread(target=self._read, args=(stream, self._lines[name]))
            for name, stream in (("out", process.stdout), ("err", process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def out(self) -> str:
        """What it has written to stdout so far."""
        return "".join(self._lines["out"])

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return "".join(self._lines["err"])

    def alive(self) -> bool:
        """Return whether it has not ended."""
        return self.process.poll() is None

    def wait_for(self, text: str) -> None:
        """Wait until it has written a text."""
        wait_until(lambda: text in self.out + self.err, self.alive)

    def send_signal(self, number: int) -> None:
        """Send a signal and wait until it was heard."""
        self.process.send_signal(number)
        self.wait_for("stopping: ")

    def end(self) -> Ended:
        """Wait for its end."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it did not end:\n{self.out[-2000:]}\n{self.err}") from None
        for reader in self._readers:
            reader.join(PATIENCE)
        return Ended(code, self.out, self.err)

    @staticmethod
    def _read(stream: IO[str], lines: list[str]) -> None:
        with stream:
            lines.extend(stream)
