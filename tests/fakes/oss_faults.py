"""What a test can have the OSS server do wrong."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

KINDS = {
    "status": "answers `status` and `code`",
    "reset": "resets the connection instead of answering",
    "hang": "is silent for `seconds`, then resets the connection",
    "slow": "answers `seconds` later",
    "cut": "closes the connection after `at` bytes of the body",
    "flip": "changes byte `at` of the body, and tells the checksum of what is stored",
    "wrong-crc": "lies about the CRC-64",
    "no-crc": "leaves the CRC-64 out, as for old objects",
    "whole": "ignores Range and answers all of the object",
    "unpinned": "ignores If-Match",
    "shuffle": "lists a page in reverse order",
    "same-marker": "tells the marker it was given as the next one",
    "repeat": "lists the first page again, whatever the marker",
    "nonsense-body": "answers a body that is no XML",
    "event": "calls `then` before it carries the request out",
}
"""Each kind of fault and what the server then does."""


@dataclass(frozen=True, eq=False)
class Fault:
    """One of KINDS, and the requests it hits."""

    kind: str
    operation: str = ""
    """As in the documentation (`GetObject`, `ListObjects`); empty: any."""
    key: str = ""
    """A regular expression that is searched in the key; empty: any."""
    times: int = 1
    """How many matching requests it hits; -1: all."""
    skip: int = 0
    """How many matching requests go unharmed first."""
    status: int = 500
    code: str = "InternalError"
    ec: str = ""
    """The finer code of a `status`, for its document."""
    retry_after: int = 0
    seconds: float = 0.0
    at: int = 0
    then: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind} is no fault; legal: {', '.join(KINDS)}")


class Faults:
    """Decides which request is hit by which fault."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Fault, int] = {}

    def pick(self, faults: Sequence[Fault], operation: str, key: str) -> Fault | None:
        """Return the first fault that hits this request, and count it."""
        if not faults:
            return None
        with self._lock:
            for fault in tuple(faults):
                if fault.operation not in {"", operation} or not re.search(fault.key, key):
                    continue
                seen = self._seen.get(fault, 0)
                self._seen[fault] = seen + 1
                if seen >= fault.skip and (fault.times < 0 or seen < fault.skip + fault.times):
                    return fault
        return None

    def hits(self, fault: Fault) -> int:
        """Return how many requests a fault has hit."""
        with self._lock:
            hit = max(0, self._seen.get(fault, 0) - fault.skip)
        return hit if fault.times < 0 else min(hit, fault.times)
