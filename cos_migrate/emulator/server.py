"""The server: sockets, connections, faults, and who may do what.

    with EmbeddedCos(folder, secret_id="id", secret_key="key") as cos:
        ...  # http://127.0.0.1:<cos.port>, virtual host <bucket>.localhost or any COS domain

A bucket is named by the first label of the Host header. Requests in absolute form are answered
too, so that the server can stand in as an HTTP proxy; with `tls` it speaks TLS, and answers
CONNECT by tunnelling to itself.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.faults import Fault, FaultCounter
from cos_migrate.emulator.messages import PIECE, Answer, Closed, Request, read_request
from cos_migrate.emulator.operations import Operations, name_of
from cos_migrate.emulator.signature import Account, check
from cos_migrate.emulator.store import Store, Stored
from cos_migrate.emulator.xml import document, error_document, tag

_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]*-\d+$")
_REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 304: "Not Modified"}
_IDLE = 60.0
"""Seconds a kept-alive connection may be silent."""


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """One request, for tests to look at."""

    operation: str
    method: str
    bucket: str
    key: str
    params: tuple[tuple[str, str], ...]
    headers: dict[str, str] = field(repr=False)
    status: int = 0
    """0: it was not answered."""
    connection: int = 0
    """The number of the connection it came over."""
    started: float = 0.0
    """time.monotonic() when its head had been read."""
    ended: float = 0.0


class EmbeddedCos:
    """A COS on 127.0.0.1, in threads of this process."""

    def __init__(
        self,
        folder: Path,
        *,
        secret_id: str,
        secret_key: str,
        token: str = "",
        port: int = 0,
        buckets: Sequence[str] | None = None,
        latency: float = 0.0,
        faults: Sequence[Fault] = (),
        tls: tuple[Path, Path] | None = None,
        min_part_size: int = 1 << 20,
    ) -> None:
        """Listen at once (on a free port when 0), serve after `start`.

        `buckets`: those that exist; None: every `<name>-<APPID>`. `latency`: seconds before each
        answer. `tls`: certificate and key. `min_part_size`: bytes.
        """
        self.store = Store(folder)
        self.latency = latency
        self.faults = list(faults)
        self.requests: list[RequestSeen] = []
        self.most_at_once = 0
        self._account = Account(secret_id, secret_key, token)
        self._buckets = set(buckets) if buckets is not None else None
        self._operations = Operations(self.store, min_part_size)
        self._counter = FaultCounter()
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._at_once = 0
        self._connections = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and break off all connections."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def __enter__(self) -> EmbeddedCos:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket, in order."""
        return self.store.keys(bucket)

    def object_bytes(self, bucket: str, key: str) -> bytes:
        """Return an object's bytes. Raises Refusal."""
        return (self.store.folder / self.store.get(bucket, key).path).read_bytes()

    def object_head(self, bucket: str, key: str) -> Stored:
        """Return what is known of an object. Raises Refusal."""
        return self.store.get(bucket, key)

    def operations(self) -> list[str]:
        """Return the names of all requests so far, in order."""
        return [seen.operation for seen in self.requests]

    def reset(self) -> None:
        """Forget the requests seen so far."""
        self.requests.clear()
        self.most_at_once = 0

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._connections += 1
            number = self._connections
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with self._lock:
            self._open.add(sock)
        try:
            sock.settimeout(_IDLE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context and sock.recv(1, socket.MSG_PEEK) != b"C":
                # Not the C of a CONNECT: a TLS record.
                sock = self._context.wrap_socket(sock, server_side=True)
            self._talk(sock, number)
        except (OSError, Closed):
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _talk(self, sock: socket.socket, number: int) -> None:
        stream = cast("BinaryIO", sock.makefile("rb", PIECE))
        while not self._stopping.is_set():
            try:
                request = read_request(stream)
            except Refusal as error:
                _send(sock, _Reply(_error_answer(error, "", "-"), "", close=True), "GET")
                return
            if request.method == "CONNECT":
                sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                if self._context:
                    sock = self._context.wrap_socket(sock, server_side=True)
                    stream = cast("BinaryIO", sock.makefile("rb", PIECE))
                continue
            if not self._one(sock, request, number):
                return

    def _one(self, sock: socket.socket, request: Request, number: int) -> bool:
        """Answer one request; return whether the connection can be used again."""
        started = time.monotonic()
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        if request.headers.get("expect", "").lower() == "100-continue":
            request.body.on_first_read = lambda: sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        bucket = request.host.partition(":")[0].partition(".")[0]
        key = request.path[1:]
        operation = name_of(request, key)
        if not _BUCKET.match(bucket):
            bucket, operation = "", "GetService" if request.path == "/" else operation
        fault = self._counter.pick(self.faults, operation, key)
        status = 0
        try:
            reply = self._reply(request, operation, bucket, key, fault)
            if reply is not None:
                status = reply.answer.status
        finally:
            seen = RequestSeen(
                operation,
                request.method,
                bucket,
                key,
                request.params,
                request.headers,
                status,
                number,
                started,
                time.monotonic(),
            )
            with self._lock:
                self._at_once -= 1
                self.requests.append(seen)
        if reply is None:
            _break_off(sock)
            return False
        drained = reply.early or request.body.drain()
        keep = request.keep_alive and drained and not reply.close
        reply.close = not keep
        _send(sock, reply, request.method, truncate=fault is not None and fault.kind == "truncate")
        if reply.early:
            # Let the answer arrive before the reset that unread bytes cause.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
                time.sleep(0.2)
        return keep and not (fault and fault.kind == "truncate")

    def _reply(
        self, request: Request, operation: str, bucket: str, key: str, fault: Fault | None
    ) -> _Reply | None:
        """Return the answer, None when the connection is to be broken off instead."""
        request_id = _new_id()
        kind = fault.kind if fault else ""
        if fault and kind == "early":
            error = Refusal(fault.code, "a fault that was asked for", fault.status)
            return _Reply(_error_answer(error, request.path, request_id), request_id, True, True)
        if fault and kind in {"reset", "hang"}:
            request.body.drain()
            self._stopping.wait(fault.seconds)
            return None
        try:
            if fault and kind == "status":
                request.body.drain()
                raise Refusal(fault.code, "a fault that was asked for", fault.status)
            answer = self._carry_out(request, operation, bucket, key, kind)
        except Refusal as error:
            answer = _error_answer(error, request.path, request_id)
            if fault and fault.retry_after:
                answer.headers["retry-after"] = str(fault.retry_after)
        if self.latency:
            time.sleep(self.latency)
        if kind == "drop":
            return None
        _lie_about_crc(answer, kind)
        return _Reply(answer, request_id, kind == "close")

    def _carry_out(
        self, request: Request, operation: str, bucket: str, key: str, kind: str
    ) -> Answer:
        check(request, self._account)
        if kind == "corrupt":
            request.headers[":corrupt"] = "1"
        if operation == "GetService":
            names = "".join(f"<Bucket>{tag('Name', n)}</Bucket>" for n in self.store.buckets())
            return Answer(body=document("ListAllMyBucketsResult", f"<Buckets>{names}</Buckets>"))
        if self._buckets is not None and operation == "PutBucket":
            self._buckets.add(bucket)
        if not bucket or (self._buckets is not None and bucket not in self._buckets):
            raise Refusal("NoSuchBucket", "The specified bucket does not exist.")
        if kind == "error-in-200":
            request.body.drain()
            text = error_document("InternalError", "a fault that was asked for", key, "-", "-")
            return Answer(body=text)
        return self._operations.carry_out(operation, request, bucket, key)


@dataclass(slots=True)
class _Reply:
    answer: Answer
    request_id: str
    close: bool = False
    early: bool = False
    """The body was not read."""


def _lie_about_crc(answer: Answer, kind: str) -> None:
    told = answer.headers.get("x-cos-hash-crc64ecma")
    if told and kind == "wrong-crc":
        answer.headers["x-cos-hash-crc64ecma"] = str(int(told) ^ 1)
    elif told and kind == "no-crc":
        del answer.headers["x-cos-hash-crc64ecma"]


def _error_answer(error: Refusal, resource: str, request_id: str) -> Answer:
    trace = _new_id()
    body = error_document(error.code, error.message, resource, request_id, trace)
    headers = {"content-type": "application/xml", "x-cos-trace-id": trace}
    return Answer(error.status, headers, b"" if error.status == 304 else body)  # noqa: PLR2004 - no body by definition


def _new_id() -> str:
    return base64.b64encode(os.urandom(18)).decode("ascii")


def _send(sock: socket.socket, reply: _Reply, method: str, *, truncate: bool = False) -> None:
    answer = reply.answer
    size = answer.length if answer.file else len(answer.body)
    reason = _REASONS.get(answer.status, "Error" if answer.status >= 400 else "OK")  # noqa: PLR2004 - HTTP
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    if answer.status != 204:  # noqa: PLR2004 - no body by definition
        lines.append(f"Content-Length: {size}")
    lines += [f"{_spelt(name)}: {value}" for name, value in answer.headers.items()]
    if answer.body and "content-type" not in answer.headers:
        lines.append("Content-Type: application/xml")
    lines += ["Server: tencent-cos", f"x-cos-request-id: {reply.request_id}"]
    if reply.close:
        lines.append("Connection: close")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
    if truncate:
        sock.sendall((head + answer.body)[: len(head) // 2])
        return
    if method == "HEAD":
        sock.sendall(head)
        return
    sock.sendall(head + answer.body)
    if answer.file and answer.length:
        with answer.file.open("rb") as file:
            sock.sendfile(file, answer.start, answer.length)


def _spelt(name: str) -> str:
    """Return a header's name as COS spells it: some tools take the case for a part of it."""
    if name == "etag":
        return "ETag"
    return name if name.startswith("x-cos-") else name.title()


def _break_off(sock: socket.socket) -> None:
    """Close with a reset, as a broken network does."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
