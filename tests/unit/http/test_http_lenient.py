"""Answers of old web servers, as browsers and curl take them; what stays unreadable is named."""

from __future__ import annotations

import socket

import pytest

from cos_migrate.errors import TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.lenient_parser import LenientAnswerParser
from cos_migrate.http.messages import Response
from cos_migrate.http.parser import BadAnswer
from cos_migrate.http.time_limits import Timeouts

OK = b"HTTP/1.1 200 OK\r\n"


def answered(answer: bytes, *, lenient: bool = True, no_body: bool = False) -> Response:
    ours, server = socket.socketpair()
    with server:
        connection = Connection(ours, Timeouts(io=3.0), lenient=lenient)
        server.sendall(answer)
        server.shutdown(socket.SHUT_WR)
        try:
            return connection.exchange(b"GET / HTTP/1.1\r\n\r\n", no_body=no_body)
        finally:
            connection.close()


OLD = {
    "folded": OK + b"X-A: one\r\n  two\r\nContent-Length: 2\r\n\r\nok",
    "folded with a tab": OK + b"X-A: one\r\n\ttwo\r\nContent-Length: 2\r\n\r\nok",
    "bare LF": b"HTTP/1.1 200 OK\nX-A: one two\nContent-Length: 2\n\nok",
    "LF at the end only": OK + b"X-A: one two\r\nContent-Length: 2\n\nok",
    "blank before the colon": OK + b"X-A : one two\r\nContent-Length : 2\r\n\r\nok",
    "length twice": OK + b"X-A: one two\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "length twice in a line": OK + b"X-A: one two\r\nContent-Length: 2, 2\r\n\r\nok",
    "no reason": b"HTTP/1.1 200\r\nX-A: one two\r\nContent-Length: 2\r\n\r\nok",
    "blanks in the status line": b"HTTP/1.1  200  OK \r\n"
    b"X-A: one two\r\nContent-Length: 2\r\n\r\nok",
    "no colon": OK + b"nonsense\r\nX-A: one two\r\nContent-Length: 2\r\n\r\nok",
    "no name": OK + b": y\r\nX-A: one two\r\nContent-Length: 2\r\n\r\nok",
    "a name with a blank": OK + b"X Y: y\r\nX-A: one two\r\nContent-Length: 2\r\n\r\nok",
    "a folded first line": OK + b" y\r\nX-A: one two\r\nContent-Length: 2\r\n\r\nok",
    "a CR inside": OK + b"X-A: one\rtwo\r\nContent-Length: 2\r\n\r\nok",
    "an odd character": OK + b"X-B: \x01\r\nX-A: one two\r\nContent-Length: 2\r\n\r\nok",
    "blanks behind a size": OK
    + b"X-A: one two\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\nok\r\n0\r\n\r\n",
    "chunks with LF": OK + b"X-A: one two\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
    "chunks with extensions and trailers": OK
    + b"X-A: one two\r\nTransfer-Encoding: Chunked\r\n\r\n0002 ;x=y\r\nok\r\n0\r\nX-A: z\r\n\r\n",
    "chunks and a length": OK
    + b"X-A: one two\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nok\r\n0\r\n\r\n",
    "identity": OK + b"X-A: one two\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0 until the end": b"HTTP/1.0 200 OK\r\nX-A: one two\r\n\r\nok",
    "ICY": b"ICY 200 OK\r\nX-A: one two\r\n\r\nok",
    "blank lines first": b"\r\n\r\n" + OK + b"X-A: one two\r\nContent-Length: 2\r\n\r\nok",
    "interim": b"HTTP/1.1 100\n\nHTTP/1.1 103 Early\nX-A: no\n\n" + OK + b"X-A: one two\r\n\r\nok",
}


@pytest.mark.parametrize("answer", OLD.values(), ids=OLD)
def test_what_browsers_take(answer: bytes) -> None:
    response = answered(answer)
    assert (response.status, response.body) == (200, b"ok")
    assert response.header(b"x-a") == "one two"


