from __future__ import annotations

import heapq
import math
import random
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cos_migrate.engine.throttle import RequestRate

STEP = 0.01
PROCESSORS = 15_000
"""Requests a second that this machine sends at most."""


class LimitedService:
    """Answers so many requests a second; refused ones are sent again after a wait."""

    def __init__(
        self, limit: float, latency: float, transfers: int, *, whole_seconds: bool
    ) -> None:
        self.limit = limit
        self.latency = latency
        self.transfers = transfers
        self.whole_seconds = whole_seconds
        """Whether requests are counted by the second, or over a tenth of one."""
        self.answered = self.refused = 0
        self.rate = RequestRate()
        self._now = self._left = 0.0
        self._waiting: list[float] = []
        self._allowed = limit if whole_seconds else max(1.0, limit / 10)
        self._random = random.Random(1)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            self._step()

    def _step(self) -> None:
        before, self._now = self._now, self._now + STEP
        if not self.whole_seconds:
            self._allowed = min(max(1.0, self.limit / 10), self._allowed + self.limit * STEP)
        elif int(before) != int(self._now):
            self._allowed = self.limit
        again = 0
        while self._waiting and self._waiting[0] <= self._now:
            heapq.heappop(self._waiting)
            again += 1
        free = self.transfers - len(self._waiting)
        self._left += min(max(0, free) / self.latency, PROCESSORS) * STEP
        wanted = min(int(self._left), self.rate.room(self._now))
        self._left -= int(self._left)
        self.rate.spend(wanted)
        answered = min(wanted + again, int(self._allowed))
        self._allowed -= answered
        refused = wanted + again - answered
        self.answered += answered
        self.refused += refused
        self.rate.count(self._now, answered)
        for _ in range(refused):
            heapq.heappush(self._waiting, self._now + self._random.uniform(0.25, 0.5))
            self.rate.slow_down(self._now)
        self.rate.grow(self._now)


@pytest.mark.parametrize("latency", [0.0005, 0.005, 0.02])
@pytest.mark.parametrize("limit", [300, 1500, 2500])
def test_the_limit_is_used_and_seldom_exceeded(limit: float, latency: float) -> None:
    service = LimitedService(limit, latency, 64, whole_seconds=False)
    service.run(60)
    assert service.answered >= 0.9 * 60 * min(limit, 64 / latency)
    assert service.refused < 0.02 * service.answered + 64


def test_a_limit_counted_by_the_second_is_kept() -> None:
    service = LimitedService(1500, 0.02, 64, whole_seconds=True)
    service.run(60)
    assert service.answered >= 0.9 * 60 * 1500
    assert service.refused < 0.02 * service.answered


def test_it_does_not_saw_up_and_down() -> None:
    service = LimitedService(1500, 0.02, 64, whole_seconds=False)
    service.run(30)
    before = service.refused
    service.run(60)
    assert service.refused - before < 0.005 * 60 * 1500


def test_a_limit_that_is_lifted_is_noticed() -> None:
    service = LimitedService(1500, 0.02, 64, whole_seconds=False)
    service.run(10)
    service.limit = 1e9
    service.run(150)
    assert not service.rate.is_limited


def test_without_a_refusal_there_is_no_limit() -> None:
    rate = RequestRate()
    assert rate.room(0.0) == sys.maxsize
    rate.spend(1000)
    assert not rate.grow(100.0)
    assert rate.limit == math.inf


def test_refusals_alone_halve_it_down_to_one_a_second() -> None:
    rate = RequestRate()
    rate.count(0.0, 100)
    now = 1.0
    for _ in range(20):
        now += 0.5
        rate.slow_down(now)
    assert rate.limit == 1.0
    for _ in range(200):
        now += 1.0
        rate.grow(now)
    assert rate.limit > 50


def test_a_refusal_soon_after_another_counts_once() -> None:
    rate = RequestRate()
    rate.count(0.0, 1000)
    assert rate.slow_down(1.0)
    limit = rate.limit
    assert not rate.slow_down(1.1)
    assert rate.limit == limit


def test_requests_are_spread_over_the_second() -> None:
    rate = RequestRate()
    rate.count(0.0, 1000)
    rate.slow_down(1.0)
    sent = []
    for hundredth in range(100):
        room = rate.room(1.0 + hundredth / 100)
        rate.spend(room)
        sent.append(room)
    assert max(sent) <= 0.02 * rate.limit + 1
    assert 0.95 * rate.limit <= sum(sent) <= rate.limit


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    limit=st.floats(150, 5000),
    latency=st.floats(0.0005, 0.3),
    transfers=st.integers(16, 128),
    whole_seconds=st.booleans(),
)
def test_any_limit_is_found(
    limit: float, latency: float, transfers: int, *, whole_seconds: bool
) -> None:
    service = LimitedService(limit, latency, transfers, whole_seconds=whole_seconds)
    service.run(10)
    answered, refused = service.answered, service.refused
    service.run(50)
    answered, refused = service.answered - answered, service.refused - refused
    assert answered >= 0.8 * 50 * min(limit, transfers / latency) - 50
    assert refused <= 0.05 * answered + 100


def test_a_refused_request_is_paid_for_again() -> None:
    rate = RequestRate()
    rate.count(0.0, 1000)
    rate.slow_down(1.0)
    room = rate.room(1.02)
    for _ in range(5):
        rate.slow_down(1.02)
    assert rate.room(1.02) == room - 5


def test_a_wave_of_refusals_holds_requests_back_for_a_second_at_most() -> None:
    rate = RequestRate()
    rate.count(0.0, 1000)
    for _ in range(10_000):
        rate.slow_down(1.0)
    assert rate.room(1.1) == 0
    assert rate.room(2.1) > 0
