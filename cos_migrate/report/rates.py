"""The rates of a run over its last seconds, and the time that the rest will take."""

from __future__ import annotations

import collections
from typing import NamedTuple

from cos_migrate.report.sinks import Progress

_RATE_OVER = 8.0
"""Seconds over which rates are measured."""


class _Sample(NamedTuple):
    at: float
    done: int
    bytes_done: int
    sent: int
    bytes_passed: int


class Rates:
    """The rates of the last seconds."""

    def __init__(self) -> None:
        self._samples: collections.deque[_Sample] = collections.deque()

    def note(self, now: float, progress: Progress) -> None:
        """Note the progress at a time in seconds; times only grow."""
        samples = self._samples
        samples.append(
            _Sample(now, progress.done, progress.bytes_done, progress.sent, progress.bytes_passed)
        )
        while len(samples) > 2 and samples[1].at <= now - _RATE_OVER:  # noqa: PLR2004 - one span
            samples.popleft()

    def of(self, field: int) -> float:
        """Return how much a counter of a run grows in a second; 0 when that is not known."""
        first, last = self._samples[0], self._samples[-1]
        seconds = last.at - first.at
        return max(0.0, last[field] - first[field]) / seconds if seconds else 0.0

    @property
    def sent(self) -> float:
        """Objects sent a second."""
        return self.of(3)

    @property
    def bytes_sent(self) -> float:
        """Bytes sent a second."""
        return self.of(4)

    def seconds_left(self, progress: Progress) -> float | None:
        """Return the time that the rest will take; None when it is not known."""
        if progress.total is None:
            return None
        left = 0.0
        for rest, rate in (
            (progress.total - progress.done, self.of(1)),
            (progress.bytes_total - progress.bytes_done, self.of(2)),
        ):
            if rest > 0:
                if not rate:
                    return None
                left = max(left, rest / rate)
        return left
