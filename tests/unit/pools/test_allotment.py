"""A limit is divided by need, exactly, on a simulated clock."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable

from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.pools.allotment import Allotment, divide

WANTS = st.lists(st.integers(0, 1000), max_size=8)


@given(st.integers(0, 3000), WANTS, st.integers(0, 100))
def test_all_is_divided_as_evenly_as_needs_allow(amount: int, wants: list[int], first: int) -> None:
    shares = divide(amount, wants, first)
    assert sum(shares) == min(amount, sum(wants))
    assert all(0 <= share <= want for share, want in zip(shares, wants, strict=True))
    for (share, want), (other, _) in itertools.permutations(zip(shares, wants, strict=True), 2):
        assert share == want or share >= other - 1


def test_each_is_first_in_turn() -> None:
    assert [divide(1, [9, 9, 9], first).index(1) for first in range(4)] == [0, 1, 2, 0]


@given(
    rate=st.integers(1, 5000),
    pauses=st.lists(st.floats(0.001, 0.3), min_size=20, max_size=60),
    asking=st.lists(st.sets(st.integers(0, 3)), min_size=60, max_size=60),
)
def test_no_span_of_time_gets_more_than_the_limit(
    rate: int, pauses: list[float], asking: list[set[int]]
) -> None:
    burst = 0.02
    limit = Allotment(1, rate, burst, 0.0)
    now, totals = 0.0, dict.fromkeys(range(4), 0)
    granted: list[tuple[float, int]] = []
    for pause, lanes in zip(pauses, asking, strict=False):
        now += pause
        for lane in lanes:
            totals[lane] += rate
            limit.ask((lane, 0), totals[lane])
        granted.append((now, sum(limit.hand_out(now).values())))
    for begin in range(len(granted)):
        sums = itertools.accumulate(units for _, units in granted[begin:])
        for (end, _), units in zip(granted[begin:], sums, strict=True):
            allowed = max(1.0, rate * burst) + rate * (end - granted[begin][0])
            assert units <= allowed * 1.000001


@given(rate=st.integers(200, 1 << 30), lanes=st.integers(1, 8), alone=st.booleans())
def test_all_of_the_limit_is_used_while_any_lane_needs_it(
    rate: int, lanes: int, alone: bool
) -> None:
    limit = Allotment(1, rate, 0.02, 0.0)
    got: dict[Hashable, int] = dict.fromkeys(range(lanes), 0)
    for step in range(1, 501):
        for lane in range(1 if alone else lanes):
            limit.ask((lane, 0), rate * 11)
        for (seat, _), units in limit.hand_out(step * 0.01).items():
            got[seat] += units
    assert math.isclose(sum(got.values()), 5 * rate, rel_tol=0.01)
    asking = [got[lane] for lane in range(1 if alone else lanes)]
    assert max(asking) - min(asking) <= 500


def test_another_rate_holds_at_once() -> None:
    limit = Allotment(1, 1000, 0.1, 0.0)
    limit.ask((0, 0), 10_000)
    limit.set_rate(10, 5.0)
    assert sum(limit.hand_out(5.0).values()) <= 1
    assert sum(limit.hand_out(6.0).values()) <= 10
    assert limit.seconds_to_wait() < 0.2


def test_nothing_is_due_when_nothing_is_asked_for() -> None:
    limit = Allotment(1, 10, 0.1, 0.0)
    assert limit.seconds_to_wait() == math.inf
    limit.ask((0, 0), 1)
    limit.hand_out(1.0)
    assert limit.seconds_to_wait() == math.inf
    limit.ask((1, 0), 5)
    limit.leave((1, 0))
    assert limit.seconds_to_wait() == math.inf
