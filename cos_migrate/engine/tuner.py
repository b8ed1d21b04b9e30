"""Finds the number of transfers that one pool should have under way: a hill climb on throughput.

The tuner doubles its limit while that pays. Then it goes on for the whole run: it tries a little
more and a little less by turns, and keeps what the measurement favours. A step that pays makes the
next one in the same direction larger, one that does not makes the next trial wait longer. Pure
arithmetic over measurements: no clock, no threads, no network.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

_DOUBLING_PAYS = 1.25
"""Gain of throughput by which a doubled limit is doubled again."""
_DOUBLES = 1.8
"""Gain by which it is raised four times: nothing but latency limits the pool."""
_FOURFOLD_PAYS = 2.0
_MORE_PAYS = 1.03
"""Gain for which more transfers are kept."""
_LESS_PAYS = 0.99
"""Share of the throughput that fewer transfers must keep: fewer cost less memory and CPU."""
_STEP = 1.25
_STEP_MOST = 2.0
_STEP_PAYS_WELL = 0.6
"""Share of a step that its gain must reach for the next step to be larger."""
_WINDOW_FIRST = 0.15
_WINDOW_LEAST = 0.25
"""Seconds; the shortest measurement."""
_WINDOW_MOST = 3.0
"""Seconds; the longest measurement, however few objects end."""
_ENOUGH_LATENCIES = 2.0
_SETTLE_LEAST = 0.1
_SETTLE_MOST = 2.0
_SETTLE_SHORT = 0.05
"""As the former, while the limit is doubled."""
_REST = 1.0
"""Seconds between two trials; doubled by each that does not pay."""
_REST_MOST = 8.0
_FAST = 1.15
"""Factor by which answers may take longer than the fastest while latency alone limits the pool."""
_SKIPPED = 4
"""While latency alone limits the pool, one in this many trials of fewer transfers is made."""
_SHIFT = 0.75
"""Share of the usual throughput below which, or above whose inverse, the network has changed."""


class Measurement(NamedTuple):
    """What a pool did in a short time: objects, bytes, and how fast answers came."""

    seconds: float
    objects: int
    """Objects or parts that ended."""
    size: int
    """Bytes that were moved."""
    saturated: bool
    """Whether the limit was what held the pool back: work was waiting for it."""
    answers: int = 0
    """Answers whose latency was measured."""
    waited: float = 0.0
    """Seconds in which these came, in sum."""


class Change(NamedTuple):
    """A lasting change of the number of transfers, with its reason."""

    limit: int
    reason: str


class MeanThroughput(NamedTuple):
    """Throughput, averaged over a time of measurement."""

    objects: float
    """Objects or parts a second."""
    size: float
    """Bytes a second."""

    def gain_over(self, other: MeanThroughput) -> tuple[float, float]:
        """Return the factors by which objects/s and bytes/s grew, the smaller first.

        Both agree while sizes stay the same; where sizes drift one rises and the other falls,
        so that neither a gain nor a loss is seen in both.
        """
        gains = [
            mine / theirs
            for mine, theirs in ((self.objects, other.objects), (self.size, other.size))
            if theirs > 0
        ]
        return (min(gains), max(gains)) if gains else (1.0, 1.0)


class _Window:
    """Sums measurements behind a change of the limit until they say enough."""

    def __init__(self, settle: float, least: float, enough: int) -> None:
        """Skip the first `settle` seconds, then measure for `least` seconds or more.

        `enough`: objects that a measurement needs.
        """
        self._settle = settle
        self._least = least
        self._enough = enough
        self._seconds = 0.0
        self._objects = self._size = self._answers = 0
        self._waited = 0.0

    def add(self, measurement: Measurement) -> None:
        if self._settle > 0:
            self._settle -= measurement.seconds
            return
        self._seconds += measurement.seconds
        self._objects += measurement.objects
        self._size += measurement.size
        self._answers += measurement.answers
        self._waited += measurement.waited

    @property
    def is_full(self) -> bool:
        if self._seconds >= _WINDOW_MOST:
            return self._objects > 0
        return self._seconds >= self._least and self._objects >= self._enough

    @property
    def rates(self) -> MeanThroughput:
        return MeanThroughput(self._objects / self._seconds, self._size / self._seconds)

    @property
    def latency(self) -> float:
        """Seconds in which answers came, on average; 0: not measured."""
        return self._waited / self._answers if self._answers else 0.0


class _Phase(Enum):
    DOUBLING = "doubling"
    RESTING = "resting"
    MORE = "more"
    LESS = "less"


class Tuner:
    """Finds how many transfers of one pool are under way best, from measurements alone."""

    def __init__(self, start: int, lowest: int, highest: int, enough: int) -> None:
        """Begin at `start` transfers, to stay within `lowest` and `highest`.

        `enough`: objects that a measurement needs.
        """
        self._lowest = lowest
        self._highest = highest
        self._enough = enough
        self.limit = min(max(start, lowest), highest)
        self.settled = self.limit
        """The limit outside of trials."""
        self._usual: MeanThroughput | None = None
        """Throughput at the settled limit."""
        self._phase = _Phase.DOUBLING
        self._latency = 0.0
        self._answers_in = self._fastest = 0.0
        """Seconds in which answers came now, and with fewer transfers; 0: not known."""
        self._skipped = 0
        self._rest = self._rest_left = _REST
        self._next = _Phase.MORE
        self._step = _STEP
        self._shifted = 0
        self._window = _Window(_SETTLE_LEAST, _WINDOW_FIRST, enough // 2)

    def feed(self, measurement: Measurement) -> Change | None:
        """Take the next measurement; return the new limit if it changed for good.

        `limit` also changes for a while, for trials.
        """
        if not measurement.saturated:
            self._end_trial()
            return None
        self._window.add(measurement)
        if self._phase is _Phase.RESTING:
            self._rest_left -= measurement.seconds
        if not self._window.is_full:
            return None
        rates = self._window.rates
        self._answers_in = self._window.latency
        if rates.objects:
            self._latency = self.limit / rates.objects
        if self._phase is _Phase.DOUBLING:
            return self._judge_doubling(rates)
        if self._phase is _Phase.RESTING:
            self._judge_rest(rates)
            return None
        return self._judge_trial(rates)

    def begin(self, limit: int, fastest: float = 0.0) -> None:
        """Search from `limit`, found by other means.

        `fastest`: seconds in which answers came with fewer transfers; 0: not measured.
        """
        self._fastest = fastest
        self.limit = self.settled = min(max(limit, self._lowest), self._highest)
        self._usual = None
        self._phase = _Phase.DOUBLING
        self._window = self._new_window()

    def cut(self, limit: int) -> None:
        """Lower the limit to `limit`: a side refused more, or there is no room for more."""
        limit = max(self._lowest, limit)
        if limit < max(self.settled, self.limit):
            self._settle(min(limit, self.settled), None)

    def set_highest(self, highest: int) -> None:
        """Set the highest limit allowed, which may rise again; `lowest` wins."""
        self._highest = max(self._lowest, highest)
        self.cut(self._highest)

    def _new_window(self) -> _Window:
        if self._phase is _Phase.DOUBLING:  # gains are large: a short look shows them
            settle, least, enough = 1.0, 1.0, self._enough // 2
            shortest_settle, shortest = _SETTLE_SHORT, _WINDOW_FIRST
        else:
            settle, least, enough = 1.5, _ENOUGH_LATENCIES, self._enough
            shortest_settle, shortest = _SETTLE_LEAST, _WINDOW_LEAST
        settle = min(_SETTLE_MOST, max(shortest_settle, settle * self._latency))
        least = min(_WINDOW_MOST, max(shortest, least * self._latency))
        return _Window(settle, least, enough)

    def _end_trial(self) -> None:
        """Give up a trial: the pool has too little to do to be measured."""
        if self._phase in {_Phase.MORE, _Phase.LESS}:
            self._settle(self.settled, self._usual)
        else:
            self._window = self._new_window()

    def _settle(self, limit: int, rates: MeanThroughput | None) -> None:
        self.limit = self.settled = limit
        self._usual = rates
        self._phase = _Phase.RESTING
        self._rest_left = self._rest
        self._window = self._new_window()

    def _try(self, phase: _Phase, limit: int) -> None:
        self._phase = phase
        self.limit = min(max(limit, self._lowest), self._highest)
        self._window = self._new_window()

    def _judge_doubling(self, rates: MeanThroughput) -> Change | None:
        before, usual = self.settled, self._usual
        gain = rates.gain_over(usual)[0] if usual else _DOUBLING_PAYS
        if gain < _MORE_PAYS:
            self._settle(before, usual)
            return None
        fourfold = self.limit > 2 * before
        pays_well = gain >= (_FOURFOLD_PAYS if fourfold else _DOUBLING_PAYS)
        self.settled, self._usual = self.limit, rates
        if pays_well and self.limit < self._highest:
            doubled = gain >= _DOUBLES and not fourfold
            self._try(_Phase.DOUBLING, (4 if doubled else 2) * self.limit)
        else:
            self._settle(self.limit, rates)
        if self.settled == before:
            return None
        return Change(self.settled, f"{_share(gain)} more than {before} gave")

    def _judge_rest(self, rates: MeanThroughput) -> None:
        if self._usual is not None and self._has_shifted(rates):
            self._shifted += 1
            self._window = self._new_window()
            if self._shifted > 1:  # twice in a row: no hiccup
                self._begin_again(rates)
            return
        self._shifted = 0
        self._usual = rates
        if self._rest_left <= 0:
            self._begin_trial()
        else:
            self._window = self._new_window()

    def _has_shifted(self, rates: MeanThroughput) -> bool:
        assert self._usual is not None  # noqa: S101 - the caller has looked
        least, most = rates.gain_over(self._usual)
        return most < _SHIFT or least > 1 / _SHIFT

    def _begin_again(self, rates: MeanThroughput) -> None:
        """Search from the present limit: the throughput differs from what it was."""
        self._shifted = 0
        self._fastest = 0.0
        self._rest, self._step = _REST, _STEP
        self.settled, self._usual = self.limit, rates
        if self.limit < self._highest:
            self._try(_Phase.DOUBLING, 2 * self.limit)
        else:
            self._settle(self.limit, rates)

    def _begin_trial(self) -> None:
        phase = self._next
        more = max(self.settled + 1, round(self.settled * self._step))
        less = min(self.settled - 1, round(self.settled / self._step))
        if phase is _Phase.MORE and self.settled >= self._highest:
            phase = _Phase.LESS
        if phase is _Phase.LESS and (self.settled <= self._lowest or self._waits_for_answers()):
            phase = _Phase.MORE
        self._next = _Phase.LESS if phase is _Phase.MORE else _Phase.MORE
        if phase is _Phase.LESS or self.settled < self._highest:
            self._try(phase, more if phase is _Phase.MORE else less)
        else:
            self._settle(self.settled, self._usual)

    def _waits_for_answers(self) -> bool:
        """Return whether nothing but latency limits the pool: fewer transfers would do less.

        False now and then, as the latency may have changed while the throughput has not.
        """
        if not 0 < self._answers_in <= _FAST * self._fastest:
            return False
        self._skipped = (self._skipped + 1) % _SKIPPED
        return self._skipped > 0

    def _judge_trial(self, rates: MeanThroughput) -> Change | None:
        assert self._usual is not None  # noqa: S101 - trials follow a rest
        least, most = rates.gain_over(self._usual)
        before, phase = self.settled, self._phase
        if phase is _Phase.LESS and self._answers_in:
            self._fastest = min(self._fastest or self._answers_in, self._answers_in)
        if phase is _Phase.MORE:
            accepted, reason = least >= _MORE_PAYS, f"{_share(least)} more than {before} gave"
        else:
            accepted, reason = most >= _LESS_PAYS, f"as much as {before} gave"
        if not accepted:
            self._rest = min(_REST_MOST, 2 * self._rest)
            self._step = _STEP
            self._settle(before, self._usual)
            return None
        change = Change(self.limit, reason)
        taken = max(self.limit, before) / min(self.limit, before)
        pays_well = phase is _Phase.LESS or least - 1 >= _STEP_PAYS_WELL * (taken - 1)
        self._step = min(_STEP_MOST, self._step * _STEP) if pays_well else _STEP
        self._rest = _REST
        self._settle(self.limit, rates)
        self._next = phase
        if phase is _Phase.MORE and pays_well:
            self._begin_trial()
        return change


def _share(gain: float) -> str:
    return f"{abs(gain - 1):.0%}"
