"""The first try to send a small object, driven by the event loop."""

from __future__ import annotations

from collections.abc import Callable

from cos_migrate.cos.payload import BytesPayload
from cos_migrate.cos.requests import PutRequests
from cos_migrate.cos.verify import verify_put
from cos_migrate.errors import Code, TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.opening import Opening
from cos_migrate.http.routes import Route
from cos_migrate.pools.results import DONE, WARNING, Result
from cos_migrate.pools.tasks import PUT_OBJECT, NumberedTask, source_object
from cos_migrate.pools.worker.attempts import FOR_THREADS, Attempt, Fetch
from cos_migrate.pools.worker.bodies import IN_MEMORY, Bodies, Body
from cos_migrate.sources.base import Source


class FirstPut:
    """`FirstTry` of a small object that is sent by one request, without a look at COS."""

    def __init__(
        self, requests: PutRequests, bodies: Bodies, source: Source, emit: Callable[[Result], None]
    ) -> None:
        self._requests = requests
        self._bodies = bodies
        self._reads_small_files = bodies.reads_small_files
        self._emit = emit
        self._cloud = source.stepwise
        self._routes: dict[Connection, Route] = {}
        self._enabled = source.is_local or self._cloud is not None
        self.fetches = not source.is_local

    def open_connection(self, now: float) -> Opening | None:
        """Begin to open a connection to COS; None where a thread has to. Raises TransportError."""
        return self._requests.open_connection(now)

    @property
    def lacks_source(self) -> bool:
        """Whether the next object waits for a connection to its source."""
        return self._cloud is not None and self._cloud.lacks_connection

    def open_source(self, now: float) -> Opening | None:
        """Begin to open a connection to the source; None where a thread has to.

        Raises TransportError.
        """
        return self._cloud.open(now) if self._cloud else None

    def keep_source(self, connection: Connection) -> None:
        """Keep an open connection to the source for the next object."""
        if self._cloud:
            self._cloud.keep_opened(connection)

    def memory_for(self, task: NumberedTask) -> int:
        """Return the bytes of memory that a task takes; FOR_THREADS: no task for the event loop."""
        _, kind, content = task
        if kind != PUT_OBJECT or not self._enabled:
            return FOR_THREADS
        _, size, _, _, _, _, skip_if = content  # type: ignore[misc]  # a PutObject
        return size if 0 <= size <= IN_MEMORY and not skip_if else FOR_THREADS

    def prepare_put(self, task: NumberedTask) -> Attempt:
        """Read the object and build its request. Raises MigrateError."""
        number, _, content = task
        name, size, mtime_ns, etag, is_folder, cos_path, _ = content  # type: ignore[misc]  # as above
        if is_folder or not self._reads_small_files:
            obj = source_object(name, size, mtime_ns, etag, is_folder=is_folder)
            return self._attempt(task, number, cos_path, size, self._bodies.in_memory(obj))
        data, crc64, content_type, md5 = self._bodies.read_small_file(name, size, mtime_ns)
        head = self._requests.small_file_head(cos_path, size, content_type, md5)
        return Attempt(task, number, cos_path, size, head, data, crc64, (size, mtime_ns, etag))

    def begin_fetch(self, task: NumberedTask, size: int, target: Connection) -> Fetch | None:
        """Send the GET of a cloud object over an idle connection; None: no connection is idle."""
        number, _, content = task
        name, _, mtime_ns, etag, is_folder, cos_path, _ = content  # type: ignore[misc]  # as above
        obj = source_object(name, size, mtime_ns, etag, is_folder=is_folder)
        begun = self._cloud.begin(obj) if self._cloud else None
        if begun is None:
            return None
        route, connection = begun
        self._routes[connection] = route
        return Fetch(task, number, cos_path, size, obj, connection, target)

    def advance_fetch(self, fetch: Fetch) -> Attempt | None:
        """Return the PUT of a fetched object, None until its answer is complete."""
        response = fetch.source.advance()
        if response is None or self._cloud is None:
            return None
        task, number, cos_path, size, obj, _, _ = fetch
        content, described = self._cloud.verified_content(obj, response)

        def warn(warning: str) -> None:
            self._emit((number, WARNING, warning))

        body = self._bodies.of_content(obj, content, described, warn)
        return self._attempt(task, number, cos_path, size, body)

    def release_source(self, connection: Connection) -> None:
        """Return a connection to the pool of those to the source."""
        route = self._routes.pop(connection)
        if self._cloud:
            self._cloud.keep_idle(route, connection)

    def _attempt(
        self, task: NumberedTask, number: int, cos_path: str, size: int, body: Body
    ) -> Attempt:
        payload, headers, fingerprint = body
        assert isinstance(payload, BytesPayload)  # noqa: S101 - what is read whole is
        head = self._requests.head(cos_path, payload.size, headers)
        fetched = body if self.fetches else None  # a local file is read again: it may have changed
        return Attempt(
            task, number, cos_path, size, head, payload.data, payload.crc64, fingerprint, fetched
        )

    def advance_put(self, attempt: Attempt, connection: Connection) -> Result | None:
        """Verify the answer of COS; return the result, None until the answer is complete."""
        response = connection.advance()
        if response is None:
            return None
        crc64 = attempt.crc64
        request_id = verify_put(response, attempt.cos_path, crc64)
        if request_id is None:
            # Verification without a CRC-64 takes more requests, which the threads make.
            self._enabled = False
            raise TransportError("no CRC-64", code=Code.NEEDS_THREAD)
        etag = response.header(b"etag").strip('"')
        return (attempt.number, DONE, (request_id, "", crc64, *attempt.fingerprint, etag))
