"""Paths of local files, spelled with `/`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from types import ModuleType


def absolute_path(path: str, rules: ModuleType = os.path) -> str:
    """Return an absolute path with `/`, links unresolved; `rules`: ntpath or posixpath."""
    absolute: str = rules.abspath(path)
    if not _same(path, absolute):  # a `..` behind a link is relative to the target of the link
        absolute = rules.join(os.getcwd(), path)
    if rules.sep == "/":
        return re.sub("/+", "/", absolute)
    return absolute.replace(rules.sep, "/")


def spelled_as_found(path: str, root: str, fold: Callable[[str], str] = os.path.normcase) -> str:
    """Return a path below a folder in the spelling in which a walk of the folder finds it.

    `root`: the folder, ending in `/`. `fold`: makes names equal that are one file to the system.
    """
    if fold("A") == "A" or not fold(path).startswith(fold(root)):
        return path  # the system tells A from a, or a walk does not find it
    found = root
    for part in path[len(root) :].split("/"):
        try:
            names = os.listdir(found)
        except OSError:
            names = []
        same = (name for name in names if fold(name) == fold(part))
        found = f"{found}{next(same, part)}/"
    return found.removesuffix("/")


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


def normal_path(line: str, separator: str = os.sep) -> str:
    """Return a listed path relative to the root, without `.`, `..` and doubled separators."""
    if separator != "/":
        line = line.replace(separator, "/")
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
