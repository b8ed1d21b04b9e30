"""Parses pages of Upyun's folders, and detects listings without end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

_END = "g2gCZAAEbmV4dGQAA2VvZg"
"""The iterator on the last page of a folder."""
PAGE = 1000
"""Children on a page."""


class Child(NamedTuple):
    """A file or folder in a folder of Upyun, as a listing shows it."""

    name: str
    is_folder: bool
    size: int
    modified: int
    """Seconds since 1970."""


class LoopDetector:
    """Detects listings of folders that return to an earlier page. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._came_from: dict[str, dict[str, str]] = {}

    def returns(self, folder: str, marker: str, following: str, first: str) -> bool:
        """Return whether the page behind `marker` leads back to an earlier page.

        `following` is the marker of the next page. `first` is the first name on the page, compared
        too since iterators may be new each time. A page requested again leads nowhere else.
        """
        with self._lock:
            seen = self._came_from.setdefault(folder, {})
            came_from = {
                seen.setdefault(place, marker)
                for place in (f"iter {following}", f"name {first}")
                if not place.endswith(" ")
            }
            if not following:
                del self._came_from[folder]
        return bool(came_from - {marker}) or (bool(following) and following == marker)


def parse_children(
    body: bytes, document: Mapping[str, Any], iterator: str
) -> tuple[list[Child], str]:
    """Return the children on a page and the iterator of the next page; empty: it is the last.

    `document` is the page as JSON, `iterator` that of its headers. Raises ValueError, LookupError
    and TypeError when the page is not Upyun's.
    """
    following = iterator or str(document.get("iter") or "")
    ends = following.rstrip("=") == _END
    children = _children(body, document)
    if not following and len(children) >= PAGE:
        raise ValueError  # a full page must name the one that follows
    return children, "" if ends else following


def is_child_name(name: str) -> bool:
    """Return whether a child of a folder can have a name."""
    return "/" not in name and name not in {".", ".."}


def _children(body: bytes, document: Mapping[str, Any]) -> list[Child]:
    """Parse a page: JSON as it is requested (`document`), or the older lines of text.

    Raises ValueError, LookupError and TypeError when it is neither.
    """
    if document:
        found: list[dict[str, Any]] = document["files"] or []
        children = [_parse_child(each) for each in found]
    else:
        lines = [line.split("\t") for line in body.decode().split("\n") if line]
        children = [
            Child("\t".join(name), kind == "F", int(size), int(modified))
            for *name, kind, size, modified in lines
        ]
    if not all(child.name for child in children):
        raise ValueError
    return children


def _parse_child(found: Mapping[str, Any]) -> Child:
    """Return one child; of a folder only its name counts."""
    if found["type"] in {"folder", "F"}:
        return Child(str(found["name"]), is_folder=True, size=0, modified=0)
    size, modified = int(found["length"]), int(found["last_modified"])
    return Child(str(found["name"]), is_folder=False, size=size, modified=modified)
