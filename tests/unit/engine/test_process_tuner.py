"""The number of worker processes follows the load, on a simulated machine."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.engine.process_tuner import ProcessChange, ProcessTuner, Work

TICK = 0.05


@dataclass
class Machine:
    """Processes that transfer objects, each with a core as long as there are cores."""

    cores: float
    offered: float
    """Objects a second that the network and the other side allow."""
    each: float = 15_000
    """Objects a second that one core transfers."""
    has_more: bool = True
    is_bound: bool = False

    def work(self, processes: int, factor: float = 1.0) -> Work:
        used = min(self.cores, processes)
        rate = min(self.offered, used * self.each) * factor
        busy = rate / self.each * TICK
        ended = int(rate * TICK)
        return Work(TICK, ended, 4096 * ended, busy, self.has_more, self.is_bound)


def run(tuner: ProcessTuner, machine: Machine, seconds: float) -> list[ProcessChange]:
    changes = [tuner.feed(machine.work(tuner.number)) for _ in range(int(seconds / TICK))]
    return [change for change in changes if change]


def test_a_run_that_waits_for_the_network_needs_one() -> None:
    tuner = ProcessTuner(1, 8)
    assert run(tuner, Machine(cores=8, offered=10_000), 60) == []
    assert tuner.number == 1


def test_processes_are_doubled_while_that_pays() -> None:
    tuner = ProcessTuner(1, 8)
    changes = run(tuner, Machine(cores=16, offered=1e9), 4)
    assert [change.number for change in changes] == [2, 4, 8]
    assert changes[0].reason == "100% more than 1 gave"


def test_it_is_quick() -> None:
    tuner = ProcessTuner(1, 8)
    run(tuner, Machine(cores=16, offered=1e9), 0.25)
    assert tuner.number == 2


def test_processes_that_give_no_more_are_left_again_and_tried_more_and_more_rarely() -> None:
    tuner, machine = ProcessTuner(1, 2), Machine(cores=1, offered=1e9)
    tried = 0
    for _ in range(int(300 / TICK)):
        before = tuner.number
        assert tuner.feed(machine.work(before)) is None
        tried += tuner.number > before
    assert tuner.number == 1
    assert 2 <= tried <= 8


def test_where_the_load_falls_processes_are_left_out_one_by_one() -> None:
    tuner, machine = ProcessTuner(4, 4), Machine(cores=16, offered=1e9)
    run(tuner, machine, 5)
    assert tuner.number == 4
    machine.offered = 5_000
    changes = run(tuner, machine, 20)
    assert [change.number for change in changes] == [3, 2, 1]


def test_objects_that_are_bound_to_processes_keep_them() -> None:
    tuner, machine = ProcessTuner(1, 2), Machine(cores=1, offered=1e9, is_bound=True)
    changes = run(tuner, machine, 5)
    assert [change.number for change in changes] == [2]
    machine.offered = 1_000
    assert run(tuner, machine, 20) == []
    machine.is_bound = False
    assert [change.number for change in run(tuner, machine, 5)] == [1]


def test_a_run_without_work_changes_nothing() -> None:
    tuner = ProcessTuner(1, 8)
    assert run(tuner, Machine(cores=8, offered=1e9, has_more=False), 20) == []
    assert tuner.number == 1


def test_a_run_that_ends_in_a_trial_goes_back() -> None:
    tuner, machine = ProcessTuner(1, 8), Machine(cores=16, offered=1e9)
    run(tuner, machine, 0.3)
    assert tuner.number == 2
    machine.has_more = False
    run(tuner, machine, 0.1)
    assert tuner.number == 1


def test_a_busy_start_without_results_is_no_reason() -> None:
    tuner = ProcessTuner(1, 8)
    for _ in range(100):
        tuner.feed(Work(TICK, 0, 0, TICK, has_more=True, is_bound=False))
    assert tuner.number == 1


@given(
    st.integers(2, 60),
    st.floats(0.5, 64),
    st.lists(st.tuples(st.floats(1, 1e6), st.booleans(), st.booleans()), min_size=1, max_size=6),
    st.lists(st.floats(0.7, 1.4), min_size=20, max_size=20),
)
def test_it_stays_within_its_bounds_and_comes_to_rest(
    most: int, cores: float, phases: list[tuple[float, bool, bool]], noise: list[float]
) -> None:
    tuner = ProcessTuner(1, most)
    for offered, has_more, is_bound in phases:
        machine = Machine(cores, offered, has_more=has_more, is_bound=is_bound)
        for tick in range(200):
            tuner.feed(machine.work(tuner.number, noise[tick % 20]))
            assert 1 <= tuner.number <= most
    calm = Machine(cores, offered=1_000)
    run(tuner, calm, 2.5 * most)
    assert tuner.number == 1
