"""Waits for what limits allow: requests, and bytes of object data.

The limits hold over all processes of a run. A process therefore asks for units of what is limited,
and goes on when they are granted; `pools.limiter` grants them. The numbers asked for and granted
only grow, so that messages may be gathered, and none is about a moment that has passed.
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from cos_migrate.errors import stopping_error

COS_REQUESTS: Final = 0
SOURCE_REQUESTS: Final = 1
COS_BYTES: Final = 2
SOURCE_BYTES: Final = 3
QUANTITIES: Final = 4
"""How many quantities can be limited."""
LANES: Final = 2
"""Small and big objects wait apart and share a limit evenly, so that neither starves."""

_STEP_LEAST = 1 << 10
_STEP_MOST = 256 << 10
_STEPS = 100
"""Steps in which a second's bytes are taken."""
_BYTES_AT_ONCE = 20
"""Part of a second's bytes that one request takes at once, where its body is not split."""
_REQUESTS_AT_ONCE = 50
"""Part of a second's requests that a process begins at once."""
_READ_AHEAD = 4
"""Part of a second's bytes that may be requested of a source at once."""
_READ_AHEAD_MOST = 8 << 20
_RESERVE = 0.03
"""Seconds of bytes that a process asks for ahead, so that none of them waits for messages."""
_REQUESTS_AHEAD = 0.01
"""Seconds of requests that all processes together ask for ahead."""


class Terms(NamedTuple):
    """How one quantity is limited: its rate, and the units to take or ask for at once."""

    epoch: int
    """Changes whenever the quantity was without a limit before."""
    rate: int
    """Units a second, over all processes."""
    at_once: int
    """Units that one wait may take, where it can take fewer."""
    reserve: int
    """Units that a lane of a process asks for ahead of its need."""


AllTerms = tuple[Terms | None, ...]
"""The terms of each quantity; None: it has no limit."""


class Units(NamedTuple):
    """Numbers of units since the beginning of the epochs: asked for, or granted just now."""

    epochs: tuple[int, ...]
    """Of each quantity; 0: it has no limit."""
    units: tuple[int, ...]
    """For each quantity, the lane of small and that of big objects."""


