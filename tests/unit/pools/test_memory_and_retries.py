"""The bound on memory, and the one way of trying again."""

from __future__ import annotations

import threading
import time

import pytest

from cos_migrate.errors import CosError, MigrateError, Side, SourceError, TransportError
from cos_migrate.http import retries
from cos_migrate.http.retries import Retries, Strain
from cos_migrate.pools.worker.memory import MemoryBudget
from tests.polling import wait_until


def test_no_more_than_the_total_is_held() -> None:
    budget, lock = MemoryBudget(100), threading.Lock()
    held = most = 0

    def work(size: int) -> None:
        nonlocal held, most
        for _ in range(30):
            with budget.hold(size):
                with lock:
                    held += size
                    most = max(most, held)
                time.sleep(0)
                with lock:
                    held -= size

    threads = [threading.Thread(target=work, args=(size,)) for size in (1, 30, 45, 60, 99, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert 60 <= most <= 100


def test_more_than_there_is_takes_all_and_is_not_waited_for_in_vain() -> None:
    budget = MemoryBudget(10)
    with budget.hold(1000):
        waiting = threading.Thread(target=lambda: budget.hold(1).__enter__())
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()


def test_nothing_needs_nothing_and_an_error_gives_back() -> None:
    budget = MemoryBudget(10)
    with budget.hold(10), budget.hold(0):
        pass
    with pytest.raises(ZeroDivisionError), budget.hold(10):
        raise ZeroDivisionError
    with budget.hold(10):
        pass


def test_taking_without_waiting() -> None:
    budget = MemoryBudget(10)
    assert budget.take(6)
    assert not budget.take(5)
    assert budget.take(4)
    budget.give_back(6)
    budget.give_back(4)
    assert budget.take(1000), "more than there is takes all"
    assert not budget.take(1)
    budget.give_back(1000)
    with budget.hold(10):
        assert not budget.take(1)
    assert budget.take(10)


def test_who_waits_is_not_overtaken() -> None:
    budget, served = MemoryBudget(10), threading.Event()
    assert budget.take(5)

    def wait() -> None:
        with budget.hold(8):
            served.set()

    thread = threading.Thread(target=wait)
    thread.start()

    def is_waited_for() -> bool:
        if taken := budget.take(1):
            budget.give_back(1)
        return not taken

    wait_until(is_waited_for)
    assert not served.is_set()
    budget.give_back(5)
    thread.join(10)
    assert served.is_set()
    assert budget.take(10)


class Clock(threading.Event):
    """Writes down what it is waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


def error(*, retryable: bool = True, status: int = 500, after: float = 0.0) -> SourceError:
    made = SourceError("it failed", operation="GetObject", status=status, retryable=retryable)
    made.retry_after = after
    return made


@pytest.mark.parametrize("failures", [0, 1, 4])
def test_it_is_tried_until_it_succeeds(failures: int) -> None:
    clock = Clock()
    calls = 0

    def action() -> str:
        nonlocal calls
        calls += 1
        if calls <= failures:
            raise error()
        return "done"

    assert Retries(5, clock).run(action) == "done"
    assert calls == failures + 1
    assert len(clock.waits) == failures
    for number, wait in enumerate(clock.waits):
        longest = 0.5 * 2**number
        assert longest / 2 <= wait <= longest


def test_the_last_error_is_told_when_tries_are_used_up() -> None:
    calls = 0

    def action() -> None:
        nonlocal calls
        calls += 1
        raise error(status=500 + calls)

    with pytest.raises(SourceError) as caught:
        Retries(3, Clock()).run(action)
    assert (calls, caught.value.status) == (3, 503)


@pytest.mark.parametrize(
    ("failure", "strains"),
    [
        (CosError("x", status=503), [(Strain.SLOW_DOWN, Side.COS)]),
        (CosError("x", status=429), [(Strain.SLOW_DOWN, Side.COS)]),
        (SourceError("x", status=503), [(Strain.SLOW_DOWN, Side.SOURCE)]),
        (SourceError("x", status=429), [(Strain.SLOW_DOWN, Side.SOURCE)]),
        (SourceError("x", status=400, code="Throttling"), [(Strain.SLOW_DOWN, Side.SOURCE)]),
        (SourceError("x", status=573), [(Strain.SLOW_DOWN, Side.SOURCE)]),
        (SourceError("x", status=500), []),
        (SourceError("x"), []),
        (SourceError("x", code="Timeout"), [(Strain.CONNECTION, Side.SOURCE)]),
        (CosError("x", code="ConnectionReset"), [(Strain.CONNECTION, Side.COS)]),
    ],
)
def test_strain_is_that_of_its_side(
    failure: MigrateError, strains: list[tuple[Strain, Side]]
) -> None:
    found: list[tuple[Strain, Side]] = []
    retries = Retries(5, Clock(), lambda strain, side: found.append((strain, side)))
    retries.pause(failure, 1)
    assert found == strains


def test_what_cannot_help_is_not_tried_again() -> None:
    calls = 0

    def action() -> None:
        nonlocal calls
        calls += 1
        raise error(retryable=False, status=404)

    with pytest.raises(SourceError):
        Retries(5, Clock()).run(action)
    assert calls == 1


def test_waits_grow_but_not_for_ever_and_heed_the_server() -> None:
    clock = Clock()
    tries = Retries(100, clock)
    for attempt in (1, 6, 50, 99):
        tries.pause(error(), attempt)
    assert clock.waits[-1] <= retries._MAX_WAIT
    assert clock.waits[-1] >= retries._MAX_WAIT / 2
    tries.pause(error(after=37.0), 1)
    assert clock.waits[-1] == 37.0


def test_the_end_of_a_run_ends_its_waits() -> None:
    stopping = threading.Event()
    tries = Retries(5, stopping)
    threading.Timer(0.05, stopping.set).start()
    begun = time.monotonic()
    with pytest.raises(TransportError) as caught:
        tries.pause(error(after=60.0), 1)
    assert time.monotonic() - begun < 10
    assert caught.value.code == "Stopping"
    assert caught.value.operation == "GetObject"
    assert not caught.value.retryable
