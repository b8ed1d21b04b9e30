"""A server whose answers a test writes itself, word by word: what no honest cloud would send."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import threading
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl


@dataclasses.dataclass
class Asked:
    """One request."""

    method: str
    path: str
    """As it came over the wire, without its query."""
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""


@dataclasses.dataclass
class Says:
    """One answer, sent as it stands."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    length: bool = True
    """Whether Content-Length is told, where `headers` do not; the body ends the connection else."""
    cut: int = -1
    """Bytes of the body after which the connection ends; -1: all are sent."""


Script = Callable[[Asked], Says | None]
"""Makes the answer to a request; None: the connection is closed without one."""


class Scripted:
    """The running server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """Serve what `script` says on a port of the loopback."""

    class Handler(_Handler):
        answer = staticmethod(script)

    with _Server(("127.0.0.1", 0), Handler) as server:
        told = Scripted(server.server_address[1])
        server.told = told
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    told: Scripted

    def handle_error(self, *_: object) -> None:
        """A client that breaks off is no error of the test."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 20
    server: _Server
    answer: Script

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        asked = Asked(
            self.command,
            path,
            dict(parse_qsl(query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
        )
        self.server.told.asked.append(asked)
        says = self.answer(asked)
        if says is None:
            self.close_connection = True
            return
        self.send_response(says.status)
        told = {name.lower() for name in says.headers}
        if says.length and not told & {"content-length", "transfer-encoding"}:
            self.send_header("Content-Length", str(len(says.body)))
        for name, value in says.headers.items():
            self.send_header(name, value)
        if not says.length or says.cut >= 0:
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(says.body[: says.cut] if says.cut >= 0 else says.body)

    do_HEAD = do_PUT = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""
