"""Workers that break off are told of, and what they had goes where somebody does it."""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

import pytest

from cos_migrate.config.options import Section
from cos_migrate.cos.settings import CosSettings
from cos_migrate.model import Credentials, Fingerprint, SourceObject
from cos_migrate.pools import WORKER_PROGRAM
from cos_migrate.pools import workers as module
from cos_migrate.pools.job import Job
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.results import DONE, FAILED, UNSTARTED, Result
from cos_migrate.pools.tasks import PUT_OBJECT, CopyPart, NumberedTask, TaskKind, put_task
from cos_migrate.pools.worker.commands import Close, Command, Submit
from cos_migrate.pools.worker.thread_pool import Taker, ThreadPool
from cos_migrate.pools.worker_handles import WorkerLost, WorkerResults
from cos_migrate.processes.frames import FrameWriter
from cos_migrate.processes.launcher import Launcher
from cos_migrate.processes.liveness import WaitLimits
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.local.source import LocalSource
from tests.unit.keys_source import TARGET, KeysSource

LIMIT = 30
BROKEN = """
import threading
from functools import partial
from cos_migrate.http.pacing import ProcessPace
from cos_migrate.pools.worker import worker, __main__ as worker_process

class Broken:
    def __init__(self, job, emit, announce):
        self.pace = ProcessPace(announce)

    def waited(self):
        return 0.0

    def submit(self, tasks):
        {}

def fail():
    raise RuntimeError("no more threads")

worker.Worker = Broken
worker_process.main()
"""


OBJ = SourceObject("missing", "a", Fingerprint(1, 0))


def put(number: int) -> NumberedTask:
    return (number, PUT_OBJECT, put_task(OBJ, "/a", 0))


class Seat:
    name = ""
    heartbeats = 0

    def __init__(self) -> None:
        self.tasks: list[NumberedTask] = []

    def send(self, command: Command) -> None:
        if isinstance(command, Submit):
            self.tasks += command.tasks

    def end(self) -> None: ...

    def kill(self) -> None: ...

    def close(self, deadline: float) -> None: ...


class Seats(Pools):
    """Pools whose workers only keep what they are given."""

    def __init__(
        self, job: Job, processes: int, post: Callable[[Any], None] = lambda _: None
    ) -> None:
        super().__init__(job, processes, post, partial(Launcher().take, WORKER_PROGRAM))
        self.seats = [Seat() for _ in range(processes)]

    def _start_worker(self, index: int) -> None:
        self._workers._handles[index] = self.seats[index] = Seat()


def test_what_a_lost_worker_had_goes_to_one_that_has_threads_for_it() -> None:
    settings = CosSettings(TARGET.bucket, TARGET.region, Credentials("id", "key"))
    job = Job(
        settings,
        KeysSource,
        Section(),
        TARGET,
        small_transfers=1,
        big_transfers=2,
        attach_md5=False,
        memory=1 << 20,
        small_below=1 << 20,
        spool_folder="",
        source_options=SourceOptions(),
    )
    pools = Seats(job, 2)
    for number in range(1, 4):
        pools.submit(put(number))
    pools.flush()
    assert [len(seat.tasks) for seat in pools.seats] == [3, 0]
    pools.allow_transfers(1, 1)  # there is less room now than what it has
    pools.replace_worker(WorkerLost(0, 0, "killed"))
    assert [len(seat.tasks) for seat in pools.seats] == [3, 0]


def test_when_the_system_gives_no_more_threads_those_that_there_are_do_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: queue.SimpleQueue[int] = queue.SimpleQueue()

    def serve(take: Taker[int]) -> None:
        while (item := take()) is not None:
            done.put(item)

    crew = ThreadPool(3, serve)
    crew.put(1)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        crew.put(2)
        crew.put(3)
    crew.close()
    assert [done.get(timeout=LIMIT) for _ in range(3)] == [1, 2, 3]


def send(pipe: IO[bytes], value: object) -> None:
    writer: FrameWriter[object] = FrameWriter(pipe)
    writer.write(value)


