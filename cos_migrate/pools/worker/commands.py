"""Commands that the coordinator sends to a worker, in its process or in threads.

A new one is a NamedTuple here, in `Command`, and a method of `Worker`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cos_migrate.errors import Side
from cos_migrate.http.pacing import AllTerms, Units
from cos_migrate.model import Credentials
from cos_migrate.pools.tasks import NumberedTask

if TYPE_CHECKING:  # the coordinator has no worker but in-line ones
    from cos_migrate.pools.worker.worker import Worker


class Submit(NamedTuple):
    """Queue tasks."""

    tasks: list[NumberedTask]

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""
        worker.submit(self.tasks)


class Recall(NamedTuple):
    """Give back the tasks that are not begun."""

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""
        worker.recall()


class Stop(NamedTuple):
    """Give back the tasks that are not begun, and start no further try of the others."""

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""
        worker.stop()


class AllowTransfers(NamedTuple):
    """Let at most `small` and `big` transfers of the two pools be made at once."""

    small: int
    big: int
    memory: int
    """Bytes of object data that they may hold at once."""

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""
        worker.allow_transfers(self.small, self.big, self.memory)


class OpenAhead(NamedTuple):
    """Open up to this number of connections for small objects, before their tasks arrive."""

    connections: int

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""
        worker.open_ahead(self.connections)


class CloseIdle(NamedTuple):
    """Close the connections that wait for a task."""

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""
        worker.close_idle()


class ReplaceCredentials(NamedTuple):
    """Use other credentials for one side from the next request on."""

    side: Side
    credentials: Credentials

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""
        worker.replace_credentials(self.side, self.credentials)


class RefuseCredentials(NamedTuple):
    """End the waits of requests for new credentials: there are none, so the requests fail."""

    side: Side

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""
        worker.refuse_credentials(self.side)


class SetTerms(NamedTuple):
    """Begin, change or end the limits of a worker's requests and bytes."""

    terms: AllTerms

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""
        worker.pace.set_terms(self.terms)


class Grant(NamedTuple):
    """Let a worker use more of what a limit allows to the whole run."""

    granted: Units

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""
        worker.pace.grant(self.granted)


class KeepAlive(NamedTuple):
    """Go on: the coordinator is there; only workers on other machines need it."""

    def carry_out(self, worker: Worker) -> None:
        """Carry out this command on a worker."""


class Close(NamedTuple):
    """End the process once all tasks are finished; no command follows."""


Command = (
    Submit
    | Recall
    | Stop
    | AllowTransfers
    | OpenAhead
    | CloseIdle
    | ReplaceCredentials
    | RefuseCredentials
    | SetTerms
    | Grant
    | KeepAlive
)
"""A command that the worker itself carries out."""
