"""Reading one local file, and noticing when it is not the file that was listed."""

from __future__ import annotations

import errno
import os
import stat
from types import TracebackType

from cos_migrate.errors import SourceChanged, SourceError
from cos_migrate.model import Described, Fingerprint, SourceObject
from cos_migrate.sources.content_types import FOLDER_HEADERS, headers_for

# A pipe that took the file's place must not be waited for.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)
)
_PASSING = frozenset({errno.EIO, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ESTALE})


def system_path(name: str) -> str:
    """Return what to call `name`, an absolute path with `/`, before the system."""
    return windows_path(name) if os.name == "nt" else name


def windows_path(name: str) -> str:
    r"""Return `name` in the form that Windows takes literally.

    Otherwise it finds nothing behind 260 characters, and drops dots and blanks at a name's end.
    """
    path = name.replace("/", "\\")
    if path.startswith(("\\\\?\\", "\\\\.\\")):
        return path
    if path.startswith("\\\\"):
        return "\\\\?\\UNC" + path[1:]
    return "\\\\?\\" + path


def source_error(error: OSError, operation: str, name: str) -> SourceError:
    """Translate what the system said about a file."""
    code = errno.errorcode.get(error.errno or 0, "OSError")
    return SourceError(
        f"{error.strerror or error}",
        operation=operation,
        target=name,
        code=code,
        retryable=error.errno in _PASSING,
    )


def fingerprint_of(found: os.stat_result) -> Fingerprint:
    """Return what tells that a file is unchanged."""
    return Fingerprint(found.st_size, found.st_mtime_ns)


class LocalReader:
    """The bytes of one range of a file; a context manager."""

    __slots__ = ("_fd", "_left", "_name", "_opened", "described")

    def __init__(self, obj: SourceObject, start: int, length: int) -> None:
        """Raise SourceError when it cannot be opened, SourceChanged when it is another file."""
        self._name = obj.name
        self._left = length
        self.described = Described(obj.fingerprint, headers_for(obj.name))
        try:
            self._fd = os.open(system_path(obj.name), _FLAGS)
        except OSError as error:
            raise source_error(error, "open", obj.name) from error
        try:
            opened = os.fstat(self._fd)
            if opened.st_size != obj.fingerprint.size or (
                opened.st_mtime_ns != obj.fingerprint.mtime_ns
            ):
                raise self._changed("since it was listed")
            if not stat.S_ISREG(opened.st_mode):
                raise SourceError(
                    "it is no regular file any more",
                    operation="open",
                    target=obj.name,
                    code="EINVAL",
                )
            if start:
                os.lseek(self._fd, start, os.SEEK_SET)
        except BaseException:
            os.close(self._fd)
            raise
        self._opened = opened

    def __enter__(self) -> LocalReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; fewer only at the end of the range, empty behind it."""
        wanted = min(size, self._left)
        try:
            data = os.read(self._fd, wanted)
            while len(data) < wanted:
                more = os.read(self._fd, wanted - len(data))
                if not more:
                    break
                data += more
        except OSError as error:
            raise source_error(error, "read", self._name) from error
        self._left -= len(data)
        return data

    def check_unchanged(self) -> None:
        """Raise SourceChanged when somebody wrote to the file since it was opened."""
        now, then = os.fstat(self._fd), self._opened
        if (now.st_mtime_ns, now.st_size, now.st_ctime_ns) != (
            then.st_mtime_ns,
            then.st_size,
            then.st_ctime_ns,
        ):
            raise self._changed("while it was read")

    def _changed(self, when: str) -> SourceChanged:
        return SourceChanged(
            f"the file changed {when}", operation="read", target=self._name, code="Changed"
        )


class FolderReader:
    """The nothing that a folder object consists of; a context manager."""

    __slots__ = ("described",)

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.described = Described(fingerprint, FOLDER_HEADERS)

    def __enter__(self) -> FolderReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def read(self, size: int) -> bytes:  # noqa: ARG002 - there is nothing to read
        """Return nothing."""
        return b""

    def check_unchanged(self) -> None:
        """A folder has no bytes that could change."""
