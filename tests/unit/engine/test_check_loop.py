"""The pass that checks: how it meets the time window, slow answers and huge databases."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config.values import TimeWindow
from cos_migrate.engine.credential_keeper import CredentialKeeper
from cos_migrate.engine.loop import PassParts
from cos_migrate.engine.verify import Verification
from cos_migrate.engine.window_watch import WindowWatch
from cos_migrate.exit_codes import INTERRUPTED
from cos_migrate.model import Failure, Status
from cos_migrate.pools.results import DONE, FAILED, INTERIM, UNSTARTED, Comparison, Content, Result
from cos_migrate.pools.tasks import CompareObject, NumberedTask
from cos_migrate.pools.worker_handles import WorkerResults
from cos_migrate.report.console import Console
from cos_migrate.report.logs import Logs
from cos_migrate.report.report import Report
from cos_migrate.report.summary import ReportedJob
from tests.polling import wait_until
from tests.unit.keys_source import KeysSource

ALWAYS = TimeWindow(0, 24 * 60)


class Pools:
    """Answers every task at once, as `answer` says."""

    overdue = False

    def __init__(self, post: Any, answer: Any, room: int) -> None:
        self.total = room
        self.most_transfers = (room, 0)
        self.tasks: dict[int, NumberedTask] = {}
        self.submitted: list[NumberedTask] = []
        self.most = 0
        self.watched = 0
        """Turns of the loop, each of which asks once for workers without a sign of life."""
        self._post, self._answer, self._room = post, answer, room
        self._outbox: list[NumberedTask] = []

    @property
    def under_way(self) -> int:
        return len(self.tasks)

    def room(self, *, big: bool, group: str) -> int:
        assert not big
        assert not group
        return self._room - self.under_way

    def transfers_allowed(self, *, big: bool) -> int:
        return 0 if big else self._room

    def count_tasks(self, *, big: bool) -> int:
        return 0 if big else self.under_way

    def submit(self, task: NumberedTask, group: str = "") -> None:
        number, _, content = task
        assert isinstance(content, CompareObject)
        assert not group
        self.tasks[number] = task
        self.submitted.append(task)
        self._outbox.append(task)
        self.most = max(self.most, self.under_way)

    def flush(self) -> None:
        if self._outbox:
            results = [(task[0], *self._answer(task)) for task in self._outbox]
            self._outbox = []
            self._post(WorkerResults(0, results))

    def collect(self, event: WorkerResults) -> list[Result]:
        for number, kind, _ in event.results:
            if kind not in INTERIM:
                self.tasks.pop(number, None)
        return event.results

    def allow_transfers(self, transfers: int) -> None: ...

    def replace_credentials(self, credentials: Any) -> None: ...

    def recall(self) -> None: ...

    def watch(self) -> list[str]:
        self.watched += 1
        return []

    def stop(self) -> None: ...

    def close(self) -> None: ...


class Records:
    """A database of `count` records, of which a scan keeps none."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.scanned = 0

    def get(self, key: bytes) -> bytes | None:
        return b"C0000000000000007" if key.startswith(b"[cosmigrate stored] ") else None

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        for number in range(self.count):
            self.scanned += 1
            key = f"[taskType: x] [bucket: b] [cosPath: /{number:06}]".encode()
            assert key.startswith(prefix)
            yield key, b"[fileSize: 5] [etag: e]"


def good(_: NumberedTask) -> tuple[int, Content]:
    return DONE, Comparison(5, 7, False, -1, -1, "r")


@pytest.fixture
def report(tmp_path: Path) -> Report:
    (tmp_path / "log").mkdir()
    (tmp_path / "db").mkdir()
    console = Console(quiet=True, stdout=io.BytesIO(), stderr=io.StringIO())
    return Report(
        console=console,
        logs=Logs(tmp_path / "log", debug=False),
        folder=tmp_path,
        job=ReportedJob("job", "migrateKeys", "b"),
    )


def check_of(
    report: Report, state: Any, answer: Any = good, window: TimeWindow = ALWAYS, room: int = 8
) -> tuple[Verification, list[Pools]]:
    made: list[Pools] = []

    def make(post: Any) -> Any:
        made.append(Pools(post, answer, room))
        return made[0]

    source, keeper = KeysSource([]), CredentialKeeper([])
    parts = PassParts(WindowWatch(window), keeper, source, state, report, make)
    return Verification(parts), made


def test_records_are_read_no_further_ahead_than_there_is_room(report: Report) -> None:
    state = Records(5000)
    check, [pools] = check_of(report, state)
    ahead: list[int] = []

    def answer(task: NumberedTask) -> tuple[int, Content]:
        ahead.append(state.scanned - task[0])
        return good(task)

    pools._answer = answer
    summary = check.run()
    assert summary.counts[Status.NEW] == 5000
    assert summary.list_finished
    assert max(ahead) <= 8
    assert pools.most <= 8


def test_a_task_given_back_is_made_again(report: Report) -> None:
    seen: set[int] = set()

    def answer(task: NumberedTask) -> tuple[int, Content]:
        if task[0] in seen or task[0] % 2:
            return good(task)
        seen.add(task[0])
        return UNSTARTED, None

    check, [pools] = check_of(report, Records(50), answer)
    assert check.run().counts[Status.NEW] == 50
    assert len(pools.submitted) == 75


def test_a_failed_comparison_is_one_failure(report: Report) -> None:
    def answer(task: NumberedTask) -> tuple[int, Content]:
        if task[0] == 3:
            return FAILED, Failure("HeadObject", "broken", status=400, code="Odd")
        return good(task)

    check, _ = check_of(report, Records(10), answer)
    summary = check.run()
    assert (summary.counts[Status.NEW], summary.counts[Status.FAIL]) == (9, 1)
    assert summary.exit_code == 1


def test_outside_the_window_nothing_is_asked(report: Report) -> None:
    now = time.localtime()
    minute = now.tm_hour * 60 + now.tm_min
    closed = TimeWindow((minute + 300) % 1440, (minute + 360) % 1440)
    check, [pools] = check_of(report, Records(10), window=closed)
    thread = threading.Thread(target=check.run)
    thread.start()
    turns = pools.watched
    wait_until(lambda: pools.watched > turns + 2)
    assert not pools.submitted
    check._window.window = ALWAYS
    thread.join(120)
    assert len(pools.submitted) == 10


def test_an_interrupt_before_it_begins(report: Report) -> None:
    check, [pools] = check_of(report, Records(10))
    check.interrupt(INTERRUPTED)
    summary = check.run()
    assert not summary.list_finished
    assert summary.exit_code == INTERRUPTED
    assert len(pools.submitted) < 10


def test_what_no_object_can_escape_ends_it(report: Report) -> None:
    def answer(_: NumberedTask) -> tuple[int, Content]:
        return FAILED, Failure("HeadObject", "no such bucket", 404, "NoSuchBucket", fatal=True)

    check, [pools] = check_of(report, Records(1000), answer)
    summary = check.run()
    assert summary.counts[Status.FAIL] < 10
    assert len(pools.submitted) < 10
    assert not summary.list_finished
