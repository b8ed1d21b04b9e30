"""One kept-alive HTTP/1.1 connection, which sends requests and parses their answers.

It does not sign, retry, sleep or judge a status. A connection belongs to one thread at a time.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator

from cos_migrate.errors import MigrateError, TransportError
from cos_migrate.http.channels import TlsChannel, transport_error
from cos_migrate.http.messages import Response, StreamedResponse
from cos_migrate.http.parser import AnswerParser, BadAnswer
from cos_migrate.http.socket_stream import RECV_SIZE, SocketStream
from cos_migrate.http.time_limits import Timeouts

_STALE = frozenset({"ConnectionReset", "ConnectionBroken"})
_STREAM_SIZE = 256 << 10
"""Bytes received at once of a streamed body."""


class Connection(SocketStream):
    """One kept-alive connection; any failure closes it and leaves `reusable` False.

    `exchange` waits for the answer. `begin` and `advance` do the same step by step, for a thread
    that drives many connections.
    """

    __slots__ = ()

    def __init__(
        self, sock: socket.socket | TlsChannel, timeouts: Timeouts, *, lenient: bool = False
    ) -> None:
        """`lenient`: accept answers that only browsers take for HTTP."""
        if lenient:
            from cos_migrate.http.lenient_parser import LenientAnswerParser  # noqa: PLC0415 - URL lists

            super().__init__(sock, timeouts, LenientAnswerParser())
        else:
            super().__init__(sock, timeouts, AnswerParser())

    def exchange(
        self,
        head: bytes,
        body: bytes | Iterable[bytes | memoryview] = b"",
        *,
        no_body: bool = False,
        silence: float = 0.0,
    ) -> Response:
        """Send a request and return its answer; `no_body` for HEAD.

        `silence`: seconds that the server may take before it answers; 0: as usual. Raises
        TransportError. Errors of an iterable `body` pass through and close the connection: half a
        request was sent.
        """
        with self._closed_by_errors():
            self._start(silence)
            self._send_all(head, body)
            response = None
            while response is None:
                response = self._parse(self._next_data(RECV_SIZE), no_body=no_body)
            return response

    def was_stale(self, error: MigrateError) -> bool:
        """Return whether an error shows that the server had closed this idle connection."""
        return not self.answered and error.code in _STALE

    def stream(self, head: bytes, *, no_body: bool = False) -> StreamedResponse:
        """Send a request without a body; stream its answer. `no_body` for HEAD.

        The answer must be read before the next request is sent. Raises TransportError.
        """
        self.begin_stream(head)
        return self.stream_begun(no_body=no_body)

    def begin_stream(self, head: bytes) -> None:
        """Send a request without a body; `stream_begun` follows. Raises TransportError."""
        with self._closed_by_errors():
            self._start()
            self._answer.limited = False
            self._send_all(head, b"")

    def stream_begun(self, *, no_body: bool = False) -> StreamedResponse:
        """Stream the answer to the request that `begin_stream` has sent. Raises TransportError."""
        with self._closed_by_errors():
            self._restart_timer()
            answer = self._answer
            while not answer.headers_done:
                self._feed(self._next_data(RECV_SIZE))
            if no_body:
                self._end_without_body(answer)
        return StreamedResponse(answer, self._receive_body, ended=no_body)

    def _receive_body(self, answer: AnswerParser) -> bytes:
        """Return the next bytes of a streamed body, none at its end. Raises TransportError."""
        with self._closed_by_errors():
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
    def _closed_by_errors(self) -> Iterator[None]:
        """Close the connection after any error; raise socket errors as TransportError."""
        try:
            yield
        except (OSError, BadAnswer) as error:
            raise self._failed(error) from error
        except BaseException:
            self.close()
            raise

    def _failed(self, error: Exception) -> TransportError:
        """Close the connection; return the error for one of the socket or the parser."""
        self.close()
        return transport_error(error, "exchange", "the server")

    def _feed(self, data: bytes) -> None:
        """Parse received bytes. Raises BadAnswer and ConnectionResetError."""
        if not data:
            raise ConnectionResetError
        self.answered = True
        self._answer.feed(data)

    def _next_data(self, size: int) -> bytes:
        """Wait for bytes; b"" is the end of the stream."""
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
            raise self._failed(error) from error

    def advance(self) -> Response | None:
        """Send and receive without waiting; return the answer once it is complete.

        Raises TransportError.
        """
        try:
            if self._unsent is not None and not self._readable():
                self._send_unsent()
                if self._unsent is not None:
                    self._note_progress()
                    return None
            self._answered_early = self._unsent is not None
            self._unsent, self.wants_write = None, False
            while True:
                data = self._receive_some()
                if data is None:
                    self._note_progress()
                    return None
                response = self._parse(data, no_body=False)
                if response is not None:
                    return response
        except (OSError, BadAnswer) as error:
            raise self._failed(error) from error

    def _parse(self, data: bytes, *, no_body: bool) -> Response | None:
        """Parse received bytes; return the answer once it is complete."""
        answer = self._answer
        if not data and answer.headers_done and answer.until_close:
            return self._finish(answer)
        if not data:
            raise ConnectionResetError
        self.answered = True
        answer.feed(data)  # as `_feed` does; its call would take 3 % of an answer
        if answer.complete:
            return self._finish(answer)
        if no_body and answer.headers_done:
            self._end_without_body(answer)
            return self._finish(answer)
        return None

    def _end_without_body(self, answer: AnswerParser) -> None:
        """End the answer to a HEAD behind its head, even with a content length."""
        self._answer = answer.end_without_body()
        self._end(answer)

    def _end(self, answer: AnswerParser) -> None:
        """Close the connection if it cannot be used again."""
        if answer.extra or not answer.keep_alive or self._answered_early:
            self.close()

    def _finish(self, answer: AnswerParser) -> Response:
        self._end(answer)
        body = answer.body
        return Response(
            answer.status, answer.headers, body[0] if len(body) == 1 else b"".join(body)
        )
