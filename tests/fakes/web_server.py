"""A plain file server on the loopback, over HTTP and HTTPS, that can be made to misbehave.

It knows no more than RFC 9110 of files: HEAD, ranges, validators, Basic credentials, redirects.
"""

from __future__ import annotations

import base64
import email.utils
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote

_PIECE = 1 << 16
_START = 1_700_000_000


@dataclass
class Page:
    """What lies under a path."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    modified: int = _START
    """Seconds since 1970; 0: not told."""
    etag: str = ""
    """With its quotes; empty: not told."""
    redirect: tuple[int, str] | None = None
    """A status and a Location instead of the body."""
    users: Mapping[str, str] = field(default_factory=dict)
    """Who may read it, by password; empty: everybody."""


@dataclass(eq=False)
class Trouble:
    """What goes wrong, and with which requests."""

    kind: str
    """status, reset, truncate, flip, hang, slow, call, foreign-range, longer"""
    method: str = ""
    path: str = ""
    """A regular expression; empty: any."""
    times: int = 1
    """-1: always."""
    status: int = 500
    at: int = 0
    """Bytes of the body that go well first."""
    skip: int = 0
    """How many such requests go unharmed first."""
    action: Callable[[], object] = lambda: None
    """What `call` does before the request is answered."""


@dataclass
class Seen:
    """One request; what is sent is noted before it is."""

    method: str
    target: str
    """As it came over the wire."""
    headers: dict[str, str]
    """Names in lower case."""
    status: int = 0
    sent: int = 0
    """Bytes of the body that were sent."""


class WebServer:
    """Serves `pages`, whose names are decoded paths; use it as a context manager."""

    def __init__(self, *, tls: tuple[str, str] | None = None) -> None:
        """`tls`: files of a certificate and its key."""
        self.pages: dict[str, Page] = {}
        self.troubles: list[Trouble] = []
        self.seen: list[Seen] = []
        self.ranges = True
        """Whether ranges are honoured."""
        self.lengths = True
        """Whether lengths are told; bodies are chunked otherwise."""
        self.head_lengths: str | None = None
        """What HEAD says of a length instead of the truth; empty: nothing."""
        self.head_status = 0
        """What HEAD is answered with; 0: as it should be."""
        self.closing = False
        """Whether bodies without length end with the connection (HTTP/1.0)."""
        self.latency = 0.0
        """Seconds before each answer."""
        self.most_at_once = 0
        """Requests under way at the height."""
        self._at_once = 0
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        web = self

        class Handler(_Handler):
            server_of = web

        self._server = _Threads(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, path: str, body: bytes, **more: object) -> Page:
        """Place a page, or replace it by one that is a second younger."""
        page = Page(body, **more)  # type: ignore[arg-type]
        old = self.pages.get(path)
        if old and page.modified == _START:
            page.modified = old.modified + 1
        self.pages[path] = page
        return page

    def bodies(self) -> int:
        """Return how many bytes of bodies that are no errors were sent."""
        return sum(seen.sent for seen in self.seen if seen.status in {200, 206})

    def begin(self, seen: Seen) -> None:
        with self._lock:
            self.seen.append(seen)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def end(self) -> None:
        with self._lock:
            self._at_once -= 1

    def trouble(self, method: str, path: str) -> Trouble | None:
        """Return what hits a request, and count it."""
        with self._lock:
            for trouble in self.troubles:
                hits = trouble.method in {"", method} and re.search(trouble.path, path)
                if hits and trouble.skip:
                    trouble.skip -= 1
                elif hits and trouble.times:
                    trouble.times -= trouble.times > 0
                    return trouble
        return None


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        """Clients break connections off here; that is no error of the test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: WebServer
    timeout = 20
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        web = self.server_of
        path = unquote(self.path.partition("?")[0], errors="surrogateescape")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._seen = Seen(self.command, self.path, headers)
        web.begin(self._seen)
        try:
            trouble = web.trouble(self.command, path)
            kind = trouble.kind if trouble else ""
            if kind == "hang":
                web.stopping.wait(10)
            if kind in {"reset", "hang"}:
                self._reset()
                return
            if web.latency or kind == "slow":
                web.stopping.wait(web.latency or 0.3)
            if trouble and kind == "call":
                trouble.action()
            if trouble and kind == "status":
                self._error(trouble.status)
                return
            self._page(web.pages.get(path), trouble)
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True
        finally:
            web.end()

    def _page(self, page: Page | None, trouble: Trouble | None) -> None:
        web = self.server_of
        if page is None:
            self._error(404)
        elif page.users and not self._may(page.users):
            self._error(401)
        elif page.redirect:
            self._head(page.redirect[0], {"Location": page.redirect[1], "Content-Length": "0"})
        elif self.command == "HEAD" and web.head_status:
            self._error(web.head_status)
        elif not self._matches(page):
            self._error(412)
        else:
            self._content(page, trouble)

    def _content(self, page: Page, trouble: Trouble | None) -> None:
        web, size = self.server_of, len(page.body)
        headers = {"Content-Type": "application/octet-stream", **page.headers}
        if page.modified:
            headers["Last-Modified"] = email.utils.formatdate(page.modified, usegmt=True)
        if page.etag:
            headers["ETag"] = page.etag
        status, start, end = 200, 0, size
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if found and web.ranges:
            status, start, end = 206, int(found[1]), min(int(found[2]) + 1, size)
            if start >= size:
                self._error(416)
                return
            told = start + 1 if trouble and trouble.kind == "foreign-range" else start
            headers["Content-Range"] = f"bytes {told}-{end - 1}/{size}"
        body = page.body[start:end]
        if self.command == "HEAD" and web.head_lengths is not None:
            if web.head_lengths:
                headers["Content-Length"] = web.head_lengths
        elif web.lengths:
            headers["Content-Length"] = str(len(body))
        elif web.closing:
            headers["Connection"] = "close"
            self.close_connection = True
        else:
            headers["Transfer-Encoding"] = "chunked"
        self._head(status, headers)
        if self.command == "GET":
            self._body(body, trouble, chunked="Transfer-Encoding" in headers)

    def _body(self, body: bytes, trouble: Trouble | None, *, chunked: bool) -> None:
        web = self.server_of
        kind = trouble.kind if trouble else ""
        cut = trouble.at if trouble and kind == "truncate" else len(body)
        if trouble and kind == "flip" and body:
            at = min(trouble.at, len(body) - 1)
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        if trouble and kind == "longer":
            body += b"!"
            cut += 1
        for start in range(0, cut, _PIECE):
            piece = body[start : min(start + _PIECE, cut)]
            self._seen.sent += len(piece)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if kind == "truncate":
            self._reset(politely=web.closing)
        elif chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _matches(self, page: Page) -> bool:
        match = self.headers.get("If-Match")
        if match:
            return match == page.etag and not match.startswith("W/")
        since = self.headers.get("If-Unmodified-Since")
        if since and page.modified:
            return page.modified <= email.utils.parsedate_to_datetime(since).timestamp()
        return True

    def _may(self, users: Mapping[str, str]) -> bool:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        name, _, password = base64.b64decode(token).decode().partition(":")
        return kind == "Basic" and users.get(name) == password

    def _error(self, status: int) -> None:
        text = b"<html>no</html>"
        self._head(status, {"Content-Type": "text/html", "Content-Length": str(len(text))})
        if self.command == "GET":
            self.wfile.write(text)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self._seen.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _reset(self, *, politely: bool = False) -> None:
        self.close_connection = True
        if not politely:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
