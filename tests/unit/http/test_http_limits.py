"""Answers without end: every part of one has a limit, waited for or driven step by step."""

from __future__ import annotations

import itertools
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from cos_migrate.errors import TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.messages import Response
from cos_migrate.http.time_limits import CRAWL_BYTES, RequestTimer, Timeouts

OK = b"HTTP/1.1 200 OK\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LIMIT = 10.0


@contextmanager
def sending(
    pieces: Iterable[bytes], timeouts: Timeouts, *, pause: float = 0.0, lenient: bool = False
) -> Iterator[Connection]:
    """Give a connection to a peer that reads a request, then sends pieces until it is closed."""
    ours, server = socket.socketpair()
    stopping = threading.Event()

    def serve() -> None:
        try:
            server.recv(65536)
            for piece in pieces:
                if stopping.wait(pause) if pause else stopping.is_set():
                    return
                server.sendall(piece)
            stopping.wait(LIMIT)
        except OSError:
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    connection = Connection(ours, timeouts, lenient=lenient)
    try:
        yield connection
    finally:
        stopping.set()
        connection.close()
        thread.join()
        server.close()


def whole(connection: Connection) -> Response:
    return connection.exchange(REQUEST)


def streamed(connection: Connection) -> Response:
    incoming = connection.stream(REQUEST)
    return Response(incoming.status, incoming.headers, incoming.read_all(1 << 40))


def step_by_step(connection: Connection) -> Response:
    connection.begin(REQUEST, b"")
    while True:
        select.select([connection.fileno()], [], [], 0.02)
        response = connection.advance()
        if response is not None:
            return response
        if connection.overdue(time.monotonic()):
            raise TransportError("too late", code="Timeout", retryable=True)


