"""Looks again at files and folders that failed in an earlier run."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence

from cos_migrate.model import Fingerprint, Found, Rejected, Row, SourceObject
from cos_migrate.sources.base import FolderQuestion
from cos_migrate.sources.local.reader import make_fingerprint, system_path
from cos_migrate.sources.local.rejections import (
    BROKEN_LINK,
    GONE,
    NO_REGULAR_FILE,
    not_matching,
    unreadable_entry,
)
from cos_migrate.text import NO_LONGER_THERE

Walk = Callable[[FolderQuestion, str], Iterator[Found | Row]]
"""Yields the files below a folder."""


def scan_again(
    root: str, failed: Sequence[SourceObject], leaves_out: FolderQuestion, walk: Walk
) -> Iterator[Found | Row]:
    """Yield failed files as they are now, and walk failed folders, each once."""
    folders = [obj.name for obj in failed if not obj.key]
    outermost = [one for one in folders if not _is_below(one, folders)]
    for folder in outermost:
        left_out = _left_out(root, folder, folder, leaves_out)
        if left_out:
            yield left_out
        else:
            yield from walk(leaves_out, folder)
    for obj in failed:
        if obj.key and not _is_below(obj.name, outermost):
            yield _left_out(root, obj.name, obj.name, leaves_out) or _look_at(obj)


def _is_below(name: str, folders: Sequence[str]) -> bool:
    return any(name != folder and name.startswith(folder) for folder in folders)


def _left_out(root: str, path: str, name: str, leaves_out: FolderQuestion) -> Rejected | None:
    """Return the result for an entry of a folder that is left out by now."""
    for folder in enclosing_folders(root, path[len(root) :]):
        reason = folder != path and leaves_out(folder)
        if reason:
            return not_matching(reason, name)
    return None


def _look_at(obj: SourceObject) -> Found:
    """Return a file as it is now."""
    name, is_folder = obj.name, obj.name.endswith("/")
    try:
        found = os.stat(system_path(name))
    except OSError as error:
        if error.errno in GONE:
            is_link = os.path.lexists(system_path(name))
            return not_matching(BROKEN_LINK if is_link else NO_LONGER_THERE, name)
        return unreadable_entry(name, obj.key, error, is_link=False)
    if is_folder:
        return obj._replace(fingerprint=Fingerprint(0, found.st_mtime_ns), is_folder=True)
    if not stat.S_ISREG(found.st_mode):
        return not_matching(NO_REGULAR_FILE, name)
    return obj._replace(fingerprint=make_fingerprint(found))


def enclosing_folders(root: str, relative: str) -> Iterator[str]:
    """Yield the folders between the root and a path below it, each ending in `/`."""
    return (root + relative[: found.end()] for found in re.finditer("/", relative))
