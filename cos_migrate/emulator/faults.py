"""Faults that a test, or a curious user, can have the server make."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, fields

KINDS = (
    "status",
    "reset",
    "drop",
    "hang",
    "truncate",
    "wrong-crc",
    "no-crc",
    "corrupt",
    "error-in-200",
    "close",
    "early",
)


@dataclass(frozen=True, eq=False)
class Fault:
    """What goes wrong, and with which requests.

    Kinds: `status` answers an error after reading the request, `early` before; `reset` breaks the
    connection off unanswered, `drop` does so after the request was carried out; `hang` waits
    `seconds` and then breaks off; `truncate` sends half an answer; `wrong-crc` and `no-crc` lie
    about and leave out the CRC-64; `corrupt` stores a flipped bit; `error-in-200` puts an error
    into the body of a 200; `close` closes the connection behind a good answer.
    """

    kind: str
    operation: str = ""
    """As in the documentation (`PutObject`); empty: any."""
    key: str = ""
    """A regular expression that is searched in the key; empty: any."""
    times: int = 1
    """How many matching requests it hits; -1: all."""
    skip: int = 0
    """How many matching requests go unharmed first."""
    status: int = 500
    code: str = "InternalError"
    retry_after: int = 0
    """Seconds, sent as Retry-After; 0: not sent."""
    seconds: float = 0.0
    """How long a `hang` lasts."""

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Parse `kind,field=value,...`. Raises ValueError."""
        kind, *pairs = text.split(",")
        if kind not in KINDS:
            raise ValueError(f"{kind} is no fault; legal: {', '.join(KINDS)}")
        types = {field.name: field.type for field in fields(cls)}
        values: dict[str, object] = {}
        for pair in pairs:
            name, _, value = pair.partition("=")
            if name not in types or name == "kind":
                raise ValueError(f"{name} is no field of a fault; legal: {', '.join(types)}")
            convert = {"int": int, "float": float}.get(str(types[name]), str)
            values[name] = convert(value)
        return cls(kind, **values)  # type: ignore[arg-type]


class FaultCounter:
    """Decides which request is hit by which fault."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Fault, int] = {}

    def pick(self, faults: Sequence[Fault], operation: str, key: str) -> Fault | None:
        """Return the first fault that hits this request, and count it."""
        with self._lock:
            for fault in list(faults):
                if fault.operation not in {"", operation} or not re.search(fault.key, key):
                    continue
                seen = self._seen.get(fault, 0)
                self._seen[fault] = seen + 1
                if seen >= fault.skip and (fault.times < 0 or seen < fault.skip + fault.times):
                    return fault
        return None
