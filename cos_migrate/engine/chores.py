"""Tasks that belong to no object of the source: not counted, and without an outcome."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import NamedTuple

from cos_migrate.model import Failure
from cos_migrate.pools.messages import Message, Reply

Done = Callable[[Failure | None, Message], None]
"""Called with the failure of a task, or with None and the fields of its result."""


class _Chore(NamedTuple):
    task: Message
    """Less its number."""
    done: Done


class Chores:
    """The tasks without an object: which wait and which are under way."""

    def __init__(
        self, submit: Callable[[Message], int], renew_credentials: Callable[[Failure], bool]
    ) -> None:
        """`submit` passes a task to the pools and returns its number.

        `renew_credentials` returns whether a failed task should be tried again with new ones.
        """
        self._submit = submit
        self._renew_credentials = renew_credentials
        self._waiting: collections.deque[_Chore] = collections.deque()
        self.under_way: dict[int, _Chore] = {}
        """By the number of the task."""

    def __bool__(self) -> bool:
        return bool(self._waiting or self.under_way)

    def add(self, task: Message, done: Done) -> None:
        """Queue a task; `done` is called once, unless the run stops before."""
        self._waiting.append(_Chore(task, done))

    def feed(self, room: int) -> None:
        """Submit up to `room` of the tasks that wait."""
        while self._waiting and room > 0:
            room -= 1
            chore = self._waiting.popleft()
            self.under_way[self._submit(chore.task)] = chore

    def take(self, result: Message) -> bool:
        """Take the result of a task; return False when the task is not one of these."""
        number, reply, *values = result
        chore = self.under_way.get(number)
        if chore is None:
            return False
        if reply in Reply.PASSING:
            return True
        del self.under_way[number]
        failure = Failure(*values) if reply == Reply.FAILED else None
        if reply == Reply.UNSTARTED or (failure and self._renew_credentials(failure)):
            self._waiting.appendleft(chore)
        elif failure:
            chore.done(failure, ())
        else:
            chore.done(None, tuple(values))
        return True
