"""Requests that are refused for ended credentials are tried again with others."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cos_migrate.errors import CosError, MigrateError, Side
from cos_migrate.http.credential_gate import CredentialGate
from cos_migrate.http.retries import Retries
from cos_migrate.model import Credentials


def ended() -> CosError:
    error = CosError("it has ended", code="ExpiredToken", status=403)
    error.credentials_ended = True
    return error


class Requests:
    """Refuses whatever is signed with credentials below `wanted`; used by `gate`."""

    def __init__(self, answer: Callable[[CredentialGate, Side, int], None]) -> None:
        self.gate = CredentialGate(lambda side, number: answer(self.gate, side, number))
        self.gate.supply(Side.COS, self)
        self.number = 0
        self.wanted = 1
        self.sent = 0

    def replace_credentials(self, credentials: Credentials) -> None:
        self.number = credentials.number

    def send(self) -> str:
        self.sent += 1
        if self.number < self.wanted:
            raise ended()
        return "done"


def renew(gate: CredentialGate, side: Side, number: int) -> None:
    fresh = Credentials("id", "key", "token", number=number + 1)
    threading.Timer(0.01, lambda: gate.replace(side, fresh)).start()


def test_they_count_as_no_try() -> None:
    requests = Requests(renew)
    requests.wanted = 3
    assert Retries(1, threading.Event(), gate=requests.gate).run(requests.send) == "done"
    assert requests.sent == 4


def test_a_first_try_that_was_made_elsewhere_is_repeated_before_others_are_asked_for() -> None:
    asked: list[int] = []
    requests = Requests(lambda *_: asked.append(1))
    requests.gate.replace(Side.COS, Credentials("id", "key", number=1))
    retries = Retries(1, threading.Event(), gate=requests.gate)
    assert retries.run(requests.send, earlier=ended()) == "done"
    assert asked == []


def test_a_first_try_with_the_only_ones_there_were_is_not_repeated() -> None:
    requests = Requests(lambda gate, side, _: gate.refuse(side))
    with pytest.raises(CosError, match="it has ended"):
        Retries(1, threading.Event(), gate=requests.gate).run(requests.send, earlier=ended())
    assert not requests.sent


def test_others_that_are_refused_too_end_it() -> None:
    requests = Requests(renew)
    requests.wanted = 100
    with pytest.raises(CosError, match="it has ended"):
        Retries(1, threading.Event(), gate=requests.gate).run(requests.send)
    assert requests.sent == 11


def test_without_others_it_fails() -> None:
    requests = Requests(lambda gate, side, _: gate.refuse(side))
    with pytest.raises(CosError, match="it has ended"):
        Retries(1, threading.Event(), gate=requests.gate).run(requests.send)
    assert requests.sent == 1
    with pytest.raises(CosError, match="it has ended"):
        Retries(1, threading.Event()).run(requests.send)


def test_the_end_of_the_run_ends_the_pause() -> None:
    stopping = threading.Event()
    requests = Requests(lambda *_: stopping.set())
    with pytest.raises(MigrateError) as raised:
        Retries(1, stopping, gate=requests.gate).run(requests.send)
    assert raised.value.code == "Stopping"


def test_new_ones_of_the_other_side_release_no_request() -> None:
    asked = threading.Event()
    requests = Requests(lambda *_: asked.set())
    done = threading.Event()

    def run() -> None:
        Retries(1, threading.Event(), gate=requests.gate).run(requests.send)
        done.set()

    threading.Thread(target=run, daemon=True).start()
    assert asked.wait(60)
    requests.gate.replace(Side.SOURCE, Credentials("id", "key", number=1))
    requests.gate.refuse(Side.SOURCE)
    assert not done.is_set()
    requests.gate.replace(Side.COS, Credentials("id", "key", number=1))
    assert done.wait(60)


def test_a_user_that_comes_late_has_the_newest_ones_at_once() -> None:
    """Else it would ask for others than the old ones, which are replaced already, and wait."""
    requests = Requests(lambda *_: None)
    requests.gate.replace(Side.COS, Credentials("id", "key", number=2))
    late = Requests(lambda *_: None)
    requests.gate.supply(Side.COS, late, 1)
    assert late.number == 2
    assert requests.gate.numbers[Side.COS] == 2
    same = Requests(lambda *_: None)
    requests.gate.supply(Side.COS, same, 2)
    assert same.number == 0
