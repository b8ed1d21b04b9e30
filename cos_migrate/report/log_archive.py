"""Rolled log files: the names they get, and their compression beside a run.

A rolled file is called `<name>.<day>`, further ones of a day `<name>.<day>-2`, `-3` and so on; with
`.gz` behind it when it is compressed. None ever takes the place of another.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import zlib
from pathlib import Path

from cos_migrate.safe_files import open_named

_SUFFIX = re.compile(r"\.(?P<day>\d{4}-\d\d-\d\d)(?:-(?P<number>\d+))?(?P<packed>\.gz(?:\.part)?)?")
_PACKED, _PART = ".gz", ".gz.part"
_PIECE = 1 << 20
_LEVEL = 2
"""Of compression: logs become a tenth of their size, and higher levels take much longer."""
_NICE = 5
_RESERVE = 64 << 20
"""Bytes of the disk that compression leaves free."""


def claim(path: Path, day: str) -> Path:
    """Return the name that a file rolled now gets: an empty file, made for it. Raises OSError."""
    number = 1
    while True:
        rolled = path.with_name(f"{path.name}.{day}" + (f"-{number}" if number > 1 else ""))
        number += 1
        if any(os.path.lexists(f"{rolled}{end}") for end in (_PACKED, _PART)):
            continue
        try:
            os.close(open_named(rolled, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return rolled


def rolled_files(path: Path) -> list[tuple[Path, str, bool]]:
    """Return what is rolled of a log: files, their days, and whether they are to be compressed."""
    found = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(path.parent)):
            match = _SUFFIX.fullmatch(name.removeprefix(path.name))
            if name.startswith(path.name) and match:
                found.append((path.with_name(name), match["day"], not match["packed"]))
    return found


def remove_old(path: Path, oldest: str) -> None:
    """Remove what was rolled of a log before a day."""
    for rolled, day, _ in rolled_files(path):
        if day < oldest:
            with contextlib.suppress(OSError):
                rolled.unlink()


class Packer:
    """Compresses rolled files in a thread of low priority.

    A file is left as it is while another process still writes to it, and taken up by a later start.
    Killed at any point, it leaves the file, or its compressed form, or both.
    """

    def __init__(self) -> None:
        self._wanted: list[Path] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def pack(self, path: Path) -> None:
        """Compress what is rolled of a log, soon."""
        if not any(plain for _, _, plain in rolled_files(path)):
            return
        with self._lock:
            if path not in self._wanted:
                self._wanted.append(path)
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._work, name="log-archive", daemon=True)
                self._thread.start()

    def close(self, patience: float) -> None:
        """Wait so many seconds at most for what is under way, then give it up."""
        thread = self._thread
        if thread:
            thread.join(patience)
        self._stopping = True
        if thread:
            thread.join()

    def _work(self) -> None:
        _be_nice()
        while True:
            with self._lock:
                if self._stopping or not self._wanted:
                    self._thread = None
                    return
                path = self._wanted.pop(0)
            for rolled, _, plain in rolled_files(path):
                if plain and not self._stopping:
                    # What cannot be compressed stays as it is: it is whole.
                    with contextlib.suppress(OSError, zlib.error, EOFError):
                        self._pack(rolled)

    def _pack(self, rolled: Path) -> None:
        """Replace a file by its compressed form. Raises OSError."""
        descriptor = open_named(rolled, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as plain:
            if not _take_alone(descriptor) or not _is_of(rolled, descriptor):
                return
            if not os.fstat(descriptor).st_size:
                return  # claimed by a process that rolls a log just now
            packed = Path(f"{rolled}{_PACKED}")
            if not os.path.lexists(packed) and not self._compress(plain.fileno(), packed):
                return
            plain.seek(0)
            if _holds(packed, plain.fileno()):
                rolled.unlink()

    def _compress(self, plain: int, packed: Path) -> bool:
        """Write the compressed form; return False when it was given up."""
        part = Path(f"{packed.with_suffix('')}{_PART}")
        part.unlink(missing_ok=True)  # what a process that was killed has left
        import gzip  # noqa: PLC0415 - most runs compress nothing

        told = os.fstat(plain)
        if _free(packed.parent) < told.st_size // 4 + _RESERVE:
            return False
        descriptor = open_named(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, told.st_mode & 0o666)
        try:
            with os.fdopen(descriptor, "wb") as raw:
                with gzip.GzipFile(
                    "", "wb", compresslevel=_LEVEL, fileobj=raw, mtime=told.st_mtime
                ) as out:
                    while data := os.read(plain, _PIECE):
                        if self._stopping:
                            part.unlink()
                            return False
                        out.write(data)
                raw.flush()
                os.fsync(raw.fileno())
            with contextlib.suppress(OSError):
                os.utime(part, ns=(told.st_atime_ns, told.st_mtime_ns))
            part.rename(packed)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        return True


def take_part(descriptor: int) -> None:
    """Note that a log that is open is written to: it is not compressed meanwhile."""
    _lock(descriptor, alone=False)


def _take_alone(descriptor: int) -> bool:
    """Return whether no process writes to a file, and no other compresses it."""
    return _lock(descriptor, alone=True)


def _is_of(path: Path, descriptor: int) -> bool:
    """Return whether a regular file is still the one with this name."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def _holds(packed: Path, plain: int) -> bool:
    """Return whether a compressed file has what the plain one has, to its last byte."""
    size = crc = 0
    while data := os.read(plain, _PIECE):
        size += len(data)
        crc = zlib.crc32(data, crc)
    with os.fdopen(open_named(packed, os.O_RDONLY), "rb") as file:
        file.seek(-8, os.SEEK_END)
        told = file.read(8)
    expected = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    return told == expected


def _free(folder: Path) -> int:
    from shutil import disk_usage  # noqa: PLC0415 - only where something is compressed

    return disk_usage(folder).free


def _be_nice() -> None:
    if sys.platform == "linux":  # where each thread has a priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


if sys.platform == "win32":

    def _lock(_: int, *, alone: bool) -> bool:  # noqa: ARG001 - what is open is not rolled there
        return True

else:
    import fcntl

    def _lock(descriptor: int, *, alone: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # this file system has no locks
            return True
        return True
