"""The limiter grants what processes ask for, and no more than the limit."""

from __future__ import annotations

import threading
import time

import pytest

from cos_migrate.errors import TransportError
from cos_migrate.pools.limiter import Limiter, RateLimits


def test_two_processes_share_one_limit() -> None:
    limiter = Limiter()
    paces = [limiter.own_pace() for _ in range(2)]
    limiter.set_limits(RateLimits(cos_requests=200))
    began = time.monotonic()

    def take(index: int) -> None:
        for _ in range(30):
            paces[index].cos(big=bool(index)).requests.take(1)

    threads = [threading.Thread(target=take, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began >= (60 - 2) / 200
    limiter.close()


def test_a_lifted_limit_lets_all_go_on_and_a_new_one_holds() -> None:
    limiter = Limiter()
    pace = limiter.own_pace()
    limiter.set_limits(RateLimits(bandwidth=1024))
    waits = threading.Thread(target=lambda: pace.source(big=False).data.take(1 << 30))
    waits.start()
    limiter.set_limits(RateLimits(source_requests=1))
    waits.join(60)
    assert not waits.is_alive()
    assert pace.source(big=False).requests.is_limited
    assert not pace.source(big=False).data.is_limited
    limiter.close()


def test_a_process_that_comes_later_is_limited_and_one_that_left_gets_nothing() -> None:
    limiter = Limiter()
    limiter.set_limits(RateLimits(cos_requests=1000))
    gone, stays = limiter.own_pace(), limiter.own_pace()
    assert stays.cos(big=False).requests.is_limited
    gone.cos(big=False).requests.ask(1 << 40, lambda _: None)
    for seat in list(limiter._seats)[:1]:
        limiter.leave(seat)
    stays.cos(big=False).requests.take(1)
    limiter.close()


def test_a_stop_ends_the_wait() -> None:
    limiter = Limiter()
    pace = limiter.own_pace()
    limiter.set_limits(RateLimits(bandwidth=1024))
    threading.Timer(0.01, pace.stop).start()
    with pytest.raises(TransportError, match="stopping"):
        pace.cos(big=True).data.take(1 << 30)
    limiter.close()
