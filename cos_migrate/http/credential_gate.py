"""The credentials of a process: handed to their users, and waited for when they have ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from cos_migrate.errors import Side
from cos_migrate.model import Credentials

_LOOK_EVERY = 0.2
"""Seconds between two looks at whether the run stops."""


class CredentialUser(Protocol):
    """A client that signs requests and can be given other credentials."""

    def replace_credentials(self, credentials: Credentials, /) -> None:
        """Use other credentials from the next request on."""


class CredentialGate:
    """Lets requests wait until ended credentials are replaced. Thread-safe."""

    def __init__(self, ask: Callable[[Side, int], None]) -> None:
        """`ask`: reports that the credentials of a side, of this number, were refused."""
        self._ask = ask
        self._changed = threading.Condition()
        self._users: dict[Side, list[CredentialUser]] = {side: [] for side in Side}
        self._refusals = dict.fromkeys(Side, 0)
        self.numbers: Mapping[Side, int] = MappingProxyType(dict.fromkeys(Side, 0))
        """The number of the present credentials of each side; replaced as a whole."""
        self._newest: dict[Side, Credentials] = {}
        """The credentials that have replaced the first ones."""

    def supply(self, side: Side, user: CredentialUser, number: int = 0) -> None:
        """Hand later credentials of a side to `user`, which has the credentials of `number`.

        If later ones have arrived already, the user gets them at once.
        """
        with self._changed:
            self._users[side].append(user)
            newest = self._newest.get(side)
            if newest and newest.number > number:
                user.replace_credentials(newest)
                number = newest.number
            self._note(side, number)

    def replace(self, side: Side, credentials: Credentials) -> None:
        """Hand new credentials to their users, and let the requests that wait go on."""
        with self._changed:
            self._newest[side] = credentials
            for user in self._users[side]:
                user.replace_credentials(credentials)
            self._note(side, credentials.number)

    def was_replaced(self, side: Side) -> bool:
        """Return whether this process has ever had other credentials of a side."""
        return side in self._newest

    def refuse(self, side: Side) -> None:
        """Let the requests that wait fail: there are no other credentials."""
        with self._changed:
            self._refusals[side] += 1
            self._changed.notify_all()

    def wait(self, side: Side, number: int, stopping: threading.Event) -> bool:
        """Ask for newer credentials than those of `number`; return whether there are any now.

        Waits without a limit until they arrive or are refused, or `stopping` is set.
        """
        with self._changed:
            refusals = self._refusals[side]
        self._ask(side, number)
        with self._changed:
            while self.numbers[side] == number and self._refusals[side] == refusals:
                if stopping.is_set():
                    return False
                self._changed.wait(_LOOK_EVERY)
            return self.numbers[side] != number

    def _note(self, side: Side, number: int) -> None:
        self.numbers = MappingProxyType({**self.numbers, side: number})
        self._changed.notify_all()
