"""The one fast thread of small objects: nothing that it has read ahead is left lying."""

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
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.pools.results import DONE, Result
from cos_migrate.pools.tasks import PUT_OBJECT, NumberedTask, put_object
from cos_migrate.pools.worker.attempts import Attempt, Fetch, ThreadTask
from cos_migrate.pools.worker.event_loop import EventLoop
from cos_migrate.pools.worker.memory import MemoryBudget

LIMIT = 60.0
KEPT = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
CLOSED = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def put(number: int, weight: int) -> NumberedTask:
    return (number, PUT_OBJECT, put_object(SourceObject("x", "x", Fingerprint(weight)), "/x", 0))


class Lane:
    """Tasks of objects whose size is a weight; a negative one is no plain case."""

    fetches = False

    def __init__(self) -> None:
        self.prepared: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.asked = 0
        self.open: Callable[[float], Opening | None] | None = None

    def open_connection(self, now: float) -> Opening | None:
        return self.open(now) if self.open else None

    def weigh(self, task: NumberedTask) -> int:
        self.asked += 1
        _, _, (_, weight, *_) = task  # type: ignore[misc]  # a PutObject
        return int(weight)  # type: ignore[arg-type]

    def prepare(self, task: NumberedTask) -> Attempt:
        number, _, _ = task
        self.prepared.put(number)
        head = b"PUT / HTTP/1.1\r\ncontent-length: 1\r\n\r\n"
        crc64 = BytesPayload(b"x").crc64
        return Attempt(task, number, "/x", self.weigh(task), head, b"x", crc64, Fingerprint(1))

    def fetch(self, task: NumberedTask, size: int, target: Connection) -> Fetch | None:  # noqa: ARG002 - a lane's
        raise AssertionError

    def fetched(self, fetch: Fetch) -> Attempt | None:  # noqa: ARG002 - a lane's
        raise AssertionError

    def keep(self, connection: Connection) -> None:  # noqa: ARG002 - a lane's
        raise AssertionError

    def finish(self, attempt: Attempt, connection: Connection) -> Result | None:
        return (attempt.number, DONE, None) if connection.advance() else None


class Line:
    """An EventLoop of which a test is both the server and the threads beside it."""

    def __init__(self, slots: int, memory: int) -> None:
        self.lane = Lane()
        self.handed: queue.SimpleQueue[ThreadTask] = queue.SimpleQueue()
        self.results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self.memory = MemoryBudget(memory)
        self.express = EventLoop(self.lane, slots, self.memory, self.handed.put, self.results.put)
        self._servers: list[socket.socket] = []

    def submit(self, *tasks: tuple[int, int]) -> None:
        self.express.submit([put(number, weight) for number, weight in tasks])

    def serve_beside(self, number: int, timeouts: Timeouts | None = None) -> socket.socket:
        """Do a task that is handed over, and lend a new connection; return the server's end."""
        assert self.handed.get(timeout=LIMIT).task[0] == number
        ours, server = socket.socketpair()
        self._servers.append(server)
        server.settimeout(LIMIT)
        self.express.returned(Connection(ours, timeouts or Timeouts()))
        return server

    def end(self) -> None:
        closing = threading.Thread(target=self.express.close, daemon=True)
        closing.start()
        closing.join(LIMIT)
        assert not closing.is_alive()
        for server in self._servers:
            server.close()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line(2, 100)
    yield made
    made.end()


def test_what_was_read_ahead_goes_on_when_the_server_closes_all_connections(line: Line) -> None:
    line.submit((1, 1))
    server = line.serve_beside(1)
    line.express.allow(1)
    line.submit((2, 1), (3, 1))
    assert [line.lane.prepared.get(timeout=LIMIT) for _ in range(2)] == [2, 3]
    server.recv(1000)
    server.sendall(CLOSED)
    assert line.results.get(timeout=LIMIT) == (2, DONE, None)
    line.serve_beside(3)


