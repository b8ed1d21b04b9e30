"""What travels between the coordinator and the process in which a source is scanned.

Objects travel as plain tuples, at a third of what pickling them as they are would cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from cos_migrate.model import Fingerprint, Found, SourceObject, Target
from cos_migrate.sources.base import Source, SourceOptions

_NO_MORE = SourceObject("", "", Fingerprint(0))[3:]


@dataclass(frozen=True, slots=True)
class ScanJob:
    """What the process is told; it can be pickled."""

    source: type[Source]
    config: Any
    target: Target
    options: SourceOptions


class Batch(NamedTuple):
    """Some of what was found."""

    plain: list[tuple[str, str, int, int]]
    """Name, key, bytes and modification time (ns) of objects of which there is no more to tell."""
    others: list[Found]


def packed(found: list[Found]) -> tuple[object, ...]:
    """Return the fields of a Batch."""
    plain: list[tuple[str, str, int, int]] = []
    others: list[Found] = []
    for item in found:
        if isinstance(item, SourceObject) and item[3:] == _NO_MORE and not item.fingerprint.etag:
            size, mtime_ns, _ = item.fingerprint
            plain.append((item.name, item.key, size, mtime_ns))
        else:
            others.append(item)
    return (plain, others)


def unpacked(batch: Batch) -> list[Found]:
    """Return what was packed, what is no plain object at its end."""
    found: list[Found] = [
        SourceObject(name, key, Fingerprint(size, mtime_ns))
        for name, key, size, mtime_ns in batch.plain
    ]
    return found + batch.others if batch.others else found
