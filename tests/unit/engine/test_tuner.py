from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cos_migrate.engine.tuner import Change, Measurement, Tuner
from tests.unit.engine.simulated_network import SimulatedNetwork

TICK = 0.1


class Run:
    """A tuner on a simulated network."""

    def __init__(
        self, network: SimulatedNetwork, tuner: Tuner | None = None, *, is_measured: bool = True
    ) -> None:
        """`is_measured`: whether the latency of answers is known."""
        self.network = network
        self._is_measured = is_measured
        self.tuner = tuner or Tuner(64, 4, 1024, 400)
        for _ in range(3):  # the first connections are open before a pool is judged
            network.run(self.tuner.limit)
        self.limits: list[int] = []
        self.shares: list[float] = []
        """What was achieved, as shares of the best."""
        self.changes: list[Change] = []

    def go(self, seconds: float, alter: Callable[[float], None] | None = None) -> Run:
        best = self.network.best()
        for tick in range(round(seconds / TICK)):
            if alter:
                alter(tick * TICK)
                best = self.network.best()
            limit = self.tuner.limit
            ended = self.network.run(limit)
            answers = ended if self._is_measured else 0
            waited = answers * self.network.answers_in()
            change = self.tuner.feed(
                Measurement(TICK, ended, ended * self.network.size, True, answers, waited)
            )
            self.limits.append(limit)
            self.shares.append(ended / TICK / best)
            if change:
                self.changes.append(change)
        return self

    def share(self, begin: float, end: float | None = None) -> float:
        """Return what was achieved between two times, as a share of the best."""
        last = len(self.shares) if end is None else round(end / TICK)
        return statistics.mean(self.shares[round(begin / TICK) : last])


@pytest.mark.parametrize("latency", [0.0005, 0.005, 0.02, 0.05, 0.1, 0.15])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_the_last_two_thirds_reach_95_percent_of_the_best(latency: float, decay: float) -> None:
    for seed in range(5):
        run = Run(SimulatedNetwork(latency, decay=decay, seed=seed)).go(60)
        assert run.share(20) > 0.95


def test_doubling_is_quick() -> None:
    run = Run(SimulatedNetwork(latency=0.1, noise=0.02)).go(5)
    assert max(run.limits[:30]) == 1024


def test_more_is_not_taken_where_it_brings_nothing() -> None:
    for seed in range(5):
        run = Run(SimulatedNetwork(latency=0.0005, seed=seed)).go(60)
        assert statistics.mean(run.limits) < 128


@pytest.mark.parametrize(("before", "after"), [(0.02, 0.1), (0.1, 0.02), (0.005, 0.15)])
def test_a_changed_latency_is_followed_within_20_seconds(before: float, after: float) -> None:
    for seed in range(5):
        network = SimulatedNetwork(before, seed=seed)
        run = Run(network).go(30)
        network.latency = after
        run.go(40)
        assert run.share(50, 70) > 0.9


def test_fewer_are_rarely_tried_where_latency_alone_limits() -> None:
    for seed in range(5):
        network = SimulatedNetwork(latency=0.15, noise=0.02, seed=seed)
        lowered = [
            sum(
                limit < 1024 for limit in Run(network, is_measured=is_measured).go(120).limits[300:]
            )
            for is_measured in (True, False)
        ]
        assert 0 < lowered[0] < lowered[1] / 2


def test_a_line_that_is_full_is_noticed_by_its_bytes() -> None:
    network = SimulatedNetwork(latency=0.05, size=4 << 20, line=100e6, connection=8e6)
    run = Run(network, Tuner(8, 1, 64, 40)).go(60)
    assert run.share(20) > 0.9
    assert statistics.mean(run.limits[200:]) < 40


def test_sizes_that_drift_are_no_gain_and_no_loss() -> None:
    tuner = Tuner(64, 4, 64, 400)
    network = SimulatedNetwork(latency=0.02, line=20e6)

    def grow(now: float) -> None:
        network.size = int(4096 * (1 + now))

    run = Run(network, tuner).go(60, grow)
    assert all(change.limit <= 64 for change in run.changes)
    assert run.share(20) > 0.9


def test_a_pool_without_enough_work_is_left_alone() -> None:
    tuner = Tuner(64, 4, 1024, 400)
    for _ in range(600):
        assert tuner.feed(Measurement(TICK, 10, 40960, saturated=False)) is None
    assert tuner.limit == 64


def test_a_trial_ends_when_the_work_ends() -> None:
    network = SimulatedNetwork(latency=0.02)
    run = Run(network)
    settled = [run.changes[-1].limit if run.changes else 64]
    for _ in range(600):
        run.go(TICK)
        settled.append(run.changes[-1].limit if run.changes else 64)
        if run.limits[-1] != settled[-1] and len(settled) > 100:
            break
    run.tuner.feed(Measurement(TICK, 1, 1, saturated=False))
    assert run.tuner.limit == settled[-1]


def test_cut_and_restrict() -> None:
    tuner = Tuner(64, 4, 1024, 400)
    tuner.cut(20)
    assert tuner.limit == 20
    tuner.cut(30)
    assert tuner.limit == 20
    tuner.cut(1)
    assert tuner.limit == 4
    tuner.set_highest(50)
    run = Run(SimulatedNetwork(latency=0.1), tuner).go(60)
    assert max(run.limits) == 50


def test_changes_name_a_reason() -> None:
    run = Run(SimulatedNetwork(latency=0.1, noise=0.0)).go(10)
    assert run.changes[0] == Change(128, "100% more than 64 gave")
    assert [change.limit for change in run.changes[:3]] == [128, 512, 1024]


networks = st.builds(
    SimulatedNetwork,
    latency=st.floats(0.0002, 0.6),
    objects_a_second=st.floats(2000, 40_000),
    decay=st.floats(0, 0.3),
    size=st.integers(1, 1 << 20),
    line=st.floats(20e6, 10e9),
    connection=st.floats(2e6, 1e9),
    noise=st.floats(0, 0.06),
    seed=st.integers(0, 1 << 30),
)


@settings(max_examples=300, deadline=None)
@given(networks, st.booleans())
def test_any_network_is_used_well(network: SimulatedNetwork, is_measured: bool) -> None:
    run = Run(network, is_measured=is_measured).go(90)
    assert run.share(30) > 0.85
    assert min(run.limits) >= 4
    assert max(run.limits) <= 1024


@settings(max_examples=200, deadline=None)
@given(networks, st.booleans())
def test_limits_do_not_swing(network: SimulatedNetwork, is_measured: bool) -> None:
    """A trial moves the limit by a factor of two at most, and few of them are lasting."""
    run = Run(network, is_measured=is_measured).go(120)
    late = run.limits[600:]
    for one, other in itertools.pairwise(late):
        assert max(one, other) <= 2 * min(one, other) + 1


@settings(max_examples=200, deadline=None)
@given(networks, st.floats(0.0002, 0.6), st.floats(2000, 40_000), st.booleans())
def test_a_step_of_anything_is_recovered_from(
    network: SimulatedNetwork, latency: float, objects_a_second: float, is_measured: bool
) -> None:
    run = Run(network, is_measured=is_measured).go(40)
    network.latency, network.objects_a_second = latency, objects_a_second
    run.go(80)
    assert run.share(80) > 0.8