@contextlib.contextmanager
def started(code: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
    """Run code as a worker process; yield it, where it is written to, and what it complains of."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin
        assert process.stderr
        try:
            send(process.stdin, None)
            yield process, process.stdin, process.stderr
        finally:
            process.kill()


@pytest.mark.parametrize("breaking", ["fail()", "threading.Thread(target=fail).start()"])
def test_a_process_of_which_something_breaks_off_ends(breaking: str) -> None:
    with started(BROKEN.format(breaking)) as (process, stdin, stderr):
        send(stdin, Submit([]))
        assert process.wait(LIMIT) == 1
        assert b"no more threads" in stderr.read()


BLOCKED = """
import threading
from cos_migrate.http.pacing import ProcessPace
from cos_migrate.pools.worker import worker, __main__ as worker_process

class Blocked:
    def __init__(self, job, emit, announce):
        self.pace = ProcessPace(announce)

    def waited(self):
        return 0.0

    def close(self):
        print("closing", file=__import__("sys").stderr, flush=True)
        threading.Event().wait()

worker.Worker = Blocked
worker_process.main()
"""


def test_a_process_that_was_told_to_end_ends_with_its_coordinator() -> None:
    with started(BLOCKED) as (process, stdin, stderr):
        send(stdin, Close())
        assert stderr.readline().strip() == b"closing"
        stdin.close()
        assert process.wait(LIMIT) == 1


def local_job(threads: int = 2) -> Job:
    settings = CosSettings(TARGET.bucket, TARGET.region, Credentials("id", "key"))
    return Job(
        settings,
        LocalSource,
        LocalConfig(local_path="/"),
        TARGET,
        small_transfers=threads,
        big_transfers=threads,
        attach_md5=False,
        memory=1 << 20,
        small_below=1 << 20,
        spool_folder="",
        source_options=SourceOptions(),
    )


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_process_that_does_not_end_is_ended() -> None:
    posted: queue.SimpleQueue[Any] = queue.SimpleQueue()
    processes: list[subprocess.Popen[bytes]] = []

    def launch() -> subprocess.Popen[bytes]:
        processes.append(Launcher().take(WORKER_PROGRAM))
        return processes[-1]

    pools = Pools(local_job(), 2, posted.put, launch, WaitLimits(close=0.3))
    pools.start()
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    pools.close()
    assert posted.empty()


def test_a_process_that_cannot_be_started_is_one_that_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(module, "_START_AGAIN", 0)
    posted: queue.SimpleQueue[Any] = queue.SimpleQueue()
    pools = Pools(local_job(), 1, posted.put, partial(Launcher().take, WORKER_PROGRAM))
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", refuse)
        pools.submit(put(1))
        pools.flush()
        lost = posted.get(timeout=LIMIT)
        assert "Cannot allocate memory" in lost.reason
        assert pools.replace_worker(lost) == []
    assert pools.replace_worker(posted.get(timeout=LIMIT)) == []
    try:
        (result,) = pools.collect(posted.get(timeout=LIMIT))
        assert (result[0], result[1]) == (1, FAILED)
    finally:
        pools.close()


def lose(pools: Seats, index: int, times: int = 1) -> list[list[Result]]:
    results = []
    for _ in range(times):
        pools.seats[index].tasks.clear()
        results.append(
            pools.replace_worker(WorkerLost(index, pools._loads[index].generation, "killed"))
        )
    return results


def test_what_was_lost_twice_is_done_alone() -> None:
    pools = Seats(local_job(), 1)
    for number in range(1, 5):
        pools.submit(put(number), "name")
    pools.flush()

    def has() -> list[int]:
        return [task[0] for task in pools.seats[0].tasks]

    assert lose(pools, 0) == [[]]
    assert has() == [1, 2, 3, 4]
    pools.submit(put(5))
    pools.flush()
    assert lose(pools, 0) == [[]]
    assert has() == [1]
    assert pools.room(big=False) == 0
    pools.collect(WorkerResults(0, [(1, DONE, None)]))
    assert has() == [1, 2]
    assert lose(pools, 0, 9) == [[]] * 9
    assert has() == [2]
    ((given_up,),) = lose(pools, 0)
    assert given_up[:2] == (2, FAILED)
    assert has() == [3, 4, 5]
    assert pools.room(big=False) > 0
    pools.collect(WorkerResults(0, [(number, DONE, None) for number in (3, 4, 5)]))
    assert pools.under_way == 0


def test_what_waits_to_be_done_alone_comes_back_when_work_is_to_stop() -> None:
    posted: list[Any] = []
    pools = Seats(local_job(), 1, posted.append)
    for number in range(1, 4):
        pools.submit(put(number))
    pools.flush()
    lose(pools, 0, 2)
    pools.submit(put(4))
    pools.flush()
    pools.stop()
    (event,) = posted
    assert pools.collect(event) == [(number, UNSTARTED, None) for number in (2, 3, 4)]
    assert lose(pools, 0) == [[(1, UNSTARTED, None)]]
    assert pools.under_way == 0


def test_what_belongs_together_stays_together_when_it_is_sent_again() -> None:
    pools = Seats(local_job(8), 2)
    part = CopyPart(OBJ, "/a", "id", 1, 0, 1)
    for number in range(1, 5):
        pools.submit((number, TaskKind.COPY_PART, part), "upload")
    pools.flush()
    assert [len(seat.tasks) for seat in pools.seats] == [4, 0]
    lose(pools, 0)
    assert [len(seat.tasks) for seat in pools.seats] in ([4, 0], [0, 4])


def test_the_last_words_of_a_process_tell_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen

    def broken(_: list[str], **more: Any) -> subprocess.Popen[bytes]:
        code = "raise RuntimeError('no https://user:secret@host/?sign=secret')"
        return real([sys.executable, "-c", code], **more)

    monkeypatch.setattr(subprocess, "Popen", broken)
    posted: queue.SimpleQueue[Any] = queue.SimpleQueue()
    pools = Pools(local_job(), 1, posted.put, partial(Launcher().take, WORKER_PROGRAM))
    pools.start()
    lost = posted.get(timeout=LIMIT)
    pools.close()
    assert "RuntimeError: no https://***@host/?***" in lost.reason
    assert "secret" not in lost.reason
