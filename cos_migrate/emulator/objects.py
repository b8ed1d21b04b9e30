"""Stored objects, parts and uploads, as plain values."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored object's metadata."""

    key: str
    path: str
    """Relative to the server's folder, with `/`."""
    size: int
    etag: str
    """Without quotes."""
    crc64: int
    modified: float
    """Seconds since 1970."""
    headers: dict[str, str] = field(default_factory=dict)
    """Lower-case names: standard headers, metadata, storage class, encryption, tags."""
    acl: str = ""
    """Empty, a canned ACL's name, or one `PERMISSION grantee` a line."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an unfinished upload."""

    number: int
    size: int
    etag: str
    """Without quotes."""
    crc64: int
    modified: float


@dataclass(slots=True)
class Upload:
    """An unfinished multipart upload."""

    upload_id: str
    bucket: str
    key: str
    headers: dict[str, str]
    """As in Stored."""
    began: float
    acl: str = ""
    parts: dict[int, Part] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    """Held while parts are placed, joined or dropped."""
    over: bool = False
    """Completed or aborted."""


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes that have arrived in a temporary file."""

    path: Path
    size: int
    md5: bytes
    crc64: int

    def discard(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)
