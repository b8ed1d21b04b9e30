"""Runs one command and measures it with all its descendants: wall, CPU, peak memory (Linux)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
import time
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

PROC = Path("/proc")
SAMPLE_SECONDS = 0.02
SAMPLE_SHARE = 0.04  # of one core at most: reading /proc must not load the machine under test
LOOK_FOR_CHILDREN_SECONDS = 0.1
LEFT_OVER_SECONDS = 10.0
STAT_PARENT = 1  # fields of /proc/PID/stat after the command's name
STAT_CPU = slice(11, 13)
PR_SET_CHILD_SUBREAPER = 36
TERMINAL_SIZE = (50, 120)  # lines and columns


@dataclass(frozen=True, slots=True)
class Command:
    """A command to start: arguments, working directory, environment, output file.

    `terminal`: whether it gets a terminal, which shows what the output file gets. `page`: address
    of a page that is read each second while it runs.
    """

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    output: str = "stdout.txt"
    terminal: bool = False
    page: str = ""

    def limited(self, open_files: int) -> Command:
        """Return the same command with so many open files for each process."""
        script = f'ulimit -n {open_files} && exec "$@"'
        return replace(self, argv=("sh", "-c", script, "sh", *self.argv))


@dataclass(frozen=True, slots=True)
class Usage:
    """Time, CPU time and memory of a run; seconds, bytes, and the start as Unix nanoseconds."""

    wall: float
    cpu: float
    memory: int
    processes: int
    started_ns: int
    exit_code: int


@dataclass(slots=True)
class _Sampler:
    """Adds up the proportional set sizes of a process and its descendants until it is stopped."""

    members: set[int]
    peak: int = 0
    most: int = 0
    _next_look: float = 0.0

    def run(self, stop: threading.Event) -> None:
        """Sample until `stop`; the more a sample costs, the longer the pause."""
        wait = 0.0
        while not stop.wait(wait):
            begin = time.thread_time()
            self._sample()
            wait = max(SAMPLE_SECONDS, (time.thread_time() - begin) / SAMPLE_SHARE)

    def _sample(self) -> None:
        if time.monotonic() >= self._next_look:
            self.members |= _descendants(self.members)
            self._next_look = time.monotonic() + LOOK_FOR_CHILDREN_SECONDS
        sizes = [size for size in map(_memory, self.members) if size]
        self.peak = max(self.peak, sum(sizes))
        self.most = max(self.most, len(sizes))


def _descendants(roots: set[int]) -> set[int]:
    """Return the roots' children, their children and so on; tools may start new sessions."""
    children: dict[int, list[int]] = {}
    for process in _processes():
        children.setdefault(_parent(process), []).append(process)
    found: set[int] = set()
    unseen = list(roots)
    while unseen:
        for child in children.get(unseen.pop(), []):
            if child not in found:
                found.add(child)
                unseen.append(child)
    return found


def _processes() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _parent(process: int) -> int:
    fields = _stat(process)
    return int(fields[STAT_PARENT]) if fields else 0


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


def adopt_orphans() -> None:
    """Become the parent of processes that a measured tool leaves running, to count their CPU."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(command: Command, time_limit: float) -> Usage:
    """Run the command to its end; a run over the limit is killed and shows its signal."""
    others = _descendants({os.getpid()})
    with _output_of(command) as output, _reader_of(command.page):
        started_ns = time.time_ns()
        begin = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        stop = threading.Event()
        sampler = _Sampler({process.pid})
        thread = threading.Thread(target=sampler.run, args=(stop,))
        thread.start()
        killer = threading.Timer(time_limit, _kill_tree, args=(process.pid,))
        killer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        cpu = usage.ru_utime + usage.ru_stime + _wait_for_orphans(others)
        killer.cancel()
        stop.set()
        thread.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(
        wall=wall,
        cpu=cpu,
        memory=sampler.peak,
        processes=sampler.most,
        started_ns=started_ns,
        exit_code=process.returncode,
    )


@contextmanager
def _output_of(command: Command) -> Iterator[int]:
    """Open the output of a command, a file or a terminal; yield its descriptor."""
    with (command.folder / command.output).open("wb") as output:
        if not command.terminal:
            yield output.fileno()
            return
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *TERMINAL_SIZE, 0, 0))
        thread = threading.Thread(target=_copy, args=(ours, output))
        thread.start()
        try:
            yield theirs
        finally:
            os.close(theirs)
            thread.join()
            os.close(ours)


def _copy(terminal: int, output: BinaryIO) -> None:
    """Copy what a terminal shows until all of its processes have closed it."""
    with suppress(OSError):  # how Linux tells the end
        while data := os.read(terminal, 1 << 16):
            output.write(data)


@contextmanager
def _reader_of(page: str) -> Iterator[None]:
    """Read a page each second, in a thread; an empty address: read nothing."""
    stop = threading.Event()

    def read() -> None:
        while not stop.wait(1):
            with suppress(OSError), urllib.request.urlopen(page, timeout=5) as answer:
                answer.read()

    thread = threading.Thread(target=read) if page else None
    if thread:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if thread:
            thread.join()


def _wait_for_orphans(others: set[int]) -> float:
    """Reap the processes that the tool left running; return their CPU seconds."""
    killer = threading.Timer(LEFT_OVER_SECONDS, _kill_tree, args=(os.getpid(), others))
    killer.start()
    cpu = 0.0
    for process in _descendants({os.getpid()}) - others:
        try:
            _, _, usage = os.wait4(process, 0)
        except ChildProcessError:  # a grandchild: its parent reaps it
            continue
        cpu += usage.ru_utime + usage.ru_stime
    killer.cancel()
    return cpu


def _kill_tree(root: int, spared: Collection[int] = ()) -> None:
    """Kill the root's descendants and, when it is not this process, itself."""
    for process in _descendants({root}) | ({root} - {os.getpid()}):
        if process not in spared:
            os.kill(process, signal.SIGKILL)
