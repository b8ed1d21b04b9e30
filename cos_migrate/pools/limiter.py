"""Grants what limits allow, to all processes of a run: one total, divided by need.

A thread of the coordinator runs while something is limited. It does not depend on the loop of
the engine, which may be busy for longer than a limit can wait.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from typing import NamedTuple

from cos_migrate.http.pacing import (
    COS_BYTES,
    LANES,
    QUANTITIES,
    SOURCE_BYTES,
    AllTerms,
    ProcessPace,
    Units,
    terms_of,
)
from cos_migrate.pools.allotment import Allotment

_BURST_BYTES = 0.1
_BURST_REQUESTS = 0.01
"""Seconds of units that may be granted at once after a pause."""

_GATHER = 0.005
"""Seconds from one division to the next: messages cost more than they carry."""

Send = Callable[[AllTerms | Units], None]
"""Sends terms, or units that are granted, to a process; it must not block."""


class RateLimits(NamedTuple):
    """Limits over all processes of a run; 0: none."""

    bandwidth: int = 0
    """Bytes of object data a second, read from the source and sent to COS, each for itself."""
    cos_requests: int = 0
    source_requests: int = 0

    def by_quantity(self) -> tuple[int, ...]:
        """Return the limits, in units a second, in the order of the quantities in `http.pacing`."""
        return self.cos_requests, self.source_requests, self.bandwidth, self.bandwidth


class Limiter:
    """The limits of a run, and the processes that share them. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._limits = RateLimits()
        self._epoch = 0
        self._allotments: list[Allotment | None] = [None] * QUANTITIES
        self._seats: dict[Hashable, Send] = {}
        self._own: list[ProcessPace] = []
        self._thread: threading.Thread | None = None
        self._closing = self._asked = False
        self.holds_back = False
        """Whether some wait for what they have asked for."""
        self.bytes_granted = 0
        """Bytes to COS that were granted so far."""

    def set_limits(self, limits: RateLimits) -> None:
        """Use other limits from now on."""
        with self._changed:
            if limits == self._limits:
                return
            self._limits = limits
            now = self._clock()
            for quantity, rate in enumerate(limits.by_quantity()):
                self._set_rate(quantity, rate, now)
            seats = list(self._seats.values())
            if any(self._allotments) and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="limits", daemon=True)
                self._thread.start()
            self._changed.notify()
        for send in seats:
            send(self._terms())

    def join(self, seat: Hashable, send: Send) -> None:
        """Give a process its share from now on."""
        with self._changed:
            self._seats[seat] = send
            limited = any(self._allotments)
        if limited:
            send(self._terms())

    def leave(self, seat: Hashable) -> None:
        """Forget a process that has ended, whose share the others get."""
        with self._changed:
            self._seats.pop(seat, None)
            for allotment in self._allotments:
                if allotment:
                    for lane in range(LANES):
                        allotment.leave((seat, lane))

    def ask(self, seat: Hashable, asked: Units) -> None:
        """Note how many units a process has asked for so far."""
        with self._changed:
            if seat not in self._seats:
                return
            for quantity, allotment in enumerate(self._allotments):
                if allotment and allotment.epoch == asked.epochs[quantity]:
                    for lane in range(LANES):
                        allotment.ask((seat, lane), asked.units[quantity * LANES + lane])
            self._asked = True
            self._changed.notify()

    def own_pace(self) -> ProcessPace:
        """Return meters for the requests of this process itself."""
        seat = object()

        def announce() -> None:
            self.ask(seat, pace.asked())

        def send(message: AllTerms | Units) -> None:
            deliver(pace, message)

        pace = ProcessPace(announce)
        self._own.append(pace)
        self.join(seat, send)
        return pace

    def stop(self) -> None:
        """End the waits of this process, now and from now on; other processes end theirs."""
        for pace in self._own:
            pace.stop()

    def close(self) -> None:
        """End the thread; nothing is granted any more."""
        self.stop()
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _set_rate(self, quantity: int, rate: int, now: float) -> None:
        allotment = self._allotments[quantity]
        if not rate:
            self._allotments[quantity] = None
        elif allotment:
            allotment.set_rate(rate, now)
        else:
            self._epoch += 1
            burst = _BURST_BYTES if quantity in {COS_BYTES, SOURCE_BYTES} else _BURST_REQUESTS
            self._allotments[quantity] = Allotment(self._epoch, rate, burst, now)

    def _terms(self) -> AllTerms:
        with self._changed:
            lanes = LANES * len(self._seats)
            return tuple(
                terms_of(quantity, each.epoch, each.rate, lanes) if each else None
                for quantity, each in enumerate(self._allotments)
            )

    def _run(self) -> None:
        while True:
            with self._changed:
                self._asked = False
                handed = self._clock()
                granted = self._hand_out(handed)
                pauses = [each.seconds_to_wait() for each in self._allotments if each]
                epochs = tuple(each.epoch if each else 0 for each in self._allotments)
                sends = [(self._seats[seat], tuple(units)) for seat, units in granted.items()]
            for send, units in sends:
                send(Units(epochs, units))
            pause = min(pauses, default=math.inf)
            self.holds_back = pause < math.inf
            with self._changed:
                if not (self._asked or self._closing):
                    self._changed.wait(pause if pause < math.inf else None)
                if self._closing:
                    return
            time.sleep(max(0.0, handed + _GATHER - self._clock()))

    def _hand_out(self, now: float) -> dict[Hashable, list[int]]:
        """Return the units granted to each process now."""
        granted: dict[Hashable, list[int]] = {}
        for quantity, allotment in enumerate(self._allotments):
            if allotment is None:
                continue
            for (seat, lane), units in allotment.hand_out(now).items():
                granted.setdefault(seat, [0] * QUANTITIES * LANES)[quantity * LANES + lane] = units
                if quantity == COS_BYTES:
                    self.bytes_granted += units
        return granted


def deliver(pace: ProcessPace, message: AllTerms | Units) -> None:
    """Hand a message of the limiter to the meters of this process."""
    if isinstance(message, Units):
        pace.grant(message)
    else:
        pace.set_terms(message)
