"""Names that differ in leading slashes, which COS drops."""

from __future__ import annotations

from collections.abc import Iterator

from cos_migrate.model import SourceObject, Target


def names_with_same_key(target: Target, obj: SourceObject) -> Iterator[str]:
    """Yield the names with fewer slashes that would lie under the same key on COS.

    `obj.key` is what its prefix leaves of its name. As `plan.cos_path_of` has it: at the root of
    the bucket all slashes in front go, below a folder the first one of a whole name.
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
    """Return the reason for leaving out an object whose key the object `name` has."""
    return f"on COS it would be the same object as {name}: leading slashes go"
