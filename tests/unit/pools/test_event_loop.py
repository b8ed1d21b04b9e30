"""The event loop: objects that it has read ahead are always sent."""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from cos_migrate.cos.payload import BytesPayload
from cos_migrate.http.connection import Connection
from cos_migrate.http.opening import Opening
from cos_migrate.http.pacing import ProcessPace
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.pools.results import DONE, Result
from cos_migrate.pools.tasks import PUT_OBJECT, NumberedTask, put_task
from cos_migrate.pools.worker.attempts import Attempt, Fetch, ThreadTask
from cos_migrate.pools.worker.event_loop import EventLoop
from cos_migrate.pools.worker.memory import MemoryBudget

LIMIT = 60.0
KEPT = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
CLOSED = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def put(number: int, size: int) -> NumberedTask:
    return (number, PUT_OBJECT, put_task(SourceObject("x", "x", Fingerprint(size)), "/x", 0))


class Tries:
    """First tries of objects that take their size of memory; a negative one is for threads."""

    fetches = False

    def __init__(self) -> None:
        self.prepared: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.asked = 0
        self.open: Callable[[float], Opening | None] | None = None

    def open_connection(self, now: float) -> Opening | None:
        return self.open(now) if self.open else None

    @property
    def lacks_source(self) -> bool:
        raise AssertionError

    def open_source(self, now: float) -> Opening | None:  # noqa: ARG002 - of FirstTry
        raise AssertionError

    def keep_source(self, connection: Connection) -> None:  # noqa: ARG002 - of FirstTry
        raise AssertionError

    def memory_for(self, task: NumberedTask) -> int:
        self.asked += 1
        _, _, (_, size, *_) = task  # type: ignore[misc]  # a PutObject
        return int(size)  # type: ignore[arg-type]

    def prepare_put(self, task: NumberedTask) -> Attempt:
        number, _, _ = task
        self.prepared.put(number)
        head = b"PUT / HTTP/1.1\r\ncontent-length: 1\r\n\r\n"
        crc64 = BytesPayload(b"x").crc64
        return Attempt(task, number, "/x", self.memory_for(task), head, b"x", crc64, Fingerprint(1))

    def begin_fetch(self, task: NumberedTask, size: int, target: Connection) -> Fetch | None:  # noqa: ARG002 - of FirstTry
        raise AssertionError

    def advance_fetch(self, fetch: Fetch) -> Attempt | None:  # noqa: ARG002 - of FirstTry
        raise AssertionError

    def release_source(self, connection: Connection) -> None:  # noqa: ARG002 - of FirstTry
        raise AssertionError

    def advance_put(self, attempt: Attempt, connection: Connection) -> Result | None:
        return (attempt.number, DONE, None) if connection.advance() else None


class Fetches(Tries):
    """First tries of objects that are fetched from the server at an address."""

    fetches = True

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__()
        self.address = address
        self.kept: list[Connection] = []

    @property
    def lacks_source(self) -> bool:
        return not self.kept

    def open_source(self, now: float) -> Opening | None:
        return Opening(socket.AF_INET, self.address, Timeouts(), now)

    def keep_source(self, connection: Connection) -> None:
        self.kept.append(connection)

    def begin_fetch(self, task: NumberedTask, size: int, target: Connection) -> Fetch | None:
        if not self.kept:
            return None
        source = self.kept.pop()
        source.begin(b"GET / HTTP/1.1\r\n\r\n", b"")
        number, _, _ = task
        obj = SourceObject("x", "x", Fingerprint(size))
        return Fetch(task, number, "/x", size, obj, source, target)

    def advance_fetch(self, fetch: Fetch) -> Attempt | None:
        return self.prepare_put(fetch.task) if fetch.source.advance() else None

    def release_source(self, connection: Connection) -> None:
        self.kept.append(connection)


