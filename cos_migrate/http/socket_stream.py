"""Non-blocking sending and receiving over a socket, within the time limits of a request."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable

from cos_migrate.http.channels import TlsChannel, WantsRead, WantsWrite
from cos_migrate.http.parser import AnswerParser
from cos_migrate.http.time_limits import RequestTimer, Timeouts

RECV_SIZE = 65536
"""Bytes received at once."""
_CAN_GATHER = hasattr(socket.socket, "sendmsg")


class SocketStream:
    """Sends requests and receives answers; `Connection` parses the answers."""

    __slots__ = (
        "_answer",
        "_answered_early",
        "_sent",
        "_silence",
        "_sock",
        "_timeouts",
        "_timer",
        "_tls",
        "_unsent",
        "answered",
        "began",
        "reusable",
        "wants_write",
    )

    def __init__(
        self, sock: socket.socket | TlsChannel, timeouts: Timeouts, answer: AnswerParser
    ) -> None:
        """`answer` parses what is received."""
        sock.setblocking(False)
        self._sock = sock
        self._tls = None if isinstance(sock, socket.socket) else sock
        self._timeouts = timeouts
        self._answer = answer
        self._silence = timeouts.io
        self._timer: RequestTimer | None = None
        self._sent = 0
        self._answered_early = False
        self._unsent: memoryview | None = None
        self.reusable = True
        self.began = 0.0
        """Kept for the user of the connection: when a transfer over it has begun."""
        self.answered = False
        """Whether a byte of the answer to the current request has arrived."""
        self.wants_write = False
        """Whether `advance` can go on when the socket takes bytes, not only when it has some."""

    @property
    def session(self) -> object:
        """The TLS session of the connection; None without TLS."""
        return self._tls.session if self._tls else None

    def fileno(self) -> int:
        """Return the socket's descriptor, -1 once it is closed."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close the socket."""
        self.reusable = False
        self._sock.close()

    def _note_progress(self) -> None:
        now = time.monotonic()
        self._timer_now(now).note_progress(now)

    def overdue(self, now: float) -> bool:
        """Return whether the current request takes too long; `now` is of `time.monotonic`."""
        return self._timer_now(now).overdue(now, self._moved)

    def _start(self, silence: float = 0.0) -> None:
        self.answered = self._answered_early = self.wants_write = False
        self._unsent = None
        self._silence = silence or self._timeouts.io
        self._answer.begin()
        # Otherwise made when it is needed: most answers arrive before.
        self._timer = self._new_timer(time.monotonic()) if self._timeouts.request else None

    def _restart_timer(self) -> None:
        """Count the time of the request from now on."""
        if self._timer:
            self._timer = self._new_timer(time.monotonic())

    def _new_timer(self, now: float) -> RequestTimer:
        return RequestTimer(self._timeouts, self._silence, now)

    def _timer_now(self, now: float) -> RequestTimer:
        """Return the timer of the current request, brought up to date."""
        timer = self._timer = self._timer or self._new_timer(now)
        if self.answered:
            timer.note_head(now, self._moved, whole=self._answer.headers_done)
        return timer

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
            self._unsent = memoryview(head + body)[sent:]
            self.wants_write = True

    def _send_unsent(self) -> None:
        """Send as much of the rest as the socket takes."""
        while self._unsent:
            try:
                sent = self._sock.send(self._unsent)
                self._sent += sent
                self._unsent = self._unsent[sent:]
            except BlockingIOError as error:
                self.wants_write = not isinstance(error, WantsRead)
                return
        self._unsent, self.wants_write = None, False

    def _send_all(self, head: bytes, body: bytes | Iterable[bytes | memoryview]) -> None:
        """Send a request; stop when an answer arrives before its end."""
        try:
            if isinstance(body, bytes):
                self._send_first(head, body)
                self._drain()
            else:
                self._send_first(head, b"")
                self._drain()
                for piece in body:
                    if self._answered_early or self._answer_waits():
                        break
                    self._unsent = memoryview(piece)
                    self._drain()
        except ConnectionError:
            # The server may have answered before it stopped reading.
            if not self._readable():
                raise
            self._answered_early = True
        self._unsent, self.wants_write = None, False

    def _drain(self) -> None:
        """Send the rest and wait where the socket is full; stop when an answer arrives."""
        while self._unsent is not None:
            self._send_unsent()
            if self._unsent is not None:
                self._wait(write=True)
                if self._answer_waits():
                    return

    def _answer_waits(self) -> bool:
        """Return whether an answer has arrived before the whole request was sent.

        Under TLS only a failed send shows that: readable bytes may belong to the protocol.
        """
        self._answered_early = self._tls is None and self._readable()
        return self._answered_early

    def _receive_some(self, size: int = RECV_SIZE) -> bytes | None:
        """Return received bytes; None: there are none yet, b"": the stream has ended."""
        try:
            return self._sock.recv(size)
        except BlockingIOError as error:
            self.wants_write = isinstance(error, WantsWrite)
        return None

    def _readable(self) -> bool:
        return self._ready(0.0, write=False)

    def _wait(self, *, write: bool) -> None:
        """Wait until the socket is ready. Raises TimeoutError."""
        began = time.monotonic()
        timer = self._timer_now(began)
        limit = timer.seconds_left(began, self._moved)
        if limit <= 0 or not self._ready(limit, write=write):
            raise TimeoutError
        timer.add_wait(time.monotonic() - began)

    def _ready(self, seconds: float, *, write: bool) -> bool:
        """Wait until bytes can be received, or sent."""
        if self._tls and self._tls.pending():
            return True
        return _wait_for(self._sock.fileno(), seconds, write=write)


def _wait_for(descriptor: int, seconds: float, *, write: bool) -> bool:
    """Wait for a socket by `poll`, or by `select`, which is limited to 1,024 descriptors."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN | (select.POLLOUT if write else 0))
        return bool(poll.poll(max(0.0, seconds) * 1000))
    wanted = [descriptor] if write else []
    readable, writable, _ = select.select([descriptor], wanted, [], seconds)
    return bool(readable or writable)
