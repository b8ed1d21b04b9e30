"""File descriptors: how many a process may have, and waiting while there is none left."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from cos_migrate.errors import MigrateError, TransportError

T = TypeVar("T")

CODES = frozenset({"EMFILE", "ENFILE"})
"""Codes of an error that says that this process, or the machine, has no descriptor left."""
PATIENCE = 60.0
"""Seconds for which another try is made when there is none."""
RESERVE = 64
"""Descriptors of a process that are not for transfers: pipes, files of its own, name look-ups."""
PER_TRANSFER = 2
"""Connections to COS and to the source, or a connection and a file."""
_PIPES = 3
"""Descriptors that the coordinator has of each worker."""
_LEAST = 8
_RAISED_MOST = 1 << 20
_FALLBACK = 10_240
"""What macOS takes where it says that there is no limit (`OPEN_MAX`)."""
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


class Room(NamedTuple):
    """How many processes share the transfers of both pools, and how many those are in all."""

    processes: int
    small: int
    big: int


def fitting(wanted: Room, most: int) -> Room:
    """Return as much of what is wanted as fits when a process may have `most` descriptors."""
    own = max(_LEAST, most - RESERVE)
    processes = min(wanted.processes, max(1, own // _PIPES))
    count = max(1, min(processes, max(wanted.small, wanted.big)))
    small, big = -(-wanted.small // count), -(-wanted.big // count)
    slots = own // PER_TRANSFER
    if small + big <= slots:
        return wanted._replace(processes=processes)
    big = max(1, slots * big // (small + big))
    small = max(1, slots - big)
    return Room(processes, min(wanted.small, count * small), min(wanted.big, count * big))


def is_exhausted() -> bool:
    """Return whether no file can be opened now, whatever an error said."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _NUMBERS
    return False


def code_of(error: BaseException) -> str:
    """Return `EMFILE` or `ENFILE` when an error says that no descriptor is left, else nothing."""
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return errno.errorcode[error.errno]
    return error.code if isinstance(error, MigrateError) and error.code in CODES else ""


def none_left(code: str, operation: str, target: str) -> TransportError:
    """Return the error of what needed a descriptor when there was none."""
    return TransportError(
        f"no file descriptor is left: a process may have {limit()} (ulimit -n), all are in use",
        operation=operation,
        target=target,
        code=code,
    )


def patient(
    action: Callable[[], T],
    pause: Callable[[float], object] = time.sleep,
    seconds: float = PATIENCE,
) -> T:
    """Return what `action` returns, trying again while no descriptor is left.

    `pause` waits for some seconds; when it returns something true, the run is stopping. Raises
    what `action` raises, and TransportError with code `Stopping`.
    """
    began, wait = 0.0, _PAUSE
    while True:
        try:
            return action()
        except Exception as error:
            now = time.monotonic()
            began = began or now
            if not code_of(error) or now - began >= seconds:
                raise
            if pause(wait):
                text = "given up because the run is stopping"
                raise TransportError(text, code="Stopping") from error
            wait = min(_PAUSE_MOST, wait * 2)
