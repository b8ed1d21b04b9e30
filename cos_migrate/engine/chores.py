"""Tasks about no scanned object, such as aborts and probes: not counted, without an outcome."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import NamedTuple

from cos_migrate.engine.task_table import TaskTable
from cos_migrate.pools.results import INTERIM, UNSTARTED, Content
from cos_migrate.pools.tasks import NumberedTask, Task

Done = Callable[[Content], None]
"""Called with the content of a task's result, a Failure if it failed."""


class _Chore(NamedTuple):
    task: Task
    done: Done


class Chores:
    """Queue of the tasks about no scanned object."""

    def __init__(self, tasks: TaskTable) -> None:
        self._tasks = tasks
        self._waiting: collections.deque[_Chore] = collections.deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, task: Task, done: Done) -> None:
        """Queue a task; `done` is called once, unless the run stops first."""
        self._waiting.append(_Chore(task, done))

    def submit(self, room: int) -> None:
        """Submit up to `room` of the tasks that wait."""
        while self._waiting and room > 0:
            room -= 1
            chore = self._waiting.popleft()
            self._tasks.submit(chore.task, chore, self._collect)

    def _collect(self, chore: _Chore, _: NumberedTask, kind: int, content: Content) -> None:
        if kind == UNSTARTED:
            self._waiting.appendleft(chore)
        elif kind not in INTERIM:
            chore.done(content)