class Bench:
    """An EventLoop; the test is both its server and the threads beside it."""

    def __init__(self, slots: int, memory: int, tries: Tries | None = None) -> None:
        self.tries = tries or Tries()
        self.handed: queue.SimpleQueue[ThreadTask] = queue.SimpleQueue()
        self.results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self.memory = MemoryBudget(memory)
        self.pace = ProcessPace(lambda: None)
        self.loop = EventLoop(
            self.tries, slots, self.memory, self.handed.put, self._take_result, self.pace
        )
        self._servers: list[socket.socket] = []

    def _take_result(self, result: Result) -> None:
        number, _, _ = result
        if number:  # else it is of no task
            self.results.put(result)

    def submit(self, *tasks: tuple[int, int]) -> None:
        self.loop.submit([put(number, size) for number, size in tasks])

    def serve_beside(self, number: int, timeouts: Timeouts | None = None) -> socket.socket:
        """Do a task that is handed over, and lend a new connection; return the server's end."""
        assert self.handed.get(timeout=LIMIT).task[0] == number
        ours, server = socket.socketpair()
        self._servers.append(server)
        server.settimeout(LIMIT)
        self.loop.returned(Connection(ours, timeouts or Timeouts()))
        return server

    def end(self) -> None:
        closing = threading.Thread(target=self.loop.close, daemon=True)
        closing.start()
        closing.join(LIMIT)
        assert not closing.is_alive()
        for server in self._servers:
            server.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(2, 100)
    yield made
    made.end()


def test_what_was_read_ahead_goes_on_when_the_server_closes_all_connections(bench: Bench) -> None:
    bench.submit((1, 1))
    server = bench.serve_beside(1)
    bench.loop.allow(1)
    bench.submit((2, 1), (3, 1))
    assert [bench.tries.prepared.get(timeout=LIMIT) for _ in range(2)] == [2, 3]
    server.recv(1000)
    server.sendall(CLOSED)
    assert bench.results.get(timeout=LIMIT) == (2, DONE, None)
    bench.serve_beside(3)


def test_what_was_read_ahead_uses_a_slot_that_is_added(bench: Bench) -> None:
    bench.submit((1, 1))
    server = bench.serve_beside(1)
    bench.loop.allow(1)
    bench.submit((2, 1), (3, 1))
    assert [bench.tries.prepared.get(timeout=LIMIT) for _ in range(2)] == [2, 3]
    bench.loop.allow(2)
    bench.serve_beside(3)
    server.recv(1000)
    server.sendall(KEPT)
    assert bench.results.get(timeout=LIMIT) == (2, DONE, None)


def test_memory_of_what_was_read_ahead_is_free_for_what_is_done_beside(bench: Bench) -> None:
    bench.submit((1, 1))
    server = bench.serve_beside(1)
    bench.submit((2, -1))
    beside = bench.handed.get(timeout=LIMIT)
    assert beside.task[0] == 2
    bench.loop.returned(beside.connection)
    bench.submit((3, 1), (4, -1), (5, 60))
    assert bench.tries.prepared.get(timeout=LIMIT) == 3
    assert bench.handed.get(timeout=LIMIT).task[0] == 4
    assert bench.tries.prepared.get(timeout=LIMIT) == 5
    bench.loop.allow(1)
    server.recv(1000)
    server.sendall(KEPT)
    assert bench.results.get(timeout=LIMIT) == (3, DONE, None)
    got = threading.Event()

    def work() -> None:
        with bench.memory.hold(100):
            got.set()

    threading.Thread(target=work, daemon=True).start()
    assert got.wait(LIMIT)
    bench.loop.returned(None)
    bench.loop.allow(2)
    server.recv(1000)
    server.sendall(KEPT)
    assert bench.results.get(timeout=LIMIT) == (5, DONE, None)


def test_waiting_for_a_slot_or_for_memory_takes_no_time(bench: Bench) -> None:
    bench.submit((1, 1))
    server = bench.serve_beside(1)
    bench.loop.allow(1)
    bench.submit((2, 1), (3, -1))
    assert bench.tries.prepared.get(timeout=LIMIT) == 2
    bench.tries.asked = 0
    time.sleep(0.2)  # how often it looks meanwhile is what is tested
    assert bench.tries.asked < 20
    server.recv(1000)
    server.sendall(KEPT)
    assert bench.results.get(timeout=LIMIT) == (2, DONE, None)
    bench.serve_beside(3)


@pytest.mark.parametrize("timeouts", [Timeouts(io=0.3, crawl=0.3), Timeouts(request=0.3)])
def test_an_answer_that_dribbles_is_given_up(bench: Bench, timeouts: Timeouts) -> None:
    bench.submit((1, 1))
    server = bench.serve_beside(1, timeouts)
    bench.submit((2, 1))
    server.recv(1000)
    server.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    stopping = threading.Event()

    def dribble() -> None:
        with contextlib.suppress(OSError):
            while not stopping.wait(0.05):
                server.sendall(b"a")

    thread = threading.Thread(target=dribble)
    thread.start()
    handed = bench.handed.get(timeout=LIMIT)
    stopping.set()
    thread.join()
    assert (handed.task[0], handed.connection) == (2, None)
    assert handed.error
    assert (handed.error.code, handed.error.retryable) == ("Timeout", True)
    bench.loop.returned(None)


