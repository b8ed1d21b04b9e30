"""The metadata of a bucket in a file of JSON lines; the last line of a key counts.

One file for all objects, since creating files dominates the cost of a small upload.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

from cos_migrate.emulator.objects import Stored
from cos_migrate.emulator.own_files import open_descriptor, open_file


class Journal:
    """The metadata of one bucket; not thread-safe, callers hold the lock of the store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._size = 0

    def load(self) -> dict[str, Stored]:
        """Return all objects by key."""
        found: dict[str, Stored] = {}
        with open_file(self._path, os.O_RDONLY) as file:
            for line in file:
                try:
                    fields = json.loads(line)
                    found.pop(fields["key"], None)
                    if "deleted" not in fields:
                        found[fields["key"]] = Stored(**fields)
                except (ValueError, TypeError, KeyError):  # cut off by a crash
                    continue
        return found

    def add(self, stored: Stored) -> None:
        """Append an object. Raises OSError, and then has written nothing."""
        self._append({name: getattr(stored, name) for name in stored.__slots__})

    def remove(self, key: str) -> None:
        """Append the removal of an object. Raises OSError."""
        self._append({"key": key, "deleted": True})

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, fields: dict[str, object]) -> None:
        line = json.dumps(fields).encode("ascii") + b"\n"
        if self._file < 0:
            self._file = open_descriptor(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            self._size = os.fstat(self._file).st_size
            line = b"\n" + line if self._size else line  # ends a line that was cut off
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)
