"""Reads whole small objects, for one thread that drives many connections: the ordinary case only.

Any other case is left to `HttpSource.open`, which meets it again and judges it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cos_migrate.checksums import RunningChecks
from cos_migrate.errors import Code, SourceError
from cos_migrate.http.connection import Connection
from cos_migrate.http.messages import Response
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

    def begin(self, obj: SourceObject) -> tuple[Route, Connection] | None:
        """Request a whole object over an idle connection.

        None where there is none, and where the object takes other requests too. Raises
        TransportError.
        """
        source, fetcher = self._source, self._fetcher
        if not source.takes_one_request(obj):
            return None
        request = source.request(source.pinned(obj), "GET", None)
        route = fetcher.route_of(request.url)
        connection = fetcher.take_idle(route)
        if connection is None:
            return None
        connection.begin(fetcher.head_of(request, route), b"")
        return route, connection

    def keep_idle(self, route: Route, connection: Connection) -> None:
        """Take a connection back, for the next object unless it is closed."""
        if connection.reusable:
            self._fetcher.keep_idle(route, connection)

    def verified_content(self, obj: SourceObject, response: Response) -> tuple[bytes, Described]:
        """Return the content of an answer to `begin`, verified. Raises SourceError."""
        source, body = self._source, response.body
        if response.status != _OK:
            raise SourceError("not the ordinary case", code=Code.NEEDS_THREAD)
        described = source.description(obj, response.headers)
        _, mtime_ns, etag = described.fingerprint
        described = described._replace(fingerprint=Fingerprint(len(body), mtime_ns, etag))
        described = source.match_listing(obj, described, response.headers, has_content=True)
        checking = RunningChecks(described.checks)
        checking.update(body)
        wrong = checking.first_difference()
        if wrong:
            source.mismatches.repeats(obj.name, described, wrong, checking)
            raise SourceError("not the ordinary case", code=Code.NEEDS_THREAD)
        return body, described
