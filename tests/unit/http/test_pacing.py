"""Meters wait for what they are granted, in order, and their waits end when a run stops."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cos_migrate.errors import TransportError
from cos_migrate.http.pacing import (
    COS_BYTES,
    COS_REQUESTS,
    LANES,
    QUANTITIES,
    Meter,
    PacedRead,
    ProcessPace,
    Terms,
    Units,
    paced,
    terms_of,
)

LIMIT = 60.0


def meter_of(at_once: int = 10, reserve: int = 0, rate: int = 1000) -> Meter:
    meter = Meter(lambda: None)
    meter.set_terms(Terms(1, rate, at_once, reserve))
    return meter


def test_waits_are_served_in_order_and_only_when_all_is_granted() -> None:
    meter = meter_of()
    done: list[tuple[str, bool]] = []
    for name, units in (("large", 5), ("small", 1)):
        meter.ask(units, lambda ok, name=name: done.append((name, ok)))  # type: ignore[misc]
    assert meter.asked == 6
    meter.grant(1, 4)
    assert done == []
    meter.grant(1, 2)
    assert done == [("large", True), ("small", True)]


def test_a_reserve_is_asked_for_ahead() -> None:
    meter, done = meter_of(reserve=10), list[bool]()
    meter.ask(5, done.append)
    meter.grant(1, 15)
    assert done == [True]
    assert meter.asked == 15
    meter.take(4)
    assert meter.asked == 15
    meter.take(4)
    assert meter.asked == 23


def test_units_of_an_earlier_limit_are_ignored() -> None:
    meter, done = meter_of(), list[bool]()
    meter.set_terms(None)
    meter.set_terms(Terms(2, 1000, 10, 0))
    meter.grant(1, 5)
    meter.ask(5, done.append)
    assert done == []
    meter.grant(2, 5)
    assert done == [True]


def test_waits_go_on_when_the_limit_ends() -> None:
    meter, done = meter_of(), list[bool]()
    meter.ask(1 << 40, done.append)
    meter.set_terms(None)
    assert done == [True]
    assert not meter.is_limited


def test_a_stop_ends_waits_at_once_and_refuses_others() -> None:
    meter = meter_of()
    threading.Timer(0.01, meter.stop).start()
    for _ in range(2):
        with pytest.raises(TransportError) as caught:
            meter.take(1)
        assert caught.value.code == "Stopping"
        assert not caught.value.retryable


def test_what_is_not_used_serves_the_next_wait() -> None:
    meter, done = meter_of(), list[bool]()
    meter.ask(3, done.append)
    meter.ask(2, done.append)
    meter.grant(1, 3)
    meter.give_back(2)
    assert done == [True, True]


def test_a_body_passes_in_pieces_as_they_are_granted() -> None:
    taken: list[int] = []

    class Generous(Meter):
        def take(self, units: int) -> None:
            taken.append(units)

    meter = Generous(lambda: None)
    body = bytes(range(256)) * 20
    assert paced(body, meter) is body
    meter.set_terms(Terms(1, 102_400, 1, 0))

    def pieces() -> Iterator[bytes]:
        yield body[:3000]
        yield body[3000:]

    for whole in (body, pieces()):
        taken.clear()
        assert b"".join(paced(whole, meter)) == body  # type: ignore[arg-type]
        assert sum(taken) == len(body)
        assert max(taken) == 1024
    assert paced(b"", meter) == b""


def test_a_read_waits_before_its_request_and_returns_what_it_did_not_use() -> None:
    meter = Meter(lambda: meter.grant(1, 10_000))
    meter.set_terms(Terms(1, 8192, 10, 0))
    read = PacedRead(meter, 5000)
    assert meter.asked == 2048  # a quarter of a second
    assert read.room(5000) == 2048
    read.note(1000)
    assert read.room(5000) == 1048
    read.close()
    unlimited = PacedRead(Meter(lambda: None), 5000)
    assert unlimited.room(5000) == 5000


def test_a_process_asks_for_each_quantity_and_lane_apart() -> None:
    changes: list[int] = []
    pace = ProcessPace(lambda: changes.append(1))
    rates = {COS_REQUESTS: 100, COS_BYTES: 1 << 20}
    pace.set_terms(tuple(terms_of(each, 7, rates.get(each, 0), 2) for each in range(QUANTITIES)))
    done: list[bool] = []
    pace.cos(big=True).requests.ask(2, done.append)
    assert not pace.source(big=True).requests.is_limited
    asked = pace.asked()
    assert asked.epochs == (7, 0, 7, 0)
    assert asked.units == (0, 2, *[0] * (QUANTITIES * LANES - 2))
    assert changes == [1]
    pace.grant(Units(asked.epochs, asked.units))
    assert done == [True]
