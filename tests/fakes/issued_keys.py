"""Temporary keys that a test cloud issues, accepts for a while, and then refuses."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class IssuedKeys:
    """Keys, and what is left of their life."""

    key_id: str
    secret: str
    token: str
    until: float
    """Of the issuer's clock."""
    uses: float
    """Requests that they still sign."""


class Issuer:
    """Issues temporary keys; each set ends after `life` seconds or `uses` requests."""

    def __init__(
        self,
        name: str,
        *,
        life: float = 3600,
        uses: float = float("inf"),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`name` is part of all that is issued, so that a test finds it wherever it leaks."""
        self.name = name
        self.life = life
        self.uses = uses
        self.clock = clock
        self.early = 0.0
        """Seconds before the end of keys from which `current` issues new ones."""
        self.issued: list[IssuedKeys] = []
        self.refusals = 0
        """Requests that were signed with ended keys."""
        self.on_refusal: Callable[[], object] = lambda: None
        """Is called before such a request is answered."""
        self._known: dict[str, IssuedKeys] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def issue(self) -> IssuedKeys:
        """Return new keys."""
        with self._lock:
            number = next(self._numbers)
            keys = IssuedKeys(
                f"{self.name}ID{number}",
                f"{self.name}-secret-{number}",
                f"{self.name}/token+{number}==",
                self.clock() + self.life,
                self.uses,
            )
            self.issued.append(keys)
            self._known[keys.key_id] = keys
        return keys

    def current(self) -> IssuedKeys:
        """Return the newest keys while they last, else new ones, as metadata services do."""
        with self._lock:
            newest = self.issued[-1] if self.issued else None
            if newest and newest.uses > 0 and newest.until > self.clock() + self.early:
                return newest
        return self.issue()

    def end(self) -> None:
        """End all keys that were issued so far."""
        with self._lock:
            for keys in self.issued:
                keys.uses = 0

    def forget(self) -> None:
        """Have all ids that were issued so far be unknown from now on."""
        with self._lock:
            self._known.clear()

    def use(self, key_id: str) -> bool:
        """Count a request with known keys; return whether they have ended."""
        with self._lock:
            keys = self._known[key_id]
            ended = keys.uses <= 0 or keys.until <= self.clock()
            keys.uses -= 1
            self.refusals += ended
        if ended:
            self.on_refusal()
        return ended

    def find(self, key_id: str) -> IssuedKeys | None:
        """Return the keys of an id; None: it is unknown."""
        return self._known.get(key_id)

    def secrets(self) -> list[str]:
        """Return everything issued that must not be shown."""
        return [text for keys in self.issued for text in (keys.secret, keys.token)]


class Accounts(Mapping[str, T], Generic[T]):
    """The fixed accounts of a cloud, and those of an issuer; a look-up counts as a request."""

    def __init__(
        self, fixed: Mapping[str, T], issuer: Issuer, make: Callable[[IssuedKeys, bool], T]
    ) -> None:
        """`make` returns the account of issued keys, and of whether they have ended."""
        self._fixed = fixed
        self._issuer = issuer
        self._make = make

    def __getitem__(self, key_id: str) -> T:
        keys = self._issuer.find(key_id)
        return self._make(keys, self._issuer.use(key_id)) if keys else self._fixed[key_id]

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._fixed or self._issuer.find(str(key_id)) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._fixed)

    def __len__(self) -> int:
        return len(self._fixed)
