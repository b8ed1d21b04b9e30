"""Looking up names: each at most once a minute, all addresses by turns."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from cos_migrate.errors import TransportError
from cos_migrate.http.network import Resolver


class Names:
    """A resolver of the system whose answers a test chooses."""

    def __init__(self) -> None:
        self.addresses: list[str] = ["192.0.2.1", "192.0.2.2"]
        self.asked = 0
        self.now = 100.0

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked += 1
        if not self.addresses:
            raise socket.gaierror(-3, f"no answer for {host}")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in self.addresses]


@pytest.fixture(name="names")
def _names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    monkeypatch.setattr(time, "monotonic", lambda: names.now)
    return names


def first(resolver: Resolver) -> str:
    _, (address, _) = resolver.addresses("bucket.example", 80)[0]
    return address


def test_all_addresses_are_used_by_turns(names: Names) -> None:
    resolver = Resolver()
    assert [first(resolver) for _ in range(4)] == ["192.0.2.1", "192.0.2.2"] * 2
    assert names.asked == 1


def test_a_name_is_looked_up_again_after_a_minute(names: Names) -> None:
    resolver = Resolver()
    first(resolver)
    names.addresses = ["192.0.2.9"]
    names.now += 59
    assert first(resolver) != "192.0.2.9"
    names.now += 2
    assert first(resolver) == "192.0.2.9"


def test_a_resolver_that_fails_later_stops_nothing(names: Names) -> None:
    resolver = Resolver()
    first(resolver)
    names.addresses = []
    names.now += 61
    assert first(resolver) in {"192.0.2.1", "192.0.2.2"}
    asked = names.asked
    first(resolver)
    assert names.asked == asked, "not again at once"


def test_an_unknown_name_is_an_error(names: Names) -> None:
    names.addresses = []
    with pytest.raises(TransportError, match="cannot be resolved"):
        Resolver().addresses("bucket.example", 80)
