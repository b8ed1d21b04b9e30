"""Objects of archive classes, which are restored before they can be read, where that is wanted.

After "POST Object restore" in Tencent's COS documentation.
"""

from __future__ import annotations

import collections
import email.utils
import threading
import time

from cos_migrate.emulator.checks import STORAGE_CLASS
from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Answer
from cos_migrate.emulator.objects import Stored
from cos_migrate.emulator.xml import parse_document

_FAST = ("Expedited", "Standard", "Bulk")
_TIERS = {
    "ARCHIVE": _FAST,
    "MAZ_ARCHIVE": _FAST,
    "DEEP_ARCHIVE": _FAST[1:],
    "MAZ_DEEP_ARCHIVE": _FAST[1:],
}
_DAYS = range(1, 366)


class Archive:
    """The restores of archived objects in all buckets. Thread-safe."""

    def __init__(self) -> None:
        self.seconds: float | None = None
        """For which a restore is pending; None: archived objects can be read at once."""
        self.asked: collections.Counter[str] = collections.Counter()
        """Accepted restores by key."""
        self.requests: list[tuple[str, str, int]] = []
        """Key, tier and days of each request."""
        self._ready: dict[str, float] = {}
        """Time at which an object can be read, time.monotonic(), by its path."""
        self._lock = threading.Lock()

    def finish(self) -> None:
        """End all restores that are pending."""
        with self._lock:
            self._ready = dict.fromkeys(self._ready, 0.0)

    def expire(self) -> None:
        """Let all restored copies end."""
        with self._lock:
            self._ready = {}

    def state(self, stored: Stored) -> str:
        """Return the value of `x-cos-restore` for an object; empty: no restore was requested."""
        ready = self._ready.get(stored.path)
        if self.seconds is None or ready is None:
            return ""
        if time.monotonic() < ready:
            return 'ongoing-request="true"'
        until = email.utils.formatdate(time.time() + 86_400, usegmt=True)
        return f'ongoing-request="false", expiry-date="{until}"'

    def check_readable(self, stored: Stored) -> None:
        """Refuse an object that must be restored first."""
        archived = stored.headers.get(STORAGE_CLASS) in _TIERS and self.seconds is not None
        if archived and "false" not in self.state(stored):
            raise Refusal("InvalidObjectState", "The object must be restored first.")

    def restore(self, stored: Stored, body: bytes) -> Answer:
        """Carry out POST Object restore. Raises Refusal."""
        tiers = _TIERS.get(stored.headers.get(STORAGE_CLASS, ""))
        if tiers is None:
            raise Refusal("InvalidObjectState", "The object is not archived.")
        root = parse_document(body, "RestoreRequest")
        days = root.findtext("Days", "")
        tier = root.findtext("CASJobParameters/Tier", "Standard")
        if not days.isdigit() or int(days) not in _DAYS or tier not in tiers:
            raise Refusal("MalformedXML", f"Days are 1 to 365, Tier one of {', '.join(tiers)}.")
        state = self.state(stored)
        with self._lock:
            self.requests.append((stored.key, tier, int(days)))
            if '"true"' in state:
                raise Refusal("RestoreAlreadyInProgress", "It is being restored.")
            if state:
                return Answer()
            self._ready[stored.path] = time.monotonic() + (self.seconds or 0.0)
            self.asked[stored.key] += 1
        return Answer(202)
