"""Opens files and folders safely where other users of the machine may write too.

In a folder that other users may write to, they can put a link, a pipe or a file of their own in the
place of a name that is opened. There links are not followed, and the file must be a regular one of
a trusted user. In a folder that only this user writes to, links are legal.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
PRIVATE_UMASK = 0o077
PUBLIC_FILE = 0o644
"""Mode of files that others may read, where the user's umask allows it."""
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_CLOSED_ON_EXEC = getattr(os, "O_CLOEXEC", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0) | _CLOSED_ON_EXEC
_LOOK = getattr(os, "O_PATH", os.O_RDONLY)
"""Flag to open a folder only to reach its files: reading it may not be allowed."""
_LINK_ERRORS = frozenset({errno.ELOOP, errno.EMLINK})
"""Errors of opening a link with O_NOFOLLOW, on the various systems."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_REPARSE_POINT = 0x400


class UnsafePathError(OSError):
    """A link, or a file of another user, stands where the tool keeps a file or folder."""

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(errno.ELOOP, problem, str(path))


def open_safely(path: str | Path, flags: int, mode: int = PRIVATE_FILE) -> int:
    """Open a file as os.open does, but refuse links and files that another user may have put there.

    A new file gets exactly `mode`, without the umask. Raises UnsafePathError, OSError.
    """
    name = str(path)
    flags |= _BINARY | _CLOSED_ON_EXEC
    if sys.platform == "win32":
        return os.open(name, flags, mode)
    head, tail = os.path.split(name)
    folder = os.open(head or ".", _LOOK | _FOLDER)
    try:
        found = os.fstat(folder)
        if not _others_write(found):
            return _open_or_make(tail, flags, mode, folder)
        truncate = flags & os.O_TRUNC
        flags = (flags & ~os.O_TRUNC) | _NO_FOLLOW | _NO_WAIT
        try:
            opened = _open_or_make(tail, flags, mode, folder)
        except OSError as error:
            if error.errno not in _LINK_ERRORS:
                raise
            raise UnsafePathError(name, _problem_of_link(head)) from None
        try:
            _must_be_plain(os.fstat(opened), found, name)
            if truncate:
                os.ftruncate(opened, 0)
        except BaseException:
            os.close(opened)
            raise
    finally:
        os.close(folder)
    return opened


def write_safely(path: str | Path, data: bytes = b"") -> None:
    """Write a whole file, opened by `open_safely`. Raises UnsafePathError, OSError."""
    with os.fdopen(open_safely(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(data)


def make_private_folder(path: Path) -> None:
    """Make a folder for this user alone, or accept an existing one.

    Its parents are made too. Raises UnsafePathError where it is a link or a folder of another user
    and others may have put it there; OSError where it cannot be made.
    """
    try:
        os.mkdir(path, PRIVATE_FOLDER)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_private_folder(path.parent)
        make_private_folder(path)
    except FileExistsError:
        _must_be_folder(path)


def make_private_folders(path: Path, levels: int) -> None:
    """Make the last `levels` folders of a path as `make_private_folder` does, outermost first."""
    for folder in reversed([path, *path.parents][:levels]):
        make_private_folder(folder)


def has_no_links(root: str, relative: str) -> bool:
    """Return whether no part of a path below `root` is a link; parts may be missing."""
    place = root
    for part in relative.split("/"):
        place = os.path.join(place, part)
        try:
            found = os.lstat(place)
        except OSError:
            return True
        if _is_link(found):
            return False
    return True


class PrivateFolder:
    """A folder of this user alone, held open: files are opened in it even if its path changes."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """`descriptor`: the open folder; -1 where the system has no operations relative to one."""
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def make_or_open(cls, path: Path) -> PrivateFolder:
        """Make the folder, or open the one that an earlier run left.

        Raises UnsafePathError where it is a link or belongs to another user; OSError.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, PRIVATE_FOLDER)
        return cls.open_existing(path)

    @classmethod
    def open_existing(cls, path: Path) -> PrivateFolder:
        """Open a folder that another process of this user has made. Raises as `make_or_open`."""
        if sys.platform == "win32":
            if _is_link(os.lstat(path)):
                raise UnsafePathError(path, _REMOVE_FOLDER.format("a link"))
            return cls(path, -1)
        try:
            descriptor = os.open(path, os.O_RDONLY | _FOLDER | _NO_FOLLOW)
        except OSError:
            if path.is_symlink():
                raise UnsafePathError(path, _REMOVE_FOLDER.format("a symbolic link")) from None
            raise
        try:
            found, parent = os.fstat(descriptor), os.stat(path.parent)
            trusted = {os.geteuid()}
            if not parent.st_mode & stat.S_IWOTH:
                trusted.add(parent.st_uid)
            if found.st_uid not in trusted and _keeps_owners(descriptor):
                owner = f"a folder of another user (uid {found.st_uid})"
                raise UnsafePathError(path, _REMOVE_FOLDER.format(owner))
            if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                with contextlib.suppress(OSError):  # there are file systems without modes
                    os.fchmod(descriptor, PRIVATE_FOLDER)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor)

    def open(self, name: str, flags: int, mode: int = PRIVATE_FILE) -> int:
        """Open a file in it; links are not followed. Raises OSError."""
        flags |= _NO_FOLLOW | _BINARY | _CLOSED_ON_EXEC
        if self._descriptor < 0:
            return os.open(self.path / name, flags, mode)
        return os.open(name, flags, mode, dir_fd=self._descriptor)

    def create(self, name: str) -> int:
        """Make a new file in it, replacing any of that name. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            self.remove(name)
        return self.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def remove(self, name: str) -> None:
        """Remove a file in this folder. Raises OSError."""
        if self._descriptor < 0:
            os.unlink(self.path / name)
        else:
            os.unlink(name, dir_fd=self._descriptor)

    def rename(self, name: str, new: str) -> None:
        """Rename a file in it. Raises OSError."""
        if self._descriptor < 0:
            os.replace(self.path / name, self.path / new)
        else:
            os.replace(name, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def stat(self, name: str) -> os.stat_result:
        """Return the status of a file in it, as os.lstat does. Raises OSError."""
        if self._descriptor < 0:
            return os.lstat(self.path / name)
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)

    def names(self) -> list[str]:
        """Return the names in this folder. Raises OSError."""
        return os.listdir(self.path if self._descriptor < 0 else self._descriptor)

    def is_in_place(self) -> bool:
        """Return whether `path` still leads to this folder."""
        try:
            found = os.lstat(self.path)
        except OSError:
            return False
        return self._descriptor < 0 or os.path.samestat(found, os.fstat(self._descriptor))

    def close(self) -> None:
        """Close it; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> PrivateFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def private_parent(path: str | Path) -> Iterator[tuple[PrivateFolder, str]]:
    """Open the private folder that holds the file `path`; yield the folder and the file's name.

    Raises UnsafePathError, OSError.
    """
    head, tail = os.path.split(path)
    with PrivateFolder.open_existing(Path(head)) as folder:
        yield folder, tail


