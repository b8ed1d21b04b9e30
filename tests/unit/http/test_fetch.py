"""Requests to a source: kept-alive connections, half-read answers, proxies."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cos_migrate.errors import SourceError, TransportError
from cos_migrate.http.client import Fetcher, Request
from cos_migrate.http.routes import Proxy
from cos_migrate.http.time_limits import Timeouts

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: x\r\n\r\nhello"
Answer = bytes | Callable[[socket.socket], None]


class Server:
    """Answers each request with the next of its answers, and counts connections."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.heads: list[bytes] = []
        self.connections = 0
        self.ended = threading.Semaphore(0)
        """Released for each connection that the client has closed."""
        self.closed = threading.Semaphore(0)
        """Released for each connection whose end has been sent."""
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            self._answer_requests(sock)
        self.closed.release()

    def _answer_requests(self, sock: socket.socket) -> None:
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                try:
                    more = sock.recv(65536)
                except OSError:
                    more = b""
                if not more:
                    self.ended.release()
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            with self._lock:
                self.heads.append(head)
                answer = self.answers.pop(0)
            if callable(answer):
                answer(sock)
                return
            try:
                sock.sendall(answer)
            except OSError:
                return


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    server = Server(list(answers))
    try:
        yield server
    finally:
        server.close()


def get(fetcher: Fetcher, url: str, method: str = "GET") -> bytes:
    with fetcher.send(Request(method, url)) as answer:
        return answer.read_all(1 << 20)


def fetcher(**options: float) -> Fetcher:
    return Fetcher(Timeouts(io=options.get("io", 60.0)))


def stale(sock: socket.socket) -> None:
    """Answer well, then close without having said so."""
    sock.sendall(OK)


def test_one_connection_serves_one_request_after_the_other() -> None:
    fetch = fetcher()
    with serving(OK, OK, OK) as server:
        for _ in range(3):
            assert get(fetch, f"{server.url}/a") == b"hello"
        assert server.connections == 1
        fetch.close()
        assert server.ended.acquire(timeout=60), "close ends what is idle"


def test_a_connection_that_the_server_had_closed_does_not_count() -> None:
    fetch = fetcher()
    with serving(stale, stale, OK) as server:
        for number in range(3):
            assert get(fetch, f"{server.url}/a") == b"hello"
            assert number == 2 or server.closed.acquire(timeout=60)
        assert server.connections == 3
    fetch.close()


def test_all_idle_connections_may_be_stale_at_once() -> None:
    fetch = fetcher()
    barrier = threading.Barrier(4)

    def together(sock: socket.socket) -> None:
        barrier.wait(60)
        sock.sendall(OK)

    with serving(together, together, together, together, OK) as server:
        threads = [threading.Thread(target=get, args=(fetch, f"{server.url}/a")) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        for _ in threads:
            assert server.closed.acquire(timeout=60)
        assert get(fetch, f"{server.url}/a") == b"hello"
        assert server.connections == 5
    fetch.close()


def test_a_broken_first_request_is_an_error_and_no_second_one() -> None:
    with serving(lambda _: None) as server:
        with pytest.raises(TransportError) as caught:
            get(fetcher(), f"{server.url}/a")
        assert caught.value.retryable
        assert server.connections == 1


def test_a_kept_connection_that_breaks_within_an_answer_is_an_error() -> None:
    def half(sock: socket.socket) -> None:
        sock.sendall(OK[:20])

    fetch = fetcher()
    answers: list[Answer] = [OK, b"", OK]
    with serving(*answers) as server:
        assert get(fetch, f"{server.url}/a") == b"hello"
        server.answers[0] = half
        with pytest.raises(TransportError):
            get(fetch, f"{server.url}/a")
        assert server.connections == 1
        assert get(fetch, f"{server.url}/a") == b"hello"
    fetch.close()


def test_silence_is_a_time_out_and_ends_the_connection() -> None:
    fetch = fetcher(io=1.0)
    answers: list[Answer] = [OK, b"", OK]
    with serving(*answers) as server:
        assert get(fetch, f"{server.url}/a") == b"hello"
        with pytest.raises(TransportError) as caught:
            get(fetch, f"{server.url}/a")
        assert caught.value.code == "Timeout"
        assert server.ended.acquire(timeout=60)
        assert get(fetch, f"{server.url}/a") == b"hello"
        assert server.connections == 2
    fetch.close()


def test_an_answer_left_half_read_costs_its_connection() -> None:
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 5_000_000
    fetch = fetcher()
    with serving(big, OK) as server:
        with fetch.send(Request("GET", f"{server.url}/a")) as answer:
            assert answer.read(10) == b"x" * 10
            assert not answer.ended
        assert get(fetch, f"{server.url}/a") == b"hello"
        assert server.connections == 2
    fetch.close()


def test_an_answer_left_because_of_an_error_costs_its_connection() -> None:
    fetch = fetcher()
    with serving(OK, OK) as server:
        with pytest.raises(ZeroDivisionError), fetch.send(Request("GET", f"{server.url}/a")):
            raise ZeroDivisionError
        assert get(fetch, f"{server.url}/a") == b"hello"
        assert server.connections == 2
    fetch.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 77\r\n\r\n",
    ],
)
def test_head_has_no_body_and_keeps_its_connection(answer: bytes) -> None:
    fetch = fetcher()
    with serving(answer, OK) as server:
        with fetch.send(Request("HEAD", f"{server.url}/a")) as told:
            assert told.ended
            assert told.read(10) == b""
        assert get(fetch, f"{server.url}/a") == b"hello"
        assert server.connections == 1
        assert server.heads[0].startswith(b"HEAD /a HTTP/1.1\r\n")
    fetch.close()


