"""A worker: threads that take tasks, move bytes and return results.

A worker never sees the database, prints nothing and raises nothing to its caller: every task it
is given comes back as exactly one final result.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cos_migrate.cos.client import CosClient
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.cos.payload import NextBody
from cos_migrate.cos.requests import Access, PutRequests
from cos_migrate.errors import MigrateError, Side
from cos_migrate.http.credential_gate import CredentialGate
from cos_migrate.http.pacing import ProcessPace, ThreadPace
from cos_migrate.http.retries import Strain
from cos_migrate.model import Credentials
from cos_migrate.pools.job import Job
from cos_migrate.pools.results import (
    CONNECTION_FAILED,
    CREDENTIALS_ENDED,
    DONE,
    LATENCY,
    REQUEST,
    SLOW_DOWN,
    UNSTARTED,
    CredentialsEnded,
    Latency,
    Requested,
    Result,
)
from cos_migrate.pools.tasks import SMALL_KINDS, NumberedTask, UploadPart
from cos_migrate.pools.worker.attempts import ThreadTask
from cos_migrate.pools.worker.bodies import Bodies
from cos_migrate.pools.worker.event_loop import EventLoop
from cos_migrate.pools.worker.first_put import FirstPut
from cos_migrate.pools.worker.memory import MemoryBudget
from cos_migrate.pools.worker.ordered_comparison import OrderedComparisons
from cos_migrate.pools.worker.part_ahead import PartAhead
from cos_migrate.pools.worker.task_runner import TaskRunner
from cos_migrate.pools.worker.thread_pool import Taker, ThreadPool

if TYPE_CHECKING:
    from cos_migrate.cos.crypto import Encryptor

_STRAINS = {Strain.SLOW_DOWN: SLOW_DOWN, Strain.CONNECTION: CONNECTION_FAILED}


def _announce_nothing() -> None:
    """Do nothing: a worker without limits asks for nothing."""


class Worker:
    """The two pools of one process and the queues they take their tasks from."""

    def __init__(
        self,
        job: Job,
        emit: Callable[[Result], None],
        announce: Callable[[], None] = _announce_nothing,
    ) -> None:
        """`emit` is called from many threads with each result; it must not block for long.

        `announce` likewise, when `pace` asks for more.
        """
        self._emit = emit
        self.pace = ProcessPace(announce)
        """What limits leave to this worker."""
        self._stopping = threading.Event()
        self._gate = CredentialGate(
            lambda side, number: emit((0, CREDENTIALS_ENDED, CredentialsEnded(side, number)))
        )
        self._access = Access(
            job.cos,
            strained=lambda strain, side: emit((0, _STRAINS[strain], side)),
            stopping=self._stopping,
            gate=self._gate,
            pace=self.pace.cos(big=False),
            noted=self._note_request if job.counts_requests else None,
        )
        self._job = job
        self._source = job.source(job.source_config, job.target, job.source_options)
        given = job.source_options.credentials
        self._source_pace = ThreadPace(self.pace.source(big=False))
        self._source.pace_by(self._source_pace)
        self._gate.supply(Side.SOURCE, self._source, given.number if given else 0)
        memory = self._memory = MemoryBudget(job.memory)
        self._bodies = Bodies(
            self._source,
            self._access.retries,
            memory,
            attach_md5=job.attach_md5,
            spool_folder=job.spool_folder,
            small_below=job.small_below,
            encryptor=_encryptor(job.encryption),
            copy_mtime=job.source_options.copy_mtime,
        )
        self._comparisons = OrderedComparisons()
        self._largest_part = 0
        self._small_thread_pool: ThreadPool[ThreadTask] = ThreadPool(
            job.small_transfers, self._serve_small
        )
        self._big_thread_pool: ThreadPool[NumberedTask] = ThreadPool(
            job.big_transfers, self._serve_big
        )
        self._event_loop = EventLoop(
            FirstPut(PutRequests(self._access), self._bodies, self._source, emit),
            job.small_transfers,
            memory,
            self._small_thread_pool.put,
            emit,
            self.pace,
        )

    def submit(self, tasks: list[NumberedTask]) -> None:
        """Queue tasks, each for its pool."""
        small = []
        for task in tasks:
            _, kind, _ = task
            if kind in SMALL_KINDS:
                small.append(task)
            else:
                self._big_thread_pool.put(task)
        if small:
            self._event_loop.submit(small)

    def recall(self) -> None:
        """Give back the tasks that no thread has begun with."""
        for number, _, _ in (*self._event_loop.recall(), *self._big_thread_pool.recall()):
            self._emit((number, UNSTARTED, None))
        if self._source.ahead:
            self._source.ahead.drop_all()

    def stop(self) -> None:
        """Give back the tasks not begun, and start no further try of the others."""
        self._stopping.set()
        self.pace.stop()
        self.recall()
        self._event_loop.stop()

    def allow_transfers(self, small: int, big: int, memory: int) -> None:
        """Let at most `small` and `big` transfers of the two pools be made at once.

        `memory`: bytes of object data that they may hold.
        """
        self._memory.allow(memory)
        self._event_loop.allow(small)
        self._big_thread_pool.allow(big)

    def open_ahead(self, connections: int) -> None:
        """Open up to this number of connections for small objects, before their tasks arrive."""
        with contextlib.suppress(RuntimeError):  # no more threads
            threading.Thread(target=self._open_ahead, args=(connections,), daemon=True).start()

    def _open_ahead(self, connections: int) -> None:
        with contextlib.suppress(MigrateError):  # a task meets it again
            self._access.network.prepare(self._access.routes[0])
            self._event_loop.open_ahead(connections)

    def waited(self) -> float:
        """Return the seconds for which the event loop has waited for events so far."""
        return self._event_loop.waited()

    def close_idle(self) -> None:
        """Close the connections that wait for a task."""
        self._event_loop.close_idle()

    def replace_credentials(self, side: Side, credentials: Credentials) -> None:
        """Use other credentials for one side from the next request on."""
        self._gate.replace(side, credentials)

    def refuse_credentials(self, side: Side) -> None:
        """Let the requests fail that wait for other credentials of one side."""
        self._gate.refuse(side)

    def close(self) -> None:
        """End all threads once their tasks are finished."""
        self._event_loop.close()
        self._small_thread_pool.close()
        self._big_thread_pool.close()

    def _new_runner(self, *, big: bool, next_body: NextBody | None = None) -> TaskRunner:
        client = CosClient(self._access, self.pace.cos(big=big))
        return TaskRunner(
            source=self._source,
            client=client,
            bodies=self._bodies,
            comparisons=self._comparisons,
            emit=self._emit,
            pause=self._await_descriptors,
            next_body=next_body,
        )

    def _note_request(self, operation: str, status: int) -> None:
        self._emit((0, REQUEST, Requested(operation, status)))

    def _await_descriptors(self, seconds: float) -> bool:
        """Wait while none is free, without keeping any for later; return whether to stop."""
        self._source.close_idle()
        self._event_loop.close_idle()
        return self._stopping.wait(seconds)

    def _serve_small(self, take: Taker[ThreadTask]) -> None:
        """Carry out the tasks that the event loop passes on, over its connections."""
        runner = self._new_runner(big=False)
        while (handed := take()) is not None:
            runner.client.adopt(handed.connection)
            result = runner.run(handed.task, handed.error, handed.body)
            connection = runner.client.release()
            self._emit(result)
            self._event_loop.returned(connection)
        runner.client.close()

    def _serve_big(self, take: Taker[NumberedTask]) -> None:
        self._source_pace.current = self.pace.source(big=True)
        ranges = self._source.ahead
        ahead = PartAhead(ranges, take) if ranges else None
        runner = self._new_runner(big=True, next_body=ahead)
        while (task := take()) is not None:
            began = time.monotonic()
            result = runner.run(task)
            self._emit(result)
            self._report_part(task, result, time.monotonic() - began)
        runner.client.close()

    def _report_part(self, task: NumberedTask, result: Result, seconds: float) -> None:
        """Report how long a part took, unless it was smaller than usual."""
        _, _, part = task
        _, kind, _ = result
        if kind == DONE and isinstance(part, UploadPart) and part.length >= self._largest_part:
            self._largest_part = part.length
            self._emit((0, LATENCY, Latency(1, seconds, big=True)))


def _encryptor(settings: EncryptionSettings | None) -> Encryptor | None:
    if settings is None:
        return None
    from cos_migrate.cos.crypto import Encryptor  # noqa: PLC0415 - only encryption needs ciphers

    return Encryptor(settings)
