"""A way to a server on which what it answers is changed: a proxy that serves pages of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import http.server
import threading
from collections.abc import Callable, Iterator


@dataclasses.dataclass
class Asked:
    """One request; what is set in `headers` or taken from them is so for the server, too."""

    method: str
    target: str
    """Path and query as they came over the wire."""
    headers: dict[str, str]
    """Names in lower case."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclasses.dataclass
class Answered:
    """One answer; `content-length` is that of the body where it is not among the headers."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


Refuse = Callable[[Asked], Answered | None]
"""Answers a request in place of the server; None: the server is asked."""
Alter = Callable[[Asked, Answered], Answered]
"""Returns what is sent instead of an answer."""


class Tampered:
    """The running way; what it does can be changed at any time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen: list[tuple[Asked, int]] = []
        """All requests and the statuses that were sent."""
        self.refuse: Refuse = lambda _: None
        self.alter: Alter = lambda _, answered: answered


@contextlib.contextmanager
def tampered(upstream: int) -> Iterator[Tampered]:
    """Serve what the server at a port of the loopback serves, as long as nothing is changed."""

    class Handler(_Handler):
        upstream_port = upstream

    with _Server(("127.0.0.1", 0), Handler) as server:
        server.way = Tampered(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.way
        finally:
            server.shutdown()
            thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    way: Tampered

    def handle_error(self, *_: object) -> None:
        """A client that breaks off is no error of the test."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 20
    server: _Server
    upstream_port: int

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers)
        way = self.server.way
        answered = way.refuse(asked)
        if answered is None:
            answered = way.alter(asked, self._forwarded(asked))
        way.seen.append((asked, answered.status))
        self.send_response_only(answered.status)
        chunked = "transfer-encoding" in answered.headers
        if not chunked:
            answered.headers.setdefault("content-length", str(len(answered.body)))
        for name, value in answered.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            body = answered.body
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body)

    do_HEAD = do_GET  # noqa: N815

    def _forwarded(self, asked: Asked) -> Answered:
        upstream = http.client.HTTPConnection("127.0.0.1", self.upstream_port, timeout=120)
        with contextlib.closing(upstream):
            upstream.putrequest(
                asked.method, asked.target, skip_host=True, skip_accept_encoding=True
            )
            for name, value in asked.headers.items():
                if name != "connection":
                    upstream.putheader(name, value)
            upstream.endheaders()
            answer = upstream.getresponse()
            body = answer.read()
            left = {"connection", "transfer-encoding"}
            headers = {
                name.lower(): value
                for name, value in answer.getheaders()
                if name.lower() not in left
            }
            return Answered(answer.status, headers, body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
