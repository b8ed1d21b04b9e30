"""Items that threads reserve while they are busy with another."""

from __future__ import annotations

import queue
import threading

from cos_migrate.pools.worker.thread_pool import Taker, ThreadPool

LIMIT = 30


class Bench:
    """A pool whose threads do as the test says."""

    def __init__(self, most: int) -> None:
        self.taken: queue.SimpleQueue[tuple[Taker[int], int]] = queue.SimpleQueue()
        self.go_on = threading.Semaphore(0)
        self.pool: ThreadPool[int] = ThreadPool(most, self._serve)

    def _serve(self, take: Taker[int]) -> None:
        while (item := take()) is not None:
            self.taken.put((take, item))
            self.go_on.acquire()

    def next(self) -> tuple[Taker[int], int]:
        return self.taken.get(timeout=LIMIT)


def any_item(_: int) -> bool:
    return True


def test_a_reserved_item_is_the_next_of_its_thread() -> None:
    bench = Bench(1)
    bench.pool.put(1)
    take, item = bench.next()
    assert item == 1
    assert take.reserve(any_item) is None
    bench.pool.put(2)
    bench.pool.put(3)
    assert take.reserve(lambda item: item == 3) is None
    assert take.reserve(any_item) == 2
    assert take.reserve(any_item) is None
    bench.go_on.release()
    assert bench.next() == (take, 2)
    bench.go_on.release(2)
    assert bench.next() == (take, 3)
    bench.pool.close()


def test_a_reserved_item_is_recalled_or_left_to_others() -> None:
    bench = Bench(2)
    bench.pool.put(1)
    first, _ = bench.next()
    bench.pool.put(2)
    second, _ = bench.next()
    bench.pool.put(3)
    assert first.reserve(any_item) == 3
    assert first.give_back()
    assert not first.give_back()
    assert second.reserve(any_item) == 3
    bench.pool.put(4)
    assert bench.pool.recall() == [3, 4]
    assert not second.give_back()
    bench.pool.put(5)
    bench.go_on.release(3)
    assert bench.next()[1] == 5
    bench.pool.close()


def test_fewer_threads_carry_out_what_others_have_reserved_when_their_turn_comes() -> None:
    bench = Bench(2)
    bench.pool.put(1)
    takers = [bench.next()[0]]
    bench.pool.put(2)
    takers.append(bench.next()[0])
    bench.pool.put(3)
    bench.pool.put(4)
    assert [take.reserve(any_item) for take in takers] == [3, 4]
    bench.pool.allow(1)
    bench.go_on.release(2)
    _, item = bench.next()
    assert bench.taken.empty()
    bench.go_on.release()
    assert {item, bench.next()[1]} == {3, 4}
    bench.go_on.release()
    bench.pool.close()