@pytest.mark.parametrize("answer", OLD.values(), ids=OLD)
def test_it_may_arrive_byte_by_byte(answer: bytes) -> None:
    whole = LenientAnswerParser()
    for at in range(len(answer)):
        whole.feed(answer[at : at + 1])
    assert whole.complete or whole.until_close
    assert (b"".join(whole.body), whole.headers[b"x-a"]) == (b"ok", b"one two")


STRICTLY_BAD = ["folded", "bare LF", "blank before the colon", "length twice", "no colon"]


@pytest.mark.parametrize("name", STRICTLY_BAD)
def test_cos_is_held_to_http(name: str) -> None:
    with pytest.raises(TransportError, match="is not HTTP") as caught:
        answered(OLD[name], lenient=False)
    assert caught.value.code == "BadAnswer"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"hello\r\n\r\n", "is not HTTP, line 1 of its head: hello"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\n", "line 1 of its head: SSH-2.0-OpenSSH_9.6"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "line 1 of its head: HTTP/1.1 20 OK"),
        (OK + b"X-A: 1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "line 4 of its head"),
        (OK + b"Content-Length: 2, 3\r\n\r\nok", "two different lengths"),
        (OK + b"Content-Length: +2\r\n\r\nok", r"line 2 of its head: Content-Length: \+2"),
        (OK + b"Content-Length: -2\r\n\r\nok", "line 2 of its head"),
        (OK + b"Content-Length: 2\r\n 3\r\n\r\nok", "the length of the server's answer"),
        (
            OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nok",
            "the length of the server's answer",
        ),
        (OK + b"X-A: 1\0\x1b[2J\r\n\r\nok", r"line 2 of its head: X-A: 1\\x00\\x1b\[2J"),
        (
            OK + b"X-A: \0" + b"a" * 5000 + b"\r\n\r\n",
            r"line 2 of its head: X-A: \\x00a{100,120}\.\.\.$",
        ),
        (OK + b"Set-Cookie: secret\0\r\n\r\n", r"line 2 of its head: Set-Cookie: \*\*\*$"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "transfer coding"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "size of a chunk"),
    ],
)
def test_what_stays_unreadable_is_named(answer: bytes, text: str) -> None:
    with pytest.raises(TransportError, match=text) as caught:
        answered(answer)
    assert caught.value.code == "BadAnswer"
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"hello\r\n\r\n", "line 1 of its head: hello"),
        (OK + b"X-A: 1\r\nX-B : 2\r\n\r\n", "line 3 of its head: X-B : 2"),
    ],
)
def test_a_strict_reader_names_the_line_too(answer: bytes, text: str) -> None:
    with pytest.raises(TransportError, match=text):
        answered(answer, lenient=False)


def test_lengths_that_differ_are_refused_whatever_comes_between() -> None:
    answer = LenientAnswerParser()
    with pytest.raises(BadAnswer, match="different lengths"):
        answer.feed(OK + b"Content-Length: 2\r\nX-A: 1\r\nContent-Length: 3\r\n\r\n")


def test_connections_are_kept_and_head_has_no_body() -> None:
    ours, server = socket.socketpair()
    with server:
        connection = Connection(ours, Timeouts(io=3.0), lenient=True)
        for no_body in (True, False, True):
            head = b"HTTP/1.1 200\nContent-Length: 2\n\n"
            server.sendall(head if no_body else head + b"ok")
            response = connection.exchange(b"X / HTTP/1.1\r\n\r\n", no_body=no_body)
            assert (response.status, response.body) == (200, b"" if no_body else b"ok")
            assert connection.reusable
        server.sendall(b"HTTP/1.0 200\nContent-Length: 2\n\nok")
        assert connection.exchange(b"X / HTTP/1.1\r\n\r\n").body == b"ok"
        assert not connection.reusable
