"""Converts the record database of the Java tool, which is read once and kept beside ours.

The conversion works in a folder beside the database. When it is complete, the Java tool's folder is
renamed and the new one takes its place. After a kill at any point, the next start finds either the
Java tool's database in its place, or a complete new one to put there.
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from cos_migrate.safe_files import PRIVATE_FOLDER, make_private_folder
from cos_migrate.state import database_folder
from cos_migrate.state.database_folder import JAVA, OLD_JAVA, README, TAKEN_OVER, Damaged
from cos_migrate.state.store import RecordStore

_LIST_PROGRESS = b"listProgress"
"""Its list position, not converted: saved when a page was queued, it can skip objects."""
_REQUEST_ID = b"x-cos-requestId-"
_SAVE_POINT = b"[task_kind: upload_savepoint] "
_BATCH = 1000
_NOTIFY_SECONDS = 5.0
"""Time between two progress lines."""

Pairs = Iterator[tuple[bytes, bytes]]
Create = Callable[[Path], RecordStore]
"""Makes a database of ours in an empty folder."""


class JavaLibrary(Protocol):
    """A database library that reads databases of the Java tool."""

    def pairs(self, copy: Path) -> Pairs:
        """Yield all pairs in a copy of a database. Raises Damaged."""

    def repair(self, copy: Path) -> None:
        """Rebuild the readable part of a copy. Raises Damaged."""


def finish_conversion(folder: Path) -> tuple[str, ...]:
    """Finish or remove the leftovers of a killed conversion; return messages for the user.

    Raises OSError.
    """
    work = _work_of(folder)
    new = work / "new"
    if not os.path.lexists(work):
        return ()
    make_private_folder(work)  # raises for a folder of another user
    notices: tuple[str, ...] = ()
    if (new / TAKEN_OVER).exists():
        if not folder.exists() or not os.listdir(folder):
            notices = _notices(new)
            if folder.exists():
                folder.rmdir()
            _rename(new, folder)
        elif database_folder.format_of(folder) not in {JAVA, OLD_JAVA}:
            return ()  # another database was started in its place: both are kept
    shutil.rmtree(work)
    return notices


def present_folder(folder: Path) -> Path:
    """Return the folder that has the records: a killed conversion may have left a complete one."""
    new = _work_of(folder) / "new"
    if (new / TAKEN_OVER).exists() and not (folder.exists() and os.listdir(folder)):
        return new
    return folder


def convert(
    folder: Path,
    java: JavaLibrary,
    create: Create,
    notify: Callable[[str], None],
) -> tuple[str, ...]:
    """Replace the Java tool's database in `folder` by ours; return messages for the user.

    `notify` gets progress lines. Raises Damaged when nothing can be read, StateError, OSError, and
    then leaves the folder as it was.
    """
    work = _work_of(folder)
    new = work / "new"
    aside = _free_name(folder)
    try:
        work.mkdir(PRIVATE_FOLDER)
        count = _convert(folder, work, java, _Converter(create, notify))
        _write_synced(new / TAKEN_OVER, f"{count}; its database is kept as {aside}\n")
        database_folder.sync_folder(new)
        if database_folder.is_open_elsewhere(folder):
            raise BlockingIOError  # the Java tool was started meanwhile
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    _rename(folder, aside)
    notices = _notices(new)
    _rename(new, folder)
    shutil.rmtree(work, ignore_errors=True)
    return notices


class _Count:
    """Numbers of the converted pairs; its text is the message for the user."""

    def __init__(self, damage: str) -> None:
        self.records = self.request_ids = self.save_points = 0
        self._damage = damage

    def add(self, key: bytes) -> None:
        if key.startswith(_REQUEST_ID):
            self.request_ids += 1
        elif key.startswith(_SAVE_POINT):
            self.save_points += 1
        else:
            self.records += 1

    @property
    def total(self) -> int:
        return self.records + self.request_ids + self.save_points

    def __str__(self) -> str:
        damage = ""
        if self._damage:
            damage = (
                f"the Java tool's record database was damaged ({self._damage}); objects whose "
                "records could not be read are sent again\n"
            )
        return (
            f"{damage}taken over from the Java tool: {self.records} records, "
            f"{self.request_ids} request ids, {self.save_points} save points"
        )


class _Converter:
    """Copies pairs into a new database of ours."""

    def __init__(self, create: Create, notify: Callable[[str], None]) -> None:
        self._create = create
        self._notify = notify
        self._next = time.monotonic() + _NOTIFY_SECONDS

    def convert(self, pairs: Pairs, new: Path, count: _Count) -> _Count:
        """Write and count all pairs. Raises the errors of reading and writing."""
        new.mkdir(PRIVATE_FOLDER)
        store = self._create(new)
        try:
            for batch in _batches(pair for pair in pairs if pair[0] != _LIST_PROGRESS):
                store.write(batch)
                for key, _ in batch:
                    count.add(key)
                if time.monotonic() >= self._next:
                    self._next = time.monotonic() + _NOTIFY_SECONDS
                    self._notify(f"taking over the Java tool's records: {count.total} so far")
            store.write((), sync=True)
        finally:
            store.close()
        return count


def _convert(folder: Path, work: Path, java: JavaLibrary, converter: _Converter) -> _Count:
    """Convert a copy; a damaged database is repaired in a copy without hard links."""
    copy, new = work / "copy", work / "new"
    try:
        database_folder.copy_files(folder, copy, linked=True)
        count = converter.convert(java.pairs(copy), new, _Count(""))
    except Damaged as error:
        damage = str(error).replace("\n", " ")
        shutil.rmtree(copy)
        shutil.rmtree(new, ignore_errors=True)
        database_folder.copy_files(folder, copy, linked=False)
        java.repair(copy)
        count = converter.convert(java.pairs(copy), new, _Count(damage))
        if not count.total:
            raise
    shutil.rmtree(copy)
    if (folder / README).is_file():
        text = (folder / README).read_bytes()
        # The Java tool writes lines of cloud jobs without a newline.
        (new / README).write_bytes(text if text.endswith(b"\n") else text + b"\n")
    return count


def _batches(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    iterator = iter(pairs)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _work_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.takeover")


def _free_name(folder: Path) -> Path:
    """Return an unused name beside the folder."""
    stem = f"{folder.name}.java"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(path for path in map(folder.with_name, names) if not path.exists())


def _notices(new: Path) -> tuple[str, ...]:
    text = (new / TAKEN_OVER).read_text(encoding="utf-8", errors="replace")
    return tuple(text.splitlines())


def _write_synced(path: Path, text: str) -> None:
    """Write a file atomically."""
    begun = path.with_name(path.name + ".begun")
    with begun.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    begun.rename(path)


def _rename(path: Path, target: Path) -> None:
    path.rename(target)
    database_folder.sync_names(target.parent)
