"""Faults that tests and users can plant in the server."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "status": "reads the request, then answers `status` and `code`",
        "early": "answers `status` and `code` before it reads the body, and closes",
        "reset": "reads the request, then resets the connection",
        "reset-early": "resets the connection before it reads the body",
        "drop": "carries the request out, then resets the connection instead of answering",
        "hang": "reads the request, is silent for `seconds`, then resets the connection",
        "slow": "carries the request out and answers `seconds` later",
        "truncate": "ends half-way through the answer's body (its head if it has none)",
        "wrong-crc": "answers with a wrong CRC-64",
        "no-crc": "leaves the CRC-64 out",
        "wrong-etag": "answers with a wrong ETag in the headers",
        "corrupt": "flips a bit of the body as it arrives",
        "error-in-200": "answers 200 with an error document, carrying out nothing",
        "close": "closes the connection after a good answer with `Connection: close`",
        "stale": "closes the connection after a good answer that promises keep-alive",
    }
)
"""Each kind of fault with its effect."""


@dataclass(frozen=True, eq=False)
class Fault:
    """A fault (one of KINDS) and the requests that it hits."""

    kind: str
    operation: str = ""
    """Name of the operation as in the documentation (`PutObject`); empty: any."""
    key: str = ""
    """Regular expression searched in the key; empty: any."""
    times: int = 1
    """Number of matching requests to hit; -1: all."""
    skip: int = 0
    """Number of matching requests to skip first."""
    status: int = 500
    code: str = "InternalError"
    retry_after: int = 0
    """Seconds, sent as Retry-After; 0: not sent."""
    seconds: float = 0.0
    """Duration of a `hang` or `slow`."""
    method: str = ""
    """GET, PUT, ...; empty: any."""
    query: str = ""
    """Regular expression searched in the query as received; empty: any."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind} is no fault; legal: {', '.join(KINDS)}")
        for pattern in (self.key, self.query):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern} is no regular expression: {error}") from None

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Parse `kind,field=value,...`. Raises ValueError."""
        kind, *pairs = text.split(",")
        types = {field.name: str(field.type) for field in fields(cls) if field.name != "kind"}
        values: dict[str, Any] = {}
        for pair in pairs:
            name, _, value = pair.partition("=")
            if name not in types:
                raise ValueError(f"{name} is no field of a fault; legal: {', '.join(types)}")
            convert = {"int": int, "float": float}.get(types[name], str)
            try:
                values[name] = convert(value)
            except ValueError:
                raise ValueError(f"{name}={value} is invalid: {value} is no number") from None
        return cls(kind, **values)

    def matches(self, operation: str, method: str, key: str, query: str) -> bool:
        """Return whether this fault applies to a request."""
        return (
            self.operation in {"", operation}
            and self.method in {"", method}
            and re.search(self.key, key) is not None
            and re.search(self.query, query) is not None
        )


class FaultCounter:
    """Selects the fault that hits a request, and counts hits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Fault, int] = {}
        self._hits: dict[Fault, int] = {}

    def pick(
        self, faults: Sequence[Fault], operation: str, method: str, key: str, query: str
    ) -> Fault | None:
        """Return the first fault that hits a request, and count it."""
        if not faults:
            return None
        with self._lock:
            for fault in tuple(faults):
                if not fault.matches(operation, method, key, query):
                    continue
                seen = self._seen.get(fault, 0)
                self._seen[fault] = seen + 1
                if seen >= fault.skip and (fault.times < 0 or seen < fault.skip + fault.times):
                    self._hits[fault] = self._hits.get(fault, 0) + 1
                    return fault
        return None

    def hits(self, fault: Fault) -> int:
        """Return the number of requests that a fault has hit."""
        with self._lock:
            return self._hits.get(fault, 0)
