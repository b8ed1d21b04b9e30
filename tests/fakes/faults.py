"""Faults of the test clouds: which requests they hit, and how often they have."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.fakes.messages import Answer

KINDS = {
    "status": "sends `answer`, or an error of `status` and `code` as the cloud words it",
    "reset": "resets the connection instead of an answer",
    "hang": "stays silent for `seconds`, or until the server stops, then resets the connection",
    "slow": "answers `seconds` later",
    "cut": "closes the connection after `at` bytes of the body",
    "flip": "flips a bit of byte `at` of the body",
    "call": "calls `action` before the answer",
    # What a cloud does itself while it answers:
    "wrong-crc": "sends another CRC-64 (OSS)",
    "no-crc": "leaves out the CRC-64, as for old objects (OSS)",
    "whole": "ignores Range (OSS)",
    "unpinned": "ignores If-Match (OSS)",
    "foreign-range": "sends another Content-Range (web)",
    "longer": "sends a byte more than the length (web)",
    "shuffle": "lists a page in reverse order (S3, OSS, Qiniu, COS)",
    "repeat": "lists the first page again, whatever the marker (S3, OSS, Qiniu, COS)",
    "empty": "lists no keys, with a token that leads to the same page again (S3)",
    "same-marker": "returns the marker of the request as the next one (OSS)",
    "nonsense-body": "sends a body that is no XML (OSS)",
}
"""Each kind of fault and its effect."""


@dataclass(frozen=True, eq=False)
class Fault:
    """One of KINDS, and the requests it hits."""

    kind: str
    operation: str = ""
    """As the cloud's documentation names it; empty: any."""
    key: str = ""
    """A regular expression that is searched in the key; empty: any."""
    times: int = 1
    """How many matching requests it hits; -1: all."""
    skip: int = 0
    """How many matching requests stay unharmed first."""
    status: int = 500
    code: str = "InternalError"
    details: Mapping[str, str] = field(default_factory=dict)
    """Further elements of the error."""
    answer: Answer | None = None
    seconds: float = 0.0
    at: int = -1
    """Byte of the body; -1: in its middle."""
    retry_after: int = 0
    action: Callable[[], object] = field(default=lambda: None)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind} is no fault; legal: {', '.join(KINDS)}")


class Counters:
    """Counts the requests that match each fault."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._matched: dict[Fault, int] = {}

    def pick(self, faults: Sequence[Fault], operation: str, key: str) -> Fault | None:
        """Return the first fault that hits this request, and count it."""
        if not faults:
            return None
        with self._lock:
            for fault in tuple(faults):
                if fault.operation not in {"", operation} or not re.search(fault.key, key):
                    continue
                matched = self._matched.get(fault, 0)
                self._matched[fault] = matched + 1
                if matched >= fault.skip and (
                    fault.times < 0 or matched < fault.skip + fault.times
                ):
                    return fault
        return None

    def hits(self, fault: Fault) -> int:
        """Return how many requests a fault has hit."""
        with self._lock:
            hit = max(0, self._matched.get(fault, 0) - fault.skip)
        return hit if fault.times < 0 else min(hit, fault.times)
