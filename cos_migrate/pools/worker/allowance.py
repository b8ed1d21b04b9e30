"""What limits allow the event loop to begin; it never blocks."""

from __future__ import annotations

import collections
from collections.abc import Callable

from cos_migrate.http.pacing import Meter, SidePace


class _Credit:
    """The units of one meter that the event loop has been granted and has not used."""

    def __init__(self, meter: Meter, wake: Callable[[], None]) -> None:
        """`wake` is called from any thread when there are more."""
        self.meter = meter
        self._wake = wake
        self._units = 0
        self._arrived: collections.deque[int] = collections.deque()
        self._waits = False

    def take(self, units: int, ahead: int) -> bool:
        """Return whether units are taken; ask for `ahead` or more where there are too few."""
        if not self.meter.is_limited:
            return True
        if self._gathered() < units and not self._waits:
            self._ask(max(units, min(ahead, self.meter.at_once)) - self._units)
        if self._gathered() < units:
            return False
        self._units -= units
        return True

    def _gathered(self) -> int:
        while self._arrived:
            self._units += self._arrived.popleft()
            self._waits = False
        return self._units

    def _ask(self, units: int) -> None:
        self._waits = True

        def done(granted: bool) -> None:  # noqa: FBT001 - as the meter calls it
            self._arrived.append(units if granted else 0)
            self._wake()

        self.meter.ask(units, done)

    def give_back(self, units: int) -> None:
        """Return units that were taken and not used."""
        if self.meter.is_limited:
            self._units += units


class Allowance:
    """What the event loop may request of one side, and how many bytes it may move there."""

    def __init__(self, pace: SidePace, wake: Callable[[], None]) -> None:
        """`wake` is called from any thread when more may be admitted."""
        self._requests = _Credit(pace.requests, wake)
        self._data = _Credit(pace.data, wake)

    @property
    def is_limited(self) -> bool:
        """Whether requests have to be admitted."""
        return self._requests.meter.is_limited or self._data.meter.is_limited

    def is_too_large(self, size: int) -> bool:
        """Return whether `size` bytes must be moved in pieces, which only threads do."""
        data = self._data.meter
        return data.is_limited and size > data.at_once

    def admits(self, size: int, waiting: int) -> bool:
        """Return whether a request that moves `size` bytes may begin now.

        `waiting`: how many such requests could begin.
        """
        if not self._requests.take(1, waiting):
            return False
        if self._data.take(size, size * waiting):
            return True
        self._requests.give_back(1)
        return False

    def give_back(self, size: int) -> None:
        """Return what a request took that did not begin."""
        self._requests.give_back(1)
        self._data.give_back(size)
