"""An Alibaba OSS over sockets: what oss2 and the product talk to in tests.

    with OssServer() as oss:
        oss.put("bucket", "key", b"bytes")
        ...  # http://127.0.0.1:<oss.port>, as an endpoint or as a proxy

A bucket is told by path (`/bucket/key`) where the host is an address, `localhost` or a region's
endpoint, else by the first label of the host. Every request is a Seen in `oss.seen`; `oss.faults`
are what goes wrong, `oss.latency` the seconds before each answer.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import socket
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, cast

from tests.fakes.oss_faults import Fault, Faults
from tests.fakes.oss_operations import Operations, operation_of
from tests.fakes.oss_signature import Account, account_of
from tests.fakes.oss_store import Bucket, OssObject, Store, new_object
from tests.fakes.oss_wire import (
    Answer,
    Damage,
    OssError,
    Request,
    error_answer,
    read_request,
    reset,
    send,
)

KEY_ID, SECRET = "LTAI5tTestTestTest", "oss-test-secret"
BUCKET = "source-bucket"
HANGZHOU, BEIJING = "oss-cn-hangzhou.aliyuncs.com", "oss-cn-beijing.aliyuncs.com"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TLS_RECORD = b"\x16"
_PATIENCE = 5.0


class Seen(NamedTuple):
    """One request, after its answer."""

    method: str
    operation: str
    bucket: str
    key: str
    params: dict[str, str]
    headers: dict[str, str]
    status: int
    sent: int
    """Bytes of the body that were sent."""
    code: str
    """Of the error, or empty."""
    signed: str
    """`v1`, `v1-url`, `v4`, `v4-url`, or empty."""
    absolute: bool
    """Whether it came as to a proxy."""
    host: str

    @property
    def range(self) -> str:
        """The Range header, or empty."""
        return self.headers.get("range", "")


class OssServer:
    """An OSS on 127.0.0.1, in threads of this process."""

    def __init__(
        self,
        *,
        accounts: Sequence[Account] = (Account(KEY_ID, SECRET),),
        buckets: Sequence[Bucket] = (),
        clock: Callable[[], float] = time.time,
        tls: tuple[Path, Path] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        """Listen on a free port; `tls`: certificate and key, the port then takes both."""
        self.accounts = {account.key_id: account for account in accounts}
        self.store = Store()
        for bucket in buckets or (Bucket(BUCKET),):
            self.store.buckets[bucket.name] = bucket
        self.latency = 0.0
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.clock = clock
        self._hits = Faults()
        self._operations = Operations(self.store)
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._listener = socket.create_server((host, 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> OssServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(_PATIENCE)
        with self._lock:
            threads = list(self._open)
            for sock in self._open.values():
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_PATIENCE)

    def put(
        self,
        key: str,
        data: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        bucket: str = BUCKET,
        **more: Any,
    ) -> OssObject:
        """Keep an object, as `new_object` makes it, and return it."""
        made = new_object(key, data, headers, **more)
        self.store.put(bucket, made)
        return made

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._open)

    def hits(self, fault: Fault) -> int:
        """Return how many requests a fault has hit."""
        return self._hits.hits(fault)

    def downloads(self, key: str = "") -> list[Seen]:
        """Return the requests that were sent bytes of a body of an object, or of one key."""
        return [
            seen
            for seen in self.seen
            if seen.operation == "GetObject" and seen.status in {200, 206} and key in {"", seen.key}
        ]

    def operations(self) -> list[str]:
        """Return the names of all requests so far."""
        return [seen.operation for seen in self.seen]

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            with self._lock:
                self._open[thread] = sock
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        stream: BinaryIO | None = None
        try:
            sock.settimeout(60)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = self._secured(sock)
            stream = cast("BinaryIO", sock.makefile("rb"))
            while True:
                request = read_request(stream, functools.partial(sock.sendall, _CONTINUE))
                if request is None:
                    return
                if request.method == "CONNECT":
                    sock.sendall(b"HTTP/1.1 200 Connection Established\r\n\r\n")
                    sock = self._secured(sock)
                    stream = cast("BinaryIO", sock.makefile("rb"))
                elif not self._one(sock, request):
                    return
        except (OSError, ValueError):
            pass
        finally:
            # Only without its stream is a socket closed at once.
            for each in (stream, sock):
                with contextlib.suppress(OSError):
                    if each:
                        each.close()
            with self._lock:
                self._open.pop(threading.current_thread(), None)

    def _secured(self, sock: socket.socket) -> socket.socket:
        """Return the socket to talk over, through TLS when the client begins so."""
        if self._context and sock.recv(1, socket.MSG_PEEK) == _TLS_RECORD:
            sock = self._context.wrap_socket(sock, server_side=True)
            with self._lock:
                self._open[threading.current_thread()] = sock
        return sock

    def _one(self, sock: socket.socket, request: Request) -> bool:
        """Answer one request; return whether the connection can be used again."""
        self._place(request)
        operation = operation_of(request)
        fault = self._hits.pick(self.faults, operation, request.key)
        kind = fault.kind if fault else ""
        if self.latency:
            self._stopping.wait(self.latency)
        if fault and kind in {"hang", "slow"}:
            self._stopping.wait(fault.seconds)
        if fault and fault.then:
            fault.then()
        if kind in {"hang", "reset"}:
            self._note(request, operation, Answer(0), 0, kind, "")
            reset(sock)
            return False
        signed, code = "", ""
        try:
            if fault and kind == "status":
                more = {"EC": fault.ec} if fault.ec else {}
                raise OssError(fault.status, fault.code, "A test has ordered this.", **more)
            account, signed = account_of(request, self.accounts, self.clock)
            bucket = self._bucket(request, operation, account)
            answer = self._operations.run(operation, request, bucket, fault)
        except OssError as error:
            answer, code = error_answer(error, request), error.code
        except Exception:
            traceback.print_exc(file=sys.stderr)
            answer = error_answer(OssError(500, "InternalError", "The test's OSS failed."), request)
            code = "InternalError"
        if fault and fault.retry_after:
            answer.headers["Retry-After"] = str(fault.retry_after)
        _spoil(answer, kind)
        damage = Damage(
            cut=fault.at if fault and kind == "cut" else -1,
            flip=fault.at if fault and kind == "flip" else -1,
        )
        keep = request.keep_alive and kind != "cut"
        # Noted before it is sent, so that a client which has its answer finds it noted.
        size = 0 if request.method == "HEAD" else len(answer.body)
        sent = min(size, damage.cut) if damage.cut >= 0 else size
        self._note(request, operation, answer, sent, code, signed)
        send(sock, answer, damage, head=request.method == "HEAD", keep=keep)
        return keep

    def _note(
        self, request: Request, operation: str, answer: Answer, sent: int, code: str, signed: str
    ) -> None:
        self.seen.append(
            Seen(
                request.method,
                operation,
                request.bucket,
                request.key,
                dict(request.params),
                request.headers,
                answer.status,
                sent,
                code,
                signed,
                request.absolute,
                request.host,
            )
        )

    def _place(self, request: Request) -> None:
        """Find the bucket and the key in host and path."""
        path = request.path[1:]
        if _is_service(request.host):
            request.bucket, _, request.key = path.partition("/")
        else:
            request.bucket, request.key = request.host.partition(".")[0], path

    def _bucket(self, request: Request, operation: str, account: Account | None) -> Bucket:
        """Return the bucket that is asked for, if the account may. Raises OssError."""
        bucket = self.store.buckets.get(request.bucket)
        if bucket is None:
            text = "The specified bucket does not exist."
            raise OssError(404, "NoSuchBucket", text, BucketName=request.bucket)
        if bucket.endpoint and request.host not in {
            bucket.endpoint,
            f"{bucket.name}.{bucket.endpoint}",
        }:
            raise OssError(
                403,
                "AccessDenied",
                "The bucket you are attempting to access must be addressed using the specified "
                "endpoint. Please send all future requests to this endpoint.",
                Bucket=bucket.name,
                Endpoint=bucket.endpoint,
            )
        public = bucket.acl != "private" and operation in {"GetObject", "HeadObject"}
        if account is None and not public:
            raise OssError(403, "AccessDenied", "You have no right to access this object.")
        if account and operation in account.denied:
            text = "You have no right to access this object because of bucket acl."
            raise OssError(403, "AccessDenied", text)
        return bucket


def _spoil(answer: Answer, kind: str) -> None:
    if kind == "nonsense-body":
        answer.body = b"<html>nonsense"
    told = answer.headers.get("x-oss-hash-crc64ecma")
    if told and kind == "wrong-crc":
        answer.headers["x-oss-hash-crc64ecma"] = str(int(told) ^ 1)
    elif told and kind == "no-crc":
        del answer.headers["x-oss-hash-crc64ecma"]


def _is_service(host: str) -> bool:
    """Return whether a host names a region or a machine, and not a bucket."""
    if host == "localhost" or (host.startswith("oss-") and host.endswith(".aliyuncs.com")):
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
