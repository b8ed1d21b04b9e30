"""Distinguishes hung processes from busy ones by their heartbeats.

Time counts only while this process looks: when it was stopped itself, or the machine was
suspended, no other process is taken for dead.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

_MOST_AT_ONCE = 1.0
"""Seconds that count at most between two looks."""


class WaitLimits(NamedTuple):
    """Seconds of waiting for a process, before something is done about it."""

    warn: float = 30.0
    """A process without a sign of life is named."""
    replace: float = 60.0
    """It is ended, and another takes its place."""
    stop: float = 25.0
    """Work in flight is given up after a stop: service managers usually kill after 30."""
    close: float = 3.0
    """A process that has nothing left to do is ended by force."""


DEFAULT_WAIT_LIMITS = WaitLimits()


class HeartbeatChange(enum.Enum):
    """A change in the heartbeats of a process."""

    SILENT = enum.auto()
    """None has come for a while."""
    BACK = enum.auto()
    """They have come back."""
    DEAD = enum.auto()
    """None has come for so long that the process is to be replaced."""


class HeartbeatWatch(Generic[K]):
    """Watches the heartbeats of some processes."""

    def __init__(self, limits: WaitLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._looked = clock()
        self._time = 0.0
        """Seconds that have counted so far."""
        self._seen: dict[K, tuple[int, float]] = {}
        """How many heartbeats there were, and when that changed last."""
        self._silent: set[K] = set()

    def look(self, heartbeats: Mapping[K, int]) -> list[tuple[K, HeartbeatChange]]:
        """Return what changed; `heartbeats` has how many each process has sent so far.

        A dead process must not be looked at again under the same key.
        """
        now = self._clock()
        self._time += min(now - self._looked, _MOST_AT_ONCE)
        self._looked = now
        for key in self._seen.keys() - heartbeats.keys():
            del self._seen[key]
            self._silent.discard(key)
        found = ((key, self._judge(key, count)) for key, count in heartbeats.items())
        return [(key, sign) for key, sign in found if sign is not None]

    def _judge(self, key: K, count: int) -> HeartbeatChange | None:
        seen, since = self._seen.get(key, (-1, 0.0))
        if seen != count:
            self._seen[key] = (count, self._time)
            if key not in self._silent:
                return None
            self._silent.remove(key)
            return HeartbeatChange.BACK
        silence = self._time - since
        if silence >= self._limits.replace:
            return HeartbeatChange.DEAD
        if silence >= self._limits.warn and key not in self._silent:
            self._silent.add(key)
            return HeartbeatChange.SILENT
        return None


def describe_change(name: str, sign: HeartbeatChange, limits: WaitLimits) -> str:
    """Return the warning for a change in the heartbeats of a process called `name`."""
    if sign is HeartbeatChange.BACK:
        return f"{name} goes on"
    if sign is HeartbeatChange.DEAD:
        return f"{name} showed no sign of life for {limits.replace:g} s and was ended"
    return (
        f"{name} has shown no sign of life for {limits.warn:g} s (is it stopped?); "
        f"it is replaced after {limits.replace:g} s"
    )
