"""HTTP as the OSS server speaks it: requests in, answers and broken answers out."""

from __future__ import annotations

import base64
import email.utils
import itertools
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import unquote
from xml.sax.saxutils import escape

_PIECE = 64 * 1024
_numbers = itertools.count(1)


class OssError(Exception):
    """What OSS refuses: status, code, message and further elements of its document."""

    def __init__(self, status: int, code: str, message: str, **more: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.more = status, code, message, more


@dataclass
class Request:
    """A request; `bucket` and `key` are filled in by who knows the hosts."""

    method: str
    target: str
    params: list[tuple[str, str]]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    path: str
    """Decoded, with its leading `/`."""
    host: str
    """In lower case, without a port."""
    absolute: bool
    keep_alive: bool
    bucket: str = ""
    key: str = ""


@dataclass
class Answer:
    """What goes back."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    request_id: str = field(default_factory=lambda: f"{next(_numbers):024X}")


@dataclass(frozen=True)
class Damage:
    """How an answer is broken on its way."""

    cut: int = -1
    """Bytes of the body after which the connection is closed; -1: none."""
    flip: int = -1
    """The byte of the body that is changed; -1: none."""


def read_request(stream: BinaryIO, ready: Callable[[], None]) -> Request | None:
    """Read the next request, None at the end. `ready` is told when a body is waited for."""
    line = stream.readline(_PIECE).decode("latin-1").rstrip("\r\n")
    if not line:
        return None
    method, target, version = line.split(" ")
    headers: dict[str, str] = {}
    while (raw := stream.readline(_PIECE)) not in {b"\r\n", b"\n", b""}:
        name, _, value = raw.decode("utf-8", "surrogateescape").partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        ready()
    body = _read_body(stream, headers)
    absolute = not target.startswith("/") and method != "CONNECT"
    place, local = target, target
    if absolute:
        place, _, rest = target.partition("://")[2].partition("/")
        local = "/" + rest
    else:
        place = headers.get("host", "")
    path, _, query = local.partition("?")
    params = [
        (_decoded(name.replace("+", " ")), _decoded(value.replace("+", " ")))
        for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)
    ]
    host = place[: place.find("]") + 1] if place.startswith("[") else place.split(":")[0]
    keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return Request(
        method, target, params, headers, body, _decoded(path), host.lower(), absolute, keep
    )


def _decoded(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _read_body(stream: BinaryIO, headers: Mapping[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", "").lower():
        return stream.read(int(headers.get("content-length") or 0))
    pieces = []
    while size := int(stream.readline().split(b";")[0], 16):
        pieces.append(stream.read(size))
        stream.readline()
    while stream.readline() not in {b"\r\n", b""}:
        pass
    return b"".join(pieces)


def error_answer(error: OssError, request: Request) -> Answer:
    """Return the answer that tells an error, as OSS does it: to HEAD in a header."""
    answer = Answer(error.status)
    inner = {
        "Code": error.code,
        "Message": error.message,
        "RequestId": answer.request_id,
        "HostId": request.host,
        **error.more,
    }
    body = document("Error", "".join(tag(name, value) for name, value in inner.items()))
    if error.status == HTTPStatus.NOT_MODIFIED:
        return answer
    if request.method == "HEAD":
        answer.headers["x-oss-err"] = base64.b64encode(body).decode()
    else:
        answer.headers["Content-Type"] = "application/xml"
        answer.body = body
    return answer


def document(name: str, inner: str) -> bytes:
    """Return an XML document."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}>{inner}</{name}>'
    return text.encode("utf-8", "surrogateescape")


def tag(name: str, text: str) -> str:
    """Return an element that holds text."""
    return f"<{name}>{escape(text)}</{name}>"


def send(sock: socket.socket, answer: Answer, damage: Damage, *, head: bool, keep: bool) -> int:
    """Send an answer; return the bytes of its body that were sent."""
    length = answer.headers.pop("Content-Length", str(len(answer.body)))
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    if answer.status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        lines.append(f"Content-Length: {length}")
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines += [
        f"Connection: {'keep-alive' if keep else 'close'}",
        f"Date: {email.utils.formatdate(time.time(), usegmt=True)}",
        "Server: AliyunOSS",
        f"x-oss-request-id: {answer.request_id}",
        "x-oss-server-time: 1",
    ]
    start = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
    body = b"" if head else answer.body
    if 0 <= damage.flip < len(body):
        changed = bytearray(body)
        changed[damage.flip] ^= 0x01
        body = bytes(changed)
    if damage.cut >= 0:
        body = body[: damage.cut]
    if len(body) <= _PIECE:
        sock.sendall(start + body)
    else:
        sock.sendall(start)
        sock.sendall(body)
    return len(body)


def reset(sock: socket.socket) -> None:
    """Have the close that follows break the connection off."""
    # Windows takes two shorts, all others two ints.
    never = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, never)
