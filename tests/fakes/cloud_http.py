"""What the clouds of the tests have in common: HTTP over sockets, ordered faults, a journal.

A cloud says in `operation` what a request asks for and in `answer` what it gets. Nothing here
knows a provider; nothing here is shared with the product. Request lines are kept as they came:
`http.server` would fold the slashes that keys may begin with.
"""

from __future__ import annotations

import abc
import re
import socket
import socketserver
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, cast

from tests.fakes.cloud_messages import Answer, Request, http_date

KINDS = frozenset(
    {
        "status",  # answers `answer` instead
        "reset",  # closes without an answer
        "hang",  # is silent until the server closes, or for `seconds`
        "slow",  # answers `seconds` later
        "cut",  # breaks off behind `after` bytes of the body
        "flip",  # flips a bit of the body's byte number `after`
        "call",  # calls `action`, then answers as ever
    }
)


@dataclass(frozen=True)
class Entry:
    """One request in the journal."""

    operation: str
    key: str
    method: str
    authority: str
    target: str
    range: str
    status: int
    sent: int
    """Bytes of the body that went out; 0 for HEAD."""
    proxied: bool


@dataclass(frozen=True, eq=False)
class Fault:
    """What goes wrong (one of KINDS), and with which requests."""

    kind: str
    operation: str = ""
    """As `operation` of the cloud says; empty: any."""
    key: str = ""
    """A regular expression that is searched in the key; empty: any."""
    times: int = 1
    """How many matching requests it hits; -1: all."""
    skip: int = 0
    """How many matching requests go unharmed first."""
    after: int = 0
    """Bytes of the body."""
    seconds: float = 0.0
    answer: Answer = field(default_factory=lambda: Answer(503))
    action: Callable[[], object] = field(default=lambda: None)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind} is no fault; legal: {', '.join(sorted(KINDS))}")


class Cloud(abc.ABC):
    """A server on the loopback while it is entered; several ports when `ports` says so."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, ports: int = 1) -> None:
        self.lock = threading.RLock()
        self.latency = 0.0
        """Seconds before every answer."""
        self.journal: list[Entry] = []
        self.stopping = threading.Event()
        self.tls = tls
        self._faults: list[list[object]] = []
        self._listeners = [_Listener(self) for _ in range(ports)]
        self._threads: list[threading.Thread] = []

    @abc.abstractmethod
    def operation(self, request: Request) -> tuple[str, str]:
        """Return what the request asks for, and with which key."""

    @abc.abstractmethod
    def answer(self, operation: str, key: str, request: Request) -> Answer:
        """Return what it gets."""

    @property
    def ports(self) -> list[int]:
        """The ports that are listened on."""
        return [int(listener.server_address[1]) for listener in self._listeners]

    def __enter__(self) -> Cloud:
        for listener in self._listeners:
            thread = threading.Thread(target=listener.serve, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping.set()
        for listener, thread in zip(self._listeners, self._threads, strict=True):
            listener.wake()
            thread.join()
            listener.break_off()
            listener.server_close()

    def fault(self, fault: Fault) -> None:
        """Order a fault."""
        with self.lock:
            self._faults.append([fault, fault.skip, fault.times])

    def heal(self) -> None:
        """Take back all faults."""
        with self.lock:
            self._faults.clear()

    @contextmanager
    def cut(self, after: int, operation: str) -> Iterator[None]:
        """Break the bodies of an operation off behind so many bytes, while it lasts."""
        self.fault(Fault("cut", operation, times=-1, after=after))
        try:
            yield
        finally:
            self.heal()

    def entries(self, operation: str) -> list[Entry]:
        """Return what was asked of one operation since `forget`."""
        with self.lock:
            return [entry for entry in self.journal if entry.operation == operation]

    def forget(self) -> None:
        """Empty the journal."""
        with self.lock:
            self.journal.clear()

    def take_fault(self, operation: str, key: str) -> Fault | None:
        """Return the fault that hits this request."""
        with self.lock:
            for state in self._faults:
                fault = cast("Fault", state[0])
                if fault.operation not in {"", operation} or not re.search(fault.key, key):
                    continue
                if cast("int", state[1]) > 0:
                    state[1] = cast("int", state[1]) - 1
                    continue
                if state[2] == 0:
                    continue
                state[2] = cast("int", state[2]) - 1
                return fault
        return None


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cloud = cloud
        self.live: set[socket.socket] = set()

    def serve(self) -> None:
        """Take connections until the cloud stops; `serve_forever` would poll for that."""
        while True:
            request, address = self.get_request()
            if self.cloud.stopping.is_set():
                request.close()
                return
            self.process_request(request, address)

    def wake(self) -> None:
        """Let `serve` see that the cloud stops."""
        socket.create_connection(self.socket.getsockname()).close()

    def break_off(self) -> None:
        with self.cloud.lock:
            live = list(self.live)
        for sock in live:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about clients that go away, and tell of everything else."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Broken(OSError):
    """The connection ends here, on purpose."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener
    request: socket.socket

    def handle(self) -> None:
        cloud = self.server.cloud
        sock = self.request
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if cloud.tls is not None:
            sock = cloud.tls.wrap_socket(sock, server_side=True)
        with cloud.lock:
            self.server.live.add(sock)
        try:
            with sock.makefile("rb") as stream:
                while not cloud.stopping.is_set() and self._serve(sock, cast("BinaryIO", stream)):
                    pass
        finally:
            with cloud.lock:
                self.server.live.discard(sock)
            if cloud.tls is not None:
                sock.close()

    def _serve(self, sock: socket.socket, stream: BinaryIO) -> bool:
        """Serve one request; return whether the connection stays."""
        cloud = self.server.cloud
        read = _read(stream, tls=cloud.tls is not None)
        if read is None:
            return False
        request, proxied = read
        operation, key = cloud.operation(request)
        fault = cloud.take_fault(operation, key)
        cloud.stopping.wait(cloud.latency)
        reply: _Reply | None = None
        try:
            if fault is None or fault.kind != "status":
                _before(fault, cloud)
                reply = _Reply.of(request, cloud.answer(operation, key, request), fault)
            else:
                reply = _Reply.of(request, fault.answer, fault)
        finally:
            # Before anything is sent: who has the answer must find it in the journal.
            entry = Entry(
                operation,
                key,
                request.method,
                request.authority,
                request.target,
                request.headers.get("range", ""),
                0 if reply is None else reply.status,
                0 if reply is None else len(reply.body),
                proxied,
            )
            with cloud.lock:
                cloud.journal.append(entry)
        reply.send(sock)
        return request.headers.get("connection", "").lower() != "close"


