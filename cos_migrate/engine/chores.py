"""Tasks that belong to no object of the source: not counted, and without an outcome."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any, NamedTuple

from cos_migrate.engine.tasks import Tasks
from cos_migrate.model import Failure
from cos_migrate.pools.messages import Message, Reply

Done = Callable[[Failure | None, Message], None]
"""Called with the failure of a task, or with None and the fields of its result."""


class _Chore(NamedTuple):
    task: Message
    """Less its number."""
    done: Done


class Chores:
    """Queues the tasks without an object until there is room for them."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._waiting: collections.deque[_Chore] = collections.deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, task: Message, done: Done) -> None:
        """Queue a task; `done` is called once, unless the run stops before."""
        self._waiting.append(_Chore(task, done))

    def feed(self, room: int) -> None:
        """Submit up to `room` of the tasks that wait."""
        while self._waiting and room > 0:
            room -= 1
            chore = self._waiting.popleft()
            self._tasks.submit(chore.task, chore, self._collect)

    def _collect(self, chore: _Chore, _: Message, reply: int, values: list[Any]) -> None:
        if reply == Reply.UNSTARTED:
            self._waiting.appendleft(chore)
        elif reply == Reply.FAILED:
            chore.done(Failure(*values), ())
        elif reply not in Reply.PASSING:
            chore.done(None, tuple(values))