@pytest.mark.parametrize("status", [301, 302, 307, 404, 500])
def test_no_status_is_judged_and_no_redirect_followed(status: int) -> None:
    answer = b"HTTP/1.1 %d x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n" % status
    with serving(answer) as server:
        with fetcher().send(Request("GET", f"{server.url}/a")) as told:
            assert told.status == status
            assert told.header(b"location") == "http://127.0.0.1:1/"
        assert len(server.heads) == 1


def test_a_signed_url_goes_over_the_wire_as_it_is() -> None:
    path = "/a%20b/%E4%B8%AD//c?x=1&sign=a%2Bb%3D&empty"
    with serving(OK) as server:
        request = Request(
            "GET", f"{server.url}{path}", (("If-Match", '"x"'), ("Host", "elsewhere"), ("a", ""))
        )
        with fetcher().send(request) as answer:
            answer.read_all(10)
        lines = server.heads[0].decode().split("\r\n")
    assert lines[0] == f"GET {path} HTTP/1.1"
    assert lines[1] == f"Host: 127.0.0.1:{server.port}"
    assert 'If-Match: "x"' in lines
    assert "elsewhere" not in server.heads[0].decode()


@pytest.mark.parametrize(
    ("host", "tail", "target"),
    [
        ("example.com:8080", "", "/"),
        ("example.com:8080", "?list", "/?list"),
        ("example.com:8080", "/", "/"),
        ("example.com:8080", "/a?b/c", "/a?b/c"),
        ("[::1]:90", "/a", "/a"),
    ],
)
def test_the_host_and_the_target_of_a_url(host: str, tail: str, target: str) -> None:
    fetch = fetcher()
    request = Request("GET", f"http://{host}{tail}")
    head = fetch.head_of(request, fetch.route_of(request.url)).decode()
    assert head.startswith(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n")
    assert head.endswith("\r\n\r\n")


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("http://example.com/a", "example.com", 80, False),
        ("https://example.com/a", "example.com", 443, True),
        ("HTTPS://Example.com:8443", "example.com", 8443, True),
        ("http://[::1]:90/a", "::1", 90, False),
    ],
)
def test_routes(url: str, host: str, port: int, *, tls: bool) -> None:
    route = fetcher().route_of(url)
    assert (route.host, route.port, route.tls) == (host, port, tls)


@pytest.mark.parametrize(
    "url", ["", "ftp://h/a", "/a", "http://", "http:///a", "http://h:99999/", "http://h:x/", "h/a"]
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        fetcher().route_of(url)
    assert caught.value.code == "BadUrl"
    assert not caught.value.retryable


def test_a_proxy_gets_absolute_targets_and_its_own_password() -> None:
    with serving(OK, OK) as server:
        fetch = Fetcher(Timeouts(io=5.0), Proxy.of("127.0.0.1", server.port, "me", "pass"))
        assert get(fetch, "http://storage.example/a?b=c") == b"hello"
        assert get(fetch, "http://storage.example/b") == b"hello"
        assert server.connections == 1
    lines = server.heads[0].decode().split("\r\n")
    assert lines[0] == "GET http://storage.example/a?b=c HTTP/1.1"
    assert lines[1] == "Host: storage.example"
    assert "Proxy-Authorization: Basic bWU6cGFzcw==" in lines
    fetch.close()


def test_hosts_do_not_share_connections() -> None:
    fetch = fetcher()
    with serving(OK, OK) as one, serving(OK, OK) as other:
        for _ in range(2):
            assert get(fetch, f"{one.url}/a") == b"hello"
            assert get(fetch, f"{other.url}/a") == b"hello"
        assert (one.connections, other.connections) == (1, 1)
    fetch.close()


def test_a_request_is_sent_ahead_and_its_answer_read_later() -> None:
    with serving(OK, OK, OK) as server:
        fetcher, request = Fetcher(Timeouts()), Request("GET", f"{server.url}/b")
        assert fetcher.begin(request) is None  # no connection is open
        with fetcher.send(Request("GET", f"{server.url}/a")) as answer:
            assert answer.read_all(10) == b"hello"
        begun = fetcher.begin(request)
        assert begun
        with fetcher.send(request, begun) as answer:
            assert answer.read_all(10) == b"hello"
        with fetcher.send(Request("GET", f"{server.url}/c")) as answer:
            assert answer.read_all(10) == b"hello"
        assert [head.split()[1] for head in server.heads] == [b"/a", b"/b", b"/c"]
        assert server.connections == 1
        fetcher.close()


def test_a_request_sent_ahead_is_repeated_where_the_server_had_closed_the_connection() -> None:
    def close(sock: socket.socket) -> None:
        sock.shutdown(socket.SHUT_RDWR)

    with serving(OK, close, OK) as server:
        fetcher, request = Fetcher(Timeouts()), Request("GET", f"{server.url}/b")
        with fetcher.send(Request("GET", f"{server.url}/a")) as answer:
            answer.read_all(10)
        begun = fetcher.begin(request)
        with fetcher.send(request, begun) as answer:
            assert answer.read_all(10) == b"hello"
        assert server.connections == 2
        fetcher.close()
