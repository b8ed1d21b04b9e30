"""Workers that are in use share everything; others are started when they are needed."""

from __future__ import annotations

import pytest

from cos_migrate import descriptors
from cos_migrate.pools.division import Division
from cos_migrate.pools.results import UNSTARTED
from cos_migrate.pools.tasks import CopyPart, TaskKind
from cos_migrate.pools.worker.commands import AllowTransfers, Command, Recall
from cos_migrate.pools.worker_handles import WorkerResults
from tests.unit.pools.test_pools import OBJ, Seats, local_job, put


class Recorded(Seats):
    """Pools whose workers keep all commands."""

    def __init__(self, processes: int) -> None:
        self.posted: list[object] = []
        super().__init__(local_job(8), processes, self.posted.append)
        self.started: list[int] = []

    def _start_worker(self, index: int) -> None:
        super()._start_worker(index)
        self.started.append(index)
        seat, commands = self.seats[index], self.commands.setdefault(index, [])
        take = seat.send

        def send(command: Command) -> None:
            commands.append(command)
            take(command)

        seat.send = send  # type: ignore[method-assign]
        send(self._loads[index].allowed)

    commands: dict[int, list[Command]] = {}  # noqa: RUF012 - set anew by `recorded`


@pytest.fixture
def recorded() -> Recorded:
    Recorded.commands = {}
    return Recorded(3)


def test_only_those_in_use_are_started_and_share_everything(recorded: Recorded) -> None:
    recorded.use_workers(1)
    for number in range(1, 9):
        recorded.submit(put(number))
    recorded.flush()
    assert recorded.started == [0]
    assert recorded.commands[0][0] == AllowTransfers(8, 8, 1 << 20)
    assert recorded.workers_in_use == 1
    recorded.use_workers(3)
    assert recorded.started == [0, 1, 2]
    assert [load.allowed[:2] for load in recorded._loads] == [(3, 3), (3, 3), (2, 2)]
    assert sum(load.allowed.memory for load in recorded._loads) <= 1 << 20


def test_one_that_is_not_used_any_more_gives_back_what_it_has_not_begun(
    recorded: Recorded,
) -> None:
    for number in range(1, 7):
        recorded.submit(put(number))
        recorded._balancer.end_batch()
    recorded.use_workers(1)  # nothing is sent yet
    assert recorded.posted
    for event in recorded.posted:
        assert isinstance(event, WorkerResults)
        assert event.worker > 0
        assert {kind for _, kind, _ in event.results} == {UNSTARTED}
        recorded.collect(event)
    left = recorded.under_way
    assert left < 6
    recorded.flush()
    recorded.use_workers(2)
    recorded.use_workers(1)
    assert recorded.commands[1][-3:-1] == [AllowTransfers(0, 0, 0), Recall()]
    recorded.submit(put(7))
    recorded.flush()
    assert len(recorded.seats[0].tasks) == left + 1


def test_groups_of_one_that_is_not_used_any_more_go_to_others(recorded: Recorded) -> None:
    part = CopyPart(OBJ, "/a", "id", 1, 0, 1)
    for number, group in enumerate(("a", "b", "c"), start=1):
        recorded.submit((number, TaskKind.COPY_PART, part), group)
    recorded.flush()
    assert sum(len(seat.tasks) for seat in recorded.seats[1:]) > 0
    recorded.use_workers(1)
    for number, group in enumerate(("a", "b", "c"), start=4):
        assert recorded.room(big=True, group=group) > 0
        recorded.submit((number, TaskKind.COPY_PART, part), group)
    recorded.flush()
    assert {number for number, _, _ in recorded.seats[0].tasks} >= {4, 5, 6}


def test_more_are_used_where_one_has_no_descriptors_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(descriptors, "limit", lambda: 256)
    division = Division(local_job(8), 4)
    division.use(1)
    assert division.in_use == 1
    division.allow(90, 8)
    assert division.in_use == 2
    division.allow(300, 8)
    assert division.in_use == 4
