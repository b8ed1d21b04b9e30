"""The HTTP side of the S3 server of the tests: requests as they come, answers as they break."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import re
import socket
import socketserver
import struct
import sys
import time
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import unquote, unquote_plus, urlsplit

from tests.fakes import s3_signature
from tests.fakes.s3_store import Bucket, document, tag

KINDS = (
    "status",  # answers `status` and `code`
    "reset",  # resets the connection instead of answering
    "truncate",  # breaks off behind `size` bytes of the body, or half of it
    "flip",  # flips a bit in the middle of the body
    "hang",  # is silent for `seconds`, then resets the connection
    "slow",  # answers `seconds` later
    "change",  # the object gets another content before it is answered
    "repeat",  # a listing begins again at its first key
    "shuffle",  # a page of a listing comes backwards
    "empty",  # a page of a listing has no keys, but a token that leads to the same again
)
# Windows takes two shorts, all others two ints.
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_REASONS = {301: "Moved Permanently", 412: "Precondition Failed", 503: "Slow Down"}


@dataclasses.dataclass(eq=False)
class Fault:
    """What goes wrong (one of KINDS), and with which requests."""

    kind: str
    operation: str = ""
    """As Amazon names it (`GetObject`); empty: any."""
    key: str = ""
    """A regular expression that is searched in the key."""
    times: int = 1
    """How many requests it hits; -1: all."""
    skip: int = 0
    status: int = 500
    code: str = "InternalError"
    seconds: float = 0.0
    size: int = -1
    hits: int = 0

    def __post_init__(self) -> None:
        assert self.kind in KINDS


@dataclasses.dataclass
class Seen:
    """A request that was answered."""

    operation: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    host: str
    absolute: bool
    """Whether it was sent as to a proxy."""
    status: int = 0
    sent: int = 0
    """Bytes of an object's body that left."""


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str = "", **headers: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Service(Protocol):
    """What carries requests out."""

    buckets: dict[str, Bucket]
    seen: list[Seen]
    latency: float
    ignores_list_type: bool

    def fault_for(self, seen: Seen) -> Fault | None: ...

    def change(self, bucket_name: str, key: str) -> None: ...

    def answer(
        self, asked: s3_signature.Asked, bucket_name: str, seen: Seen, host: str
    ) -> Answer: ...


class Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256
    s3: Service

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        super().__init__(address, handler)
        self.open: set[socket.socket] = set()

    def close_all(self) -> None:
        for sock in list(self.open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _one(self) -> None:
        s3 = self.server.s3
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = int(headers.get("content-length", 0))
        if headers.get("expect"):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.rfile.read(length)
        absolute = self.path.startswith("http://")
        target = self.path
        if absolute:
            rest = target.partition("://")[2]
            target = rest[rest.index("/") :]
        path, _, query = target.partition("?")
        host = headers["host"].partition(":")[0]
        bucket, key = _place(host, path, s3.buckets)
        pairs = [pair.partition("=") for pair in filter(None, query.split("&"))]
        words = {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}
        operation = self._operation(key, words)
        seen = Seen(operation, key, words, headers, headers["host"], absolute)
        s3.seen.append(seen)
        fault = s3.fault_for(seen)
        kind = fault.kind if fault else ""
        time.sleep(s3.latency + (fault.seconds if fault else 0.0))
        if kind in {"reset", "hang"}:
            self._reset()
            return
        if kind == "change":
            s3.change(bucket, key)
        asked = s3_signature.Asked(self.command, path, query, headers, body)
        seen.headers = (
            {**headers, "x-fault": kind} if kind in {"empty", "repeat", "shuffle"} else headers
        )
        try:
            if fault and kind == "status":
                raise Refusal(fault.status, fault.code, "A fault was ordered.")
            answer = s3.answer(asked, bucket, seen, host)
        except Refusal as refusal:
            answer = _error(refusal, target)
        seen.status = answer.status
        self._send(answer, seen, fault)

    do_GET = do_HEAD = do_PUT = do_DELETE = _one  # noqa: N815

    def _operation(self, key: str, words: Mapping[str, str]) -> str:
        if key:
            if "acl" in words and self.command == "GET":
                return "GetObjectAcl"
            return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject"}.get(
                self.command, "DeleteObject"
            )
        if self.command == "HEAD":
            return "HeadBucket"
        v2 = words.get("list-type") == "2" and not self.server.s3.ignores_list_type
        return "ListObjectsV2" if v2 else "ListObjects"

    def _send(self, answer: Answer, seen: Seen, fault: Fault | None) -> None:
        body, kind = answer.body, fault.kind if fault else ""
        if kind == "flip" and body:
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Answer')}"]
        headers = {"content-length": str(len(body)), **answer.headers}
        headers |= {"x-amz-request-id": f"{len(self.server.s3.seen):016X}", "server": "AmazonS3"}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode()
        if self.command == "HEAD" or answer.status == 204:
            body = b""
        if fault and kind == "truncate":
            size = fault.size if fault.size >= 0 else len(body) // 2
            body = body[:size]
            self.close_connection = True
        if seen.operation == "GetObject" and answer.status < 300:
            seen.sent = len(body)
        self.wfile.write(head + body)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.connection.close()


def _place(host: str, path: str, buckets: Mapping[str, Bucket]) -> tuple[str, str]:
    """Return the bucket, from the host or the path, and the key."""
    rest = path[1:]
    if re.fullmatch(r"[\d.]+|localhost|s3[.-].*", host):
        bucket, _, rest = rest.partition("/")
        return unquote(bucket), unquote(rest)
    first = host.partition(".")[0]
    bucket = next((name for name in buckets if host.startswith(f"{name}.")), first)
    return bucket, unquote(rest)


def _error(refusal: Refusal, resource: str) -> Answer:
    inner = tag("Code", refusal.code) + tag("Message", refusal)
    region = refusal.headers.get("x-amz-bucket-region", "")
    if region and refusal.status == 301:
        inner += tag("Endpoint", f"s3.{region}.amazonaws.com")
    elif region:
        inner += tag("Region", region)
    inner += tag("Resource", urlsplit(resource).path) + tag("RequestId", "4442587FB7D0A2F9")
    body = document("Error", inner).replace(
        b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', b""
    )
    return Answer(refusal.status, {"content-type": "application/xml", **refusal.headers}, body)
