"""Sends requests to one bucket: over kept-alive connections, with retries and the backup domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from cos_migrate.cos.backup import DomainChoice
from cos_migrate.cos.errors import error_of
from cos_migrate.cos.payload import BytesPayload, Payload
from cos_migrate.cos.requests import Access, Headers
from cos_migrate.errors import MigrateError, Side, TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.messages import Response
from cos_migrate.http.pacing import SidePace, paced
from cos_migrate.http.routes import Route

T = TypeVar("T")

_OF_CONNECTION = frozenset({"", "exchange", "connect"})
"""Operations of errors raised by a connection, which has no name for the request."""
EMPTY = BytesPayload(b"")
"""The body of a request that has none but may."""


class CosRequest(NamedTuple):
    """One request to the bucket: operation, method, path, parameters, headers, body."""

    operation: str
    """The name of COS's API for it, for errors."""
    method: str
    cos_path: str
    params: Sequence[tuple[str, str]] = ()
    headers: Headers = ()
    payload: Payload | None = None
    silence: float = 0.0
    """Seconds that COS may take before it answers; 0: as usual."""


class Sender:
    """The connections of one thread, one to each host."""

    def __init__(self, access: Access, pace: SidePace | None = None) -> None:
        """`pace`: the meters of its requests; None: those of `access`."""
        self.access = access
        self.pace = pace or access.pace
        self._connections: dict[Route, Connection] = {}

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def adopt(self, connection: Connection | None) -> None:
        """Use a connection to the bucket that was opened elsewhere."""
        if connection is not None:
            self._connections[self.access.routes[0]] = connection

    def release(self) -> Connection | None:
        """Return the connection to the bucket, which is not used here any more."""
        return self._connections.pop(self.access.routes[0], None)

    def send(
        self,
        request: CosRequest,
        judge: Callable[[Response], T],
        earlier: MigrateError | None = None,
    ) -> T:
        """Send a request until `judge` accepts the answer; return its result. Raises MigrateError.

        `earlier`: how a first try that was made elsewhere failed. Each try is noted but a PutObject
        that succeeds: its task shows it, also where no client has sent it.
        """
        noted = self.access.noted
        route = DomainChoice(self.access.routes)

        def send_once() -> T:
            response = self._exchange(route.current, request)
            if response.status >= 300:  # noqa: PLR2004 - HTTP
                raise error_of(response, request.operation, request.cos_path)
            result = judge(response)
            if noted and request.operation != "PutObject":
                noted(request.operation, response.status)
            return result

        def failed(error: MigrateError, *, next_is_last: bool) -> bool:
            if isinstance(error, TransportError) and error.operation in _OF_CONNECTION:
                error.operation, error.target = request.operation, request.cos_path
                error.side = Side.COS
            if noted and error.side is Side.COS:
                noted(error.operation, error.status)
            return route.switch(error, next_is_last=next_is_last)

        # Callers wait for descriptors: they can close their own before.
        return self.access.retries.run(send_once, failed, earlier=earlier, patiently=False)

    def _exchange(self, route: Route, request: CosRequest) -> Response:
        """Send once, or again where the server had closed a kept-alive connection."""
        access = self.access
        _, method, cos_path, params, headers, payload, silence = request
        connection = self._connections.get(route)
        if payload is not None:
            headers = [*headers, ("content-length", str(payload.size))]

        def exchange(connection: Connection) -> Response:
            pace = self.pace
            if pace.requests.is_limited:
                pace.requests.take(1)
            head = access.head(route, method, cos_path, params, headers)  # signs the time
            body: bytes | Iterable[bytes | memoryview] = payload.start() if payload else b""
            if method == "PUT":
                body = paced(body, pace.data)
            return connection.exchange(head, body, no_body=method == "HEAD", silence=silence)

        if connection is not None and connection.reusable:
            try:
                return exchange(connection)
            except TransportError as error:
                if not connection.was_stale(error):
                    raise
        connection = access.network.connect(route)
        self._connections[route] = connection
        response = exchange(connection)
        if route.tls:
            access.network.remember(route, connection)
        return response