_REMOVE_FOLDER = "it is {}: remove it, or set another tmpFolder"


def _problem_of_link(folder: str) -> str:
    return (
        "it is a symbolic link in a folder that others may write to: remove it, or let only its "
        f"owner write to the folder (chmod go-w {folder or '.'})"
    )


def _others_write(found: os.stat_result) -> bool:
    """Return whether others than this user and the superuser may write to a folder."""
    if sys.platform == "win32":
        return False
    return found.st_uid not in {0, os.geteuid()} or bool(found.st_mode & _OTHERS_WRITE)


def _is_foreign(found: os.stat_result, folder: os.stat_result) -> bool:
    """Return whether a file in a folder that all may write to belongs to an untrusted user."""
    if sys.platform == "win32" or not folder.st_mode & stat.S_IWOTH:
        return False
    return found.st_uid not in {0, os.geteuid(), folder.st_uid}


def _keeps_owners(folder: int) -> bool:
    """Return whether the file system gives a new file in a folder to the user who makes it.

    Some give all files to one user: there the owner of a folder means nothing.
    """
    if sys.platform == "win32":
        return False
    name = f"probe-{os.urandom(8).hex()}"
    try:
        made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE, dir_fd=folder)
    except OSError:
        return True
    try:
        return os.fstat(made).st_uid == os.geteuid()
    finally:
        os.close(made)
        os.unlink(name, dir_fd=folder)


def _is_link(found: os.stat_result) -> bool:
    if sys.platform == "win32":
        return bool(found.st_file_attributes & _REPARSE_POINT)
    return stat.S_ISLNK(found.st_mode)


def _must_be_plain(found: os.stat_result, folder: os.stat_result, name: str) -> None:
    problem = ""
    if not stat.S_ISREG(found.st_mode):
        problem = "it is no regular file"
    elif found.st_nlink > 1:
        problem = "it is a hard link"
    elif _is_foreign(found, folder):
        problem = f"it belongs to another user (uid {found.st_uid})"
    if problem:
        raise UnsafePathError(
            name, f"{problem}, in a folder that others may write to: remove it, then run again"
        )


def _must_be_folder(path: Path) -> None:
    """Raise OSError unless the tool may use an existing folder as its own."""
    found, parent = os.lstat(path), os.stat(path.parent)
    if _is_link(found):
        if _others_write(parent):
            raise UnsafePathError(path, _problem_of_link(str(path.parent)))
        found = os.stat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    if _is_foreign(found, parent):
        raise UnsafePathError(
            path,
            f"it belongs to another user (uid {found.st_uid}), in a folder that others may write "
            "to: remove it, then run again",
        )


def _open_or_make(name: str, flags: int, mode: int, folder: int) -> int:
    """Open a file relative to a folder; a new file gets exactly `mode`."""
    if not flags & os.O_CREAT:
        return os.open(name, flags, dir_fd=folder)
    try:
        opened = os.open(name, flags | os.O_EXCL, mode, dir_fd=folder)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(name, flags, mode, dir_fd=folder)
    with contextlib.suppress(OSError):  # there are file systems without modes
        os.fchmod(opened, mode)
    return opened
