"""How the deletes of a run ended, for its summary, and the line of each deleted object."""

from __future__ import annotations

from typing import NamedTuple

from cos_migrate.text import printable


class DeletionEnd(NamedTuple):
    """How the deletes of a run ended."""

    deleted: int = 0
    """Objects that were removed from COS; of a dry run: that would be."""
    has_failed: bool = False
    """Whether objects stay that were to be removed."""

    def with_more(self, count: int) -> DeletionEnd:
        """Return these counts with `count` more removed objects."""
        return self._replace(deleted=self.deleted + count)


def line_of(cos_path: str, *, is_dry: bool) -> str:
    """Return the event line of an object that was removed."""
    return f"{'[dry-run] ' if is_dry else ''}[delete] [key: {printable(cos_path)}]\n"
