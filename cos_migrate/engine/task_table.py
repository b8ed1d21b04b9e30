"""The one table of a pass: the tasks that its pools have, and those that they gave back."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any, TypeVar

from cos_migrate.pools.pools import Pools
from cos_migrate.pools.results import Content
from cos_migrate.pools.tasks import KIND_OF, NumberedTask, Task

Subject = TypeVar("Subject")
Collect = Callable[[Subject, NumberedTask, int, Content], None]
"""Takes the subject of a task, the task, and kind and content of one of its results."""
_Entry = tuple[NumberedTask, object, Collect[Any]]
"""A task, its subject, and the function that takes such a subject: `submit` has both checked."""


class TaskTable:
    """The tasks of one pass, each with what it is about and the function that takes its results."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._number = 0
        self.under_way: dict[int, _Entry] = {}
        """Tasks that the pools have, by number."""
        self.given_back: collections.deque[_Entry]
        self.given_back = collections.deque()
        """Tasks that a worker did not begin, and that are to be submitted again as they are."""

    def __bool__(self) -> bool:
        return bool(self.under_way or self.given_back)

    def submit(
        self, task: Task, subject: Subject, collect: Collect[Subject], group: str = ""
    ) -> int:
        """Submit a task, which has no number yet; return its number.

        All tasks of a group go to one worker; empty: it belongs to none.
        """
        self._number += 1
        numbered = (self._number, KIND_OF[type(task)], task)
        self.under_way[self._number] = (numbered, subject, collect)
        self._pools.submit(numbered, group)
        return self._number

    def give_back(self, task: NumberedTask, subject: Subject, collect: Collect[Subject]) -> None:
        """Keep a task that no worker began until `submit_again`."""
        self.given_back.append((task, subject, collect))

    def submit_again(self, room: int) -> int:
        """Submit up to `room` of the tasks that were given back; return what is left of `room`."""
        while self.given_back and room > 0:
            room -= 1
            entry = self.given_back.popleft()
            task, _, _ = entry
            number, _, _ = task
            self.under_way[number] = entry
            self._pools.submit(task)
        return room

    def count(self, kind: int) -> int:
        """Return how many tasks of a kind the pools have."""
        return sum(of == kind for (_, of, _), _, _ in self.under_way.values())
