"""A worker in a process of its own: commands come in on stdin, results leave on stdout.

Started as `python -m cos_migrate.worker_process`, on every system alike. The job arrives over
the pipe, never on the command line, so that no secret shows in a process list. When the
coordinator is gone, so is this process.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from cos_migrate import wire
from cos_migrate.tasks import Message
from cos_migrate.worker import Worker

_GATHER = 0.003
"""Seconds results are gathered before they are sent on together."""


def main() -> None:
    """Serve until told to close, or until the coordinator is gone."""
    # Ctrl-C, and a service manager's end, may reach all processes: the coordinator answers, which
    # waits for what is in flight, and without which this process ends.
    for name in ("SIGINT", "SIGBREAK", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    commands, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the frames
    results: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    threading.excepthook = _end_at_once
    sender = threading.Thread(target=_send_results, args=(results, answers), daemon=True)
    try:
        worker = Worker(wire.receive(commands), results.put)
        sender.start()
        _obey(worker, commands)
    except EOFError:
        os._exit(1)  # the coordinator died: what is under way is nobody's any more
    threading.Thread(target=_end_with_coordinator, daemon=True).start()
    worker.close()
    results.put(None)
    sender.join()


def _end_with_coordinator() -> None:
    """End when nobody waits any more for what is being finished."""
    while os.read(0, 1):  # not by the buffer, which must be free when the interpreter ends
        pass
    os._exit(1)


def _end_at_once(args: threading.ExceptHookArgs) -> None:
    """End a process of which a thread broke off: nobody would do what it was to do."""
    sys.stderr.write(f"{args.exc_type.__name__}: {args.exc_value}\n")
    sys.stderr.flush()
    os._exit(1)


def _obey(worker: Worker, commands: BinaryIO) -> None:
    """Carry out commands until `close`."""
    actions: dict[str, Callable[[Any], None]] = {
        "submit": worker.submit,
        "recall": lambda _: worker.recall(),
        "stop": lambda _: worker.stop(),
        "allow": worker.allow,
        "credentials": worker.replace_credentials,
    }
    while True:
        command, value = wire.receive(commands)
        if command == "close":
            return
        actions[command](value)


def _send_results(results: queue.SimpleQueue[Message | None], answers: BinaryIO) -> None:
    while True:
        gathered = [results.get()]
        time.sleep(_GATHER)
        while True:
            try:
                gathered.append(results.get_nowait())
            except queue.Empty:
                break
        batch = [result for result in gathered if result is not None]
        try:
            wire.send(answers, batch)
        except OSError:
            os._exit(1)
        if len(batch) < len(gathered):
            return


if __name__ == "__main__":
    main()
