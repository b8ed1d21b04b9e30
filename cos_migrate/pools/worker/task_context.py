"""The context of one task in a thread: its first try, its warnings and its progress."""

from __future__ import annotations

import time
from collections.abc import Callable

from cos_migrate.errors import MigrateError
from cos_migrate.pools.results import PROGRESS, WARNING, Result
from cos_migrate.pools.worker.bodies import Body

_REPORT_EVERY = 0.5
"""Seconds between two reports of a long transfer."""


class TaskContext:
    """The first try, warnings and progress of a task that a thread carries out."""

    __slots__ = ("_body", "_emit", "_error", "_next_report", "_number")

    def __init__(
        self,
        number: int,
        emit: Callable[[Result], None],
        error: MigrateError | None = None,
        body: Body | None = None,
    ) -> None:
        """`error` and `body`: of a first try made elsewhere, if there was one."""
        self._number = number
        self._emit = emit
        self._error = error
        self._body = body
        self._next_report = time.monotonic() + _REPORT_EVERY

    def take_error(self) -> MigrateError | None:
        """Return, once, the error of the first try, which counts as a try; None: there is none."""
        error, self._error = self._error, None
        return error

    def take_body(self) -> Body | None:
        """Return the body that was read for the first try, once: a changed object is read again."""
        body, self._body = self._body, None
        return body

    def report_progress(self, count: int) -> None:
        """Report now and then how many bytes have passed."""
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + _REPORT_EVERY
            self._emit((self._number, PROGRESS, count))

    def warn(self, text: str) -> None:
        """Report a warning about the task's object."""
        self._emit((self._number, WARNING, text))
