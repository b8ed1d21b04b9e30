"""Time limits of one request: on silence, on its head, on a slow body, and on the whole.

The clock is passed in.
"""

from __future__ import annotations

from typing import NamedTuple

CRAWL_SECONDS = 30.0
"""Seconds of waiting after which CRAWL_BYTES must have moved."""
CRAWL_BYTES = 3000
"""100 bytes a second: a fraction of the share of each of several hundred transfers on 1 Mbit/s."""
_NEVER = float("inf")


class Timeouts(NamedTuple):
    """Time limits in seconds."""

    connect: float = 10.0
    io: float = 30.0
    """Longest silence of the peer, and longest time for the whole head of an answer."""
    request: float = 0.0
    """Limit for one whole request; 0: none."""
    crawl: float = CRAWL_SECONDS
    """Time of waiting after which CRAWL_BYTES must have moved; at least the allowed silence."""
    work: float = 300.0
    """As `crawl`, where a longer silence than `io` is allowed: while COS joins the parts of an
    object, it sends nothing but blanks for minutes."""


DEFAULT_TIMEOUTS = Timeouts()


class RequestTimer:
    """Measures one request against its limits; `now` is a reading of `time.monotonic`.

    `moved` counts the bytes that were sent and received, without chunk extensions and trailers.
    """

    __slots__ = ("_deadline", "_head_until", "_last", "_marked", "_silence", "_waited", "_window")

    def __init__(self, timeouts: Timeouts, silence: float, now: float) -> None:
        """`silence`: seconds without a byte that are allowed."""
        self._silence = silence
        works = silence > timeouts.io
        self._window = max(timeouts.work if works else timeouts.crawl, silence)
        self._deadline = now + timeouts.request if timeouts.request else _NEVER
        self._head_until = _NEVER
        self._last = now
        self._waited = 0.0
        self._marked = 0

    def note_head(self, now: float, moved: int, *, whole: bool) -> None:
        """Limit the time for the rest of a head that has begun; `whole`: it is complete."""
        if whole:
            self._head_until = _NEVER
        elif self._head_until == _NEVER:
            self._head_until = now + self._silence
            self._waited, self._marked = 0.0, moved

    def seconds_left(self, now: float, moved: int, idle: float = 0.0) -> float:
        """Return the seconds for which to wait at most; 0 or less: the peer took too long.

        `idle`: seconds since the last byte moved.
        """
        limit = min(self._silence - idle, self._deadline - now, self._head_until - now)
        if moved - self._marked < CRAWL_BYTES:
            return min(limit, self._window - self._waited)
        if self._waited >= self._window:
            self._waited, self._marked = 0.0, moved
        return limit

    def add_wait(self, seconds: float) -> None:
        """Add time that was spent waiting; only such time counts against the peer."""
        self._waited += seconds

    def note_progress(self, now: float) -> None:
        """Note that bytes were sent or received for a request that is driven step by step."""
        self._waited += now - self._last
        self._last = now

    def overdue(self, now: float, moved: int) -> bool:
        """Return whether a request that is driven step by step takes too long."""
        idle = now - self._last
        self._waited += idle
        left = self.seconds_left(now, moved, idle)
        if self._waited:
            self._waited -= idle
        return left <= 0
