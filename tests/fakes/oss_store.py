"""Buckets and objects of the OSS server, in memory, and how they are listed."""

from __future__ import annotations

import base64
import bisect
import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import fastcrc

FROZEN = frozenset({"Archive", "ColdArchive", "DeepColdArchive"})
"""Storage classes whose objects must be restored before they can be read."""
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class OssObject:
    """One version of an object."""

    key: str
    data: bytes
    etag: str
    """Without quotes."""
    crc64: int
    modified: int
    """Seconds since 1970."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Standard headers and `x-oss-meta-*`, in lower case."""
    kind: str = "Normal"
    storage_class: str = "Standard"
    restore: str = ""
    """The value of `x-oss-restore`, empty when never asked for."""
    acl: str = "default"
    target: str = ""
    """Of a symbolic link: the key it points to."""
    tags: Mapping[str, str] = field(default_factory=dict)
    content_md5: str = ""
    """Content-MD5; OSS keeps none for objects that came in parts."""

    @property
    def readable(self) -> bool:
        """Whether its class lets it be read."""
        return self.storage_class not in FROZEN or 'ongoing-request="false"' in self.restore


@dataclass
class Bucket:
    """A bucket and where it may be reached."""

    name: str
    endpoint: str = ""
    """The host of its region; empty: reached through any."""
    location: str = "oss-cn-hangzhou"
    acl: str = "private"
    forces_download: bool = False
    """Whether browsers are told to save what they get, as on newer buckets."""
    objects: dict[str, OssObject] = field(default_factory=dict)
    order: list[str] | None = None
    """Keys in order; None after a change."""


@dataclass(frozen=True)
class Page:
    """A page of a listing: entries are objects and common prefixes (str)."""

    entries: list[OssObject | str]
    truncated: bool
    next: str


class Store:
    """All buckets; every method can be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.buckets: dict[str, Bucket] = {}

    def put(self, bucket: str, found: OssObject) -> None:
        """Keep an object, in place of the one with its key."""
        with self._lock:
            place = self.buckets[bucket]
            if found.key not in place.objects:
                place.order = None
            place.objects[found.key] = found

    def get(self, bucket: str, key: str) -> OssObject | None:
        """Return an object, None when there is none."""
        return self.buckets[bucket].objects.get(key)

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object, if it is there."""
        with self._lock:
            place = self.buckets[bucket]
            if place.objects.pop(key, None):
                place.order = None

    def page(self, bucket: str, prefix: str, marker: str, delimiter: str, limit: int) -> Page:
        """Return the next entries behind `marker`."""
        with self._lock:
            place = self.buckets[bucket]
            if place.order is None:
                place.order = sorted(place.objects)
            order, objects = place.order, place.objects
            at = max(bisect.bisect_left(order, prefix), bisect.bisect_right(order, marker))
            entries: list[OssObject | str] = []
            last = ""
            while at < len(order) and order[at].startswith(prefix):
                key = order[at]
                cut = key.find(delimiter, len(prefix)) if delimiter else -1
                name = key[: cut + len(delimiter)] if cut >= 0 else key
                at = bisect.bisect_right(order, name + _LAST) if cut >= 0 else at + 1
                if cut >= 0 and name == marker:
                    continue
                if len(entries) == limit:
                    return Page(entries, True, last)
                entries.append(objects[key] if cut < 0 else name)
                last = name
            return Page(entries, False, "")


def new_object(
    key: str,
    data: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    parts: int = 0,
    modified: float | None = None,
    storage_class: str = "Standard",
    restore: str = "",
    acl: str = "default",
    crc64: int | None = None,
    target: str = "",
    tags: Mapping[str, str] | None = None,
) -> OssObject:
    """Return an object as OSS would keep it; `parts`: it came as a multipart upload of so many.

    `crc64` saves the work when it is known. `target` makes it a symbolic link.
    """
    digest = hashlib.md5(data).digest()
    etag = digest.hex().upper()
    if parts:
        etag = f"{hashlib.md5(digest).hexdigest().upper()}-{parts}"
    told = {name.lower(): value for name, value in (headers or {}).items()}
    told.setdefault("content-type", "application/octet-stream")
    return OssObject(
        key,
        data,
        etag,
        crc64_of(data) if crc64 is None else crc64,
        int(time.time() if modified is None else modified),
        told,
        "Symlink" if target else "Multipart" if parts else "Normal",
        storage_class,
        restore,
        acl,
        target,
        tags or {},
        "" if parts else base64.b64encode(digest).decode(),
    )


def crc64_of(data: bytes) -> int:
    """Return the CRC-64/XZ of `data`."""
    return fastcrc.crc64.xz(data)
