"""The names of files below localPath, by their keys, and whether such a file is there."""

from __future__ import annotations

import os
from typing import ClassVar

from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.base import Source
from cos_migrate.sources.local.reader import system_path

Identity = tuple[int, int] | str


class LocalPlaces(Source):
    """A folder, or a single file, whose files are found by their keys."""

    keyed_by_path: ClassVar[bool] = True

    _root: str
    """localPath; that of a folder ends in `/`."""
    _is_file: bool

    def begin_watch(self) -> None:
        """Keep the identity of localPath, to notice when another folder takes its place."""
        self._first = _identity_of(self._root)

    def object_at(self, key: str) -> SourceObject:
        return SourceObject(self._root + key, key, Fingerprint(-1))

    def key_of_name(self, name: str) -> str | None:
        """Return the key of a file: its path below localPath."""
        if self._is_file:
            return name.rpartition("/")[2] if name == self._root else None
        return name[len(self._root) :] if name.startswith(self._root) else None

    def is_gone(self, obj: SourceObject) -> bool:
        """Return whether a file certainly does not exist, not even as a broken link."""
        if self._is_file or self._first is None or _identity_of(self._root) != self._first:
            return False
        try:
            os.lstat(system_path(obj.name))
        except (FileNotFoundError, NotADirectoryError):
            return _identity_of(self._root) == self._first
        except (OSError, ValueError):
            pass
        return False


def identity(folder: str, found: os.stat_result) -> Identity:
    """Return what identifies a folder, the same by any path that leads to it."""
    if found.st_ino:
        return found.st_dev, found.st_ino
    # Some network drives have no inode numbers: all their folders would be the same.
    return os.path.realpath(folder)


def _identity_of(folder: str) -> Identity | None:
    """Return the identity of a folder; None where it cannot be seen."""
    try:
        return identity(folder, os.stat(system_path(folder)))
    except (OSError, ValueError):
        return None
