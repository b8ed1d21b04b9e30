"""Opens the connections of a pool: twice as many every 100 ms, while answers come as fast.

Pure arithmetic over measurements: no clock, no threads, no network.
"""

from __future__ import annotations

FIRST = 16
"""Connections that are opened at once."""
_DOUBLED_IN = 0.1
"""Seconds in which their number may double."""
_SLOWER = 1.5
"""Factor by which answers take longer once a side, or the line, has all the work that it can do."""
_SLACK = 0.002
"""Seconds that an answer may take longer in any case: it waits for others that came before."""
_ENOUGH = 8
"""Answers from which a mean says something."""
_TWICE = 2
_UNMEASURED = 0.2
"""Seconds with objects, but without measured answers, after which none are expected."""


class Ramp:
    """The connections that a pool may open, and whether more of them are of use.

    The latency of answers shows that at once, while throughput follows a latency later.
    """

    def __init__(self, start: int, highest: int, quick: float = 0.0) -> None:
        """`start`: the most while nothing is known of the latency.

        `quick`: seconds; answers that come faster say nothing, and end the search at `start`.
        """
        self._quick = quick
        self._start = min(start, highest)
        self._highest = highest
        self.opened = min(FIRST, self._start)
        """How many connections there may be."""
        self.found = 0
        """The number to go on with once the search is over; 0: it is not."""
        self.fastest = 0.0
        """Seconds in which answers came when they came fastest; 0: not measured."""
        self._slow = 0
        self._answers = 0
        self._waited = 0.0
        self._objects = 0
        self._unmeasured = 0.0

    def grow(self, seconds: float) -> None:
        """Allow more connections for the seconds that have passed: twice as many every 100 ms."""
        grown = int(self.opened * 2.0 ** (seconds / _DOUBLED_IN))
        self.opened = max(FIRST, min(self._highest, grown))

    def wait(self, seconds: float) -> None:
        """Open a few connections while the first answer is awaited."""
        self.grow(seconds)
        self.opened = min(self.opened, 2 * FIRST, self._start)

    def search(self, seconds: float, objects: int, answers: int, waited: float) -> None:
        """Raise the number while that pays: the pool uses all that it may.

        `objects` ended in the last `seconds`, `answers` were measured, which took `waited` seconds
        in sum.
        """
        self._objects += objects
        self._answers += answers
        self._waited += waited
        if self._answers >= _ENOUGH:
            self._judge(self._waited / self._answers)
            self._answers, self._waited = 0, 0.0
        elif not self.fastest and self._objects >= _ENOUGH:
            self._unmeasured += seconds
            if self._unmeasured >= _UNMEASURED:
                self.found = self._start
        if self.opened >= self._highest:
            self.found = self.found or self._highest
        if not self.found and not self._slow:
            self.grow(seconds)
            if not self.fastest:  # no more before the first answers
                self.opened = min(self.opened, self._start)

    def _judge(self, latency: float) -> None:
        self.fastest = min(self.fastest or latency, latency)
        if latency < self._quick:
            self.found = self._start
            return
        is_slow = latency > _SLOWER * self.fastest + _SLACK
        self._slow = self._slow + 1 if is_slow else 0
        if self._slow == _TWICE:
            useful = int(self.opened * self.fastest / latency)
            self.found = min(self._highest, max(self._start, useful))

    def end(self, number: int) -> None:
        """End the search with `number` as its result; no more connections than that are kept."""
        self.found = number
        self.opened = min(self.opened, max(FIRST, number))
