"""A server on the loopback whose answers a test writes byte by byte, as slowly as it likes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import md5

from cos_migrate.cos.crc64 import crc64


@dataclass
class Request:
    """One request, with what it takes to answer it."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    sock: socket.socket
    stopping: threading.Event

    def say(self, answer: bytes) -> None:
        """Send bytes."""
        self.sock.sendall(answer)

    def dribble(self, answer: bytes, pause: float = 0.05) -> None:
        """Send a byte at a time."""
        for at in range(len(answer)):
            if self.stopping.wait(pause):
                return
            self.say(answer[at : at + 1])

    def ok(self, body: bytes = b"", *headers: str) -> None:
        """Answer 200; a PUT as COS does it."""
        lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
        if self.method == "PUT":
            lines += [f"ETag: {md5(self.body).hexdigest()!r}".replace("'", '"')]
            lines += [f"x-cos-hash-crc64ecma: {crc64(self.body)}", "x-cos-request-id: r"]
        self.say("\r\n".join([*lines, "", ""]).encode() + body)


@dataclass
class RawServer:
    """The running server."""

    port: int
    seen: list[Request] = field(default_factory=list)
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def raw_server(answer: Callable[[Request], None]) -> Iterator[RawServer]:
    """Serve requests on kept-alive connections, each by a thread; `answer` gets every request."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = RawServer(listener.getsockname()[1])
    stopping, open_now = threading.Event(), set[socket.socket]()

    def talk(sock: socket.socket) -> None:
        open_now.add(sock)
        server.most_at_once = max(server.most_at_once, len(open_now))
        with contextlib.suppress(OSError, ValueError), sock:
            while (request := _read(sock, stopping)) is not None:
                server.seen.append(request)
                answer(request)
        open_now.discard(sock)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                threading.Thread(target=talk, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        stopping.set()
        listener.close()
        for sock in list(open_now):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _read(sock: socket.socket, stopping: threading.Event) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    size = int(headers.get("content-length", "0"))
    while len(body) < size:
        body += sock.recv(1 << 20)
    method, target, _ = first.split(" ")
    return Request(method, target, headers, body, sock, stopping)