def test_idle_connections_are_closed_where_descriptors_are_lacking(bench: Bench) -> None:
    bench.submit((1, 1))
    server = bench.serve_beside(1)
    bench.loop.close_idle()
    assert server.recv(1000) == b""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(LIMIT)
        yield made


def test_connections_are_opened_without_threads(bench: Bench, listener: socket.socket) -> None:
    address = listener.getsockname()
    bench.tries.open = lambda now: Opening(socket.AF_INET, address, Timeouts(), now)
    bench.submit((1, 1), (2, 1), (3, 1))
    servers = [listener.accept()[0] for _ in range(2)]
    for server in servers:
        server.recv(1000)
        server.sendall(KEPT)
    done = {bench.results.get(timeout=LIMIT)[0] for _ in range(2)}
    server = servers[0] if select.select(servers, [], [], LIMIT)[0] == servers[:1] else servers[1]
    server.recv(1000)
    server.sendall(KEPT)
    done.add(bench.results.get(timeout=LIMIT)[0])
    assert done == {1, 2, 3}
    assert bench.handed.empty()
    for server in servers:
        server.close()


def test_what_a_connection_failed_for_is_passed_to_a_thread(
    bench: Bench, listener: socket.socket
) -> None:
    address = listener.getsockname()
    listener.close()
    bench.tries.open = lambda now: Opening(socket.AF_INET, address, Timeouts(), now)
    bench.submit((1, 1), (2, 1))
    for _ in range(2):
        assert bench.handed.get(timeout=LIMIT).connection is None
        bench.loop.returned(None)


def test_connections_are_opened_ahead_up_to_the_limit(
    bench: Bench, listener: socket.socket
) -> None:
    address = listener.getsockname()
    opened: queue.SimpleQueue[float] = queue.SimpleQueue()

    def begin(now: float) -> Opening:
        opened.put(now)
        return Opening(socket.AF_INET, address, Timeouts(), now)

    bench.tries.open = begin
    bench.loop.open_ahead(5)
    servers = [listener.accept()[0] for _ in range(2)]
    bench.submit((1, 1), (2, 1))
    for server in servers:
        server.recv(1000)
        server.sendall(KEPT)
        bench.results.get(timeout=LIMIT)
        server.close()
    assert opened.qsize() == 2


@pytest.fixture
def cloud() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(LIMIT)
        yield made


def test_connections_to_a_source_are_opened_without_threads(
    listener: socket.socket, cloud: socket.socket
) -> None:
    bench = Bench(2, 100, Fetches(cloud.getsockname()))
    address = listener.getsockname()
    bench.tries.open = lambda now: Opening(socket.AF_INET, address, Timeouts(), now)
    bench.submit((1, 1), (2, 1), (3, 1))
    to_cos = [listener.accept()[0] for _ in range(2)]
    to_source = [cloud.accept()[0] for _ in range(2)]
    done, servers = 0, [*to_cos, *to_source]
    while done < 3:
        ready, _, _ = select.select(servers, [], [], LIMIT)
        for server in ready:
            server.recv(1000)
            server.sendall(KEPT)
            done += server in to_cos
    assert {bench.results.get(timeout=LIMIT)[0] for _ in range(3)} == {1, 2, 3}
    assert bench.handed.empty()
    bench.end()
    for server in servers:
        server.close()


def test_what_a_connection_to_a_source_failed_for_is_passed_to_a_thread(
    listener: socket.socket, cloud: socket.socket
) -> None:
    bench = Bench(2, 100, Fetches(cloud.getsockname()))
    cloud.close()
    address = listener.getsockname()
    bench.tries.open = lambda now: Opening(socket.AF_INET, address, Timeouts(), now)
    bench.submit((1, 1), (2, 1))
    for _ in range(2):
        handed = bench.handed.get(timeout=LIMIT)
        assert handed.error is None
        bench.loop.returned(handed.connection)
    assert bench.memory.take(100)
    bench.end()
