"""Makes the `Rejected` of each file that is not migrated."""

from __future__ import annotations

import errno

from cos_migrate.errors import Code
from cos_migrate.model import Failure, Rejected
from cos_migrate.sources.local.paths import is_utf8
from cos_migrate.sources.local.reader import source_error
from cos_migrate.text import NAME_NOT_UTF8, NO_LONGER_THERE, condition_not_match, printable

BROKEN_LINK = "broken link"
NO_REGULAR_FILE = "not a regular file"
SYMLINK_LOOP = "symlink loop"
"""Reasons for which a file is left out."""
GONE = frozenset({errno.ENOENT, errno.ENOTDIR})


def not_matching(reason: str, name: str) -> Rejected:
    """Reject a file that does not match the conditions."""
    return Rejected(name, "", condition_not_match(reason, f"local_file: {printable(name)}"))


def illegal_name(name: str, *, unlisted: bool = False) -> Rejected:
    """Reject a file whose name is not UTF-8, as a failure."""
    failure = Failure("scan", NAME_NOT_UTF8, code=Code.NAME_NOT_UTF8)
    line = f"skip the file for illegal utf-8 letter, [local_file:{printable(name)}]"
    return Rejected(printable(name), "", line, failure, unlisted)


def unreadable(name: str, error: OSError, *, unlisted: bool, key: str = "") -> Rejected:
    """Reject a file, as a failure; `unlisted`: a folder that cannot be listed."""
    problem = source_error(error, "scan", name)
    text = f"cannot be listed: {problem}" if unlisted else str(problem)
    return Rejected(name, key, "", Failure("scan", text, code=problem.code), unlisted)


def unreadable_entry(name: str, key: str, error: OSError, *, is_link: bool) -> Rejected:
    """Reject an entry whose status cannot be read: it is gone, a loop of links, or a failure."""
    if error.errno == errno.ELOOP:
        return not_matching(SYMLINK_LOOP, name)
    if error.errno in GONE:
        return not_matching(BROKEN_LINK if is_link else NO_LONGER_THERE, name)
    if not is_utf8(name):
        return illegal_name(name)
    return unreadable(name, error, unlisted=False, key=key)
