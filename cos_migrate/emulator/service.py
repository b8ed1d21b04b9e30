"""Answers a request: applies faults, checks the signature, carries out the operation.

Sockets are handled elsewhere: the Reply states the effect of a fault on the connection.
"""

from __future__ import annotations

import base64
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.faults import Fault, FaultCounter
from cos_migrate.emulator.messages import Answer, Request
from cos_migrate.emulator.operations import ObjectOperations, operation_of
from cos_migrate.emulator.signature import Account, check_signature
from cos_migrate.emulator.xml import error_document


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """One request, for inspection by tests."""

    operation: str
    """As in the documentation; empty when it has no name."""
    method: str
    bucket: str
    key: str
    params: tuple[tuple[str, str], ...]
    headers: dict[str, str] = field(repr=False)
    """Names in lower case."""
    status: int = 0
    """0: it was not answered."""
    connection: int = 0
    """Number of its connection."""
    started: float = 0.0
    """time.monotonic() after its head was read."""
    ended: float = 0.0
    """time.monotonic() after the operation, before the answer was sent."""
    fault: str = ""
    """The kind of the fault that hit it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with the fault, if any, that the connection has to apply to it."""

    answer: Answer | None
    """None: reset the connection instead."""
    request_id: str = ""
    fault: str = ""
    """Kind of a fault that the connection carries out."""


class Service:
    """Answers requests, in one thread each."""

    def __init__(
        self,
        operations: ObjectOperations,
        accounts: Mapping[str, Account],
        *,
        latency: float,
        faults: Sequence[Fault],
        clock: Callable[[], float],
        record: bool,
        stopping: threading.Event,
    ) -> None:
        self.latency = latency
        self.faults = list(faults)
        self.requests: list[RequestSeen] = []
        self.most_at_once = 0
        self.at_once = 0
        self._operations = operations
        self.accounts = accounts
        """By secret id."""
        self._clock = clock
        self._record = record
        self._stopping = stopping
        self._counter = FaultCounter()
        self._lock = threading.Lock()

    def answer(self, request: Request, connection: int) -> Reply:
        """Carry out a request."""
        started = time.monotonic()
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        bucket = request.host.partition(":")[0].partition(".")[0]
        key = request.path[1:]
        operation = operation_of(request, key)
        fault = self._counter.pick(self.faults, operation, request.method, key, request.query)
        status = 0
        try:
            reply = self._reply(request, operation, bucket, key, fault)
            status = reply.answer.status if reply.answer else 0
        finally:
            seen = RequestSeen(
                operation,
                request.method,
                bucket,
                key,
                request.params,
                request.headers,
                status,
                connection,
                started,
                time.monotonic(),
                fault.kind if fault else "",
            )
            with self._lock:
                self.at_once -= 1
                if self._record:
                    self.requests.append(seen)
        return reply

    def hits(self, fault: Fault) -> int:
        """Return how many requests a fault has hit."""
        return self._counter.hits(fault)

    def _reply(
        self, request: Request, operation: str, bucket: str, key: str, fault: Fault | None
    ) -> Reply:
        request_id, kind = new_id(), fault.kind if fault else ""
        try:
            if fault and kind in _INSTEAD:
                if not self._carry_out_fault(request, fault):
                    return Reply(None)
                answer = Answer(
                    body=error_document(
                        fault.code, _FAULT_MESSAGE, request.path, request_id, new_id()
                    )
                )
            else:
                request.body.flip = kind == "corrupt"
                self._authorize(request)
                answer = self._operations.carry_out(operation, request, bucket, key)
        except Refusal as error:
            answer = error_answer(error, request.path, request_id)
            if fault and fault.retry_after:
                answer.headers["retry-after"] = str(fault.retry_after)
        delay = self.latency + (fault.seconds if fault and kind == "slow" else 0)
        if delay:
            self._stopping.wait(delay)
        if kind == "drop":
            if answer.file:
                answer.file.close()
            return Reply(None)
        _falsify(answer, kind)
        return Reply(answer, request_id, kind)

    def _authorize(self, request: Request) -> None:
        """Check the signature. Raises Refusal."""
        request.body.unsigned = True
        check_signature(request, self.accounts, self._clock)
        request.body.unsigned = False

    def _carry_out_fault(self, request: Request, fault: Fault) -> bool:
        """Carry out a fault instead of the operation; return False to reset the connection."""
        if fault.kind not in {"early", "reset-early"}:
            request.body.skip()
        if fault.kind in {"status", "early"}:
            raise Refusal(fault.code, _FAULT_MESSAGE, fault.status)
        if fault.kind == "hang":
            self._stopping.wait(fault.seconds)
        return fault.kind == "error-in-200"


_FAULT_MESSAGE = "a planted fault"
_INSTEAD = frozenset({"status", "early", "reset", "reset-early", "hang", "error-in-200"})


def _falsify(answer: Answer, kind: str) -> None:
    crc, etag = answer.headers.get("x-cos-hash-crc64ecma"), answer.headers.get("etag")
    if crc and kind == "wrong-crc":
        answer.headers["x-cos-hash-crc64ecma"] = str(int(crc) ^ 1)
    elif crc and kind == "no-crc":
        del answer.headers["x-cos-hash-crc64ecma"]
    elif etag and kind == "wrong-etag":
        answer.headers["etag"] = f'"{"0" * 32}"'


def error_answer(error: Refusal, resource: str, request_id: str) -> Answer:
    """Return the answer for an error."""
    trace = new_id()
    body = error_document(error.code, error.message, resource, request_id, trace)
    headers = {"content-type": "application/xml", "x-cos-trace-id": trace}
    if error.status == 304:  # noqa: PLR2004 - no body by definition
        return Answer(error.status)
    return Answer(error.status, headers, body)


def new_id() -> str:
    """Return a unique request or trace id."""
    return base64.b64encode(uuid.uuid4().hex.encode()).decode("ascii")
