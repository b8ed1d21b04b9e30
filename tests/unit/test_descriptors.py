"""Descriptors: the limit is raised, what needs one waits, and no more transfers than fit."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from cos_migrate import descriptors
from cos_migrate.descriptors import TransferCounts, fit_to_limit, retry_while_exhausted
from cos_migrate.errors import TransportError
from cos_migrate.http.client import Fetcher, Request
from cos_migrate.http.network import Network
from cos_migrate.http.retries import Retries
from cos_migrate.http.routes import Route
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.http.tls import trusting_context

resource = pytest.importorskip("resource")


def in_use() -> int:
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    return len(os.listdir(folder))


@contextlib.contextmanager
def none_free() -> Iterator[Callable[[], None]]:
    """Use all descriptors that there are; what is given frees some, once."""
    gc.collect()  # sockets of other tests are not to be closed meanwhile
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use() + 40, before[1]))
    held: list[int] = []
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))

        def free() -> None:
            while held:
                os.close(held.pop())

        yield free
    finally:
        free()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_becomes_the_hard_one() -> None:
    code = (
        "from cos_migrate import descriptors; import resource, subprocess, sys\n"
        "descriptors.raise_limit()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE), descriptors.limit())"
    )
    words = ["sh", "-c", f"ulimit -Sn 200; ulimit -Hn 300; exec {sys.executable} -c '{code}'"]
    ended = subprocess.run(words, check=True, capture_output=True, text=True)
    assert ended.stdout == "(300, 300) 300\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "no-such-name.example"])
def test_the_error_names_what_is_lacking(host: str) -> None:
    with none_free():
        assert descriptors.is_exhausted()
        with pytest.raises(TransportError, match=r"ulimit -n") as caught:
            Network(Timeouts()).connect(Route(host, 1))
        with pytest.raises(TransportError, match=r"ulimit -n") as trust:
            trusting_context("")
    assert (caught.value.code, caught.value.retryable) == ("EMFILE", False)
    assert (trust.value.code, trust.value.fatal) == ("EMFILE", False)
    assert not descriptors.is_exhausted()


class Freeing(threading.Event):
    """Frees descriptors at the second wait."""

    def __init__(self, free: Callable[[], None]) -> None:
        super().__init__()
        self.free = free
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        self.waits += 1
        if self.waits == 2:
            self.free()
        return False


def test_a_lack_is_waited_for() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, none_free() as free:
        stopping = Freeing(free)
        network, retries = Network(Timeouts()), Retries(1, stopping)
        route = Route("127.0.0.1", listener.getsockname()[1])
        retries.run(lambda: network.connect(route)).close()
        assert stopping.waits == 2


def test_patience_ends() -> None:
    tried = []

    def action() -> None:
        tried.append(1)
        raise OSError(errno.ENFILE, "too many")

    with pytest.raises(OSError, match="too many"):
        retry_while_exhausted(action, seconds=0.2)
    assert len(tried) > 1
    with pytest.raises(TransportError) as caught:
        retry_while_exhausted(action, lambda _: True)
    assert caught.value.code == "Stopping"


def test_other_errors_are_not_waited_for() -> None:
    def action() -> None:
        raise FileNotFoundError(errno.ENOENT, "not there")

    with pytest.raises(FileNotFoundError):
        retry_while_exhausted(action, lambda _: pytest.fail("it waits"))


def test_idle_connections_make_room() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    def serve() -> None:
        kept = []
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                kept.append(sock)
                sock.recv(65536)
                sock.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    fetcher = Fetcher(Timeouts(io=5.0))
    port = listener.getsockname()[1]

    def get(host: str) -> int:
        with fetcher.send(Request("GET", f"http://{host}:{port}/")) as answer:
            answer.read_all(1)
            return answer.status

    with listener:
        assert get("localhost") == 200
        with none_free():
            assert fetcher.take_idle(Route("127.0.0.1", port)) is None
            # One descriptor is that of the idle connection; the server's end needs another.
            connection = fetcher._connect(Route("127.0.0.1", port))
            assert fetcher._idle_count == 0
            connection.close()
        fetcher.close()


@pytest.mark.parametrize(
    ("wanted", "most", "room"),
    [
        (TransferCounts(4, 64, 8), 20_000, TransferCounts(4, 64, 8)),
        (TransferCounts(2, 200, 8), 256, TransferCounts(2, 186, 6)),
        (TransferCounts(2, 1024, 8), 1024, TransferCounts(2, 954, 6)),
        (TransferCounts(0, 1024, 64), 256, TransferCounts(0, 91, 5)),
        (TransferCounts(60, 1024, 64), 64, TransferCounts(2, 6, 2)),
    ],
)
def test_what_fits(wanted: TransferCounts, most: int, room: TransferCounts) -> None:
    found = fit_to_limit(wanted, most)
    assert found == room
    count = max(1, found.processes)
    each = -(-found.small // count) + -(-found.big // count)
    assert each * descriptors.PER_TRANSFER <= max(8, most - descriptors.RESERVE)
