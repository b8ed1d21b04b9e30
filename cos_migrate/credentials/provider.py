"""The interface of all that provides credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from cos_migrate.model import Credentials

_PAUSES = (0.5, 0.5, 0.0)
"""Seconds between two tries to read a configuration."""


class Found(NamedTuple):
    """Credentials, and where they were found."""

    credentials: Credentials
    origin: str
    """For messages, such as `profile backup`; empty: the keys of the section."""


def are_sendable(credentials: Credentials) -> bool:
    """Return whether requests can carry id, key and token: ASCII without blanks."""
    return all(
        text.isascii() and text.isprintable() and " " not in text for text in credentials[:3]
    )


UNSENDABLE = "it holds characters that no request can carry"
"""The reason against other credentials."""


class Provider(Protocol):
    """Provides the credentials of one side; used by one thread at a time."""

    section: str
    """The section that the credentials belong to, such as `migrateAws`."""

    def fetch(self) -> Found:
        """Return the present credentials; temporary ones are requested anew.

        Raises CredentialsError, with the list of places that were looked at.
        """


class SectionKeys:
    """The keys of a section, which are read again when a server refuses them."""

    def __init__(
        self, section: str, credentials: Credentials, read: Callable[[], Credentials | None]
    ) -> None:
        """`read` returns the keys as they are now; None: they cannot be read."""
        self.section = section
        self._read = read
        self._last = credentials

    def fetch(self) -> Found:
        """Return the present keys; if they cannot be read, the last known ones."""
        for pause in _PAUSES:
            found = self._read()
            if found:
                self._last = found
                break
            time.sleep(pause)  # the file may be in the middle of being written
        return Found(self._last, "")
