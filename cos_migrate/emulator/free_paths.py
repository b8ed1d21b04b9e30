"""Finds a free path for the bytes of a key: its own name if the file system supports it.

Not every key is a path: `a` beside `a/b`, `..`, `//`, `con`, 850 bytes without a slash, `A` and `a`
on a disk that ignores case. Other keys are stored in `<bucket>/.keys` under a shortened name and a
hash. The metadata holds the key, so no path is ever read back as a key.
"""

from __future__ import annotations

import hashlib
import os

from cos_migrate.emulator.own_files import refuse_links

HIDDEN = ".keys"
_LONGEST = 200
"""Bytes of one name."""
_LONGEST_PATH = 240
"""Characters of a path on Windows."""
_AWKWARD = frozenset('<>:"\\|?*') if os.name == "nt" else frozenset()
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
_SHOWN = 60
"""Characters of the key at the start of its hidden name."""


class FreePaths:
    """Finds free paths for new objects; not thread-safe, callers hold the lock of the store."""

    def __init__(self, root: str) -> None:
        self._root = root

    def find(self, bucket: str, key: str) -> str:
        """Return a free path for a new key, relative to the root; its folder exists."""
        path = _readable(bucket, key)
        if path is not None and self._usable(path):
            return path
        path = f"{bucket}/{HIDDEN}/{_hidden_name(key)}"
        self.make_folder(path)
        return path

    def make_folder(self, path: str) -> None:
        """Make the folder of a path. Raises OSError where a file or a link is in the way."""
        self.refuse_links(path)
        # Not cached: the user may have removed the folder.
        folder = os.path.join(self._root, path.rpartition("/")[0])
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)

    def refuse_links(self, path: str) -> None:
        """Raise OSError when the folder of a path below the root leads out of it by a link."""
        refuse_links(self._root, path.rpartition("/")[0])

    def remove_empty_folders(self, path: str) -> None:
        """Remove the folders that a removed file leaves empty, up to its bucket's."""
        folder = path.rpartition("/")[0]
        while "/" in folder:
            try:
                os.rmdir(os.path.join(self._root, folder))
            except OSError:
                return
            folder = folder.rpartition("/")[0]

    def _usable(self, path: str) -> bool:
        full = os.path.join(self._root, path)
        if os.name == "nt" and len(full) > _LONGEST_PATH:
            return False
        try:
            self.make_folder(path)
            return not os.path.lexists(full)
        except (OSError, ValueError):  # a file in the way, a name this system cannot write
            return False


def hash_of(key: str) -> str:
    """Return the hash of a key that makes its hidden name unique."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _readable(bucket: str, key: str) -> str | None:
    """Return the key as a path, or None where that is impossible."""
    parts = key.split("/")
    if parts[0] == HIDDEN or any(not _speakable(part) for part in parts):
        return None
    return f"{bucket}/{key}"


def _speakable(part: str) -> bool:
    """Return whether a file can have this name on every system."""
    if part in {"", ".", ".."} or not part.isprintable():
        return False
    if len(part.encode("utf-8", "surrogateescape")) > _LONGEST:
        return False
    if os.name != "nt":
        return True
    stem = part.partition(".")[0].rstrip(" ").lower()
    return not (_AWKWARD & set(part) or part[-1] in ". " or stem in _DEVICES)


def _hidden_name(key: str) -> str:
    shown = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in key)
    return f"{shown[:_SHOWN]}~{hash_of(key)}"
