"""Serves the status of a start over HTTP, in threads of its own.

It only reads the board, and sets whether transfers are paused. Requests are limited in number, size
and time, so that no client can harm the run.
"""

from __future__ import annotations

import contextlib
import http
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, NamedTuple

from cos_migrate import __version__, signals
from cos_migrate.config.watching import StatusAddress
from cos_migrate.language import ENGLISH, Language
from cos_migrate.report.status import page_texts
from cos_migrate.report.status.access_rules import AccessRules, Claims
from cos_migrate.report.status.board import Board
from cos_migrate.report.status.status_json import status_data

_CONNECTIONS_MOST = 32
_SILENCE = 10.0
"""Seconds that a client may be silent within its request."""
_LONGEST = 30.0
"""Seconds that one connection may take."""
_BODY_MOST = 4096
"""Bytes of a body that are read; they mean nothing."""
_LOOK_EVERY = 0.2
"""Seconds between two looks at whether to end, and at connections that take too long."""
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


_FILES = {
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
"""Files of the page, beside this module."""


class Answer(NamedTuple):
    """The content of an answer of the status server: content type and body."""

    content_type: str
    body: bytes


class StatusServer:
    """The server of one start."""

    def __init__(
        self, address: StatusAddress, board: Board, token: str, language: Language = ENGLISH
    ) -> None:
        """Take the address; `language`: of the page. Raises OSError."""
        self._server = _Server(address, Answers(board, language), token)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._serve, name="status", daemon=True)

    def start(self) -> None:
        """Serve until `close`. Raises RuntimeError where no thread can be started."""
        try:
            with signals.kept_from_new_threads():
                self._thread.start()
        except RuntimeError:
            self._server.server_close()
            raise

    def _serve(self) -> None:
        with self._server:
            self._server.serve_forever(_LOOK_EVERY)

    def close(self) -> None:
        """End the server without waiting for it: nothing delays the end of a run."""
        with contextlib.suppress(RuntimeError):  # no more threads: it ends with the process
            threading.Thread(target=self._server.shutdown, daemon=True).start()

    def join(self) -> None:
        """Wait until the server has ended, after `close`."""
        self._thread.join()


class _Server(ThreadingMixIn, TCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16
    # On Windows the option lets two processes have the same address.
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, address: StatusAddress, answers: Answers, token: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._open: dict[socket.socket, float] = {}
        super().__init__((address.host, address.port), _Handler)
        hosts = {*_LOOPBACK_NAMES, address.shown_host}
        if not address.is_loopback:
            hosts.add(socket.gethostname().lower())
        self.rules = AccessRules(
            hosts, self.server_address[1], token, is_public=not address.is_loopback
        )
        self.answers = answers

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Raises OSError."""
        try:
            return super().get_request()
        except OSError:  # no descriptor is free: do not ask for one all the time
            time.sleep(_LOOK_EVERY)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread, unless there are too many."""
        if len(self._open) >= _CONNECTIONS_MOST:
            self.shutdown_request(request)
            return
        self._open[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no more threads
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End connections that take too long."""
        now = time.monotonic()
        for connection, since in list(self._open.items()):
            if now - since > _LONGEST:
                with contextlib.suppress(OSError):  # its thread closes it
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections."""


class Answers:
    """Makes the answer of the status server to each method and path."""

    def __init__(self, board: Board, language: Language = ENGLISH) -> None:
        """`language`: of the page."""
        self._board = board
        self.pages: dict[str, Callable[[], Answer]] = {
            "/": lambda: Answer("text/html; charset=utf-8", page_texts.page(language)),
            **{path: partial(_file, *file) for path, file in _FILES.items()},
            "/texts.js": lambda: Answer(
                "text/javascript; charset=utf-8", page_texts.script_texts(language)
            ),
            "/page.json": lambda: _json(status_data(board, language.say)),
            "/status.json": lambda: _json(status_data(board)),
            "/metrics": self._metrics,
        }
        """What GET returns."""
        self.commands: dict[str, Callable[[], Answer]] = {
            "/pause": lambda: self._pause(paused=True),
            "/resume": lambda: self._pause(paused=False),
        }
        """What POST does."""

    def _metrics(self) -> Answer:
        # The first request for it loads the library.
        from cos_migrate.report.status.metrics import CONTENT_TYPE, metrics_text  # noqa: PLC0415

        return Answer(CONTENT_TYPE, metrics_text(self._board))

    def _pause(self, *, paused: bool) -> Answer:
        self._board.paused = paused
        return _json({"paused": paused})


def _file(name: str, content_type: str) -> Answer:
    return Answer(content_type, Path(__file__).with_name(name).read_bytes())


def _json(data: object) -> Answer:
    return Answer("application/json", json.dumps(data).encode())


class _Handler(BaseHTTPRequestHandler):
    """One connection, with one request."""

    server: _Server
    timeout = _SILENCE

    def do_GET(self) -> None:
        """Answer a page."""
        self._answer(self.server.answers.pages, changes=False)

    do_HEAD = do_GET  # noqa: N815 - called by this name

    def do_POST(self) -> None:
        """Carry out a command."""
        self._answer(self.server.answers.commands, changes=True)

    def _answer(self, answers: dict[str, Callable[[], Answer]], *, changes: bool) -> None:
        self._skip_body()
        rules = self.server.rules
        refusal = rules.refusal(self._claims(), changes=changes)
        path = self.path.partition("?")[0]
        if refusal:
            challenge = rules.challenge(changes=changes)
            self._refuse(refusal, challenge if refusal == http.HTTPStatus.UNAUTHORIZED else "")
        elif path not in answers:
            known = {**self.server.answers.pages, **self.server.answers.commands}
            missing = http.HTTPStatus.NOT_FOUND
            self._refuse(http.HTTPStatus.METHOD_NOT_ALLOWED if path in known else missing)
        else:
            self._send(http.HTTPStatus.OK, answers[path]())

    def _claims(self) -> Claims:
        host = self.connection.getsockname()[0]
        return Claims(
            self.headers.get_all("Host", []),
            self.headers.get_all("Origin", []),
            self.headers.get_all("Authorization", []),
            f"[{host}]" if ":" in host else host,
        )

    def _skip_body(self) -> None:
        """Read a short body: an answer beside unread bytes would be lost."""
        length = self.headers.get("Content-Length", "")
        if length.isdecimal():
            self.rfile.read(min(int(length[:10]), _BODY_MOST))

    def _refuse(self, status: http.HTTPStatus, challenge: str = "") -> None:
        """Answer a request with an error status and its name as text."""
        text = f"{status.value} {status.phrase}\n"
        self._send(status, Answer("text/plain; charset=utf-8", text.encode()), challenge)

    def _send(self, status: http.HTTPStatus, answer: Answer, challenge: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def end_headers(self) -> None:
        """Add the headers of every answer, errors included."""
        for name, value in _HEADERS:
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        """Return the value of `Server`."""
        return f"cos-migrate/{__version__}"

    def log_message(self, *_: Any) -> None:
        """Log nothing: stderr belongs to the run."""