def terms_of(quantity: int, epoch: int, rate: int, seats: int) -> Terms | None:
    """Return the terms of a quantity of `rate` units a second for `seats` lanes; 0: no limit."""
    if not rate:
        return None
    if quantity in {COS_BYTES, SOURCE_BYTES}:
        return Terms(epoch, rate, max(_STEP_LEAST, rate // _BYTES_AT_ONCE), int(rate * _RESERVE))
    ahead = int(rate * _REQUESTS_AHEAD / max(1, seats))
    return Terms(epoch, rate, max(1, rate // _REQUESTS_AT_ONCE), ahead)


class _Wait:
    """A wait for units; `done` is called with whether they were granted."""

    __slots__ = ("done", "units")

    def __init__(self, units: int, done: Callable[[bool], None]) -> None:
        self.units = units
        self.done = done


class Meter:
    """The units of one quantity that one lane of a process may use. Thread-safe."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called when more units are asked for; it must not block."""
        self.is_limited = False
        """Whether units have to be taken; not a property, since it is read for every request."""
        self.step = 0
        """Bytes to take at once, where a body can be split."""
        self.at_once = 0
        """Units that one wait may take, where it can take fewer."""
        self.read_ahead = 0
        """Bytes that may be requested of a source at once."""
        self.epoch = 0
        self.asked = 0
        self._granted = 0
        self._changed = changed
        self._lock = threading.Lock()
        self._waits: collections.deque[_Wait] = collections.deque()
        self._wanted = 0
        """Sum of the waits."""
        self._free = 0
        self._reserve = 0
        self._stopped = False

    def set_terms(self, terms: Terms | None) -> None:
        """Begin, change or end the limit."""
        with self._lock:
            released = []
            if terms is None or terms.epoch != self.epoch:
                released = self._reset(terms.epoch if terms else 0)
            if terms:
                rate = terms.rate
                self._reserve = terms.reserve
                self.step = min(_STEP_MOST, max(_STEP_LEAST, rate // _STEPS))
                self.at_once = terms.at_once
                self.read_ahead = max(self.step, min(_READ_AHEAD_MOST, rate // _READ_AHEAD))
            self.is_limited = terms is not None
        for wait in released:
            wait.done(True)

    def take(self, units: int) -> None:
        """Wait until `units` are granted.

        Raises TransportError with the code `Stopping` when the run stops.
        """
        granted: list[bool] = []
        arrived = threading.Event()

        def done(ok: bool) -> None:  # noqa: FBT001 - called by `_Wait` alone
            granted.append(ok)
            arrived.set()

        self.ask(units, done)
        arrived.wait()
        if not granted[0]:
            raise stopping_error()

    def ask(self, units: int, done: Callable[[bool], None]) -> None:
        """Ask for units; `done` is called once, in this thread or another.

        Its argument is false when the run stops.
        """
        with self._lock:
            answer = self._answer_at_once(units)
            if answer is None:
                self._waits.append(_Wait(units, done))
                self._wanted += units
            asks = self._ask_ahead()
        if asks:
            self._changed()
        if answer is not None:
            done(answer)

    def give_back(self, units: int) -> None:
        """Return units that were taken and not used."""
        if units > 0:
            self._add(self.epoch, 0, units)

    def grant(self, epoch: int, units: int) -> None:
        """Add units that this lane asked for, unless `epoch` is that of an earlier limit."""
        if units:
            self._add(epoch, units, units)

    def stop(self) -> None:
        """Refuse all waits, now and from now on."""
        with self._lock:
            self._stopped = True
            waits = list(self._waits)
            self._waits.clear()
            self._wanted = 0
        for wait in waits:
            wait.done(False)

    def _answer_at_once(self, units: int) -> bool | None:
        """Return whether units are granted; None: they have to be waited for."""
        if not self.is_limited:
            return True
        if self._stopped:
            return False
        if self._waits or self._free < units:
            return None
        self._free -= units
        return True

    def _ask_ahead(self) -> bool:
        """Ask for what is waited for, and for a reserve; return whether there was a need."""
        if not self.is_limited or self._stopped:
            return False
        coming = self._free + self.asked - self._granted
        if coming >= self._wanted + (self._reserve + 1) // 2:
            return False
        self.asked += self._wanted + self._reserve - coming
        return True

    def _add(self, epoch: int, granted: int, free: int) -> None:
        served = []
        with self._lock:
            if not self.is_limited or epoch != self.epoch:
                return
            self._granted += granted
            self._free += free
            while self._waits and self._waits[0].units <= self._free:
                wait = self._waits.popleft()
                self._free -= wait.units
                self._wanted -= wait.units
                served.append(wait)
            asks = self._ask_ahead()
        if asks:
            self._changed()
        for wait in served:
            wait.done(True)

    def _reset(self, epoch: int) -> list[_Wait]:
        """Forget everything about the limit so far; return the waits that end with it."""
        waits = list(self._waits)
        self._waits.clear()
        self.epoch = epoch
        self.asked = self._granted = self._free = self._wanted = 0
        return waits


class SidePace(NamedTuple):
    """Two meters of a lane for one side: for its requests, and for the object data they move."""

    requests: Meter
    data: Meter


class ThreadPace(threading.local):
    """The meters that the present thread uses for its requests."""

    def __init__(self, first: SidePace) -> None:
        """`first`: those that each thread uses before it sets others."""
        self.current = first


def _no_change() -> None:
    """Do nothing: a meter without a limit asks for nothing."""


def unlimited() -> SidePace:
    """Return meters that never have a limit."""
    return SidePace(Meter(_no_change), Meter(_no_change))


class ProcessPace:
    """All meters of a process."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called when `asked` has changed; it must not block."""
        self._meters = tuple(Meter(changed) for _ in range(QUANTITIES * LANES))

    def cos(self, *, big: bool) -> SidePace:
        """Return the meters of a lane for COS."""
        return self._side(COS_REQUESTS, COS_BYTES, big)

    def source(self, *, big: bool) -> SidePace:
        """Return the meters of a lane for the source."""
        return self._side(SOURCE_REQUESTS, SOURCE_BYTES, big)

    def _side(self, requests: int, data: int, lane: int) -> SidePace:
        meters = self._meters
        return SidePace(meters[requests * LANES + lane], meters[data * LANES + lane])

    def set_terms(self, terms: AllTerms) -> None:
        """Begin, change or end limits."""
        for index, meter in enumerate(self._meters):
            meter.set_terms(terms[index // LANES])

    def grant(self, granted: Units) -> None:
        """Add units that were granted."""
        for index, meter in enumerate(self._meters):
            meter.grant(granted.epochs[index // LANES], granted.units[index])

    def asked(self) -> Units:
        """Return all that was asked for so far."""
        meters = self._meters
        return Units(
            tuple(meter.epoch for meter in meters[::LANES]), tuple(meter.asked for meter in meters)
        )

    def stop(self) -> None:
        """Refuse all waits, now and from now on."""
        for meter in self._meters:
            meter.stop()


def paced(
    body: bytes | Iterable[bytes | memoryview], meter: Meter
) -> bytes | Iterable[bytes | memoryview]:
    """Return a body whose pieces wait until they may be sent."""
    if isinstance(body, bytes):
        return _paced((body,), meter) if meter.is_limited and body else body
    return _paced(body, meter)


def _paced(pieces: Iterable[bytes | memoryview], meter: Meter) -> Iterator[bytes | memoryview]:
    for piece in pieces:
        if not meter.is_limited:
            yield piece
            continue
        left = memoryview(piece)
        while left:
            part = left[: meter.step]
            meter.take(len(part))
            yield part
            left = left[len(part) :]


class PacedRead:
    """The bytes that one request to a source may read."""

    def __init__(self, meter: Meter, size: int) -> None:
        """Wait until the request may begin; `size`: bytes that it is to return, -1: not known.

        Raises as `Meter.take` does.
        """
        self._meter = meter
        self._taken = 0
        if meter.is_limited:
            self._take(min(size, meter.read_ahead) if size >= 0 else meter.step)

    def room(self, wanted: int) -> int:
        """Wait until bytes may be read; return how many of the `wanted` ones."""
        meter = self._meter
        if not meter.is_limited:
            return wanted
        if not self._taken:
            self._take(min(wanted, meter.step))
        return min(wanted, self._taken)

    def note(self, read: int) -> None:
        """Note that bytes were read."""
        self._taken = max(0, self._taken - read)

    def close(self) -> None:
        """Give back the bytes that were granted and not read."""
        self._meter.give_back(self._taken)
        self._taken = 0

    def _take(self, size: int) -> None:
        if size > 0:
            self._meter.take(size)
            self._taken = size
