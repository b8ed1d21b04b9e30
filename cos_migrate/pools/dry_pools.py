"""The pools of a dry run: they carry out what changes nothing, and answer all other tasks."""

from __future__ import annotations

from typing import Protocol, cast

from cos_migrate.pools.job import Job
from cos_migrate.pools.limiter import Limiter
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.results import DONE, TARGET_EXISTS, UNSTARTED, Result
from cos_migrate.pools.tasks import (
    KIND_OF,
    SMALL_KINDS,
    CopyObject,
    HeadTarget,
    NumberedTask,
    PutObject,
    Task,
    TaskKind,
    source_object,
)
from cos_migrate.pools.worker_handles import Post, WorkerResults
from cos_migrate.pools.worker_team import Launch
from cos_migrate.processes.liveness import WaitLimits

_CARRIED_OUT = frozenset(
    {TaskKind.HEAD_TARGET, TaskKind.HEAD_SOURCE, TaskKind.STAT, TaskKind.REQUEST_LISTING}
)
"""Tasks that read neither a body nor write anything."""
_NO_WORKER = -1
_LOOKED = frozenset({DONE, TARGET_EXISTS})
_HEAD_TARGET = KIND_OF[HeadTarget]


class TaskAnswers(Protocol):
    """Answers the tasks that a dry run does not carry out."""

    def answer(self, task: NumberedTask) -> Result:
        """Return the result that a task is likely to have."""

    def note_look(self) -> None:
        """Note that COS is asked for an object."""


class DryPools(Pools):
    """Pools that send no task to a worker which writes to COS or reads a body."""

    def __init__(
        self,
        job: Job,
        processes: int,
        post: Post,
        launch: Launch,
        limits: WaitLimits,
        limiter: Limiter,
        answers: TaskAnswers,
    ) -> None:
        """As `Pools`; `answers` has the results of tasks that are not carried out."""
        super().__init__(job, processes, post, launch, limits, limiter)
        self._answers = answers
        self._unanswered: dict[int, NumberedTask] = {}
        """Tasks for no worker whose results are not collected, by number."""
        self._outbox: list[NumberedTask] = []
        """Those of them that have no result yet."""
        self._looking: dict[int, NumberedTask | None] = {}
        """Looks at COS by number, with the task that is answered where it finds nothing."""

    @property
    def under_way(self) -> int:
        """Tasks submitted and not collected."""
        return super().under_way + len(self._unanswered)

    def start(self) -> None:
        """Start nothing before the first task for a worker."""

    def open_ahead(self, connections: int) -> None:
        """Open no connection."""

    def room(self, *, big: bool, group: str = "") -> int:
        """Return how many more tasks can be submitted to a pool now."""
        pending = sum((kind not in SMALL_KINDS) == big for _, kind, _ in self._unanswered.values())
        return super().room(big=big, group=group) - pending

    def submit(self, task: NumberedTask, group: str = "") -> None:
        """Keep a task until `flush`, or send it to a worker where it changes nothing."""
        number, kind, content = task
        look = _look_before(content)
        if look:
            self._looking[number] = task
            super().submit((number, _HEAD_TARGET, look))
        elif kind in _CARRIED_OUT:
            if kind == _HEAD_TARGET:
                self._looking[number] = None
            super().submit(task, group)
        else:
            self._unanswered[number] = task
            self._outbox.append(task)

    def flush(self) -> None:
        """Send the tasks for workers, and post the results of the others."""
        if super().under_way:
            super().start()
            super().flush()
        if self._outbox:
            results = [self._answers.answer(task) for task in self._outbox]
            self._outbox = []
            self._post(WorkerResults(_NO_WORKER, results))

    def collect(self, event: WorkerResults) -> list[Result]:
        """Collect results."""
        if event.worker == _NO_WORKER:
            return [each for each in event.results if self._unanswered.pop(each[0], None)]
        settled = super().collect(event)
        return [self._looked(each) if each[0] in self._looking else each for each in settled]

    def take_back(self) -> list[Result]:
        """Return everything under way as UNSTARTED."""
        unanswered = [(number, UNSTARTED, None) for number in self._unanswered]
        self._drop_unanswered()
        return super().take_back() + unanswered

    def abandon(self) -> None:
        """Drop all tasks of a dry run."""
        super().abandon()
        self._drop_unanswered()

    def _drop_unanswered(self) -> None:
        self._unanswered.clear()
        self._outbox.clear()

    def _looked(self, result: Result) -> Result:
        """Return the result of the task behind a look at COS, which may have found nothing."""
        number, kind, _ = result
        task = self._looking.pop(number)
        if kind in _LOOKED:
            self._answers.note_look()
        return self._answers.answer(task) if task and kind == DONE else result


def _look_before(task: Task) -> HeadTarget | None:
    """Return the look at COS that is part of a task; None: it has none."""
    if isinstance(task, CopyObject):
        return HeadTarget(*task) if task.skip_if else None
    if type(task) is tuple:
        name, size, mtime_ns, etag, is_folder, cos_path, skip_if = cast("PutObject", task)
        obj = source_object(name, size, mtime_ns, etag, is_folder=is_folder)
        return HeadTarget(obj, cos_path, skip_if) if skip_if else None
    return None
