"""How many requests a second one side accepts: learnt when it refuses some, then raised again.

A service that limits requests a second answers as many as it allows, however many it gets, so the
number it answered in the last second is its limit. Pure bookkeeping; the caller passes the time.
"""

from __future__ import annotations

import collections
import math
import sys

from cos_migrate.errors import Side

_KEEP = 0.95
"""Share of the answered rate to send at, so that the side refuses nothing."""
_LEARN_EVERY = 0.3
"""Seconds in which requests sent earlier are still refused."""
_SPAN = 1.0
"""Seconds over which answers are counted, and longer while they are few."""
_SPAN_MOST = 10.0
_FEW = 20
_SLOT = 0.05
_BURST = 0.02
"""Seconds of requests that may be sent at once."""
_DEBT = 1.0
"""Seconds of requests that refused ones, which are sent again, hold back at most."""
_HOLD = 2.0
"""Seconds without refusals before a higher rate is tried; doubled when that is refused."""
_HOLD_MOST = 120.0
_RECOVER = 1.0
"""Seconds between two steps up to a rate that has held."""
_TRY = 1.05
_LEAST = 1.0


class RequestRate:
    """The pace of requests to one side; without limit until the side refuses one."""

    def __init__(self) -> None:
        self.limit = math.inf
        """Requests a second."""
        self.is_limited = False
        """Whether there is a limit; not a property, since it is asked for every object."""
        self._held = 0.0
        """The highest rate that the side has answered; 0: not known."""
        self._tokens = 0.0
        self._filled = 0.0
        self._changed = 0.0
        self._hold = _HOLD
        self._try = _TRY
        self._answered: collections.deque[tuple[float, int]] = collections.deque()

    def count(self, now: float, answered: int) -> None:
        """Count requests that the side has answered without refusing them."""
        slots = self._answered
        if slots and now - slots[-1][0] < _SLOT:
            slots[-1] = (slots[-1][0], slots[-1][1] + answered)
        else:
            slots.append((now, answered))
            while slots[0][0] < now - _SPAN_MOST:
                slots.popleft()

    def room(self, now: float) -> int:
        """Return how many requests may be sent now."""
        if not self.is_limited:
            return sys.maxsize
        burst = max(1.0, self.limit * _BURST)
        self._tokens = min(burst, self._tokens + self.limit * (now - self._filled))
        self._filled = now
        return max(0, int(self._tokens))

    def spend(self, requests: int) -> None:
        """Note that requests are being sent."""
        if self.is_limited:
            self._tokens -= requests

    def slow_down(self, now: float) -> bool:
        """Learn a lower limit from a refused request; return whether the limit has changed."""
        if self.is_limited:
            self._tokens = max(self._tokens - 1, -_DEBT * self.limit)  # it is sent again
            if now - self._changed < _LEARN_EVERY:
                return False
        answered = self._answered_rate(now)
        if self._try > _TRY:  # the rate held until more was tried
            self._hold = min(_HOLD_MOST, 2 * self._hold)
        if answered and (not self.is_limited or self._answered[-1][0] > self._changed):
            limit = _KEEP * min(self.limit, answered)
        else:
            limit = self.limit / 2 if self.is_limited else _LEAST
        self._held = answered
        self._try = _TRY
        return self._set(now, max(_LEAST, limit))

    def grow(self, now: float) -> bool:
        """Raise the limit a step when the side has been quiet; return whether it changed."""
        if not self.is_limited:
            return False
        quiet = now - self._changed
        if self.limit < self._held * _KEEP:
            if quiet < _RECOVER:
                return False
            return self._set(now, min(self._held * _KEEP, 2 * self.limit))
        if quiet < (self._hold if self._try == _TRY else _RECOVER):
            return False
        if self._try > 2 and self._answered_rate(now) < self.limit / 4:  # noqa: PLR2004
            return self._set(now, math.inf)  # requests have long stayed far below the limit
        limit = self.limit * self._try
        self._try = 1 + 2 * (self._try - 1)
        return self._set(now, limit)

    def _answered_rate(self, now: float) -> float:
        """Return how many requests a second were answered lately."""
        answered = 0
        began = now
        for at, number in reversed(self._answered):
            if at < now - _SPAN_MOST or (at < now - _SPAN and answered >= _FEW):
                break
            answered += number
            began = at
        return answered / max(_SLOT, now - began)

    def _set(self, now: float, limit: float) -> bool:
        changed = limit != self.limit
        self.limit = limit
        self.is_limited = limit < math.inf
        self._changed = self._filled = now
        self._tokens = max(-_DEBT * limit, min(self._tokens, 0.0)) if self.is_limited else 0.0
        return changed


class RequestRates:
    """The rates of requests to COS and to the source."""

    def __init__(self) -> None:
        self.cos = RequestRate()
        self.source = RequestRate()

    @property
    def are_limited(self) -> bool:
        """Whether requests to either side are paced."""
        return self.cos.is_limited or self.source.is_limited

    def count(self, now: float, tasks: int) -> None:
        """Count ended tasks as answered requests: each makes one to COS, and one to the source."""
        self.cos.count(now, tasks)
        self.source.count(now, tasks)

    def grow(self, now: float) -> None:
        """Raise each limit a step when its side has been quiet."""
        self.cos.grow(now)
        self.source.grow(now)

    def limits_in_words(self) -> str:
        """Return the limits that the sides have set; empty: there are none."""
        sides = (("the source", self.source), ("COS", self.cos))
        limited = [f"{name}: {rate.limit:,.0f}" for name, rate in sides if rate.is_limited]
        return f"requests a second are limited ({', '.join(limited)})" if limited else ""

    def slow_down(self, side: Side, now: float) -> str:
        """Learn from a refusal; return a line about the new limit, empty if it is the same."""
        name, rate = ("the source", self.source) if side is Side.SOURCE else ("COS", self.cos)
        if not rate.slow_down(now):
            return ""
        return f"{name} asks to slow down: {rate.limit:,.0f} requests a second"
