"""The search for the number of connections at the start of a run, on simulated servers."""

from __future__ import annotations

import itertools

import pytest

from cos_migrate.engine.ramp import Ramp

TICK = 0.05


class Server:
    """Answers after a latency, or as fast as it can where that takes longer."""

    def __init__(self, latency: float, objects_a_second: float) -> None:
        self.latency = latency
        self.objects_a_second = objects_a_second

    def seconds(self, transfers: int) -> float:
        """Return how long an answer takes while so many are awaited."""
        return max(self.latency, transfers / self.objects_a_second)


def search(server: Server, ramp: Ramp, seconds: float) -> list[int]:
    """Return the number of connections at each tick, until the search is over."""
    opened: list[int] = []
    late = round(server.latency / TICK)
    for tick in itertools.count():
        if ramp.found or tick * TICK > seconds:
            return opened
        opened.append(ramp.opened)
        if tick >= late:  # answers to what was sent a latency ago
            before = opened[tick - late]
            takes = server.seconds(before)
            answers = int(before * TICK / takes)
            ramp.search(TICK, answers, answers, answers * takes)
        else:
            ramp.search(TICK, 0, 0, 0.0)
    raise AssertionError


@pytest.mark.parametrize("latency", [0.05, 0.1, 0.15, 0.3])
def test_it_doubles_every_100_ms_up_to_the_highest_where_latency_alone_limits(
    latency: float,
) -> None:
    ramp = Ramp(64, 1024)
    opened = search(Server(latency, 1e6), ramp, 5.0)
    assert ramp.found == 1024
    for tick, number in enumerate(opened[2:]):
        assert number <= 2 * opened[tick]
    assert len(opened) * TICK < 1.0 + latency


@pytest.mark.parametrize(
    ("latency", "objects_a_second", "least", "most"),
    [(0.0005, 20_000, 8, 64), (0.02, 20_000, 256, 800), (0.05, 5_000, 128, 500)],
)
def test_it_ends_where_answers_take_longer(
    latency: float, objects_a_second: float, least: int, most: int
) -> None:
    ramp = Ramp(64, 1024)
    search(Server(latency, objects_a_second), ramp, 5.0)
    assert least <= ramp.found <= most


def test_nothing_is_opened_above_the_start_before_the_first_answers() -> None:
    ramp = Ramp(64, 1024)
    for _ in range(100):
        ramp.search(TICK, 0, 0, 0.0)
    assert ramp.opened == 64
    assert not ramp.found


def test_a_pool_whose_latency_is_not_measured_begins_at_the_start() -> None:
    ramp = Ramp(64, 1024)
    for _ in range(20):
        ramp.search(TICK, 5, 0, 0.0)
    assert ramp.found == 64


def test_few_connections_wait_for_the_first_answer() -> None:
    ramp = Ramp(64, 1024)
    for _ in range(100):
        ramp.wait(TICK)
    assert ramp.opened == 32
    ramp = Ramp(8, 64)
    ramp.wait(1.0)
    assert ramp.opened == 8


def test_one_slow_look_is_no_reason_to_end() -> None:
    ramp = Ramp(64, 1024)
    for slow in (False, False, True, False, True, False, True, False, False, False):
        ramp.search(0.1, 100, 100, 100 * (0.5 if slow else 0.02))
    assert ramp.found == 1024


def test_quick_answers_to_parts_are_no_reason_for_more() -> None:
    ramp = Ramp(8, 64, quick=0.1)
    ramp.search(TICK, 8, 8, 8 * 0.03)
    assert ramp.found == 8
    ramp = Ramp(8, 64, quick=0.1)
    for _ in range(100):
        if not ramp.found:
            ramp.search(TICK, 8, 8, 8 * 0.7)
    assert ramp.found == 64
