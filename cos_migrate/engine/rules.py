"""Pure rules: the target path of an object, the size of its parts, and what COS can hold."""

from __future__ import annotations

from typing import NamedTuple

from cos_migrate.model import SourceObject, Target

MAX_PARTS = 10_000
MIN_PART = 1 << 20
MAX_PART = 5 << 30
MAX_OBJECT = 53_687_091_200_000
"""Bytes: 10,000 parts of 5 GiB, the 48.82 TiB that COS names."""


class PlanOptions(NamedTuple):
    """The options by which objects are planned."""

    small_below: int
    """Bytes; objects of this size and above are uploaded in parts."""
    part_size: int
    """Bytes; raised for an object that would need more than 10,000 parts."""
    use_records: bool = True
    """Whether unchanged recorded objects are skipped."""


class CopyOptions(NamedTuple):
    """The rules for objects that COS copies itself."""

    in_parts_from: int = MAX_PART
    """Bytes; objects of this size and above are copied in parts."""
    part_size: int = 256 << 20
    """Bytes that one request copies of such an object, at least."""


DEFAULT_COPIES = CopyOptions()


class Decision(NamedTuple):
    """Whether to send an object, and as what it counts when it is sent."""

    send: bool
    """False: its record shows it unchanged, and it is skipped."""
    is_update: bool
    """Whether sending it counts as migrate_update instead of migrate_new."""


SEND_NEW = Decision(send=True, is_update=False)
SEND_CHANGED = Decision(send=True, is_update=True)
SKIP = Decision(send=False, is_update=True)


def cos_path_of(target: Target, obj: SourceObject) -> str:
    """Return the target path of `obj`, with a leading `/`.

    The leading `/` of a key is dropped, as in the Java tool. The rest behind a prefix is kept,
    unless the key on COS would begin with `/`.
    """
    key = obj.key
    if key[:1] == "/":
        if target.cos_path == "/":
            key = key.lstrip("/")
        elif key == obj.name:
            key = key[1:]
    return target.cos_path + key


def is_root(obj: SourceObject, cos_path: str) -> bool:
    """Return whether an object is a folder that would have an empty key on COS."""
    return cos_path == "/" and obj.name.endswith("/")


def part_size_for(size: int, wanted: int) -> int:
    """Return the part size for an object of `size` bytes: `wanted`, or more to fit 10,000 parts.

    A raised size is rounded up to a whole MiB.
    """
    needed = -(-size // MAX_PARTS)
    if needed <= wanted:
        return wanted
    return -(-needed // MIN_PART) * MIN_PART


def problem_of_size(size: int) -> str | None:
    """Return why COS cannot hold an object of `size` bytes, None when it can."""
    if size > MAX_OBJECT:
        return f"it has {size} bytes, COS holds at most {MAX_OBJECT} in one object"
    return None
