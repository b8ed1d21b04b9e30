"""Archived objects of the test clouds: restores that are pending for a while, and then valid."""

from __future__ import annotations

import collections
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence


class WrongRestore(Exception):
    """A request that no cloud accepts."""


class Archive:
    """The restores of one test cloud. Thread-safe."""

    def __init__(self, tiers: Mapping[str, Sequence[str]], tier_group: str) -> None:
        """`tiers`: archive class -> tiers that it has; `tier_group` names the tier's element."""
        self.tiers = tiers
        self.seconds = 0.0
        """For which a restore is pending; tests change it."""
        self.others: dict[str, float] = {}
        """Key -> seconds, in the place of these."""
        self.asked: collections.Counter[str] = collections.Counter()
        """Accepted requests by key."""
        self.requests: list[tuple[str, str, int]] = []
        """Key, tier and days of each request."""
        self._tier_group = tier_group
        self._ready: dict[str, float] = {}
        self._lock = threading.Lock()

    def state(self, key: str) -> str:
        """Return the text of the header with the state, empty where nothing was requested."""
        with self._lock:
            ready = self._ready.get(key)
        if ready is None:
            return ""
        if time.monotonic() < ready:
            return 'ongoing-request="true"'
        return 'ongoing-request="false", expiry-date="Sun, 16 Apr 2028 08:12:33 GMT"'

    def is_readable(self, key: str, storage_class: str) -> bool:
        """Return whether an object can be read."""
        return storage_class not in self.tiers or "false" in self.state(key)

    def finish(self) -> None:
        """End all restores that are pending."""
        with self._lock:
            self._ready = dict.fromkeys(self._ready, 0.0)

    def expire(self) -> None:
        """Let all restored copies end."""
        with self._lock:
            self._ready = {}

    def restore(self, key: str, storage_class: str, body: bytes) -> int:
        """Carry out a request; return its status. Raises WrongRestore."""
        tier, days = self._parsed(storage_class, body)
        state = self.state(key)
        with self._lock:
            self.requests.append((key, tier, days))
            if state:
                return 409 if "true" in state else 200
            self._ready[key] = time.monotonic() + self.others.get(key, self.seconds)
            self.asked[key] += 1
        return 202

    def _parsed(self, storage_class: str, body: bytes) -> tuple[str, int]:
        root = ET.fromstring(body)
        found = {each.tag.rpartition("}")[2]: (each.text or "") for each in root.iter()}
        untimed = storage_class == "INTELLIGENT_TIERING"
        if ("Days" in found) == untimed:
            raise WrongRestore("only INTELLIGENT_TIERING has no days")
        if "RestoreRequest" not in found or not found.get("Days", "0").isdigit():
            raise WrongRestore("it is no RestoreRequest with a number of days")
        tier = found.get("Tier", "")
        if tier and self._tier_group not in found:
            raise WrongRestore(f"the tier stands outside of {self._tier_group}")
        if tier and tier not in self.tiers[storage_class]:
            raise WrongRestore(f"{storage_class} has no tier {tier}")
        return tier, int(found.get("Days", "0"))
