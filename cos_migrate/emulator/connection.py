"""One connection of a client: HTTP/1.1 requests in order, TLS, CONNECT, and faulty answers."""

from __future__ import annotations

import contextlib
import email.utils
import socket
import ssl
import struct
import sys
import time
import traceback
from http import HTTPStatus
from typing import BinaryIO, cast

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import PIECE, Answer, Closed, Request, read_request
from cos_migrate.emulator.service import Reply, Service, error_answer, new_id

_IDLE = 60.0
"""Seconds for which a kept-alive connection may be silent."""
_LINGER = 2.0
"""Seconds to continue reading after an answer that the client may not have read yet."""
_LINGER_UNSIGNED = 128 << 10
"""Bytes to continue reading after a refused signature."""
_TLS_RECORD = b"\x16"
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Connection:
    """Serves one socket until either side closes it."""

    def __init__(
        self,
        sock: socket.socket,
        number: int,
        service: Service,
        context: ssl.SSLContext | None,
    ) -> None:
        self._sock = sock
        self._number = number
        self._service = service
        self._context = context

    def break_off(self) -> None:
        """Close the connection at once, from another thread."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        """Answer requests until the connection ends."""
        try:
            self._sock.settimeout(_IDLE)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._serve_requests(self._secured())
        except (OSError, Closed):
            pass
        finally:
            with contextlib.suppress(OSError):
                self._sock.close()

    def _secured(self) -> BinaryIO:
        """Return the stream to read from, with TLS if the client starts it."""
        if self._context and self._sock.recv(1, socket.MSG_PEEK) == _TLS_RECORD:
            self._sock = self._context.wrap_socket(self._sock, server_side=True)
        return cast("BinaryIO", self._sock.makefile("rb", PIECE))

    def _serve_requests(self, stream: BinaryIO) -> None:
        while True:
            try:
                request = read_request(stream)
            except Refusal as error:
                self._send(Reply(error_answer(error, "", new_id())), "GET", keep=False)
                self._linger()
                return
            if request.headers.get("expect", "").lower() == "100-continue":
                request.body.ask = lambda: self._sock.sendall(_CONTINUE)
            if request.method == "CONNECT":
                self._sock.sendall(_CONNECTED)
                stream = self._secured()
            elif not self._answer_one(request):
                return

    def _answer_one(self, request: Request) -> bool:
        """Answer one request; return whether the connection can be used again."""
        try:
            reply = self._service.answer(request, self._number)
        except Closed:
            raise
        except Exception as failure:
            # A full disk or a bug of this server: report it here and to the client, and continue
            # with the other connections.
            if isinstance(failure, OSError):
                print(f"cannot carry out a request: {failure}", file=sys.stderr)
            else:
                traceback.print_exc(file=sys.stderr)
            error = Refusal("InternalError", "The embedded COS has failed.")
            reply = Reply(error_answer(error, request.path, new_id()))
        if reply.answer is None:
            self._reset()
            return False
        drained = reply.fault != "early" and request.body.drain()
        keep = request.keep_alive and drained and reply.fault not in {"close", "truncate"}
        self._send(reply, request.method, keep=keep)
        if not drained:
            self._linger(_LINGER_UNSIGNED if request.body.unsigned else 0)
        return keep and reply.fault != "stale"

    def _send(self, reply: Reply, method: str, *, keep: bool) -> None:
        answer = cast("Answer", reply.answer)
        with contextlib.ExitStack() as stack:
            if answer.file:
                stack.enter_context(answer.file)
            head, half = _head(answer, reply.request_id, keep=keep), reply.fault == "truncate"
            size = 0 if method == "HEAD" else answer.length or len(answer.body)
            if half and not size:
                self._sock.sendall(head[: len(head) // 2])
                return
            wanted = size // 2 if half else size
            self._sock.sendall(head if answer.file else head + answer.body[:wanted])
            if answer.file and wanted:
                self._sock.sendfile(answer.file, answer.start, wanted)

    def _linger(self, most: int = 0) -> None:
        """Continue reading for a while: closing with unread bytes would discard the answer.

        `most`: limit in bytes; 0: no limit.
        """
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.settimeout(_LINGER)
            deadline = time.monotonic() + _LINGER
            left = most
            while time.monotonic() < deadline and (data := self._sock.recv(PIECE)):
                left -= len(data)
                if most and left <= 0:
                    return

    def _reset(self) -> None:
        """Reset the connection."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _no_linger())


def _no_linger() -> bytes:
    # Windows expects two shorts, other systems two ints.
    return struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


def _cased(name: str) -> str:
    """Return the name of a header in the spelling of COS, which some clients compare exactly."""
    if name.startswith("x-cos-"):
        return name
    return "ETag" if name == "etag" else name.title()


def _head(answer: Answer, request_id: str, *, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"]
    if answer.status not in {204, 304}:
        lines.append(f"Content-Length: {answer.length or len(answer.body)}")
    if answer.body and "content-type" not in answer.headers:
        lines.append("Content-Type: application/xml")
    lines += [f"{_cased(name)}: {value}" for name, value in answer.headers.items()]
    lines += [
        f"Connection: {'keep-alive' if keep else 'close'}",
        f"Date: {email.utils.formatdate(usegmt=True)}",
        "Server: tencent-cos",
        f"x-cos-request-id: {request_id or new_id()}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
