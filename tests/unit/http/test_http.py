"""Connections against a server that says exactly what a test wants it to say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cos_migrate.errors import TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.messages import Response
from cos_migrate.http.network import Network
from cos_migrate.http.routes import Proxy, Route
from cos_migrate.http.time_limits import Timeouts
from tests.polling import wait_until

Handler = Callable[[socket.socket], None]


@contextmanager
def serving(*handlers: Handler) -> Iterator[int]:
    """Serve one connection a handler, in order; give the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    problems: list[BaseException] = []

    def serve() -> None:
        for handler in handlers:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                try:
                    handler(sock)
                except BaseException as error:
                    problems.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(10)
    assert not problems


def read_request(sock: socket.socket) -> tuple[bytes, bytes]:
    """Return the head and body of a request with a content-length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return data, b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lower = head.lower()
    size = (
        int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        if b"content-length:" in lower
        else 0
    )
    while len(body) < size:
        body += sock.recv(65536)
    return head, body


def answering(*answers: bytes) -> Handler:
    def handle(sock: socket.socket) -> None:
        for answer in answers:
            read_request(sock)
            sock.sendall(answer)

    return handle


def connect(port: int, timeouts: Timeouts | None = None) -> Connection:
    network = Network(timeouts or Timeouts(io=5.0))
    return network.connect(Route("localhost", port))


def put(connection: Connection, body: bytes = b"hello") -> Response:
    head = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    return connection.exchange(head, body)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Cos-Request-Id: abc\r\n\r\nok"


def test_answers_on_one_connection() -> None:
    with serving(answering(OK, OK)) as port:
        connection = connect(port)
        for _ in range(2):
            response = put(connection)
            assert (response.status, response.body) == (200, b"ok")
            assert response.header(b"x-cos-request-id") == "abc"
            assert connection.reusable
        connection.close()


@pytest.mark.parametrize(
    ("answer", "body", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", b"ok", False),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok", True),
        (OK + b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", b"ok", False),
    ],
)
def test_ways_an_answer_ends(answer: bytes, body: bytes, reusable: bool) -> None:
    with serving(answering(answer)) as port:
        connection = connect(port)
        response = put(connection)
        assert response.body == body
        assert response.status in {200, 204}
        assert connection.reusable is reusable
        connection.close()


def test_an_answer_that_comes_byte_by_byte() -> None:
    def handle(sock: socket.socket) -> None:
        read_request(sock)
        for at in range(len(OK)):
            sock.sendall(OK[at : at + 1])

    with serving(handle) as port:
        connection = connect(port)
        assert put(connection).body == b"ok"
        connection.close()


def test_head_has_no_body_whatever_its_length_says() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: x\r\n\r\n"
    with serving(answering(head, head, OK)) as port:
        connection = connect(port)
        for _ in range(2):
            response = connection.exchange(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", no_body=True)
            assert response.header(b"content-length") == "1000000"
            assert connection.reusable
        assert put(connection).body == b"ok"
        connection.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "ConnectionReset"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "ConnectionReset"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "ConnectionReset"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "ConnectionReset"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "BadAnswer"),
    ],
)
def test_broken_answers(answer: bytes, code: str) -> None:
    with serving(answering(answer)) as port:
        connection = connect(port)
        with pytest.raises(TransportError) as caught:
            put(connection)
        assert (caught.value.code, caught.value.retryable) == (code, True)
        assert not connection.reusable
        assert connection.answered is bool(answer)


def test_silence_is_a_time_out() -> None:
    release = threading.Event()

    def say_nothing(sock: socket.socket) -> None:
        read_request(sock)
        release.wait(60)

    with serving(say_nothing) as port:
        connection = connect(port, Timeouts(io=0.05))
        with pytest.raises(TransportError) as caught:
            put(connection)
        assert caught.value.code == "Timeout"
        release.set()


def test_a_whole_request_has_a_limit_of_its_own() -> None:
    stop = threading.Event()

    def drip(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while not stop.wait(0.01):
                sock.sendall(b"x")
        except OSError:
            pass

    with serving(drip) as port:
        connection = connect(port, Timeouts(io=60.0, request=0.2))
        with pytest.raises(TransportError) as caught:
            put(connection)
        assert caught.value.code == "Timeout"
        stop.set()


def test_an_answer_before_the_end_of_the_body_is_heard() -> None:
    """A server that refuses early reads no further; the answer must not be lost in the send."""
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    heard = threading.Event()

    def refuse(sock: socket.socket) -> None:
        sock.recv(1000)
        sock.sendall(refusal)
        heard.wait(60)

    def body() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * (1 << 20)

    with serving(refuse) as port:
        connection = connect(port)
        head = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (200 << 20)
        response = connection.exchange(head, body())
        assert (response.status, response.body) == (403, b"no")
        assert not connection.reusable
        heard.set()


def test_a_body_that_cannot_be_read_leaves_no_half_request() -> None:
    seen: list[bytes] = []
    heard_all = threading.Event()

    def handle(sock: socket.socket) -> None:
        while data := sock.recv(65536):
            seen.append(data)
        heard_all.set()

    def body() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("disk gone")

    with serving(handle) as port:
        connection = connect(port)
        with pytest.raises(RuntimeError):
            connection.exchange(b"PUT / HTTP/1.1\r\nContent-Length: 8\r\n\r\n", body())
        assert not connection.reusable
        # Leaving `serving` closes the listener, which might not have accepted yet.
        assert heard_all.wait(60)
    assert b"".join(seen).endswith(b"half")


def test_step_by_step_with_a_body_larger_than_the_socket_takes() -> None:
    size = 8 << 20
    got: list[int] = []
    full = threading.Event()

    def handle(sock: socket.socket) -> None:
        assert full.wait(60)
        got.append(len(read_request(sock)[1]))
        sock.sendall(OK)

    with serving(handle) as port:
        connection = connect(port)
        connection.begin(
            b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size, b"x" * size
        )
        assert connection.wants_write
        full.set()
        responses: list[Response] = []

        def advance() -> bool:
            responses.extend(filter(None, [connection.advance()]))
            return bool(responses)

        wait_until(advance)
        assert responses[0].body == b"ok"
        assert got == [size]
        connection.close()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransportError) as caught:
        connect(port)
    assert caught.value.code == "ConnectionRefused"


def test_an_unknown_name() -> None:
    with pytest.raises(TransportError) as caught:
        Network(Timeouts()).connect(Route("no such host", 80))
    assert caught.value.code == "NameNotResolved"


@pytest.mark.parametrize("host", ["localhost", "a-1.localhost", "a.b.LOCALHOST", "a-1.127.0.0.1"])
def test_loopback_names_need_no_resolver(host: str) -> None:
    with serving(answering(OK)) as port:
        connection = Network(Timeouts()).connect(Route(host, port))
        assert put(connection).status == 200
        connection.close()


def test_through_an_http_proxy_the_target_is_absolute() -> None:
    proxy = Proxy.of("localhost", 3128, "user", "pass:word")
    route = Route("bucket-1.cos.ap-guangzhou.myqcloud.com", 80, proxy=proxy)
    assert route.target_prefix == "http://bucket-1.cos.ap-guangzhou.myqcloud.com"
    assert route.extra_head == "Proxy-Authorization: Basic dXNlcjpwYXNzOndvcmQ=\r\n"
    assert "word" not in repr(proxy)


def test_a_proxy_that_refuses_a_tunnel() -> None:
    with serving(answering(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")) as port:
        route = Route("bucket-1.example", 443, tls=True, proxy=Proxy("localhost", port))
        with pytest.raises(TransportError) as caught:
            Network(Timeouts()).connect(route)
        assert (caught.value.code, caught.value.status) == ("ProxyRefused", 407)


@pytest.mark.parametrize(
    ("route", "authority"),
    [
        (Route("h", 80), "h"),
        (Route("h", 8080), "h:8080"),
        (Route("h", 443, tls=True), "h"),
        (Route("h", 80, tls=True), "h:80"),
        (Route("::1", 80), "[::1]"),
    ],
)
def test_the_host_header(route: Route, authority: str) -> None:
    assert route.authority == authority
