"""Runs one command and measures it with all its descendants: wall, CPU, peak memory (Linux)."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROC = Path("/proc")
SAMPLE_SECONDS = 0.02
SAMPLE_SHARE = 0.04  # of one core at most: reading /proc must not load the machine under test
LOOK_FOR_CHILDREN_SECONDS = 0.1
STAT_SESSION = 3  # fields of /proc/PID/stat after the command's name
STAT_CPU = slice(11, 13)


@dataclass(frozen=True, slots=True)
class Command:
    """What to start: arguments, working directory, environment, output file."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    output: str = "stdout.txt"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run took; seconds, bytes, and the start as Unix nanoseconds."""

    wall: float
    cpu: float
    memory: int
    processes: int
    started_ns: int
    exit_code: int


@dataclass(slots=True)
class _Sampler:
    """Adds up the proportional set sizes of a session's processes until told to stop."""

    session: int
    peak: int = 0
    most: int = 0
    _members: set[int] = field(default_factory=set)
    _next_look: float = 0.0

    def run(self, stop: threading.Event) -> None:
        """Sample until `stop`, the more seldom the more a sample costs."""
        wait = 0.0
        while not stop.wait(wait):
            begin = time.thread_time()
            self._sample()
            wait = max(SAMPLE_SECONDS, (time.thread_time() - begin) / SAMPLE_SHARE)

    def _sample(self) -> None:
        if time.monotonic() >= self._next_look:
            self._members = set(_session_members(self.session))
            self._next_look = time.monotonic() + LOOK_FOR_CHILDREN_SECONDS
        total = sum(_memory(process) for process in self._members)
        self.peak = max(self.peak, total)
        self.most = max(self.most, len(self._members))


def _session_members(session: int) -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and _stat(int(entry.name))[STAT_SESSION : STAT_SESSION + 1] == [
            str(session)
        ]:
            yield int(entry.name)


def _stat(process: int) -> list[str]:
    """Return the fields behind the name; none for a process that is gone."""
    try:
        text = (PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _memory(process: int) -> int:
    """Return the process's share of memory in bytes: shared pages count in parts."""
    try:
        text = (PROC / str(process) / "smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(process: int) -> float:
    """Return the CPU time of one running process, without children."""
    ticks = sum(int(value) for value in _stat(process)[STAT_CPU])
    return ticks / os.sysconf("SC_CLK_TCK")


def run(command: Command, time_limit: float) -> Usage:
    """Run the command to its end; a run over the limit is killed and shows its signal."""
    with (command.folder / command.output).open("wb") as output:
        started_ns = time.time_ns()
        begin = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stop = threading.Event()
        sampler = _Sampler(process.pid)
        thread = threading.Thread(target=sampler.run, args=(stop,))
        thread.start()
        killer = threading.Timer(time_limit, _kill_session, args=(process.pid,))
        killer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        killer.cancel()
        stop.set()
        thread.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=sampler.peak,
        processes=sampler.most,
        started_ns=started_ns,
        exit_code=process.returncode,
    )


def _kill_session(session: int) -> None:
    for process in list(_session_members(session)):
        os.kill(process, signal.SIGKILL)
