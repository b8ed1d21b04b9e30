"""The numbers of transfers change while a pass goes on, also to `auto` and back."""

from __future__ import annotations

from typing import cast

from cos_migrate.engine.tuning import AutoPools, Tuning
from cos_migrate.pools.pools import Pools


class FewPools:
    """Notes what is allowed."""

    workers = 2

    def __init__(self, small: int, big: int) -> None:
        self.most_transfers = (small, big)
        self.allowed: list[tuple[int, int]] = []
        self.workers_in_use = self.workers

    def use_workers(self, count: int) -> None:
        self.workers_in_use = count

    def allow_transfers(self, small: int, big: int) -> None:
        self.allowed.append((small, big))

    def count_tasks(self, *, big: bool) -> int:  # noqa: ARG002 - as Pools has it
        return 0


def test_a_number_is_obeyed_and_auto_begins_where_it_is() -> None:
    pools = FewPools(20, 8)
    tuning = Tuning(cast("Pools", pools), AutoPools())
    assert tuning.set_numbers(30, 8) == []
    assert pools.allowed == [(30, 8)]
    assert tuning.big_at_once() == 8
    assert tuning.next_adjustment == float("inf")
    tuning.set_numbers(0, 8)
    assert pools.allowed[-1] == (30, 8)
    assert tuning.next_adjustment == 0.0
    tuning.small.objects += 1
    assert tuning.used() == "smallFileExecutorNum 30"
    tuning.set_numbers(5, 3)
    assert pools.allowed[-1] == (5, 3)
    assert tuning.used() == ""
    assert tuning.big_at_once() == 3


def test_a_number_ends_what_was_found() -> None:
    pools = FewPools(1024, 64)
    tuning = Tuning(cast("Pools", pools), AutoPools(small=True, big=True))
    tuning.set_numbers(0, 4)
    assert pools.allowed[-1][1] == 4
    assert tuning.limits == pools.allowed[-1]
    tuning.set_numbers(100, 0)
    assert pools.allowed[-1] == (100, 4)


def test_processes_follow_the_load_while_a_number_is_found() -> None:
    pools = FewPools(1024, 64)
    tuning = Tuning(cast("Pools", pools), AutoPools(small=True, big=True))
    assert pools.workers_in_use == 1
    tuning.set_numbers(100, 8)
    assert pools.workers_in_use == 2
    tuning.set_numbers(100, 0)
    assert pools.workers_in_use == 2  # those that there are go on
    tuning.set_numbers(0, 0)
    assert pools.workers_in_use == 2
