"""The credentials of a run: renewed, and handed to all that sign requests."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

from cos_migrate.engine.renewal import Renewal
from cos_migrate.errors import Side
from cos_migrate.http.credential_gate import CredentialGate
from cos_migrate.model import Credentials
from cos_migrate.pools.pools import Pools
from cos_migrate.report.report import Report


class CredentialKeeper:
    """Keeps the credentials of both sides through all passes of a run."""

    def __init__(self, renewals: Sequence[Renewal]) -> None:
        self._renewals = {renewal.side: renewal for renewal in renewals}
        self._asked: queue.SimpleQueue[tuple[Side, int]] = queue.SimpleQueue()
        self._wake: Callable[[], None] = lambda: None
        self.gate = CredentialGate(self._ask_from_thread)
        """For the requests of this process."""

    def current(self, side: Side) -> Credentials | None:
        """Return the present credentials of a side; None: it needs none."""
        renewal = self._renewals.get(side)
        return renewal.current if renewal else None

    def describe(self) -> list[str]:
        """Return a line for each side whose credentials are not the keys of its section."""
        lines = (renewal.describe() for renewal in self._renewals.values())
        return [line for line in lines if line]

    def begin(self, wake: Callable[[], None]) -> None:
        """Begin a pass; `wake` is called in other threads when there is something to `look` at."""
        self._wake = wake
        for renewal in self._renewals.values():
            renewal.wake = wake

    def ask(self, side: Side, number: int) -> None:
        """Note that a server has refused the credentials of this number."""
        if side in self._renewals:
            self._renewals[side].ask(number)

    def look(self, pools: Pools, report: Report) -> None:
        """Renew what has to be, and hand new credentials to the workers and to this process."""
        while not self._asked.empty():
            self.ask(*self._asked.get_nowait())
        for side, renewal in self._renewals.items():
            step = renewal.look()
            if step is None:
                continue
            if step.credentials:
                pools.replace_credentials(side, step.credentials)
                self.gate.replace(side, step.credentials)
            if step.refused:
                pools.replace_credentials(side, None)
                self.gate.refuse(side)
            if step.note:
                report.note(step.note)
            if step.warning:
                report.warn(step.warning)

    def _ask_from_thread(self, side: Side, number: int) -> None:
        self._asked.put((side, number))
        self._wake()
