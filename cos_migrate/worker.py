"""What happens inside a worker: threads that take tasks, move bytes and return results.

A worker never sees the database, prints nothing and raises nothing to its caller: every task it
is given comes back as exactly one final result.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from cos_migrate.cos.access import Access, CosSettings, Credentials
from cos_migrate.cos.client import Attempt, CosClient
from cos_migrate.cos.payload import PIECE, BytesPayload, Payload, StreamPayload
from cos_migrate.crew import Crew
from cos_migrate.errors import MigrateError, SourceChanged, TransportError
from cos_migrate.express import NOT_PLAIN, Express, Handed
from cos_migrate.http import Connection
from cos_migrate.model import Failure, SourceObject, Target
from cos_migrate.sources.base import Reader, Source
from cos_migrate.tasks import SOURCE_FIELDS, Kind, Message, Reply, failure_of, source_object

IN_MEMORY = 1 << 20
"""Bytes up to which an object is held in memory while it is sent."""
_CHANGED_TRIES = 3
_REPORT_EVERY = 2.0
"""Seconds between two reports of a long transfer."""


@dataclass(frozen=True, slots=True)
class Job:
    """The recipe a worker builds its clients from; it can be pickled."""

    cos: CosSettings
    source: type[Source]
    source_config: Any
    target: Target
    small_threads: int
    big_threads: int
    attach_md5: bool
    """Whether objects get `x-cos-meta-md5`."""
    memory: int
    """Bytes of object data this worker may hold at once."""


class Worker:
    """The two pools of one process and the queues they take their tasks from."""

    def __init__(self, job: Job, emit: Callable[[Message], None]) -> None:
        """`emit` is called from many threads with each result; it must not block for long."""
        self._emit = emit
        self._stopping = threading.Event()
        self._access = Access(
            job.cos,
            slow_down=lambda: emit((0, Reply.SLOW_DOWN)),
            stopping=self._stopping,
        )
        self._job = job
        self._source = job.source(job.source_config, job.target)
        self._memory = _memory_guard(job)
        self._beside: Crew[Handed] = Crew(job.small_threads, self._serve_small)
        self._big: Crew[Message] = Crew(job.big_threads, self._serve_big)
        self._small = Express(
            _PlainPut(self._mover(), job),
            job.small_threads,
            job.memory,
            job.cos.timeouts.request or job.cos.timeouts.io,
            self._beside.put,
            emit,
        )

    def submit(self, tasks: list[Message]) -> None:
        """Queue tasks: PUT_OBJECT for the small pool, all else for the big one."""
        small = []
        for task in tasks:
            if task[1] == Kind.PUT_OBJECT:
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

    def _mover(self) -> _Mover:
        client = CosClient(self._access)
        return _Mover(self._job, self._source, client, self._memory, self._emit)

    def _serve_small(self, take: Callable[[], Handed | None]) -> None:
        """Do what the one fast thread leaves to others, lending its connections."""
        mover = self._mover()
        while (handed := take()) is not None:
            mover.client.adopt(handed.connection)
            result = mover.run(handed.task, handed.error)
            connection = mover.client.release()
            self._emit(result)
            self._small.returned(connection)
        mover.client.close()

    def _serve_big(self, take: Callable[[], Message | None]) -> None:
        mover = self._mover()
        while (task := take()) is not None:
            self._emit(mover.run(task))
        mover.client.close()


class _PlainPut:
    """Puts an object that is small, wanted whatever COS has, and read without waiting."""

    def __init__(self, mover: _Mover, job: Job) -> None:
        self._mover = mover
        self._enabled = job.source.reads_at_once
        self._tells_crc = True

    def fits(self, task: Message) -> bool:
        fields = task[2:]
        return (
            self._enabled
            and self._tells_crc
            and fields[1] <= IN_MEMORY
            and not fields[SOURCE_FIELDS + 1]
        )

    def weight(self, task: Message) -> int:
        return int(task[3])

    def prepare(self, task: Message) -> Attempt:
        fields = task[2:]
        obj = source_object(fields)
        payload, headers = self._mover.in_memory(obj)
        head = self._mover.client.put_request(fields[SOURCE_FIELDS], payload.size, headers)
        return Attempt(task, head, payload, obj.fingerprint)

    def finish(self, attempt: Attempt, connection: Connection) -> Message | None:
        response = connection.advance()
        if response is None:
            return None
        number, _, *fields = attempt.task
        cos_path = fields[SOURCE_FIELDS]
        stored = self._mover.client.put_answer(cos_path, attempt.payload, response)
        if stored is None:
            # Without a CRC-64 to compare it takes more requests: the threads make them.
            self._tells_crc = False
            raise TransportError("no CRC-64", code=NOT_PLAIN)
        return (number, Reply.DONE, stored.request_id, "", *attempt.fingerprint)


class _Mover:
    """One thread's way of carrying out tasks."""

    def __init__(
        self,
        job: Job,
        source: Source,
        client: CosClient,
        memory: AbstractContextManager[object],
        emit: Callable[[Message], None],
    ) -> None:
        self.client = client
        self._job = job
        self._source = source
        self._memory = memory
        self._emit = emit
        self._earlier: MigrateError | None = None
        self._carry_out: dict[int, Callable[[int, Message], Message]] = {
            Kind.PUT_OBJECT: self._put_object,
            Kind.LOOK: self._look,
            Kind.DIGEST: self._digest,
            Kind.INITIATE_UPLOAD: self._initiate,
            Kind.LIST_PARTS: self._list_parts,
            Kind.UPLOAD_PART: self._upload_part,
            Kind.COMPLETE_UPLOAD: self._complete,
            Kind.ABORT_UPLOAD: self._abort,
            Kind.STAT: self._stat,
        }

    def run(self, task: Message, earlier: MigrateError | None = None) -> Message:
        """Carry out one task; whatever happens becomes its result.

        `earlier` is how a first try of its request failed elsewhere.
        """
        number, self._earlier = task[0], earlier
        try:
            return self._carry_out[task[1]](number, task[2:])
        except MigrateError as error:
            if error.code == "Stopping":
                return (number, Reply.UNSTARTED)
            return (number, Reply.FAILED, *failure_of(error))
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            return (number, Reply.FAILED, *Failure("transfer", text, code="Unexpected"))

    def _put_object(self, number: int, fields: Message) -> Message:
        obj = source_object(fields)
        cos_path, skip_same_path = fields[SOURCE_FIELDS:]
        if skip_same_path and self.client.head_object(cos_path):
            return (number, Reply.TARGET_EXISTS)
        for attempt in range(1, _CHANGED_TRIES + 1):
            try:
                with self._memory:
                    payload, headers = self._small_payload(number, obj)
                    earlier, self._earlier = self._earlier, None
                    stored = self.client.put_object(cos_path, payload, headers, earlier)
            except SourceChanged:
                if attempt == _CHANGED_TRIES:
                    raise
                obj = self._source.stat(obj)
            else:
                return (number, Reply.DONE, stored.request_id, stored.unverified, *obj.fingerprint)
        raise AssertionError  # the loop returns or raises

    def in_memory(self, obj: SourceObject) -> tuple[BytesPayload, list[tuple[str, str]]]:
        """Read an object whole; return its body and headers. Raises SourceError."""
        size = obj.fingerprint.size
        with self._source.open(obj, 0, size) as reader:
            payload = BytesPayload(_read_all(reader, size))
            reader.check_unchanged()
            headers = list(reader.headers.items())
        if self._job.attach_md5 and not obj.is_folder:
            headers.append(("x-cos-meta-md5", payload.md5()))
        return payload, headers

    def _small_payload(
        self, number: int, obj: SourceObject
    ) -> tuple[Payload, list[tuple[str, str]]]:
        """Return the body and headers of an object that is sent with one request."""
        size = obj.fingerprint.size
        if size <= IN_MEMORY:
            return self.in_memory(obj)
        with self._source.open(obj, 0, size) as reader:
            headers = list(reader.headers.items())
        stream = self._stream(number, obj, 0, size)
        if self._job.attach_md5:
            headers.append(("x-cos-meta-md5", stream.md5()))
        return stream, headers

    def _look(self, number: int, fields: Message) -> Message:
        return (number, Reply.DONE, self.client.head_object(fields[0]) is not None)

    def _digest(self, number: int, fields: Message) -> Message:
        obj = source_object(fields)
        return (number, Reply.DONE, self._stream(number, obj, 0, obj.fingerprint.size).md5())

    def _initiate(self, number: int, fields: Message) -> Message:
        obj = source_object(fields)
        cos_path, md5 = fields[SOURCE_FIELDS:]
        with self._source.open(obj, 0, obj.fingerprint.size) as reader:
            headers = list(reader.headers.items())
        if md5:
            headers.append(("x-cos-meta-md5", md5))
        return (number, Reply.DONE, self.client.initiate(cos_path, headers))

    def _upload_part(self, number: int, fields: Message) -> Message:
        obj = source_object(fields)
        cos_path, upload_id, part, offset, size = fields[SOURCE_FIELDS:]
        payload = self._stream(number, obj, offset, size)
        stored = self.client.upload_part(cos_path, upload_id, part, payload)
        return (number, Reply.DONE, stored.etag, stored.crc64, stored.unverified)

    def _complete(self, number: int, fields: Message) -> Message:
        stored = self.client.complete(*fields)
        return (number, Reply.DONE, stored.request_id, stored.unverified)

    def _list_parts(self, number: int, fields: Message) -> Message:
        from cos_migrate.cos.control import Control  # noqa: PLC0415 - the SDK takes 0.3 s to load

        return (number, Reply.DONE, Control(self._job.cos).list_parts(*fields))

    def _abort(self, number: int, fields: Message) -> Message:
        from cos_migrate.cos.control import Control  # noqa: PLC0415 - the SDK takes 0.3 s to load

        Control(self._job.cos).abort(*fields)
        return (number, Reply.DONE)

    def _stat(self, number: int, fields: Message) -> Message:
        return (number, Reply.DONE, *self._source.stat(source_object(fields)).fingerprint)

    def _stream(self, number: int, obj: SourceObject, start: int, size: int) -> StreamPayload:
        next_report = time.monotonic() + _REPORT_EVERY

        def moved(count: int) -> None:
            nonlocal next_report
            now = time.monotonic()
            if now >= next_report:
                next_report = now + _REPORT_EVERY
                self._emit((number, Reply.MOVED, count))

        return StreamPayload(size, lambda: self._source.open(obj, start, size), moved)


def _memory_guard(job: Job) -> AbstractContextManager[object]:
    """Return what bounds the bodies in memory; nothing where the threads cannot exceed it."""
    bodies = max(1, job.memory // IN_MEMORY)
    if bodies >= job.small_threads + job.big_threads:
        return contextlib.nullcontext()
    return threading.BoundedSemaphore(bodies)


def _read_all(reader: Reader, size: int) -> bytes:
    data = reader.read(size)
    while len(data) < size:
        more = reader.read(min(PIECE, size - len(data)))
        if not more:
            raise SourceChanged(
                "it became shorter while it was read", operation="read", code="Changed"
            )
        data += more
    return data
