"""The names that a listing of the source has seen: what is below them is not extra."""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 2_000
"""Names that are kept before those that have been passed are dropped."""


class SeenNames:
    """Names of the source, by their target paths.

    They are added, and keys asked about, in the order of their bytes.
    """

    def __init__(self) -> None:
        self._folders: set[str] = set()
        """The names as folders: with a `/` at the end."""
        self._most = _MOST

    def add(self, cos_path: str) -> None:
        """Add a name."""
        self._folders.add(cos_path.rstrip("/") + "/")
        self.drop_passed(cos_path)

    def update(self, cos_paths: Iterable[str]) -> None:
        """Add names of objects, and drop none."""
        self._folders.update([f"{path}/" for path in cos_paths])

    def covers(self, cos_path: str) -> bool:
        """Return whether `cos_path` is one of the names, or lies below one of them."""
        if f"{cos_path}/" in self._folders:
            return True
        at = cos_path.find("/")
        while at >= 0:
            if cos_path[: at + 1] in self._folders:
                return True
            at = cos_path.find("/", at + 1)
        return False

    def drop_passed(self, cos_path: str) -> None:
        """Drop names below which no key behind `cos_path` can be, where they are many."""
        if len(self._folders) <= self._most:
            return
        # The keys below a folder `a/` lie before `a0`.
        self._folders = {each for each in self._folders if f"{each[:-1]}0" > cos_path}
        self._most = max(_MOST, 2 * len(self._folders))
