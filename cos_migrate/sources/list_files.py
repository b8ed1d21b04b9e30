"""Files that name what there is to migrate, one name a line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from cos_migrate.descriptors import patient
from cos_migrate.errors import Side, SourceError
from cos_migrate.model import Failure, Found, Page, Rejected
from cos_migrate.text import printable

_LINES = 1000
"""Lines of a list file that make a page."""
_SHOWN_MOST = 200
"""Characters of a line that cannot be used that are shown."""


def lists_below(path: str) -> Iterator[str]:
    """Yield the list files in a fixed order; a folder that cannot be read stands for itself."""
    if not os.path.isdir(path):
        yield path
        return
    unreadable: list[str] = []
    for folder, folders, names in os.walk(path, onerror=lambda e: unreadable.append(e.filename)):
        folders.sort()
        yield from (os.path.join(folder, name) for name in sorted(names))
    yield from unreadable


def version_of(path: str) -> str:
    """Return what tells a list file from what it was before it was written to."""
    try:
        told = os.stat(path)
    except OSError:
        return path
    return f"{path} {told.st_size} {told.st_mtime_ns}"


def rejected_line(path: str, number: int, text: str, problem: str) -> Rejected:
    """Return the failure of a line; `text`: what it holds, without credentials.

    It has no key: a line that must not be sent is not to be tried again by itself.
    """
    shown = printable(text[:_SHOWN_MOST]) + ("..." if len(text) > _SHOWN_MOST else "")
    failure = Failure("read", f"line {number} of {path}: {problem}: {shown}", code="NotMigratable")
    return Rejected(f"{path}:{number}: {shown}", "", "", failure)


def list_file_page(
    path: str,
    marker: str,
    parse: Callable[[str, int], Found | None],
    mask: Callable[[str], str] = str,
) -> Page:
    """Return the next page of a file that has one name a line; the marker is `offset:line`.

    `parse` is given each line without its end and its number (1-based), and returns None for one
    to be passed over. A line that is no UTF-8 is rejected; `mask` takes credentials out of its
    text. Raises SourceError.
    """
    offset, _, number = marker.partition(":")
    found: list[Found] = []
    line = int(number or 0)
    try:
        with patient(lambda: open(path, "rb")) as file:
            file.seek(int(offset or 0))
            while len(found) < _LINES:
                raw = file.readline()
                if not raw:
                    return Page(found, "")
                line += 1
                item = _line_of(raw, path, line, parse, mask)
                if item is not None:
                    found.append(item)
            return Page(found, f"{file.tell()}:{line}")
    except OSError as error:
        raise SourceError(
            f"the list {path} cannot be read: {error.strerror}",
            operation="read",
            target=path,
            side=Side.HERE,
        ) from error


def _line_of(
    raw: bytes,
    path: str,
    number: int,
    parse: Callable[[str, int], Found | None],
    mask: Callable[[str], str],
) -> Found | None:
    if number == 1:
        raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        return parse(raw.decode().rstrip("\r\n"), number)
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
        return rejected_line(path, number, mask(text), "it is not UTF-8")
