"""A process is busy while its event loop does not wait, or its threads use a processor."""

from __future__ import annotations

import socket
import threading
import time

from cos_migrate.pools.results import BUSY
from cos_migrate.pools.worker.busy_time import BusyTime
from cos_migrate.pools.worker.timed_selector import TimedSelector


def test_a_report_is_due_now_and_then() -> None:
    busy, now = BusyTime(), time.monotonic()
    assert busy.due(now) == []
    [(number, kind, seconds)] = busy.due(now + 1)
    assert (number, kind) == (0, BUSY)
    assert isinstance(seconds, float)
    assert seconds >= 0
    assert busy.due(now + 1.01) == []


def test_a_loop_that_never_waits_is_busy_all_the_time() -> None:
    busy, now, waits = BusyTime(), time.monotonic(), [0.0]
    busy.waited = lambda: waits[0]
    [(_, _, first)] = busy.due(now + 1000)
    assert isinstance(first, float)
    assert 999 < first < 1001
    waits[0] = 900.0
    [(_, _, second)] = busy.due(now + 2000)
    assert isinstance(second, float)
    assert 99 < second < 101


def test_threads_may_use_more_than_a_core() -> None:
    busy, began = BusyTime(), time.process_time()
    busy.waited = lambda: 1e9
    while time.process_time() < began + 0.02:
        pass
    [(_, _, seconds)] = busy.due(time.monotonic() + 1)
    assert isinstance(seconds, float)
    assert seconds >= 0.02


def test_the_present_wait_counts() -> None:
    selector = TimedSelector()
    ours, other = socket.socketpair()
    with ours, other:
        selector.register(ours, 1)
        assert selector.select(0) == []
        assert selector.waited() == 0.0
        thread = threading.Thread(target=selector.select, args=(60,))
        thread.start()
        while not (first := selector.waited()):
            pass
        while selector.waited() <= first:
            pass
        other.send(b"x")
        thread.join()
        total = selector.waited()
        assert total >= first
        assert selector.waited() == total
        selector.close()
