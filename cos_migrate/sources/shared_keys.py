"""Names that differ only in leading slashes, which COS drops: they share a key there."""

from __future__ import annotations

from collections.abc import Iterator

from cos_migrate.model import SourceObject, Target


def names_with_same_key(target: Target, obj: SourceObject) -> Iterator[str]:
    """Yield the names with fewer leading slashes that have the same key on COS.

    `obj.key` is its name below the prefix. As in `plan.cos_path_of`: at the root of the bucket all
    leading slashes are dropped, below a folder the first one of a whole name.
    """
    rest = obj.key
    if rest[:1] != "/":
        return
    base = obj.name[: len(obj.name) - len(rest)]
    if target.cos_path == "/":
        while rest.startswith("/"):
            rest = rest[1:]
            if rest:
                yield base + rest
    elif not base and rest[1:2] not in {"", "/"}:
        yield rest[1:]


def shared_key_text(name: str) -> str:
    """Return the message about an object that shares its key on COS with the object `name`."""
    return f"on COS it would be the same object as {name}: leading slashes are dropped"
