"""Store the metadata of a bucket in a file of JSON lines; the last line of a key counts.

One file for all objects, since creating files dominates the cost of a small upload. A line is
written before its bytes are renamed into place, one object after the other, so after a crash only
the last line can lack its bytes; it is then dropped, and the line before it counts again.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from cos_migrate.emulator.objects import Stored
from cos_migrate.emulator.own_files import open_file, open_own

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class Journal:
    """The metadata of one bucket; not thread-safe, callers hold the lock of the store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._size = 0

    def load(self, holds: Callable[[Stored], bool]) -> dict[str, Stored]:
        """Return all objects by key. `holds`: whether the bytes of an object are in place."""
        found: dict[str, Stored] = {}
        last, before = "", None
        for key, stored in self._entries():
            last, before = key, found.pop(key, None)
            if stored is not None:
                found[key] = stored
        if last in found and not holds(found[last]):
            del found[last]
            if before is not None:
                found[last] = before
        if self._path.exists():
            self._rewrite(found)
        return found

    def keep(self, stored: Stored) -> None:
        """Append an object. Raises OSError, and then has written nothing."""
        self._append(_line(stored))

    def forget(self, key: str) -> None:
        """Append the removal of an object. Raises OSError."""
        self._append(json.dumps({"key": key, "deleted": True}).encode("ascii") + b"\n")

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, line: bytes) -> None:
        if self._file < 0:
            self._file = open_own(self._path, _FLAGS)
            self._size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def _entries(self) -> Iterator[tuple[str, Stored | None]]:
        if not self._path.exists():
            return
        with open_file(self._path, os.O_RDONLY) as file:
            for line in file:
                try:
                    fields = json.loads(line)
                    gone = fields.get("deleted", False)
                    yield fields["key"], None if gone else Stored(**fields)
                except (ValueError, TypeError, KeyError, AttributeError):  # cut off by a crash
                    continue

    def _rewrite(self, found: dict[str, Stored]) -> None:
        """Rewrite the file with the valid lines only, after a truncated one."""
        new = self._path.with_name(self._path.name + ".new")
        new.unlink(missing_ok=True)
        with open_file(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            file.writelines(_line(stored) for stored in found.values())
        new.replace(self._path)


def _line(stored: Stored) -> bytes:
    fields = {name: getattr(stored, name) for name in stored.__slots__}
    return json.dumps(fields).encode("ascii") + b"\n"
