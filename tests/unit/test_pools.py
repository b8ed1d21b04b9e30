"""Workers that break off are told of, and what they had goes where somebody does it."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cos_migrate import wire
from cos_migrate.cos.access import CosSettings, Credentials
from cos_migrate.crew import Crew
from cos_migrate.launcher import Launcher
from cos_migrate.pools import Lost, Pools
from cos_migrate.sources.base import SourceOptions
from cos_migrate.tasks import Kind, Message
from cos_migrate.worker import Job
from tests.unit.keys_source import TARGET, KeysSource

LIMIT = 30
BROKEN = """
import threading
from cos_migrate import worker_process

class Broken:
    def __init__(self, job, emit):
        pass

    def submit(self, tasks):
        {}

    allow = replace_credentials = None

def fail():
    raise RuntimeError("no more threads")

worker_process.Worker = Broken
worker_process.main()
"""


class Seat:
    def __init__(self) -> None:
        self.tasks: list[Message] = []

    def send(self, command: str, value: Any) -> None:
        if command == "submit":
            self.tasks += value

    def close(self) -> None: ...


class Seats(Pools):
    """Pools whose workers only keep what they are given."""

    def __init__(self, job: Job, processes: int) -> None:
        super().__init__(job, processes, lambda _: None, Launcher().take)
        self.seats = [Seat() for _ in range(processes)]

    def _seat(self, index: int) -> None:
        self._seats[index] = self.seats[index] = Seat()


def test_what_a_lost_worker_had_goes_to_one_that_has_threads_for_it() -> None:
    settings = CosSettings(TARGET.bucket, TARGET.region, Credentials("id", "key"))
    job = Job(
        settings,
        KeysSource,
        None,
        TARGET,
        small_threads=1,
        big_threads=2,
        attach_md5=False,
        memory=1 << 20,
        small_below=1 << 20,
        spool_folder="",
        source_options=SourceOptions(),
    )
    pools = Seats(job, 2)
    for number in range(1, 4):
        pools.submit((number, Kind.PUT_OBJECT))
    pools.flush()
    assert [len(seat.tasks) for seat in pools.seats] == [3, 0]
    pools.allow(1)  # there is less room now than what it has
    pools.replace(Lost(0, 0, "killed"))
    assert [len(seat.tasks) for seat in pools.seats] == [3, 0]


def test_when_the_system_gives_no_more_threads_those_that_there_are_do_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: queue.SimpleQueue[int] = queue.SimpleQueue()

    def serve(take: Callable[[], int | None]) -> None:
        while (item := take()) is not None:
            done.put(item)

    crew = Crew(3, serve)
    crew.put(1)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        crew.put(2)
        crew.put(3)
    crew.close()
    assert [done.get(timeout=LIMIT) for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("breaking", ["fail()", "threading.Thread(target=fail).start()"])
def test_a_process_of_which_something_breaks_off_ends(breaking: str) -> None:
    command = [sys.executable, "-c", BROKEN.format(breaking)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            assert process.stdin
            assert process.stderr
            wire.send(process.stdin, None)  # type: ignore[arg-type]
            wire.send(process.stdin, ("submit", []))  # type: ignore[arg-type]
            assert process.wait(LIMIT) == 1
            assert b"no more threads" in process.stderr.read()
        finally:
            process.kill()