WAYS = [whole, streamed, step_by_step]
Way = Callable[[Connection], Response]
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "header lines": (OK, itertools.repeat(b"X-A: bcdefgh\r\n" * 100)),
    "many names": (OK, (b"X-A%d: b\r\n" % number for number in itertools.count())),
    "one header line": (OK + b"X-A: ", itertools.repeat(b"a" * 1000)),
    "a status line": (b"HTTP/1.1 200 ", itertools.repeat(b"a" * 1000)),
    "interim answers": (b"", itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "interim answers at once": (b"HTTP/1.1 102 P\r\n\r\n" * 1000, ()),
    "early hints": (b"", itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")),
    "a chunk extension": (CHUNKED + b"5;", itertools.repeat(b"a" * 1000)),
    "a chunk extension behind content": (CHUNKED + b"1\r\na\r\n5;", itertools.repeat(b"a" * 1000)),
    "trailers": (CHUNKED + b"1\r\na\r\n0\r\n", itertools.repeat(b"X-A: b\r\n" * 100)),
    "one trailer": (CHUNKED + b"1\r\na\r\n0\r\nX-A: ", itertools.repeat(b"a" * 1000)),
}


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", ENDLESS)
def test_what_is_no_content_has_an_end(what: str, way: Way, lenient: bool) -> None:
    first, rest = ENDLESS[what]
    pieces = itertools.chain([first] if first else [], rest)
    with (
        sending(pieces, Timeouts(io=LIMIT), lenient=lenient) as connection,
        pytest.raises(TransportError) as caught,
    ):
        way(connection)
    assert caught.value.code == "BadAnswer"
    assert caught.value.retryable
    assert not connection.reusable


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize("lines", [199, 201])
@pytest.mark.parametrize("parts", [1, 7])
def test_the_number_of_lines(lines: int, parts: int, lenient: bool) -> None:
    head = OK + b"X-A: b\r\n" * (lines - 2) + b"Content-Length: 2\r\n\r\n"
    step = len(head) // parts
    pieces = [head[at : at + step] for at in range(0, len(head), step)]
    pieces[-1] += b"\n\n"
    with sending(pieces, Timeouts(io=LIMIT), pause=0.01, lenient=lenient) as connection:
        if lines > 200:
            with pytest.raises(TransportError, match="more than 200 lines"):
                whole(connection)
        else:
            assert whole(connection).body == b"\n\n"


@pytest.mark.parametrize("lenient", [False, True], ids=["strict", "lenient"])
@pytest.mark.parametrize("way", [whole, step_by_step])
def test_a_body_that_is_taken_whole_has_a_limit(way: Way, lenient: bool) -> None:
    pieces = itertools.chain([OK + b"\r\n"], itertools.repeat(b"a" * 65536))
    with (
        sending(pieces, Timeouts(io=LIMIT), lenient=lenient) as connection,
        pytest.raises(TransportError, match="too large"),
    ):
        way(connection)


DRIBBLES = {
    "head": OK + b"X-A: " + b"a" * 1000,
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
    "body": OK + b"Content-Length: 1000\r\n\r\n" + b"a" * 1000,
    "chunks": CHUNKED + b"1\r\na\r\n" * 100,
    "until the end": OK + b"\r\n" + b"a" * 1000,
}


@pytest.mark.parametrize("timeouts", [Timeouts(io=0.3, crawl=0.3), Timeouts(request=0.3)])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", DRIBBLES)
def test_an_answer_that_dribbles_is_given_up(what: str, way: Way, timeouts: Timeouts) -> None:
    pieces = [DRIBBLES[what][at : at + 1] for at in range(1000)]
    if what != "head":
        first = DRIBBLES[what].index(b"\r\n\r\n") + 4
        pieces = [DRIBBLES[what][:first], *pieces[first:]]
    with sending(pieces, timeouts, pause=0.02) as connection:
        began = time.monotonic()
        with pytest.raises(TransportError) as caught:
            way(connection)
    assert caught.value.code == "Timeout"
    assert caught.value.retryable
    assert time.monotonic() - began < LIMIT / 2
    assert way is step_by_step or not connection.reusable


@pytest.mark.parametrize("way", [whole, step_by_step])
def test_a_server_that_reads_hardly_anything_is_given_up(way: Way) -> None:
    ours, server = socket.socketpair()
    for end in (ours, server):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    connection = Connection(ours, Timeouts(io=0.3, crawl=0.6))
    stopping = threading.Event()

    def read() -> None:
        while not stopping.wait(0.05):
            server.recv(100)

    thread = threading.Thread(target=read)
    thread.start()
    body = b"a" * (1 << 20)
    try:
        if way is whole:
            with pytest.raises(TransportError, match="in time"):
                connection.exchange(REQUEST, body)
        else:
            connection.begin(REQUEST, body)
            while not connection.overdue(time.monotonic()):
                select.select([connection.fileno()], [connection.fileno()], [], 0.05)
                assert connection.advance() is None
    finally:
        stopping.set()
        thread.join()
        connection.close()
        server.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_slow_line_is_waited_for(way: Way) -> None:
    body = b"a" * 12 * CRAWL_BYTES
    pieces = [OK + b"Content-Length: %d\r\n\r\n" % len(body)]
    pieces += [body[at : at + CRAWL_BYTES] for at in range(0, len(body), CRAWL_BYTES)]
    with sending(pieces, Timeouts(io=0.3, crawl=0.3), pause=0.1) as connection:
        assert way(connection).body == body


def test_work_that_takes_long_may_send_blanks_meanwhile() -> None:
    pieces = [OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 8, b"0\r\n\r\n"]
    with sending(pieces, Timeouts(io=0.2, crawl=0.2), pause=0.1) as connection:
        assert connection.exchange(REQUEST, silence=LIMIT).body == b" " * 8


def test_blanks_may_come_for_longer_than_silence_is_allowed() -> None:
    pieces = [OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 8, b"0\r\n\r\n"]
    for work, comes in ((LIMIT, True), (0.3, False)):
        timeouts = Timeouts(io=0.3, crawl=0.3, work=work)
        with sending(pieces, timeouts, pause=0.1) as connection:
            if comes:
                assert connection.exchange(REQUEST, silence=0.4).body == b" " * 8
                continue
            with pytest.raises(TransportError, match="in time"):
                connection.exchange(REQUEST, silence=0.4)


def test_time_in_which_nothing_is_asked_of_the_peer_does_not_count() -> None:
    body = b"a" * 2000
    pieces = [OK + b"Content-Length: 2000\r\n\r\n" + body[:1000], body[1000:]]
    with sending(pieces, Timeouts(io=0.3, crawl=0.3), pause=0.01) as connection:
        incoming = connection.stream(REQUEST)
        assert incoming.read(500)
        time.sleep(0.7)  # more than both limits: the time is what is tested
        assert len(incoming.read_all(2000)) == 1500


def test_trailers_describe_nothing() -> None:
    pieces = [OK + b"ETag: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nETag: b\r\n\r\n"]
    with sending(pieces, Timeouts(io=LIMIT)) as connection:
        response = whole(connection)
        assert (response.header(b"etag"), connection.reusable) == ("a", True)


def test_a_transfer_coding_that_is_not_undone_is_no_content() -> None:
    pieces = [OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"]
    with (
        sending(pieces, Timeouts(io=LIMIT)) as connection,
        pytest.raises(TransportError, match="transfer coding"),
    ):
        whole(connection)


def test_the_limits_of_a_request() -> None:
    pace = RequestTimer(Timeouts(io=30.0, request=100.0), 30.0, 1000.0)
    assert pace.seconds_left(1000.0, 0) == 30.0
    assert pace.seconds_left(1090.0, 0) == 10.0
    assert pace.overdue(1029.0, 0) is False
    assert pace.overdue(1030.0, 0) is True
    pace.note_progress(1020.0)
    assert pace.overdue(1029.0, CRAWL_BYTES) is False
    assert pace.overdue(1100.0, CRAWL_BYTES) is True
