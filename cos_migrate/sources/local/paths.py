"""Paths of local files, spelled with `/`."""

from __future__ import annotations

import os
import re


def absolute_path(path: str) -> str:
    """Return an absolute path with `/`, links unresolved."""
    absolute = os.path.abspath(path)
    if not _same(path, absolute):  # a `..` behind a link is relative to the target of the link
        absolute = os.path.join(os.getcwd(), path)
    if os.sep == "/":
        return re.sub("/+", "/", absolute)
    return absolute.replace(os.sep, "/")


def _same(path: str, other: str) -> bool:
    if os.pardir not in path:
        return True
    try:
        return os.path.samefile(path, other)
    except OSError:
        return not os.path.exists(path)


def as_folder(path: str) -> str:
    """Return a path ending in `/`."""
    return path if path.endswith("/") else path + "/"


def normal_path(line: str) -> str:
    """Return a listed path relative to the root, without `.`, `..` and doubled separators."""
    if os.sep != "/":
        line = line.replace(os.sep, "/")
    parts: list[str] = []
    for part in line.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts) or "."


def is_utf8(name: str) -> bool:
    """Return whether a name from the file system is UTF-8: it has no surrogates."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
