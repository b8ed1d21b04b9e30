"""How many objects may be restored at once: as many as can be moved while they stay readable.

Pure: it is given the time.
"""

from __future__ import annotations

_DAY = 86_400.0
"""Seconds."""
_SHARE = 0.5
"""Part of the days for which restores are requested ahead: the rest is for what comes later."""
_BYTES_ASSUMED, _OBJECTS_ASSUMED = 10 << 20, 100.0
"""What is moved in a second, until it has been measured."""
_MEASURED_FROM = 30.0
"""Seconds of transfers after which the measured rates count."""


class RestorePace:
    """Estimates how many restored objects can be moved while they are readable."""

    def __init__(self, days: int) -> None:
        """`days`: for which a restored object is readable."""
        self._seconds = days * _DAY * _SHARE
        self._objects = self._size = 0
        self._busy = 0.0
        self._sent = (0, 0)
        self._noted = 0.0

    def note_sent(self, now: float, objects: int, size: int, *, busy: bool) -> None:
        """Note the totals of objects and bytes sent so far; `busy`: transfers are under way."""
        if busy and self._noted:
            self._busy += now - self._noted
        self._noted = now
        self._sent = (objects, size)

    def add(self, size: int) -> None:
        """Count an object that is being restored."""
        self._objects += 1
        self._size += max(0, size)

    def remove(self, size: int) -> None:
        """Forget an object that is moved, or given up."""
        self._objects -= 1
        self._size -= max(0, size)

    def has_room(self, size: int) -> bool:
        """Return whether one more object can be restored and moved in time; the first always."""
        if not self._objects:
            return True
        objects_rate, bytes_rate = self._rates()
        objects, total = self._objects + 1, self._size + max(0, size)
        return max(objects / objects_rate, total / bytes_rate) <= self._seconds

    def _rates(self) -> tuple[float, float]:
        """Return how many objects and bytes are moved in a second, at least."""
        objects, size = self._sent
        if self._busy < _MEASURED_FROM or not objects:
            return _OBJECTS_ASSUMED, _BYTES_ASSUMED
        return objects / self._busy, max(size / self._busy, 1.0)
