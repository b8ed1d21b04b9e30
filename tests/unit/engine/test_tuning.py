from __future__ import annotations

import itertools

from cos_migrate.engine.tuning import PoolRange, PoolTuning, Traffic

RANGE = PoolRange(start=64, lowest=4, highest=1024, enough=400)


def steps(tuning: PoolTuning, traffic: Traffic, ticks: int, rate: float, begin: int = 0) -> None:
    """Let a pool that is always busy do `rate` objects a second for each of its transfers."""
    for tick in range(begin, begin + ticks):
        ended = int(tuning.limit * rate / 10)
        traffic.objects += ended
        traffic.answers += ended
        traffic.waited += ended / rate
        tuning.adjust(tick / 10, 0.1, tuning.limit)


def test_connections_are_opened_little_by_little() -> None:
    traffic = Traffic()
    limits = []
    tuning = PoolTuning(RANGE, traffic)
    for tick in range(40):
        limits.append(tuning.limit)
        steps(tuning, traffic, 1, 10, begin=tick)
    assert limits[0] == 16
    opened = 16
    for limit in limits:
        assert limit <= 2 * opened
        opened = max(opened, limit)
    assert max(limits[:10]) == 1024


def test_connections_are_opened_little_by_little_where_no_latency_is_measured() -> None:
    traffic = Traffic()
    tuning = PoolTuning(RANGE._replace(start=8), traffic)
    limits = []
    for tick in range(120):
        limits.append(tuning.limit)
        traffic.objects += tuning.limit
        tuning.adjust(tick / 10, 0.1, tuning.limit)
    assert limits[0] == 8
    for before, limit in itertools.pairwise(limits):
        assert limit <= max(16, 2 * before)
    assert max(limits) == 1024


def test_a_few_are_opened_while_the_first_goes_alone() -> None:
    traffic = Traffic()
    tuning = PoolTuning(RANGE, traffic)
    for tick in range(20):
        tuning.adjust(tick / 10, 0.1, 1)
    assert tuning.limit == 32


def test_a_pool_that_is_paced_opens_no_more() -> None:
    traffic = Traffic()
    tuning = PoolTuning(RANGE, traffic)
    steps(tuning, traffic, 4, 10)
    before = tuning.limit
    for tick in range(4, 40):
        traffic.objects += 100
        tuning.adjust(tick / 10, 0.1, before, is_paced=True)
    assert tuning.limit == before
    steps(tuning, traffic, 1, 10, begin=40)
    assert tuning.limit > before


def test_a_failure_ends_the_search() -> None:
    traffic = Traffic()
    tuning = PoolTuning(RANGE, traffic)
    steps(tuning, traffic, 4, 10)
    before = tuning.limit
    for _ in range(before):
        tuning.note_failure()
    tuning.adjust(0.5, 0.1, before)
    steps(tuning, traffic, 50, 10, begin=6)
    assert before // 4 <= tuning.limit <= before // 2


def test_failed_connections_lower_it_at_once_and_for_a_while() -> None:
    traffic = Traffic()
    tuning = PoolTuning(RANGE, traffic)
    steps(tuning, traffic, 40, 10)
    before = tuning.limit
    for _ in range(before // 2):
        tuning.note_failure()
    change = tuning.adjust(4.0, 0.1, before)
    assert change is not None
    assert change.limit == tuning.limit == before // 2
    assert change.reason == "connections failed"
    steps(tuning, traffic, 100, 10, begin=41)
    assert tuning.limit <= before // 2
    steps(tuning, traffic, 1000, 10, begin=141)
    assert tuning.limit > before // 2


def test_few_failures_lower_it_by_a_tenth() -> None:
    traffic = Traffic()
    tuning = PoolTuning(RANGE, traffic)
    steps(tuning, traffic, 40, 10)
    before = tuning.limit
    tuning.note_failure()
    tuning.adjust(4.0, 0.1, before)
    assert tuning.limit == int(0.9 * before)


def test_failures_of_a_pool_without_work_change_nothing() -> None:
    tuning = PoolTuning(RANGE, Traffic())
    tuning.note_failure()
    assert tuning.adjust(0.1, 0.1, 0) is None


def test_a_pool_that_transferred_nothing_was_not_used() -> None:
    assert not PoolTuning(RANGE, Traffic()).was_used
    assert PoolTuning(RANGE, Traffic(objects=1)).was_used
