"""What happens inside a worker: threads that take tasks, move bytes and return results.

A worker never sees the database, prints nothing and raises nothing to its caller: every task it
is given comes back as exactly one final result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cos_migrate.cos.client import CosClient
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.cos.payload import BytesPayload
from cos_migrate.cos.requests import Access, Credentials, PutRequests
from cos_migrate.cos.verify import verify_put
from cos_migrate.errors import Side, TransportError
from cos_migrate.http.connection import Connection
from cos_migrate.http.network import Route
from cos_migrate.pools.job import Job
from cos_migrate.pools.messages import SOURCE_FIELDS, Kind, Message, Reply, source_object
from cos_migrate.pools.worker.bodies import IN_MEMORY, Bodies, Body
from cos_migrate.pools.worker.event_loop import NOT_PLAIN, Attempt, Express, Fetch, Handed
from cos_migrate.pools.worker.memory import MemoryBudget
from cos_migrate.pools.worker.ordered_checksum import OrderedCheckings
from cos_migrate.pools.worker.thread_pool import Crew
from cos_migrate.pools.worker.transfers import Mover
from cos_migrate.sources.base import Source

if TYPE_CHECKING:
    from cos_migrate.cos.crypto import Sealer


class Worker:
    """The two pools of one process and the queues they take their tasks from."""

    def __init__(self, job: Job, emit: Callable[[Message], None]) -> None:
        """`emit` is called from many threads with each result; it must not block for long."""
        self._emit = emit
        self._stopping = threading.Event()
        self._access = Access(
            job.cos,
            slow_down=lambda: emit((0, Reply.SLOW_DOWN, Side.COS)),
            source_slow_down=lambda: emit((0, Reply.SLOW_DOWN, Side.SOURCE)),
            stopping=self._stopping,
        )
        self._job = job
        self._source = job.source(job.source_config, job.target, job.source_options)
        memory = MemoryBudget(job.memory)
        self._bodies = Bodies(
            self._source,
            self._access.retries,
            memory,
            attach_md5=job.attach_md5,
            spool_folder=job.spool_folder,
            small_below=job.small_below,
            sealer=_sealer(job.encryption),
        )
        self._checkings = OrderedCheckings()
        self._beside: Crew[Handed] = Crew(job.small_threads, self._serve_small)
        self._big: Crew[Message] = Crew(job.big_threads, self._serve_big)
        self._small = Express(
            _PlainPut(PutRequests(self._access), self._bodies, self._source, emit),
            job.small_threads,
            memory,
            self._beside.put,
            emit,
        )

    def submit(self, tasks: list[Message]) -> None:
        """Queue tasks, each for its pool."""
        small = []
        for task in tasks:
            if task[1] in Kind.SMALL:
                small.append(task)
            else:
                self._big.put(task)
        if small:
            self._small.submit(small)

    def recall(self) -> None:
        """Give back what no thread has taken yet."""
        for task in (*self._small.recall(), *self._big.recall()):
            self._emit((task[0], Reply.UNSTARTED))

    def stop(self) -> None:
        """Give back what is not begun and start no further try of what is."""
        self._stopping.set()
        self.recall()

    def allow(self, transfers: tuple[int, int]) -> None:
        """Let at most so many transfers of the small and of the big pool be made at once."""
        small, big = transfers
        self._small.allow(small)
        self._big.allow(big)

    def replace_credentials(self, credentials: Credentials) -> None:
        """Use other credentials from the next request on."""
        self._access.replace_credentials(credentials)

    def close(self) -> None:
        """End all threads once they have finished what they have."""
        self._small.close()
        self._beside.close()
        self._big.close()

    def _mover(self) -> Mover:
        client = CosClient(self._access)
        return Mover(
            self._source,
            client,
            self._bodies,
            self._checkings,
            self._emit,
            self._await_descriptors,
        )

    def _await_descriptors(self, seconds: float) -> bool:
        """Wait while none is free, without keeping any for later; return whether to stop."""
        self._source.make_room()
        self._small.shed()
        return self._stopping.wait(seconds)

    def _serve_small(self, take: Callable[[], Handed | None]) -> None:
        """Do what the one fast thread leaves to others, lending its connections."""
        mover = self._mover()
        while (handed := take()) is not None:
            mover.client.adopt(handed.connection)
            result = mover.run(handed.task, handed.error, handed.body)
            connection = mover.client.release()
            self._emit(result)
            self._small.returned(connection)
        mover.client.close()

    def _serve_big(self, take: Callable[[], Message | None]) -> None:
        mover = self._mover()
        while (task := take()) is not None:
            self._emit(mover.run(task))
        mover.client.close()


def _sealer(settings: EncryptionSettings | None) -> Sealer | None:
    if settings is None:
        return None
    from cos_migrate.cos.crypto import Sealer  # noqa: PLC0415 - only who encrypts needs ciphers

    return Sealer(settings)


class _PlainPut:
    """Puts an object that is small, wanted whatever COS has, and read without much ado."""

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
        self._tells_crc = True
        self.fetches = not source.reads_at_once

    def fits(self, task: Message) -> bool:
        return (
            self._enabled
            and self._tells_crc
            and task[1] == Kind.PUT_OBJECT
            and 0 <= task[3] <= IN_MEMORY
            and not task[2 + SOURCE_FIELDS + 1]
        )

    def weight(self, task: Message) -> int:
        size: int = task[3]
        return size

    def prepare(self, task: Message) -> Attempt:
        _, _, name, size, mtime_ns, etag, is_folder, _, cos_path, _ = task
        if is_folder or not self._reads_plain:
            return self._attempt(task, self._bodies.in_memory(source_object(task[2:])))
        content, crc64, content_type, md5 = self._bodies.plain(name, size, mtime_ns)
        head = self._requests.plain_head(cos_path, size, content_type, md5)
        return Attempt(task, head, content, crc64, (size, mtime_ns, etag))

    def connect(self, task: Message) -> Connection | None:
        begun = self._cloud.begin(source_object(task[2:])) if self._cloud else None
        if begun is None:
            return None
        route, connection = begun
        self._routes[connection] = route
        return connection

    def fetched(self, fetch: Fetch) -> Attempt | None:
        response = fetch.source.advance()
        if response is None or self._cloud is None:
            return None
        obj = source_object(fetch.task[2:])
        content, described = self._cloud.plain_content(obj, response)

        def tell(warning: str) -> None:
            self._emit((fetch.task[0], Reply.WARNING, warning))

        return self._attempt(fetch.task, self._bodies.of_content(obj, content, described, tell))

    def keep(self, connection: Connection) -> None:
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
        response = connection.advance()
        if response is None:
            return None
        task, crc64 = attempt.task, attempt.crc64
        request_id = verify_put(response, task[2 + SOURCE_FIELDS], crc64)
        if request_id is None:
            # Without a CRC-64 to compare it takes more requests: the threads make them.
            self._tells_crc = False
            raise TransportError("no CRC-64", code=NOT_PLAIN)
        # The fields of an Arrival, which would cost more to make than they are worth here.
        etag = response.header(b"etag").strip('"') if self.fetches else ""
        return (task[0], Reply.DONE, request_id, "", crc64, *attempt.fingerprint, etag)
