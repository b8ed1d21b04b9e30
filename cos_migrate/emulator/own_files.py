"""Opens files of the embedded COS without following links out of its folder."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

from cos_migrate.safe_files import has_no_links

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def open_descriptor(path: str | Path, flags: int) -> int:
    """Open a regular file, and follow no link. Raises OSError."""
    descriptor = os.open(path, flags | _NO_FOLLOW | _BINARY | _NO_WAIT, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return descriptor


def open_file(path: str | Path, flags: int, buffering: int = -1) -> BinaryIO:
    """Open a regular file as `open_descriptor` does, to be read or to be written."""
    mode = "wb" if flags & os.O_WRONLY else "rb"
    return cast("BinaryIO", os.fdopen(open_descriptor(path, flags), mode, buffering))


def make_own_folder(path: Path) -> None:
    """Make a folder, or accept an existing one. Raises OSError if it is a link."""
    path.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link: remove it", str(path))


def refuse_links(root: str, relative: str) -> None:
    """Raise OSError when a part of a path below a folder is a link; parts may be missing."""
    if not has_no_links(root, relative):
        text = "a link leads out of the folder: remove it"
        raise OSError(errno.ELOOP, text, f"{root}/{relative}")
