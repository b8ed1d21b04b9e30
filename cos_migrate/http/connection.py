"""One kept-alive HTTP/1.1 connection: sending requests, parsing answers, time-outs.

It sends what it is given and returns what was answered; it does not sign, retry, sleep or judge
a status. A connection belongs to one thread at a time.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Iterable, Iterator

from cos_migrate.errors import TransportError
from cos_migrate.http.channels import TlsChannel, WantsRead, WantsWrite, transport_error
from cos_migrate.http.lenient_parser import LenientAnswer
from cos_migrate.http.pace import Pace, Timeouts
from cos_migrate.http.parser import Answer, BadAnswer

__all__ = ["Connection", "Incoming", "Response", "Timeouts"]

_RECV_SIZE = 65536
_STREAM_SIZE = 256 << 10
"""Bytes received at once of a body that is read as it arrives."""
_CAN_GATHER = hasattr(socket.socket, "sendmsg")


class Response:
    """A complete answer; header names are in lower case."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name: bytes) -> str:
        """Return the header's value, empty when it was not sent."""
        return self.headers.get(name, b"").decode("utf-8", "replace")


class Connection:
    """One kept-alive connection; any failure leaves it closed and `reusable` False.

    `exchange` waits for the answer. `begin` and `advance` do the same a step at a time, for one
    thread that drives many connections.
    """

    __slots__ = (
        "_answer",
        "_early",
        "_pace",
        "_rest",
        "_sent",
        "_silence",
        "_sock",
        "_timeouts",
        "_tls",
        "answered",
        "reusable",
        "wants_write",
    )

    def __init__(
        self, sock: socket.socket | TlsChannel, timeouts: Timeouts, *, lenient: bool = False
    ) -> None:
        """`lenient`: take what browsers take, though it is not quite HTTP."""
        sock.setblocking(False)
        self._sock = sock
        self._tls = None if isinstance(sock, socket.socket) else sock
        self._timeouts = timeouts
        self._answer: Answer = LenientAnswer() if lenient else Answer()
        self._silence = timeouts.io
        self._pace: Pace | None = None
        self._sent = 0
        self._early = False
        self._rest: memoryview | None = None
        self.reusable = True
        self.answered = False
        """Whether any byte of the current request's answer arrived."""
        self.wants_write = False
        """Whether `advance` can go on when the socket takes more bytes, too."""

    @property
    def session(self) -> object:
        """The TLS session, None without TLS."""
        return self._tls.session if self._tls else None

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once it is closed."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the socket."""
        self.reusable = False
        self._sock.close()

    def exchange(
        self,
        head: bytes,
        body: bytes | Iterable[bytes | memoryview] = b"",
        *,
        no_body: bool = False,
        silence: float = 0.0,
    ) -> Response:
        """Send a request and return its answer; `no_body` for HEAD.

        `silence`: seconds that the server may take to do what it is asked; 0: as usual.
        Raises TransportError; what an iterable `body` raises passes through, the connection then
        being closed, as half a request was sent.
        """
        try:
            self._start(silence)
            self._send_all(head, body)
            while True:
                data = self._receive_some()
                if data is None:
                    self._wait(write=self.wants_write)
                else:
                    response = self._parse(data, no_body=no_body)
                    if response is not None:
                        return response
        except (OSError, BadAnswer) as error:
            self.close()
            raise transport_error(error, "exchange", "the server") from error
        except BaseException:
            self.close()
            raise

    def request(self, head: bytes, *, no_body: bool = False) -> Incoming:
        """Send a request without a body and return its answer once the head of that is there.

        The answer's body is read from what is returned, before anything else is sent here;
        `no_body` for HEAD. Raises TransportError.
        """
        with self._translated():
            self._start()
            self._answer.limited = False
            self._send_all(head, b"")
            answer = self._answer
            while not answer.headers_done:
                self._feed(self._next_data(_RECV_SIZE))
            if no_body:
                self._end_without_body(answer)
        return Incoming(self, answer, ended=no_body)

    def receive(self, answer: Answer) -> bytes:
        """Return some more of the body of an answer to `request`, none at its end.

        Raises TransportError.
        """
        with self._translated():
            while not answer.body:
                if answer.complete:
                    self._end(answer)
                    return b""
                data = self._next_data(_STREAM_SIZE)
                if not data and answer.until_close:
                    answer.complete = True
                else:
                    self._feed(data)
            body, answer.body = answer.body, []
        return body[0] if len(body) == 1 else b"".join(body)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Close the connection when anything goes wrong; raise TransportError."""
        try:
            yield
        except (OSError, BadAnswer) as error:
            self.close()
            raise transport_error(error, "exchange", "the server") from error
        except BaseException:
            self.close()
            raise

    def _feed(self, data: bytes) -> None:
        """Give the parser what arrived. Raises BadAnswer and ConnectionResetError."""
        if not data:
            raise ConnectionResetError
        self.answered = True
        self._answer.feed(data)

    def _next_data(self, size: int) -> bytes:
        """Wait for what the server sends; the end of the stream is b""."""
        while True:
            data = self._receive_some(size)
            if data is not None:
                return data
            self._wait(write=self.wants_write)

    def begin(self, head: bytes, body: bytes) -> None:
        """Send as much of a request as the socket takes now. Raises TransportError."""
        try:
            self._start()
            self._send_first(head, body)
        except (OSError, BadAnswer) as error:
            self.close()
            raise transport_error(error, "exchange", "the server") from error

    def advance(self) -> Response | None:
        """Send and receive what can be without waiting; return the answer once it is complete.

        Raises TransportError.
        """
        try:
            if self._rest is not None and not self._readable():
                self._send_rest()
                if self._rest is not None:
                    self._note_progress()
                    return None
            self._early = self._rest is not None
            self._rest, self.wants_write = None, False
            while True:
                data = self._receive_some()
                if data is None:
                    self._note_progress()
                    return None
                response = self._parse(data, no_body=False)
                if response is not None:
                    return response
        except (OSError, BadAnswer) as error:
            self.close()
            raise transport_error(error, "exchange", "the server") from error
        except TransportError:
            self.close()
            raise

    def _note_progress(self) -> None:
        now = time.monotonic()
        self._pace_now(now).advanced(now)

    def overdue(self, now: float) -> bool:
        """Return whether the request begun takes too long; `now` is of `time.monotonic`."""
        return self._pace_now(now).overdue(now, self._moved)

    def _start(self, silence: float = 0.0) -> None:
        self.answered = self._early = self.wants_write = False
        self._rest = None
        self._silence = silence or self._timeouts.io
        self._answer.begin()
        # Most requests are answered before it is looked at.
        self._pace = self._new_pace(time.monotonic()) if self._timeouts.request else None

    def _new_pace(self, now: float) -> Pace:
        return Pace(self._timeouts, self._silence, now)

    def _pace_now(self, now: float) -> Pace:
        """Return the limits of the current request, with what has arrived of its head."""
        pace = self._pace = self._pace or self._new_pace(now)
        if self.answered:
            pace.saw_head(now, self._moved, whole=self._answer.headers_done)
        return pace

    @property
    def _moved(self) -> int:
        return self._sent + self._answer.size

    def _send_first(self, head: bytes, body: bytes) -> None:
        sock = self._sock
        sent = 0
        try:
            if _CAN_GATHER and isinstance(sock, socket.socket):
                sent = sock.sendmsg((head, body))
            else:
                sent = sock.send(head + body)
        except BlockingIOError:
            pass
        self._sent = sent
        if sent < len(head) + len(body):
            self._rest = memoryview(head + body)[sent:]
            self.wants_write = True

    def _send_rest(self) -> None:
        """Send what the socket takes of the rest."""
        while self._rest:
            try:
                sent = self._sock.send(self._rest)
                self._sent += sent
                self._rest = self._rest[sent:]
            except BlockingIOError as error:
                self.wants_write = not isinstance(error, WantsRead)
                return
        self._rest, self.wants_write = None, False

    def _send_all(self, head: bytes, body: bytes | Iterable[bytes | memoryview]) -> None:
        """Send a whole request, unless an answer comes before its end."""
        try:
            if isinstance(body, bytes):
                self._send_first(head, body)
                self._drain()
            else:
                self._send_first(head, b"")
                self._drain()
                for piece in body:
                    if self._early or self._answer_waits():
                        break
                    self._rest = memoryview(piece)
                    self._drain()
        except ConnectionError:
            # The server may have said why before it stopped reading.
            if not self._readable():
                raise
            self._early = True
        self._rest, self.wants_write = None, False

    def _drain(self) -> None:
        """Send the rest, waiting where the socket is full; stop when an answer comes instead."""
        while self._rest is not None:
            self._send_rest()
            if self._rest is not None:
                self._wait(write=True)
                if self._answer_waits():
                    return

    def _answer_waits(self) -> bool:
        """Return whether an answer has come before the request was sent whole.

        Under TLS readable bytes may be the protocol's own: there only a failed send tells.
        """
        self._early = self._tls is None and self._readable()
        return self._early

    def _receive_some(self, size: int = _RECV_SIZE) -> bytes | None:
        """Return what has arrived, None when nothing has; the end of the stream is b""."""
        try:
            return self._sock.recv(size)
        except BlockingIOError as error:
            self.wants_write = isinstance(error, WantsWrite)
        return None

    def _parse(self, data: bytes, *, no_body: bool) -> Response | None:
        """Take what arrived; return the answer once it is complete."""
        answer = self._answer
        if not data and answer.headers_done and answer.until_close:
            return self._finish(answer)
        if not data:
            raise ConnectionResetError
        self.answered = True
        answer.feed(data)
        if answer.complete:
            return self._finish(answer)
        if no_body and answer.headers_done:
            self._end_without_body(answer)
            return self._finish(answer)
        return None

    def _end_without_body(self, answer: Answer) -> None:
        """End an answer behind its head: that to HEAD has no body, whatever its head says."""
        self._answer = answer.end_without_body()
        self._end(answer)

    def _end(self, answer: Answer) -> None:
        """Close the connection where it cannot carry another request."""
        if answer.extra or not answer.keep_alive or self._early:
            self.close()

    def _finish(self, answer: Answer) -> Response:
        self._end(answer)
        body = answer.body
        return Response(
            answer.status, answer.headers, body[0] if len(body) == 1 else b"".join(body)
        )

    def _readable(self) -> bool:
        return self._ready(0.0, write=False)

    def _wait(self, *, write: bool) -> None:
        """Wait until the socket is ready. Raises TimeoutError."""
        began = time.monotonic()
        pace = self._pace_now(began)
        limit = pace.left(began, self._moved)
        if limit <= 0 or not self._ready(limit, write=write):
            raise TimeoutError
        pace.waited(time.monotonic() - began)

    def _ready(self, seconds: float, *, write: bool) -> bool:
        """Wait until there are bytes, or some can be sent."""
        if self._tls and self._tls.pending():
            return True
        return _wait_for(self._sock.fileno(), seconds, write=write)


class Incoming:
    """An answer whose body is read as it arrives; header names are in lower case."""

    __slots__ = ("_answer", "_connection", "_rest", "ended", "headers", "status")

    def __init__(self, connection: Connection, answer: Answer, *, ended: bool) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._connection = connection
        self._answer = answer
        self._rest = b""
        self.ended = ended
        """Whether the whole body has been read."""

    def header(self, name: bytes) -> str:
        """Return the header's value, empty when it was not sent."""
        return self.headers.get(name, b"").decode("utf-8", "replace")

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes of the body, none at its end. Raises TransportError."""
        if not self._rest:
            if self.ended:
                return b""
            self._rest = self._connection.receive(self._answer)
            self.ended = not self._rest
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def read_all(self, most: int) -> bytes:
        """Return the body, cut behind `most` bytes. Raises TransportError."""
        pieces, left = [], most
        while left and (piece := self.read(left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)


def _wait_for(descriptor: int, seconds: float, *, write: bool) -> bool:
    """Wait until a socket has bytes, or takes some; `poll` where there is one: no limit of 1024."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN | (select.POLLOUT if write else 0))
        return bool(poll.poll(max(0.0, seconds) * 1000))
    wanted = [descriptor] if write else []
    readable, writable, _ = select.select([descriptor], wanted, [], seconds)
    return bool(readable or writable)
