"""HTTP client for sources and SDKs: kept-alive connections, shared by the threads of a process.

It sends signed requests and streams the answers; it does not sign, retry, wait or judge a status.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from cos_migrate import __version__, descriptors
from cos_migrate.errors import SourceError, TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.messages import StreamedResponse
from cos_migrate.http.network import Network
from cos_migrate.http.opening import Opening
from cos_migrate.http.pacing import ThreadPace, unlimited
from cos_migrate.http.request_head import checked_target, encode_headers
from cos_migrate.http.routes import Proxy, Route
from cos_migrate.http.time_limits import Timeouts

_MAX_IDLE = 128
"""Idle connections that are kept, over all hosts; further ones are closed."""
_MAX_ROUTES = 1_000
"""Routes cached by scheme and host: parsing a URL costs as much as half a signature."""


class Request(NamedTuple):
    """A signed request."""

    method: str
    """`GET`, `HEAD` or `POST`."""
    url: str
    """Absolute, percent-encoded as it is sent."""
    headers: tuple[tuple[str, str], ...] = ()
    """Pairs of name and value, with the signature; `Host` is taken from the URL."""
    body: bytes = b""
    """A short document, sent behind the head."""


class Begun(NamedTuple):
    """A request that was sent ahead, and whose answer is not read yet."""

    route: Route
    connection: Connection


class Fetcher:
    """Sends requests over connections that all threads of the process share."""

    def __init__(
        self,
        timeouts: Timeouts,
        proxy: Proxy | None = None,
        ca_file: str = "",
        *,
        lenient: bool = False,
    ) -> None:
        """`ca_file`: CA certificates, trusted besides the public ones.

        `lenient`: accept answers that only browsers take for HTTP.
        """
        self.pace = ThreadPace(unlimited())
        """The meters of the requests that `send` sends."""
        self._network = Network(timeouts, ca_file, lenient=lenient)
        self._proxy = proxy
        self._lock = threading.Lock()
        self._idle: dict[Route, list[Connection]] = {}
        self._idle_count = 0
        self._routes: dict[str, Route] = {}

    def begin(self, request: Request) -> Begun | None:
        """Send a request without a body ahead; None where that cannot be without waiting."""
        pace = self.pace.current
        route = self.route_of(request.url)
        if pace.requests.is_limited or pace.data.is_limited:
            return None
        connection = self.take_idle(route)
        if connection is None:
            return None
        try:
            connection.begin_stream(self.head_of(request, route))
        except TransportError:  # the request is sent again when its time has come
            return None
        return Begun(route, connection)

    @contextmanager
    def send(self, request: Request, begun: Begun | None = None) -> Iterator[StreamedResponse]:
        """Send a request; stream its answer until the context ends.

        `begun`: the same request, sent ahead. A connection whose answer was not read to its end is
        closed. Raises TransportError.
        """
        route = self.route_of(request.url)
        answered = _answered(begun) if begun else None
        if answered is None:
            head = self.head_of(request, route) + request.body
            answered = self._exchange(route, head, no_body=request.method == "HEAD")
        connection, answer = answered
        try:
            yield answer
        finally:
            if answer.ended and connection.reusable:
                self.keep_idle(route, connection)
            else:
                connection.close()

    def route_of(self, url: str) -> Route:
        """Return the route to the host of a URL. Raises SourceError for a bad URL."""
        end = url.find("/", len("https://"))
        base = url if end < 0 else url[:end]
        route = self._routes.get(base)
        if route is None:
            route = self._parsed_route(url)
            if url.startswith(("http://", "https://")):
                if len(self._routes) >= _MAX_ROUTES:
                    self._routes = {}
                self._routes[base] = route
        return route

    def _parsed_route(self, url: str) -> Route:
        try:
            parts = urlsplit(url)
            tls = {"http": False, "https": True}[parts.scheme.lower()]
            port = parts.port or (443 if tls else 80)
        except (KeyError, ValueError):
            raise SourceError("it is no http:// or https:// URL", code="BadUrl") from None
        if not parts.hostname:
            raise SourceError("its URL names no host", code="BadUrl")
        return Route(parts.hostname, port, tls, self._proxy)

    def head_of(self, request: Request, route: Route) -> bytes:
        """Return the head of a request as it is sent.

        Raises TransportError for a value that headers cannot hold.
        """
        host, slash, rest = request.url.partition("://")[2].partition("/")
        query = host.find("?")
        target = slash + rest if query < 0 else f"/{host[query:]}{slash}{rest}"
        lines = encode_headers([pair for pair in request.headers if pair[0].lower() != "host"])
        place = route.target_prefix + checked_target(target or "/")
        first = f"{request.method} {place} HTTP/1.1\r\nHost: {route.authority}\r\n"
        length = f"Content-Length: {len(request.body)}\r\n" if request.body else ""
        last = f"{length}{route.extra_head}User-Agent: cos-migrate/{__version__}\r\n\r\n"
        return b"%b%b%b" % (first.encode(), lines, last.encode())

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            idle, self._idle, self._idle_count = self._idle, {}, 0
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _exchange(
        self, route: Route, head: bytes, *, no_body: bool
    ) -> tuple[Connection, StreamedResponse]:
        """Send a request; repeat it where the server had closed a kept-alive connection."""
        requests = self.pace.current.requests
        while (connection := self.take_idle(route)) is not None:
            if requests.is_limited:
                requests.take(1)
            try:
                return connection, connection.stream(head, no_body=no_body)
            except TransportError as error:
                if not connection.was_stale(error):
                    raise
        connection = self._connect(route)
        if requests.is_limited:
            requests.take(1)
        answer = connection.stream(head, no_body=no_body)
        if route.tls:
            self._network.remember(route, connection)
        return connection, answer

    def _connect(self, route: Route) -> Connection:
        """Open a connection; where no descriptor is left, close the idle ones first."""
        try:
            return self._network.connect(route)
        except TransportError as error:
            if error.code not in descriptors.EXHAUSTION_CODES or not self._idle_count:
                raise
            self.close()
        return self._network.connect(route)

    def take_idle(self, route: Route) -> Connection | None:
        """Take an idle connection of the route; None: there is none."""
        with self._lock:
            idle = self._idle.get(route)
            if not idle:
                return None
            self._idle_count -= 1
            return idle.pop()

    def has_idle(self, route: Route) -> bool:
        """Return whether there is an idle connection of the route."""
        return bool(self._idle.get(route))

    def open(self, route: Route, now: float) -> Opening | None:
        """Begin to open a connection at time.monotonic() `now`, as `Network.open` does."""
        return self._network.open(route, now)

    def keep_idle(self, route: Route, connection: Connection, *, is_awaited: bool = False) -> None:
        """Keep a connection for the next request; `is_awaited`: also where there are many."""
        with self._lock:
            if is_awaited or self._idle_count < _MAX_IDLE:
                self._idle_count += 1
                self._idle.setdefault(route, []).append(connection)
                return
        connection.close()


def _answered(begun: Begun) -> tuple[Connection, StreamedResponse] | None:
    """Return the answer to a request sent ahead; None where the server had closed its connection.

    Raises TransportError.
    """
    connection = begun.connection
    try:
        return connection, connection.stream_begun()
    except TransportError as error:
        if not connection.was_stale(error):
            raise
        return None
