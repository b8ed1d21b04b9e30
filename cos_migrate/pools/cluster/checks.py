"""What a worker on another machine has to prove before it gets tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cos_migrate.model import Failure
from cos_migrate.pools.results import INTERIM, OF_NO_TASK, Digested, Result
from cos_migrate.pools.tasks import KIND_OF, NumberedTask, Task


class SeatCheck(NamedTuple):
    """A task whose result shows whether a worker reaches one side."""

    task: Task
    problem: str
    """In words: what it does not do, where the task fails without an answer."""
    is_answer: bool = True
    """Whether a refusal, with its HTTP status, shows that the side is reached."""
    md5: str = ""
    """Of what a Digest reads; empty: it is another task."""
    without: Callable[[], None] | None = None
    """Called in the thread of the engine where it fails, to do without; None: the worker is not
    used."""


ChecksMaker = Callable[[], tuple[SeatCheck, ...]]
"""Returns what each worker has to prove. Raises MigrateError."""


class Proof:
    """The checks of one worker, and which of them are still open."""

    def __init__(self, checks: tuple[SeatCheck, ...]) -> None:
        self._open = {-number: check for number, check in enumerate(checks, 1)}
        self.problem = ""
        """Why the worker cannot be used; empty: nothing speaks against it so far."""
        self.lacks: list[tuple[str, Callable[[], None]]] = []
        """What the run has to do without, and the function that tells it so."""

    @property
    def tasks(self) -> list[NumberedTask]:
        """The tasks of the open checks; their numbers are negative."""
        return [(each, KIND_OF[type(one.task)], one.task) for each, one in self._open.items()]

    @property
    def is_complete(self) -> bool:
        """Whether all checks have ended, or one has failed."""
        return bool(self.problem) or not self._open

    def note(self, result: Result) -> None:
        """Take a result of the worker."""
        number, kind, content = result
        if kind in INTERIM or kind in OF_NO_TASK:
            return
        check = self._open.pop(number, None)
        if check is None:
            return
        problem = ""
        if isinstance(content, Failure):
            if not (check.is_answer and content.status):
                problem = f"{check.problem}: {content.message}"
        elif check.md5 and not (isinstance(content, Digested) and content.md5 == check.md5):
            problem = f"{check.problem}: the content that it reads differs"
        if problem and check.without:
            self.lacks.append((problem, check.without))
        elif problem:
            self.problem = problem
