"""What is carried over besides content and metadata, as headers of the object on COS."""

from __future__ import annotations

import re
from collections.abc import Callable

from cos_migrate.config.storage_class_map import StorageClassMap
from cos_migrate.model import Described
from cos_migrate.sources.metadata import METADATA_MOST, USER_PREFIX

_CLASS_HEADER = "x-cos-storage-class"
_MTIME_HEADER = f"{USER_PREFIX}mtime"
_TIMESTAMP = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)
_NANO = 1_000_000_000


def storage_class_headers(storage_class: str) -> dict[str, str]:
    """Return the header of a storage class on COS; none for STANDARD."""
    return {} if storage_class == "STANDARD" else {_CLASS_HEADER: storage_class}


def with_storage_class(described: Described, classes: StorageClassMap) -> Described:
    """Add the header of the class on COS to the description of an object."""
    added = storage_class_headers(classes.target(described.storage_class))
    return described._replace(headers={**described.headers, **added}) if added else described


def attach_mtime(headers: dict[str, str], mtime_ns: int, warn: Callable[[str], None]) -> None:
    """Add a modification time, nanoseconds since 1970, to the headers of an object; -1: unknown.

    Seconds with a fraction, as rclone writes and reads them. As for rclone, a time that the object
    already has as such metadata takes precedence. `warn` takes a warning about the object.
    """
    own = headers.get(_MTIME_HEADER)
    if own is not None and _TIMESTAMP.fullmatch(own):
        return
    if mtime_ns == -1:
        warn("its modification time is not carried over: the source states none")
        return
    text = format_timestamp(mtime_ns)
    if own is not None:
        warn("metadata 'mtime' is not carried over: x-cos-meta-mtime is the modification time")
        del headers[_MTIME_HEADER]
    used = sum(
        len(name) - len(USER_PREFIX) + len(value)
        for name, value in headers.items()
        if name.startswith(USER_PREFIX)
    )
    if used + len("mtime") + len(text) > METADATA_MOST:
        warn("its modification time is not carried over: COS holds 2 KiB of metadata in all")
    else:
        headers[_MTIME_HEADER] = text


def format_timestamp(mtime_ns: int) -> str:
    """Return nanoseconds since 1970 as seconds, with a fraction that has no zeros at its end."""
    whole, fraction = divmod(abs(mtime_ns), _NANO)
    text = f"{whole}.{fraction:09}".rstrip("0").rstrip(".")
    return f"-{text}" if mtime_ns < 0 else text
