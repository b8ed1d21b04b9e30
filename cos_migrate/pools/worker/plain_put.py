"""The first try to send a small object, driven by the event loop."""

from __future__ import annotations

from collections.abc import Callable

from cos_migrate.cos.payload import BytesPayload
from cos_migrate.cos.requests import PutRequests
from cos_migrate.cos.verify import verify_put
from cos_migrate.errors import TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.network import Route
from cos_migrate.pools.messages import SOURCE_FIELDS, Kind, Message, Reply, source_object
from cos_migrate.pools.worker.attempts import NOT_PLAIN, Attempt, Fetch
from cos_migrate.pools.worker.bodies import IN_MEMORY, Bodies, Body
from cos_migrate.sources.base import Source


class PlainPut:
    """Sends a small object by one request, without a look at the target first."""

    def __init__(
        self, requests: PutRequests, bodies: Bodies, source: Source, emit: Callable[[Message], None]
    ) -> None:
        self._requests = requests
        self._bodies = bodies
        self._reads_plain = bodies.reads_plain
        self._emit = emit
        self._cloud = source.stepwise
        self._routes: dict[Connection, Route] = {}
        self._enabled = source.reads_at_once or self._cloud is not None
        self._has_crc64 = True
        self.fetches = not source.reads_at_once

    def fits(self, task: Message) -> bool:
        """Return whether it is a small PUT without a look at COS, of a known size."""
        return (
            self._enabled
            and self._has_crc64
            and task[1] == Kind.PUT_OBJECT
            and 0 <= task[3] <= IN_MEMORY
            and not task[2 + SOURCE_FIELDS + 1]
        )

    def weight(self, task: Message) -> int:
        """Return the bytes of the object."""
        size: int = task[3]
        return size

    def prepare(self, task: Message) -> Attempt:
        """Read the object and build its request. Raises MigrateError."""
        _, _, name, size, mtime_ns, etag, is_folder, _, cos_path, _ = task
        if is_folder or not self._reads_plain:
            return self._attempt(task, self._bodies.in_memory(source_object(task[2:])))
        content, crc64, content_type, md5 = self._bodies.plain(name, size, mtime_ns)
        head = self._requests.plain_head(cos_path, size, content_type, md5)
        return Attempt(task, head, content, crc64, (size, mtime_ns, etag))

    def connect(self, task: Message) -> Connection | None:
        """Send the GET of a cloud object over an idle connection; None where there is none."""
        begun = self._cloud.begin(source_object(task[2:])) if self._cloud else None
        if begun is None:
            return None
        route, connection = begun
        self._routes[connection] = route
        return connection

    def fetched(self, fetch: Fetch) -> Attempt | None:
        """Return the PUT of a fetched object, None until its answer is complete."""
        response = fetch.source.advance()
        if response is None or self._cloud is None:
            return None
        obj = source_object(fetch.task[2:])
        content, described = self._cloud.plain_content(obj, response)

        def warn(warning: str) -> None:
            self._emit((fetch.task[0], Reply.WARNING, warning))

        return self._attempt(fetch.task, self._bodies.of_content(obj, content, described, warn))

    def keep(self, connection: Connection) -> None:
        """Return a connection to the pool of those to the source."""
        route = self._routes.pop(connection)
        if self._cloud:
            self._cloud.keep(route, connection)

    def _attempt(self, task: Message, body: Body) -> Attempt:
        payload = body.payload
        assert isinstance(payload, BytesPayload)  # noqa: S101 - what is read whole is
        head = self._requests.head(task[2 + SOURCE_FIELDS], payload.size, body.headers)
        fetched = body if self.fetches else None  # what is read at once may have changed meanwhile
        return Attempt(task, head, payload.data, payload.crc64, body.fingerprint, fetched)

    def finish(self, attempt: Attempt, connection: Connection) -> Message | None:
        """Verify the answer of COS; return the result, None until the answer is complete."""
        response = connection.advance()
        if response is None:
            return None
        task, crc64 = attempt.task, attempt.crc64
        request_id = verify_put(response, task[2 + SOURCE_FIELDS], crc64)
        if request_id is None:
            # Verification without a CRC-64 takes more requests, which the threads make.
            self._has_crc64 = False
            raise TransportError("no CRC-64", code=NOT_PLAIN)
        # The fields of an Arrival, which would cost more to make than they are worth here.
        etag = response.header(b"etag").strip('"') if self.fetches else ""
        return (task[0], Reply.DONE, request_id, "", crc64, *attempt.fingerprint, etag)
