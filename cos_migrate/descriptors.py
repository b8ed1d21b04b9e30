"""File descriptors: the limit of a process, and waiting while none is left."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from cos_migrate.errors import MigrateError, TransportError, stopping_error

T = TypeVar("T")

EXHAUSTION_CODES = frozenset({"EMFILE", "ENFILE"})
"""Codes of errors that mean that this process, or the machine, has no descriptor left."""
PATIENCE = 60.0
"""Seconds for which another try is made when there is none."""
RESERVE = 64
"""Descriptors of a process kept for other uses than transfers: pipes, own files, name look-ups."""
PER_TRANSFER = 2
"""Connections to COS and to the source, or a connection and a file."""
_PIPES = 3
"""Descriptors that the coordinator has of each worker."""
_SELECTED_MOST = 240 if os.name == "nt" else 1 << 30
"""Transfers for which one thread can wait: `select` on Windows takes 512 sockets."""
_LEAST = 8
_RAISED_MOST = 1 << 20
_FALLBACK = 10_240
"""The most that macOS accepts where it reports no limit (`OPEN_MAX`)."""
_UNLIMITED = 1 << 30
_NUMBERS = frozenset({errno.EMFILE, errno.ENFILE})
_PAUSE = 0.05
_PAUSE_MOST = 1.0


def raise_limit() -> None:
    """Let this process, and those that it starts, open as many files as the system allows."""
    try:
        import resource  # noqa: PLC0415 - Windows has none, and needs none
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _RAISED_MOST if hard == resource.RLIM_INFINITY else min(hard, _RAISED_MOST)
    for wanted in (most, min(most, _FALLBACK)):
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return


def limit() -> int:
    """Return how many descriptors this process may have."""
    try:
        import resource  # noqa: PLC0415 - as above
    except ImportError:
        return _UNLIMITED
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _UNLIMITED if soft == resource.RLIM_INFINITY else min(soft, _UNLIMITED)


class TransferCounts(NamedTuple):
    """The numbers of processes and of transfers that a run may use at once."""

    processes: int
    """Worker processes, which share all transfers."""
    small: int
    """Transfers of the small pool, in all processes together."""
    big: int
    """Transfers of the big pool, in all processes together."""


def transfers_of_process(most: int) -> int:
    """Return how many transfers a process can make at once with `most` descriptors."""
    return min(max(_LEAST, most - RESERVE) // PER_TRANSFER, _SELECTED_MOST)


def fit_to_limit(wanted: TransferCounts, most: int) -> TransferCounts:
    """Reduce the wanted numbers to those that fit when a process may have `most` descriptors."""
    processes = min(wanted.processes, max(1, max(_LEAST, most - RESERVE) // _PIPES))
    count = max(1, min(processes, max(wanted.small, wanted.big)))
    small, big = -(-wanted.small // count), -(-wanted.big // count)
    slots = transfers_of_process(most)
    if small + big <= slots:
        return wanted._replace(processes=processes)
    big = max(1, slots * big // (small + big))
    small = max(1, slots - big)
    return TransferCounts(processes, min(wanted.small, count * small), min(wanted.big, count * big))


def is_exhausted() -> bool:
    """Return whether no file can be opened now, found by opening one."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _NUMBERS
    return False


def exhaustion_code(error: BaseException) -> str:
    """Return `EMFILE` or `ENFILE` when an error means that no descriptor is left, else ''."""
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return errno.errorcode[error.errno]
    return error.code if isinstance(error, MigrateError) and error.code in EXHAUSTION_CODES else ""


def raise_if_exhausted(error: BaseException, operation: str, target: str) -> None:
    """Raise TransportError if no descriptor is left, even where `error` says something else."""
    if code := exhaustion_code(error) or ("EMFILE" if is_exhausted() else ""):
        raise exhaustion_error(code, operation, target) from error


def exhaustion_error(code: str, operation: str, target: str) -> TransportError:
    """Return the error to raise for an operation that found no free descriptor."""
    return TransportError(
        f"no file descriptor is left: a process may have {limit()} (ulimit -n), all are in use",
        operation=operation,
        target=target,
        code=code,
    )


def retry_while_exhausted(
    action: Callable[[], T],
    pause: Callable[[float], object] = time.sleep,
    seconds: float = PATIENCE,
) -> T:
    """Return the result of `action`, tried again while no descriptor is left.

    `pause` waits for some seconds and returns true when the run is stopping. Raises the errors of
    `action`, and TransportError with code `Stopping`.
    """
    began, wait = 0.0, _PAUSE
    while True:
        try:
            return action()
        except Exception as error:
            now = time.monotonic()
            began = began or now
            if not exhaustion_code(error) or now - began >= seconds:
                raise
            if pause(wait):
                raise stopping_error() from error
            wait = min(_PAUSE_MOST, wait * 2)
