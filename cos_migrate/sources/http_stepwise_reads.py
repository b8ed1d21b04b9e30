"""Reads whole small objects, for one thread that drives many connections: the ordinary case only.

Any other case is left to `HttpSource.open`, which meets it again and judges it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cos_migrate.checksums import RunningChecks
from cos_migrate.errors import Code, SourceError
from cos_migrate.http.connection import Connection
from cos_migrate.http.messages import Response
from cos_migrate.http.opening import Opening
from cos_migrate.http.routes import Route
from cos_migrate.model import Described, Fingerprint, SourceObject

if TYPE_CHECKING:
    from cos_migrate.sources.http_source import HttpSource

_OK = 200


class HttpStepwiseReads:
    """`StepwiseReads` of a source over HTTP."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source
        self._fetcher = source.fetcher
        self._route: Route | None = None
        """That of the last object."""

    def begin(self, obj: SourceObject) -> tuple[Route, Connection] | None:
        """Request a whole object over an idle connection.

        None where there is none, and where the object takes other requests too. Raises
        TransportError.
        """
        source, fetcher = self._source, self._fetcher
        if not source.takes_one_request(obj):
            return None
        request = source.request(source.pinned(obj), "GET", None)
        route = self._route = fetcher.route_of(request.url)
        connection = fetcher.take_idle(route)
        if connection is None:
            return None
        connection.begin(fetcher.head_of(request, route), b"")
        return route, connection

    def keep_idle(self, route: Route, connection: Connection) -> None:
        """Take a connection back, for the next object unless it is closed."""
        if connection.reusable:
            self._fetcher.keep_idle(route, connection)

    @property
    def lacks_connection(self) -> bool:
        """Whether there is no idle connection to the host of the last object."""
        return self._route is not None and not self._fetcher.has_idle(self._route)

    def open(self, now: float) -> Opening | None:
        """Begin to open a connection to that host; None: only a thread can.

        Raises TransportError.
        """
        return self._fetcher.open(self._route, now) if self._route else None

    def keep_opened(self, connection: Connection) -> None:
        """Keep a connection to that host for the next object."""
        if self._route:
            self._fetcher.keep_idle(self._route, connection, is_awaited=True)

    def verified_content(self, obj: SourceObject, response: Response) -> tuple[bytes, Described]:
        """Return the content of an answer to `begin`, verified. Raises SourceError."""
        source, body = self._source, response.body
        if response.status != _OK:
            raise _needs_thread(response.status)
        described = source.description(obj, response.headers)
        _, mtime_ns, etag = described.fingerprint
        described = described._replace(fingerprint=Fingerprint(len(body), mtime_ns, etag))
        described = source.match_listing(obj, described, response.headers, has_content=True)
        checking = RunningChecks(described.checks)
        checking.update(body)
        wrong = checking.first_difference()
        if wrong:
            source.mismatches.repeats(obj.name, described, wrong, checking)
            raise _needs_thread()
        return body, described


def _needs_thread(status: int = 0) -> SourceError:
    return SourceError("not the ordinary case", code=Code.NEEDS_THREAD, status=status)
