"""A bare client of the embedded COS: bytes in, bytes out, signed after the documentation.

Shares no code with the product nor with the server, and sends what no library would.
"""

from __future__ import annotations

import hashlib
import hmac
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import quote

BUCKET = "wire-1250000000"
HOST = f"{BUCKET}.cos.ap-guangzhou.myqcloud.com"
SECRET_ID, SECRET_KEY = "AKIDwire", "wire-secret"


@dataclass(frozen=True)
class Got:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The error code of its document."""
        return self.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


@dataclass(frozen=True)
class Call:
    """One request; what is not given is as it should be."""

    method: str
    key: str = ""
    params: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    host: str = HOST

    def signed(
        self,
        *,
        secret_id: str = SECRET_ID,
        secret_key: str = SECRET_KEY,
        start: float = -60,
        end: float = 600,
    ) -> dict[str, str]:
        """Return all headers with a signature over them, valid from `start` to `end` from now."""
        headers = {"host": self.host, **self.headers}
        if self.method in {"PUT", "POST"} and "transfer-encoding" not in headers:
            headers.setdefault("content-length", str(len(self.body)))
        now = int(time.time())
        span = f"{now + int(start)};{now + int(end)}"
        listed = sorted((_q(name).lower(), _q(value)) for name, value in headers.items())
        wanted = sorted((_q(name).lower(), _q(value)) for name, value in self.params)
        text = (
            f"{self.method.lower()}\n/{self.key}\n"
            f"{'&'.join(map('='.join, wanted))}\n{'&'.join(map('='.join, listed))}\n"
        )
        digest = hashlib.sha1(text.encode()).hexdigest()
        key = _hmac(secret_key, span)
        headers["authorization"] = (
            f"q-sign-algorithm=sha1&q-ak={secret_id}&q-sign-time={span}&q-key-time={span}"
            f"&q-header-list={';'.join(name for name, _ in listed)}"
            f"&q-url-param-list={';'.join(name for name, _ in wanted)}"
            f"&q-signature={_hmac(key, f'sha1{chr(10)}{span}{chr(10)}{digest}{chr(10)}')}"
        )
        return headers

    def target(self) -> str:
        """Return the path and query as they are sent."""
        query = "&".join(f"{_q(name)}={_q(value)}" for name, value in self.params)
        return "/" + quote(self.key, safe="/") + (f"?{query}" if query else "")

    def head(self, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the request's head, signed unless headers are given."""
        sent = self.signed() if headers is None else headers
        lines = [f"{self.method} {self.target()} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in sent.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Wire:
    """A connection."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._stream = self.sock.makefile("rb")

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.close()
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def call(self, call: Call) -> Got:
        """Send a signed request and read its answer."""
        self.send(call.head() + call.body)
        return self.read(call.method)

    def read(self, method: str = "GET") -> Got:
        """Read an answer. Raises ConnectionError when it does not come whole."""
        line = self._stream.readline()
        headers: dict[str, str] = {}
        while (header := self._stream.readline()) not in {b"\r\n", b""}:
            name, _, value = header.decode("utf-8", "surrogateescape").partition(":")
            headers[name.strip()] = value.strip()
        if not line.endswith(b"\n") or not header:
            raise ConnectionError("the answer is cut short")
        size = 0 if method == "HEAD" else int(headers.get("Content-Length", "0"))
        body = self._stream.read(size)
        if len(body) < size:
            raise ConnectionError("the body is cut short")
        return Got(int(line.split()[1]), headers, body)

    def closed(self) -> bool:
        """Return whether the server has closed the connection."""
        try:
            return self._stream.read(1) == b""
        except ConnectionError:
            return True


def call(port: int, method: str, key: str = "", **rest: object) -> Got:
    """Make one call over a connection of its own."""
    with Wire(port) as wire:
        return wire.call(Call(method, key, **rest))  # type: ignore[arg-type]


def _q(text: str) -> str:
    return quote(text, safe="")


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha1).hexdigest()
