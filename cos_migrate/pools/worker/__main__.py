"""A worker in a process of its own: commands come in on stdin, results leave on stdout.

Started as `python -m cos_migrate.pools.worker`, on every system alike. The job arrives over
the pipe, never on the command line, so that no secret shows in a process list. When the
coordinator is gone, so is this process.

With `--plain` it belongs to a coordinator on another machine: results leave as plain data, and the
process ends by itself when the coordinator sends nothing for long, since that may have given the
tasks to another worker.
"""

from __future__ import annotations

import collections
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from cos_migrate.processes import coordinator_pipes
from cos_migrate.processes.frames import FrameReader, FrameWriter

if TYPE_CHECKING:
    from cos_migrate.http.pacing import Units
    from cos_migrate.pools.job import Job
    from cos_migrate.pools.results import Result
    from cos_migrate.pools.worker.busy_time import BusyTime
    from cos_migrate.pools.worker.commands import Close, Command
    from cos_migrate.pools.worker.worker import Worker

_GATHER = 0.010
"""Seconds from one frame of results to the next: each costs the coordinator as much as several
results do."""
_GATHER_ASKED = 0.002
"""Seconds in which what is asked of limits is gathered."""
PLAIN = "--plain"
SILENCE_MOST = 45.0
"""Seconds without a command after which a process with `--plain` ends: fewer than those after
which the coordinator replaces a worker."""
_COLLECT_AFTER = 20_000
"""New objects between two garbage collections: few objects of a worker are in a cycle."""


def main() -> None:
    """Serve until the coordinator closes the pipe or is gone."""
    incoming, outgoing = coordinator_pipes.take_over()
    gc.disable()  # collections would find nothing, and take a tenth of the start
    from cos_migrate.pools.worker.busy_time import BusyTime  # noqa: PLC0415 - as above
    from cos_migrate.pools.worker.worker import Worker  # noqa: PLC0415 - as above

    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    gc.enable()
    busy_time = BusyTime()
    is_remote = PLAIN in sys.argv[1:]
    outbox = _Outbox(_writer(outgoing, plain=is_remote), busy_time)
    threading.excepthook = _end_at_once
    sender = threading.Thread(target=outbox.run, daemon=True)
    try:
        jobs: FrameReader[Job] = FrameReader(incoming)
        worker = Worker(jobs.read(), outbox.put, outbox.announce)
        outbox.asked = worker.pace.asked
        busy_time.waited = worker.waited
        sender.start()
        _obey(worker, FrameReader(incoming), _Silence() if is_remote else None)
    except EOFError:
        os._exit(1)  # the coordinator died: no process waits for the results
    threading.Thread(target=_end_with_coordinator, daemon=True).start()
    worker.close()
    outbox.close()
    sender.join()
    os._exit(0)  # all results are sent: nothing is left to close


def _writer(outgoing: BinaryIO, *, plain: bool) -> FrameWriter[list[Result] | Units | None]:
    if not plain:
        return FrameWriter(outgoing)
    from cos_migrate.pools import plain_results  # noqa: PLC0415 - needs an extra

    return FrameWriter(outgoing, plain_results.encode)


class _Silence:
    """Ends the process when no command comes for long."""

    def __init__(self) -> None:
        self.ended_at = time.monotonic()
        """When the last command came."""
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while (left := self.ended_at + SILENCE_MOST - time.monotonic()) > 0:
            time.sleep(left)
        sys.stderr.write("the coordinator was silent for too long\n")
        sys.stderr.flush()
        os._exit(1)


def _end_with_coordinator() -> None:
    """End the process when the coordinator, which waits for the last results, is gone."""
    while os.read(0, 1):  # not by the buffer, which must be free when the interpreter ends
        pass
    os._exit(1)


def _end_at_once(args: threading.ExceptHookArgs) -> None:
    """End the process after a thread broke off: its tasks would never end."""
    sys.stderr.write(f"{args.exc_type.__name__}: {args.exc_value}\n")
    sys.stderr.flush()
    os._exit(1)


def _obey(worker: Worker, commands: FrameReader[Command | Close], silence: _Silence | None) -> None:
    """Carry out commands until `Close`; each ends the `silence`."""
    from cos_migrate.pools.worker.commands import Close  # noqa: PLC0415 - as above

    while not isinstance(command := commands.read(), Close):
        if silence:
            silence.ended_at = time.monotonic()
        command.carry_out(worker)


class _Outbox:
    """The results that wait to be sent; putting one there costs next to nothing."""

    def __init__(
        self, answers: FrameWriter[list[Result] | Units | None], busy_time: BusyTime
    ) -> None:
        self._answers = answers
        self._busy_time = busy_time
        self._results: collections.deque[Result] = collections.deque()
        self._filled = threading.Event()
        self._hurried = threading.Event()
        self._closing = False
        self.asked: Callable[[], Units] | None = None
        """Returns what limits have been asked for so far."""

    def put(self, result: Result) -> None:
        """Have a result sent."""
        self._results.append(result)
        if not self._filled.is_set():
            self._filled.set()

    def announce(self) -> None:
        """Have `asked` sent soon: transfers wait for the answer."""
        if not self._hurried.is_set():
            self._hurried.set()
            self._filled.set()

    def close(self) -> None:
        """End `run` once everything is sent."""
        self._closing = True
        self._filled.set()

    def run(self) -> None:
        """Send results, gathered for a moment, and heartbeats while there are none."""
        sent = 0.0
        while not self._closing or self._results:
            if not self._filled.wait(coordinator_pipes.HEARTBEAT_SECONDS):
                self._send(None)
                continue
            if not self._closing:
                self._hurried.wait(max(0.0, sent + _GATHER - time.monotonic()))
            self._filled.clear()  # before they are taken: a later one sets it again
            if self._hurried.is_set():
                time.sleep(_GATHER_ASKED)
                self._hurried.clear()
                if self.asked:
                    self._send(self.asked())
            batch = [self._results.popleft() for _ in range(len(self._results))]
            if not batch:
                continue
            batch += self._busy_time.due(sent)
            self._send(batch)
            sent = time.monotonic()

    def _send(self, batch: list[Result] | Units | None) -> None:
        try:
            self._answers.write(batch)
        except OSError:
            os._exit(1)


if __name__ == "__main__":
    main()
