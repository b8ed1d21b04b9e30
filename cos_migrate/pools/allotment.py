"""Divides the units that a limit allows by need. The caller passes the time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

_LEAST_PAUSE = 0.01
"""Seconds between two divisions: each costs messages to all processes."""


def divide(amount: int, wants: Sequence[int], first: int) -> list[int]:
    """Return the share of each of `wants` in an amount: as even as possible, none above its want.

    What cannot be divided evenly goes to `first` and those behind it.
    """
    shares = [0] * len(wants)
    order = [(first + step) % len(wants) for step in range(len(wants))] if wants else []
    open_ = [each for each in order if wants[each] > 0]
    while amount and open_:
        even = amount // len(open_)
        for each in open_ if even else open_[:amount]:
            share = min(wants[each] - shares[each], max(1, even))
            shares[each] += share
            amount -= share
        open_ = [each for each in open_ if shares[each] < wants[each]]
    return shares


Lane = tuple[Hashable, int]
"""A process, and the lane of small or of big objects in it."""


class Allotment:
    """What one limit allows: a token bucket, and the units that each lane has asked for."""

    def __init__(self, epoch: int, rate: int, burst: float, now: float) -> None:
        """Allow `rate` units a second; after a pause, the units of `burst` seconds at once."""
        self.epoch = epoch
        self.rate = rate
        self._burst = burst
        self._tokens = 0.0
        self._filled = now
        self._asked: dict[Lane, int] = {}
        self._granted: dict[Lane, int] = {}
        self._first = 0

    def set_rate(self, rate: int, now: float) -> None:
        """Allow another rate from now on."""
        self._fill(now)
        self.rate = rate
        self._fill(now)

    def ask(self, lane: Lane, asked: int) -> None:
        """Note how many units a lane has asked for so far."""
        self._asked[lane] = max(asked, self._asked.get(lane, 0))

    def leave(self, lane: Lane) -> None:
        """Forget a lane, whose process is gone."""
        self._asked.pop(lane, None)
        self._granted.pop(lane, None)

    def hand_out(self, now: float) -> dict[Lane, int]:
        """Return the units that are granted to lanes now."""
        self._fill(now)
        lanes = list(self._asked)
        wants = [self._asked[lane] - self._granted.get(lane, 0) for lane in lanes]
        shares = divide(int(self._tokens), wants, self._first)
        self._first += 1
        granted = {lane: share for lane, share in zip(lanes, shares, strict=True) if share}
        for lane, share in granted.items():
            self._granted[lane] = self._granted.get(lane, 0) + share
            self._tokens -= share
        return granted

    def seconds_to_wait(self) -> float:
        """Return the seconds until more can be granted; infinite if nothing is asked for."""
        if all(asked <= self._granted.get(lane, 0) for lane, asked in self._asked.items()):
            return float("inf")
        return max(_LEAST_PAUSE, (1 - self._tokens) / self.rate)

    def _fill(self, now: float) -> None:
        most = max(1.0, self.rate * self._burst)
        self._tokens = min(most, self._tokens + self.rate * max(0.0, now - self._filled))
        self._filled = now