def test_memory_of_what_was_read_ahead_is_free_for_what_is_done_beside(line: Line) -> None:
    line.submit((1, 1))
    server = line.serve_beside(1)
    line.submit((2, -1))
    beside = line.handed.get(timeout=LIMIT)
    assert beside.task[0] == 2
    line.express.returned(beside.connection)
    line.submit((3, 1), (4, -1), (5, 60))
    assert line.lane.prepared.get(timeout=LIMIT) == 3
    assert line.handed.get(timeout=LIMIT).task[0] == 4
    assert line.lane.prepared.get(timeout=LIMIT) == 5
    line.express.allow(1)
    server.recv(1000)
    server.sendall(KEPT)
    assert line.results.get(timeout=LIMIT) == (3, DONE, None)
    got = threading.Event()

    def work() -> None:
        with line.memory.hold(100):
            got.set()

    threading.Thread(target=work, daemon=True).start()
    assert got.wait(LIMIT)
    line.express.returned(None)
    line.express.allow(2)
    server.recv(1000)
    server.sendall(KEPT)
    assert line.results.get(timeout=LIMIT) == (5, DONE, None)


def test_waiting_for_a_slot_or_for_memory_takes_no_time(line: Line) -> None:
    line.submit((1, 1))
    server = line.serve_beside(1)
    line.express.allow(1)
    line.submit((2, 1), (3, -1))
    assert line.lane.prepared.get(timeout=LIMIT) == 2
    line.lane.asked = 0
    time.sleep(0.2)
    assert line.lane.asked < 20
    server.recv(1000)
    server.sendall(KEPT)
    assert line.results.get(timeout=LIMIT) == (2, DONE, None)
    line.serve_beside(3)


@pytest.mark.parametrize("timeouts", [Timeouts(io=0.3, crawl=0.3), Timeouts(request=0.3)])
def test_an_answer_that_dribbles_is_given_up(line: Line, timeouts: Timeouts) -> None:
    line.submit((1, 1))
    server = line.serve_beside(1, timeouts)
    line.submit((2, 1))
    server.recv(1000)
    server.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    stopping = threading.Event()

    def dribble() -> None:
        with contextlib.suppress(OSError):
            while not stopping.wait(0.05):
                server.sendall(b"a")

    thread = threading.Thread(target=dribble)
    thread.start()
    handed = line.handed.get(timeout=LIMIT)
    stopping.set()
    thread.join()
    assert (handed.task[0], handed.connection) == (2, None)
    assert handed.error
    assert (handed.error.code, handed.error.retryable) == ("Timeout", True)
    line.express.returned(None)


def test_idle_connections_are_closed_where_descriptors_are_lacking(line: Line) -> None:
    line.submit((1, 1))
    server = line.serve_beside(1)
    line.express.close_idle()
    assert server.recv(1000) == b""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(LIMIT)
        yield made


def test_connections_are_opened_without_threads(line: Line, listener: socket.socket) -> None:
    address = listener.getsockname()
    line.lane.open = lambda now: Opening(socket.AF_INET, address, Timeouts(), now)
    line.submit((1, 1), (2, 1), (3, 1))
    servers = [listener.accept()[0] for _ in range(2)]
    for server in servers:
        server.recv(1000)
        server.sendall(KEPT)
    done = {line.results.get(timeout=LIMIT)[0] for _ in range(2)}
    server = servers[0] if select.select(servers, [], [], LIMIT)[0] == servers[:1] else servers[1]
    server.recv(1000)
    server.sendall(KEPT)
    done.add(line.results.get(timeout=LIMIT)[0])
    assert done == {1, 2, 3}
    assert line.handed.empty()
    for server in servers:
        server.close()


def test_what_a_connection_failed_for_is_passed_to_a_thread(
    line: Line, listener: socket.socket
) -> None:
    address = listener.getsockname()
    listener.close()
    line.lane.open = lambda now: Opening(socket.AF_INET, address, Timeouts(), now)
    line.submit((1, 1), (2, 1))
    for _ in range(2):
        assert line.handed.get(timeout=LIMIT).connection is None
        line.express.returned(None)


def test_connections_are_opened_ahead_up_to_the_limit(line: Line, listener: socket.socket) -> None:
    address = listener.getsockname()
    opened: queue.SimpleQueue[float] = queue.SimpleQueue()

    def begin(now: float) -> Opening:
        opened.put(now)
        return Opening(socket.AF_INET, address, Timeouts(), now)

    line.lane.open = begin
    line.express.open_ahead(5)
    servers = [listener.accept()[0] for _ in range(2)]
    line.submit((1, 1), (2, 1))
    for server in servers:
        server.recv(1000)
        server.sendall(KEPT)
        line.results.get(timeout=LIMIT)
        server.close()
    assert opened.qsize() == 2
