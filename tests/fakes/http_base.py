"""Base of all test clouds: HTTP over sockets, planted faults, a journal of the requests.

A cloud names in `operation` the operation and key of a request, and makes its answer in `answer`.
Nothing here knows a provider; nothing here is shared with the product. Request lines are kept as
they came: `http.server` would fold the slashes that keys may begin with.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import socket
import socketserver
import ssl
import struct
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, TypeVar, cast

from tests.fakes.faults import Counters, Fault
from tests.fakes.framing import Reply
from tests.fakes.messages import Answer, Request, host_of

_LINE = 1 << 16
_TLS_RECORD = b"\x16"
# Windows takes two shorts, all others two ints.
_Server = TypeVar("_Server", bound="FakeServer")
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


@dataclass(frozen=True)
class Seen:
    """One request in the journal; noted before its answer is sent."""

    operation: str
    key: str
    method: str
    authority: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    params: Mapping[str, str]
    proxied: bool
    """Whether it came as to a proxy."""
    status: int
    """0: it got no answer."""
    sent: int
    """Bytes of the body that go out; 0 for HEAD."""
    notes: Mapping[str, str]

    @property
    def host(self) -> str:
        """The authority in lower case, without its port."""
        return host_of(self.authority)

    @property
    def range(self) -> str:
        """The Range header, or empty."""
        return self.headers.get("range", "")


class FakeServer(abc.ABC):
    """A server on the loopback while it is entered; several ports when `ports` asks for them."""

    reads: str = "GetObject"
    """The operation that reads an object."""
    lists: str = ""
    """The operation that lists."""
    header_encoding = "utf-8"
    """Encoding of header values; `latin-1` where a test gives bytes as text."""
    cuts_reset = False
    """Whether a connection whose body is cut off is reset instead of closed."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, ports: int = 1) -> None:
        """With `tls`, each connection may begin with a handshake."""
        self.lock = threading.RLock()
        self.latency = 0.0
        """Seconds before every answer."""
        self.page_size = 1000
        """Most keys on a page of a listing, whatever a request asks for."""
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []
        self.most_at_once = 0
        """Most requests that were under way at the same time."""
        self.under_way = 0
        self.stopping = threading.Event()
        self.tls = tls
        self.counters = Counters()
        self._listeners = [_Listener(self) for _ in range(ports)]
        self._threads: list[threading.Thread] = []

    @abc.abstractmethod
    def operation(self, request: Request) -> tuple[str, str]:
        """Return the operation of a request, and its key."""

    @abc.abstractmethod
    def answer(self, operation: str, key: str, request: Request) -> Answer | None:
        """Return the answer to a request; None: the connection is closed without one."""

    def refusal(self, fault: Fault, request: Request) -> Answer:  # noqa: ARG002
        """Return the error of a `status` fault as the cloud words it."""
        return Answer(fault.status)

    def finished(self, answer: Answer) -> Answer:
        """Return an answer with the headers that all answers have."""
        return answer

    @property
    def ports(self) -> list[int]:
        """The ports that are listened on."""
        return [int(listener.server_address[1]) for listener in self._listeners]

    @property
    def port(self) -> int:
        """The first port."""
        return self.ports[0]

    @property
    def url(self) -> str:
        """The address of the first port."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return sum(len(listener.live) for listener in self._listeners)

    def __enter__(self: _Server) -> _Server:  # noqa: PYI019
        for listener in self._listeners:
            thread = threading.Thread(target=listener.serve, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        for listener, thread in zip(self._listeners, self._threads, strict=True):
            listener.wake()
            thread.join()
            listener.break_off()
            listener.server_close()

    def hits(self, fault: Fault) -> int:
        """Return how many requests a fault has hit."""
        return self.counters.hits(fault)

    @contextlib.contextmanager
    def cut(self, at: int) -> Iterator[None]:
        """Cut off the bodies of all objects behind so many bytes, within the context."""
        fault = Fault("cut", self.reads, times=-1, at=at)
        self.faults.append(fault)
        try:
            yield
        finally:
            self.faults.remove(fault)

    def asked(self, operation: str) -> list[Seen]:
        """Return the requests for one operation."""
        return [seen for seen in list(self.seen) if seen.operation == operation]

    def operations(self) -> list[str]:
        """Return the operations of all requests."""
        return [seen.operation for seen in list(self.seen)]

    def downloads(self, key: str = "") -> list[Seen]:
        """Return the requests that read from objects, or from one object, and were not refused."""
        return [
            seen
            for seen in self.asked(self.reads)
            if seen.status in {200, 206} and key in {"", seen.key}
        ]

    def downloaded(self, key: str = "") -> int:
        """Return how many bytes of objects, or of one object, have left."""
        return sum(seen.sent for seen in self.downloads(key))


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, server: FakeServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = server
        self.live: set[socket.socket] = set()

    def serve(self) -> None:
        """Take connections until the server stops; `serve_forever` would poll for that."""
        while True:
            request, address = self.get_request()
            if self.fake.stopping.is_set():
                request.close()
                return
            self.process_request(request, address)

    def wake(self) -> None:
        """Let `serve` see that the server stops."""
        socket.create_connection(self.socket.getsockname()).close()

    def break_off(self) -> None:
        with self.fake.lock:
            live = list(self.live)
        for sock in live:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about clients that go away; report everything else."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Broken(OSError):
    """The connection ends here, on purpose."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener
    request: socket.socket

    def handle(self) -> None:
        fake = self.server.fake
        self._sock = self.request
        self._sock.settimeout(60)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream: BinaryIO | None = None
        try:
            self._secure()
            while not fake.stopping.is_set() and self._serve():
                pass
        finally:
            with fake.lock:
                self.server.live.discard(self._sock)
            # A socket is closed only without its stream.
            for each in (self._stream, self._sock):
                with contextlib.suppress(OSError):
                    if each:
                        each.close()

    def _secure(self) -> None:
        """Read from here on, through TLS when the client begins with it."""
        fake = self.server.fake
        with fake.lock:
            self.server.live.discard(self._sock)
            self.server.live.add(self._sock)
        if fake.tls and self._sock.recv(1, socket.MSG_PEEK) == _TLS_RECORD:
            secured = fake.tls.wrap_socket(self._sock, server_side=True)
            with fake.lock:
                self.server.live.discard(self._sock)
                self.server.live.add(secured)
            self._sock = secured
        self._stream = cast("BinaryIO", self._sock.makefile("rb"))

    def _serve(self) -> bool:
        """Serve one request; return whether the connection stays."""
        fake = self.server.fake
        request = self._read()
        if request is None:
            return False
        if request.method == "CONNECT":
            self._sock.sendall(b"HTTP/1.1 200 Connection Established\r\n\r\n")
            self._secure()
            return True
        operation, key = fake.operation(request)
        fault = fake.counters.pick(fake.faults, operation, key)
        if fault:
            request = dataclasses.replace(request, fault=fault.kind)
        with fake.lock:
            fake.under_way += 1
            fake.most_at_once = max(fake.most_at_once, fake.under_way)
        reply: Reply | None = None
        answer: Answer | None = None
        try:
            fake.stopping.wait(fake.latency)
            answer = self._answered(fault, operation, key, request)
            reply = Reply.of(request, answer, fault, fake.header_encoding) if answer else None
        finally:
            with fake.lock:
                fake.under_way -= 1
                fake.seen.append(
                    Seen(
                        operation,
                        key,
                        request.method,
                        request.authority,
                        request.target,
                        request.headers,
                        dict(request.params),
                        request.proxied,
                        answer.status if answer else 0,
                        reply.sent if reply else 0,
                        answer.notes if answer else {},
                    )
                )
        if reply is None:
            return False
        if len(reply.body) < _LINE:
            self._sock.sendall(reply.head + reply.body)
        else:
            self._sock.sendall(reply.head)
            self._sock.sendall(reply.body)
        if reply.broken_off and fake.cuts_reset:
            self._reset()
        return reply.stays and request.headers.get("connection", "").lower() != "close"

    def _answered(
        self, fault: Fault | None, operation: str, key: str, request: Request
    ) -> Answer | None:
        """Return the answer. Raises OSError where there is to be none."""
        fake = self.server.fake
        if fault is not None:
            if fault.kind in {"hang", "slow"}:
                fake.stopping.wait(fault.seconds or (None if fault.kind == "hang" else 0))
            if fault.kind in {"hang", "reset"}:
                self._reset()
                raise _Broken
            fault.action()
        if fault is not None and fault.kind == "status":
            answer: Answer | None = fault.answer or fake.refusal(fault, request)
        else:
            try:
                answer = fake.answer(operation, key, request)
            except Exception:
                traceback.print_exc(file=sys.stderr)
                answer = Answer(500, {}, b"the test cloud failed")
        if answer and fault and fault.retry_after:
            headers = {**answer.headers, "Retry-After": str(fault.retry_after)}
            answer = dataclasses.replace(answer, headers=headers)
        return fake.finished(answer) if answer else None

    def _reset(self) -> None:
        """Let the close that follows reset the connection."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)

    def _read(self) -> Request | None:
        """Return the next request; None at the end."""
        stream = cast("BinaryIO", self._stream)
        line = stream.readline(_LINE)
        if not line.endswith(b"\r\n"):
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (raw := stream.readline(_LINE)) not in {b"\r\n", b""}:
            name, _, value = raw.decode("utf-8", "surrogateescape").partition(":")
            headers[name.strip().lower()] = value.strip()
        if not raw:
            return None
        if headers.get("expect", "").lower() == "100-continue":
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _read_body(stream, headers)
        if body is None:
            return None
        authority = headers.get("host", "")
        scheme, mark, rest = target.partition("://")
        proxied = bool(mark) and scheme.isalpha()
        if proxied:
            authority, slash, rest = rest.partition("/")
            target = slash + rest or "/"
        path, _, query = target.partition("?")
        tls = isinstance(self._sock, ssl.SSLSocket)
        return Request(method, authority, path, query, headers, body, tls, proxied)


def _read_body(stream: BinaryIO, headers: Mapping[str, str]) -> bytes | None:
    """Return the body of a request; None where it ends early."""
    if "chunked" not in headers.get("transfer-encoding", "").lower():
        size = int(headers.get("content-length") or 0)
        body = stream.read(size)
        return body if len(body) == size else None
    pieces = []
    while size := int(stream.readline().split(b";")[0], 16):
        pieces.append(stream.read(size))
        stream.readline()
    while stream.readline() not in {b"\r\n", b""}:
        pass
    return b"".join(pieces)
