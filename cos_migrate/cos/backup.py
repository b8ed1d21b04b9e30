"""When a request goes to the backup domain of COS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from cos_migrate.errors import MigrateError, TransportError

T = TypeVar("T")


def needs_backup_domain(error: MigrateError, *, answered: bool, next_is_last: bool) -> bool:
    """Return whether the next try goes to the backup domain.

    As in the official SDKs: before the last try after a server or network error, at once after a
    redirect, and only where the answer has no request id, that is, is not from COS itself.
    `answered`: whether there was an answer.
    """
    if error.request_id:
        return False
    if error.code == "WrongRegion":
        return True
    broken = not answered or error.status >= 500  # noqa: PLR2004 - HTTP
    return next_is_last and broken and error.retryable


class DomainChoice(Generic[T]):
    """Chooses the domain of each try of a request: the main one, or its backup."""

    def __init__(self, domains: Sequence[T]) -> None:
        """`domains`: the main one and, where there is one, its backup."""
        self.current = domains[0]
        self._backup = domains[-1]

    def switch(self, error: MigrateError, *, next_is_last: bool) -> bool:
        """Choose the domain of the next try; return whether the failed one does not count."""
        answered = not isinstance(error, TransportError)
        if self.current is self._backup or not needs_backup_domain(
            error, answered=answered, next_is_last=next_is_last
        ):
            return False
        self.current = self._backup
        return error.code == "WrongRegion"
