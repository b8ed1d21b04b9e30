"""Rolled log files: their names, compression and removal.

A rolled file is called `<name>.<day>`, further ones of a day `<name>.<day>-2`, `-3` and so on, with
`.gz` appended when it is compressed. No file ever replaces another.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import zlib
from pathlib import Path

from cos_migrate.safe_files import open_safely

_SUFFIX = re.compile(r"\.(?P<day>\d{4}-\d\d-\d\d)(?:-(?P<number>\d+))?(?P<packed>\.gz(?:\.part)?)?")
_PACKED, _PART = ".gz", ".gz.part"
_PIECE = 1 << 20
_COMPRESSION_LEVEL = 2
"""Reduces logs to a tenth; higher levels take much longer."""
_NICE = 5
_RESERVE = 64 << 20
"""Bytes of the disk that compression must leave free."""


def reserve_name(path: Path, day: str) -> Path:
    """Reserve a name for a log that is to be rolled, by an empty file. Raises OSError."""
    number = 1
    while True:
        rolled = path.with_name(f"{path.name}.{day}" + (f"-{number}" if number > 1 else ""))
        number += 1
        if any(os.path.lexists(f"{rolled}{end}") for end in (_PACKED, _PART)):
            continue
        try:
            os.close(open_safely(rolled, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return rolled


def rolled_files(path: Path) -> list[tuple[Path, str, bool]]:
    """Return the rolled files of a log, with their days and whether they are uncompressed."""
    found = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(path.parent)):
            match = _SUFFIX.fullmatch(name.removeprefix(path.name))
            if name.startswith(path.name) and match:
                found.append((path.with_name(name), match["day"], not match["packed"]))
    return found


def remove_old(path: Path, oldest: str) -> None:
    """Remove the rolled files of a log that are older than a day."""
    for rolled, day, _ in rolled_files(path):
        if day < oldest:
            with contextlib.suppress(OSError):
                rolled.unlink()


class Compressor:
    """Compresses rolled logs in a thread of low priority.

    A file that another process still writes to is left for a later start. After a kill at any
    point the file, its compressed form, or both are there.
    """

    def __init__(self) -> None:
        self._wanted: list[Path] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def compress(self, path: Path) -> None:
        """Start to compress the rolled files of a log."""
        if not any(uncompressed for _, _, uncompressed in rolled_files(path)):
            return
        with self._lock:
            if path not in self._wanted:
                self._wanted.append(path)
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._work, name="log-archive", daemon=True)
                self._thread.start()

    def close(self, patience: float) -> None:
        """Wait for running compression, at most `patience` seconds, then cancel it."""
        thread = self._thread
        if thread:
            thread.join(patience)
        self._stopping = True
        if thread:
            thread.join()

    def _work(self) -> None:
        _lower_priority()
        while True:
            with self._lock:
                if self._stopping or not self._wanted:
                    self._thread = None
                    return
                path = self._wanted.pop(0)
            for rolled, _, uncompressed in rolled_files(path):
                if uncompressed and not self._stopping:
                    # A file that cannot be compressed stays: it is complete.
                    with contextlib.suppress(OSError, zlib.error, EOFError):
                        self._replace(rolled)

    def _replace(self, rolled: Path) -> None:
        """Replace a file by its compressed form. Raises OSError."""
        descriptor = open_safely(rolled, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as uncompressed:
            if not _lock_for_packing(descriptor) or not _is_of(rolled, descriptor):
                return
            if not os.fstat(descriptor).st_size:
                return  # a name reserved for a log that is being rolled
            packed = Path(f"{rolled}{_PACKED}")
            if not os.path.lexists(packed) and not self._compress(uncompressed.fileno(), packed):
                return
            uncompressed.seek(0)
            if _holds(packed, uncompressed.fileno()):
                rolled.unlink()

    def _compress(self, uncompressed: int, packed: Path) -> bool:
        """Write the compressed form; return False when cancelled or without space on the disk."""
        part = Path(f"{packed.with_suffix('')}{_PART}")
        part.unlink(missing_ok=True)  # left by a killed process
        import gzip  # noqa: PLC0415 - rarely needed

        found = os.fstat(uncompressed)
        if _free(packed.parent) < found.st_size // 4 + _RESERVE:
            return False
        descriptor = open_safely(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, found.st_mode & 0o666)
        try:
            with os.fdopen(descriptor, "wb") as raw:
                with gzip.GzipFile(
                    "", "wb", compresslevel=_COMPRESSION_LEVEL, fileobj=raw, mtime=found.st_mtime
                ) as out:
                    while data := os.read(uncompressed, _PIECE):
                        if self._stopping:
                            part.unlink()
                            return False
                        out.write(data)
                raw.flush()
                os.fsync(raw.fileno())
            with contextlib.suppress(OSError):
                os.utime(part, ns=(found.st_atime_ns, found.st_mtime_ns))
            part.rename(packed)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        return True


def lock_for_writing(descriptor: int) -> bool:
    """Keep other processes from compressing an open log; return False when one does already."""
    return _lock(descriptor, alone=False)


def _lock_for_packing(descriptor: int) -> bool:
    """Return whether no other process writes to a file or compresses it."""
    return _lock(descriptor, alone=True)


def _is_of(path: Path, descriptor: int) -> bool:
    """Return whether `path` still names the open file."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def _holds(packed: Path, uncompressed: int) -> bool:
    """Return whether a compressed file has the size and CRC-32 of the uncompressed one."""
    size = crc = 0
    while data := os.read(uncompressed, _PIECE):
        size += len(data)
        crc = zlib.crc32(data, crc)
    with os.fdopen(open_safely(packed, os.O_RDONLY), "rb") as file:
        file.seek(-8, os.SEEK_END)
        trailer = file.read(8)
    expected = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    return trailer == expected


def _free(folder: Path) -> int:
    from shutil import disk_usage  # noqa: PLC0415 - rarely needed

    return disk_usage(folder).free


def _lower_priority() -> None:
    if sys.platform == "linux":  # threads have priorities of their own there
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


if sys.platform == "win32":

    def _lock(_: int, *, alone: bool) -> bool:  # noqa: ARG001 - open files are not rolled there
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
