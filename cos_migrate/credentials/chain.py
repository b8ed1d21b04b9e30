"""A chain of places where credentials may be found, asked one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from cos_migrate.credentials.provider import UNSENDABLE, Found, are_sendable
from cos_migrate.errors import CredentialsError
from cos_migrate.model import Credentials


class Place(Protocol):
    """A place where credentials may be found."""

    def find(self) -> Found | str:
        """Return the credentials, or a text that names the place and why it has none."""


class Chain:
    """Provides the credentials of the first place that has some."""

    def __init__(self, section: str, places: Sequence[Place]) -> None:
        self.section = section
        self._places = places

    def fetch(self) -> Found:
        """Return the present credentials. Raises CredentialsError."""
        reasons = []
        for place in self._places:
            found = place.find()
            if isinstance(found, Found):
                if are_sendable(found.credentials):
                    return found
                found = f"{found.origin} ({UNSENDABLE})"
            reasons.append(found)
        raise not_found(self.section, reasons)


class EnvironmentKeys(NamedTuple):
    """Keys in environment variables."""

    secret_id: str
    """The name of the variable with the id."""
    secret_key: str
    token: str
    environ: Mapping[str, str]

    def find(self) -> Found | str:
        """Return the keys, or which variable is not set."""
        names = (self.secret_id, self.secret_key, self.token)
        secret_id, secret_key, token = (self.environ.get(name, "").strip() for name in names)
        if not secret_id or not secret_key:
            missing = self.secret_key if secret_id else self.secret_id
            return f"environment variable {missing} (not set)"
        origin = f"environment variable {self.secret_id}"
        return Found(Credentials(secret_id, secret_key, token), origin)


class Unset(NamedTuple):
    """A place that holds no credentials because the key which would name them is not set."""

    key: str

    def find(self) -> str:
        """Return that the key is not set."""
        return f"{self.key} (not set)"


def not_found(section: str, reasons: Sequence[str]) -> CredentialsError:
    """Return the error that names all places without credentials."""
    looked = "; ".join(reasons)
    return CredentialsError(f"no credentials of [{section}] were found; looked at: {looked}")