def _before(fault: Fault | None, cloud: Cloud) -> None:
    """Do what a fault does before the answer. Raises OSError where there is to be none."""
    if fault is None:
        return
    if fault.kind == "call":
        fault.action()
    elif fault.kind == "slow":
        cloud.stopping.wait(fault.seconds)
    elif fault.kind == "hang":
        cloud.stopping.wait(fault.seconds or None)
        raise _Broken
    elif fault.kind == "reset":
        raise _Broken


@dataclass(frozen=True)
class _Reply:
    """An answer as it goes out."""

    status: int
    head: bytes
    body: bytes
    broken_off: bool

    @classmethod
    def of(cls, request: Request, answer: Answer, fault: Fault | None) -> _Reply:
        """Return an answer with what a fault makes of it."""
        body = b"" if request.method == "HEAD" else answer.body
        length = answer.length if answer.length >= 0 else len(answer.body)
        broken_off = False
        if fault is not None and fault.kind == "flip" and body:
            at = min(fault.after, len(body) - 1)
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        elif fault is not None and fault.kind == "cut" and fault.after < len(body):
            body, broken_off = body[: fault.after], True
        lines = [f"HTTP/1.1 {answer.status} {answer.status}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"Date: {http_date(time.time())}", f"Content-Length: {length}", "", ""]
        return cls(answer.status, "\r\n".join(lines).encode(), body, broken_off)

    def send(self, sock: socket.socket) -> None:
        """Send it. Raises OSError when the connection ends with it."""
        if len(self.body) < 1 << 16:
            sock.sendall(self.head + self.body)
        else:
            sock.sendall(self.head)
            sock.sendall(self.body)
        if self.broken_off:
            raise _Broken


def _read(stream: BinaryIO, *, tls: bool) -> tuple[Request, bool] | None:
    """Return the next request and whether it came as to a proxy; None at the end."""
    line = stream.readline(1 << 16)
    if not line.endswith(b"\r\n"):
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (raw := stream.readline(1 << 16)) not in {b"\r\n", b""}:
        name, _, value = raw.decode("utf-8", "surrogateescape").partition(":")
        headers[name.strip().lower()] = value.strip()
    size = int(headers.get("content-length", "0"))
    body = stream.read(size)
    if not raw or len(body) < size:
        return None
    authority = headers.get("host", "")
    proxied = target.lower().startswith("http://")
    if proxied:
        authority, slash, rest = target[7:].partition("/")
        target = slash + rest or "/"
    path, _, query = target.partition("?")
    return Request(method, authority, path, query, headers, body, tls), proxied
