"""Reads local files, which must be the listed version."""

from __future__ import annotations

import errno
import os
import stat

from cos_migrate.errors import Code, Side, SourceChanged, SourceError
from cos_migrate.model import Described, Fingerprint, SourceObject
from cos_migrate.sources.local.content_types import FOLDER_HEADERS, headers_for

# O_NONBLOCK: never wait for a pipe that replaced the file.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)
_PASSING = frozenset({errno.EIO, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ESTALE})
_WHILE_READ = "the file changed while it was read"


def system_path(name: str) -> str:
    """Return the system's form of `name`, an absolute path with `/`."""
    return windows_path(name) if os.name == "nt" else name


def windows_path(name: str) -> str:
    r"""Return `name` in the form that Windows uses without changes.

    It finds no other paths of more than 260 characters, and drops dots and blanks at their end.
    """
    path = name.replace("/", "\\")
    if path.startswith(("\\\\?\\", "\\\\.\\")):
        return path
    if path.startswith("\\\\"):
        return "\\\\?\\UNC" + path[1:]
    return "\\\\?\\" + path


def source_error(error: OSError, operation: str, name: str) -> SourceError:
    """Translate a system error about a file."""
    code = errno.errorcode.get(error.errno or 0, "OSError")
    return SourceError(
        f"{error.strerror or error}",
        operation=operation,
        target=name,
        code=code,
        retryable=error.errno in _PASSING,
        side=Side.HERE,
    )


def make_fingerprint(found: os.stat_result) -> Fingerprint:
    """Return the fingerprint of a file."""
    return Fingerprint(found.st_size, found.st_mtime_ns)


class LocalReader:
    """Reads one range of a file; a context manager."""

    __slots__ = ("_fd", "_left", "_name", "_opened", "_to_end", "described")

    def __init__(self, obj: SourceObject, start: int, length: int) -> None:
        """Raise SourceError when it cannot be opened, SourceChanged when it is another file."""
        self._name = obj.name
        self._left = length
        self.described = Described(obj.fingerprint, headers_for(obj.name))
        size, mtime_ns, _ = obj.fingerprint
        self._to_end = start + length == size
        self._fd = _open(obj.name)
        try:
            self._opened = _verify_version(self._fd, obj.name, size, mtime_ns)
            if start:
                os.lseek(self._fd, start, os.SEEK_SET)
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> LocalReader:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; fewer only at the end of the range, empty behind it."""
        data = _read(self._fd, self._name, min(size, self._left))
        self._left -= len(data)
        return data

    def check_unchanged(self) -> None:
        """Raise SourceChanged when the file was written since it was opened.

        Raises SourceError when the range ends at the file's size and there are bytes behind it.
        """
        _verify_unchanged(self._fd, self._name, self._opened)
        if self._to_end and not self._left and _read(self._fd, self._name, 1):
            raise _size_error(self._fd, self._name, self._opened)


def read_whole(name: str, size: int, mtime_ns: int) -> bytes:
    """Return a small file's content, at two thirds of the cost of a LocalReader.

    Raises SourceError, SourceChanged when it is not the version listed, or is written to.
    """
    fd = _open(name)
    try:
        opened = _verify_version(fd, name, size, mtime_ns)
        data = _read_to_end(fd, name, size)
        if len(data) < size:
            raise _changed(name, _WHILE_READ)
        if len(data) > size:
            raise _size_error(fd, name, opened)
        _verify_unchanged(fd, name, opened)
    finally:
        os.close(fd)
    return data


def _open(name: str) -> int:
    try:
        return os.open(system_path(name), _FLAGS)
    except OSError as error:
        raise source_error(error, "open", name) from error


def _verify_version(fd: int, name: str, size: int, mtime_ns: int) -> os.stat_result:
    """Return the state of the open file, which must be the listed version."""
    opened = os.fstat(fd)
    if opened.st_size != size or opened.st_mtime_ns != mtime_ns:
        raise _changed(name, "the file changed since it was listed")
    if not stat.S_ISREG(opened.st_mode):
        raise SourceError(
            "it is no longer a regular file",
            operation="open",
            target=name,
            code="EINVAL",
            side=Side.HERE,
        )
    return opened


def verify_size(name: str, fingerprint: Fingerprint) -> None:
    """Raise SourceError when a file holds more bytes than the file system states as its size.

    Raises SourceChanged when it is not the version in `fingerprint`.
    """
    size, mtime_ns, _ = fingerprint
    fd = _open(name)
    try:
        opened = _verify_version(fd, name, size, mtime_ns)
        os.lseek(fd, size, os.SEEK_SET)
        if _read(fd, name, 1):
            raise _size_error(fd, name, opened)
    finally:
        os.close(fd)


def is_empty(name: str) -> bool:
    """Return whether a file of size 0 has no bytes, as far as it can be read."""
    try:
        fd = _open(name)
        try:
            return not _read(fd, name, 1)
        finally:
            os.close(fd)
    except SourceError:
        return True


def _read_to_end(fd: int, name: str, size: int) -> bytes:
    """Return the content of a file, up to one byte more than `size`.

    The byte behind the end is part of the same read: a second read would cost as much.
    """
    try:
        data = os.read(fd, size + 1)
        if len(data) != size:
            while len(data) <= size and (more := os.read(fd, size + 1 - len(data))):
                data += more
    except OSError as error:
        raise source_error(error, "read", name) from error
    return data


def _read(fd: int, name: str, wanted: int) -> bytes:
    """Return `wanted` bytes; fewer only at the end of the file."""
    try:
        data = os.read(fd, wanted)
        while len(data) < wanted:
            more = os.read(fd, wanted - len(data))
            if not more:
                break
            data += more
    except OSError as error:
        raise source_error(error, "read", name) from error
    return data


def _verify_unchanged(fd: int, name: str, then: os.stat_result) -> None:
    now = os.fstat(fd)
    if (
        now.st_mtime_ns != then.st_mtime_ns
        or now.st_size != then.st_size
        or now.st_ctime_ns != then.st_ctime_ns
    ):
        raise _changed(name, _WHILE_READ)


def _size_error(fd: int, name: str, then: os.stat_result) -> SourceError:
    """Return the error of a file that has bytes behind its end, unless it has grown."""
    _verify_unchanged(fd, name, then)
    return SourceError(
        f"the file system reports a size of {then.st_size} bytes, but the file has more",
        operation="read",
        target=name,
        code="SizeTooSmall",
        side=Side.HERE,
    )


def _changed(name: str, text: str) -> SourceChanged:
    return SourceChanged(text, operation="read", target=name, code=Code.CHANGED, side=Side.HERE)


class FolderReader:
    """Reads the empty content of a folder object; a context manager."""

    __slots__ = ("described",)

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.described = Described(fingerprint, FOLDER_HEADERS)

    def __enter__(self) -> FolderReader:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def read(self, size: int) -> bytes:  # noqa: ARG002 - there is nothing to read
        """Return nothing."""
        return b""

    def check_unchanged(self) -> None:
        """Do nothing: a folder has no bytes."""
