"""Files of this machine: walks a folder, following links, or reads a list of paths."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

from cos_migrate.descriptors import retry_while_exhausted
from cos_migrate.errors import Side, SourceError
from cos_migrate.model import (
    Described,
    Failure,
    Fingerprint,
    Found,
    Note,
    Rejected,
    Row,
    SourceObject,
    Target,
    objects_of,
)
from cos_migrate.sources.base import FolderQuestion, Reader, SourceOptions
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.local.content_types import headers_for
from cos_migrate.sources.local.look_ahead import LookAhead
from cos_migrate.sources.local.paths import absolute_path, as_folder, is_utf8, normal_path
from cos_migrate.sources.local.places import Identity, LocalPlaces, identity
from cos_migrate.sources.local.reader import (
    FolderReader,
    LocalReader,
    is_empty,
    make_fingerprint,
    read_whole,
    source_error,
    system_path,
    verify_size,
)
from cos_migrate.sources.local.rejections import (
    BROKEN_LINK,
    GONE,
    NO_REGULAR_FILE,
    SYMLINK_LOOP,
    illegal_name,
    not_matching,
    unreadable,
    unreadable_entry,
)
from cos_migrate.sources.local.rescan import enclosing_folders, scan_again
from cos_migrate.text import NO_LONGER_THERE, printable

_OPEN_FOLDERS = 64
"""Nested folders that are read entry by entry; deeper ones are read whole, to keep few open."""

_Level = tuple[Iterator[os.DirEntry[str]], str, Identity]
"""A folder in progress: its remaining entries, its path ending in `/`, its identity."""


class LocalSource(LocalPlaces):
    """A folder, or a single file, of this machine."""

    migrate_type: ClassVar[str] = "migrateLocal"
    record_kind: ClassVar[str] = "migrate_from_local"
    is_local: ClassVar[bool] = True
    scans_in_own_process: ClassVar[bool] = True
    may_repeat = False
    Config = LocalConfig
    config: LocalConfig

    def __init__(
        self, config: LocalConfig, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        root = absolute_path(config.local_path)
        # A folder that is missing (an unmounted disk) keeps its name, and so its records.
        self._is_file = os.path.exists(root) and not os.path.isdir(root)
        self._root = root if self._is_file else as_folder(root)
        self.begin_watch()
        self._look_ahead = LookAhead()
        self._record_head = f"[taskType: migrateLocal] [bucket: {target.bucket}], [localPath: "

    @property
    def uses_records(self) -> bool:
        """Whether `checkLocalRecord` is on."""
        return self.config.check_local_record

    def job_text(self) -> str:
        return f"[local: {self._root}], [cosFolder: {self.target.cos_path}]"

    def record_key(self, obj: SourceObject, cos_path: str) -> str:
        """Return `[taskType: migrateLocal] [bucket: …], [localPath: …], [cosPath: …]`."""
        return f"{self._record_head}{obj.name}], [cosPath: {cos_path}]"

    def record_value(self, obj: SourceObject) -> str:
        """Return `[mtime: <ms>], [fileSize: <bytes>]`."""
        size, mtime_ns, _ = obj.fingerprint
        return f"[mtime: {mtime_ns // 1_000_000}], [fileSize: {size}]"

    def row_records(self, rows: Sequence[Row]) -> list[tuple[str, str]]:
        """Return the keys and values of many files at once."""
        head, folder = self._record_head, self.target.cos_path
        return [
            (
                f"{head}{name}], [cosPath: {folder}{key}]",
                f"[mtime: {mtime_ns // 1_000_000}], [fileSize: {size}]",
            )
            for name, key, size, mtime_ns in rows
        ]

    def is_unchanged(self, obj: SourceObject, recorded: str) -> bool:
        """Compare times to the millisecond, with a Java record of whole seconds to the second.

        Under JDK 8 the Java tool recorded times without milliseconds; for a folder it recorded the
        size of its entry in the file system.
        """
        if recorded == self.record_value(obj):
            return True
        if not self.java_records:
            return False
        size, mtime_ns, _ = obj.fingerprint
        whole = f"[mtime: {mtime_ns // 1_000_000_000}000], [fileSize: "
        if obj.is_folder:
            exact = f"[mtime: {mtime_ns // 1_000_000}], [fileSize: "
            return recorded.startswith((whole, exact))
        return recorded == f"{whole}{size}]"

    def object_of_record(self, obj: SourceObject) -> SourceObject:
        """Return the file: its content is compared, since its record has no checksum."""
        return obj._replace(is_folder=obj.name.endswith("/"))

    def open(self, obj: SourceObject, start: int, length: int) -> AbstractContextManager[Reader]:
        if obj.is_folder:
            return FolderReader(obj.fingerprint)
        return LocalReader(obj, start, length)

    def read_whole(self, name: str, size: int, mtime_ns: int) -> tuple[bytes, str]:
        return read_whole(name, size, mtime_ns), headers_for(name)["content-type"]

    def describe(self, obj: SourceObject) -> Described:
        if not obj.is_folder:
            verify_size(obj.name, obj.fingerprint)
        with self.open(obj, 0, 0) as reader:
            return reader.described

    def stat(self, obj: SourceObject) -> SourceObject:
        try:
            found = os.stat(system_path(obj.name))
        except OSError as error:
            raise source_error(error, "stat", obj.name) from error
        if obj.is_folder:
            return obj._replace(fingerprint=Fingerprint(0, found.st_mtime_ns))
        return obj._replace(fingerprint=make_fingerprint(found))

    def scan(self) -> Iterator[Found]:
        """Yield the files below localPath, always from its start."""
        return objects_of(self.scan_rows())

    def scan_rows(self, leaves_out: FolderQuestion = lambda _: "") -> Iterator[Found | Row]:
        """Yield the files below localPath, those with plain names as rows."""
        if self.config.file_list_mode:
            return self._scan_list(leaves_out)
        if self._is_file:
            return self._scan_file()
        return self._walk(leaves_out)

    def is_empty(self, name: str) -> bool:
        """Return whether a file of size 0 has no bytes, as far as it can be read."""
        return is_empty(name)

    def _scan_file(self) -> Iterator[Found]:
        name = self._root
        try:
            found = os.stat(system_path(name))
        except OSError as error:
            yield unreadable(name, error, unlisted=True)
            return
        if not stat.S_ISREG(found.st_mode):
            yield not_matching(NO_REGULAR_FILE, name)
            return
        yield _make_object(name, name.rpartition("/")[2], found)

    def scan_again(
        self, failed: Sequence[SourceObject], leaves_out: FolderQuestion
    ) -> Iterator[Found | Row]:
        return scan_again(self._root, failed, leaves_out, self._walk)

    def _walk(self, leaves_out: FolderQuestion, start: str = "") -> Iterator[Found | Row]:
        """Walk depth first with a stack, to any depth; `start`: a folder below the root."""
        root, at = self._root, len(self._root)
        stack: list[_Level] = []
        on_path = _identities_above(root, start)
        pending: str | None = start or root
        while stack or pending is not None:
            if pending is not None:
                folder, pending = pending, None
                problem = self._enter(folder, stack, on_path, leaves_out)
                if problem is not None:
                    yield problem
                continue
            entries, prefix, identity = stack[-1]
            try:
                entry = next(entries, None)
            except OSError as error:  # the listing of the folder failed in the middle
                entry = None
                yield unreadable(prefix, error, unlisted=True)
            if entry is None:
                stack.pop()
                on_path.discard(identity)
                continue
            name = prefix + entry.name
            try:
                if entry.is_dir():
                    pending = name + "/"
                    continue
                found = entry.stat()
            except OSError as error:
                yield unreadable_entry(name, name[at:], error, is_link=_is_link(entry))
                continue
            if not stat.S_ISREG(found.st_mode):
                yield not_matching(NO_REGULAR_FILE, name)
            elif name.isascii():
                yield name, name[at:], found.st_size, found.st_mtime_ns
            else:
                yield _make_object(name, name[at:], found)

    def _enter(
        self, folder: str, stack: list[_Level], on_path: set[Identity], leaves_out: FolderQuestion
    ) -> Found | None:
        """Put a folder on the stack, or return the result that replaces it."""
        reason = leaves_out(folder)
        if reason:
            if reason == "excludes":
                return Note(f"exclude folder: {printable(folder)}")
            return not_matching(reason, folder)
        if not is_utf8(folder):
            return illegal_name(folder, unlisted=True)
        try:
            path = system_path(folder)
            folder_id = identity(path, os.stat(path))
            if folder_id in on_path:
                return not_matching(SYMLINK_LOOP, folder)
            entries = self._look_ahead.in_order(retry_while_exhausted(lambda: os.scandir(path)))
            if len(stack) >= _OPEN_FOLDERS:
                entries = iter(list(entries))
        except OSError as error:
            if error.errno in GONE and folder != self._root:
                return not_matching(NO_LONGER_THERE, folder)
            return unreadable(folder, error, unlisted=True)
        on_path.add(folder_id)
        stack.append((entries, folder, folder_id))
        return None

    def _scan_list(self, leaves_out: FolderQuestion) -> Iterator[Found]:
        """Yield the files that the list file names, each path once.

        Raises SourceError at the end of a list without any existing file.
        """
        exists: dict[int, bool] = {}
        path = self.config.file_list_path
        try:
            with open(path, "rb") as file:
                for number, line in enumerate(file, start=1):
                    raw = line.rstrip(b"\r\n")
                    if number == 1:
                        raw = raw.removeprefix(b"\xef\xbb\xbf")
                    if raw.strip():
                        text = raw.decode("utf-8", "surrogateescape")
                        yield self._find_listed(text, exists, leaves_out)
        except OSError as error:
            yield unreadable(path, error, unlisted=True)
            return
        if exists and not any(exists.values()):
            text = f"nothing that {path} lists exists below {self._root}"
            raise SourceError(text, operation="scan", target=path, code="ENOENT", side=Side.HERE)

    def _find_listed(self, line: str, exists: dict[int, bool], leaves_out: FolderQuestion) -> Found:
        """Return the file of a line; `exists` has the hashes of earlier paths."""
        relative = normal_path(line)
        name = as_folder(self._root) + relative
        if not is_utf8(name):
            return illegal_name(name)
        if relative.startswith("../") or relative in {"..", "."}:
            failure = Failure("scan", "the listed path is not below localPath", code="OutsideRoot")
            return Rejected(name, "", "", failure)
        if hash(relative) in exists:
            return not_matching("listed twice", name)
        exists[hash(relative)] = True
        for folder in enclosing_folders(as_folder(self._root), relative):
            reason = leaves_out(folder)
            if reason:
                return not_matching(reason, name)
        try:
            found = os.stat(system_path(name))
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno not in GONE:
                return unreadable_entry(name, relative, error, is_link=False)
            is_link = "\0" not in name and os.path.lexists(system_path(name))
            exists[hash(relative)] = is_link
            return not_matching(BROKEN_LINK if is_link else "not there", name)
        if stat.S_ISDIR(found.st_mode):
            name, relative = name + "/", relative + "/"
            return SourceObject(name, relative, Fingerprint(0, found.st_mtime_ns), is_folder=True)
        if not stat.S_ISREG(found.st_mode):
            return not_matching(NO_REGULAR_FILE, name)
        return _make_object(name, relative, found)


def _make_object(name: str, key: str, found: os.stat_result) -> Found:
    return SourceObject(name, key, make_fingerprint(found)) if is_utf8(name) else illegal_name(name)


def _identities_above(root: str, start: str) -> set[Identity]:
    """Return the identities of the folders that hold `start`, to recognise links to them."""
    found: set[Identity] = set()
    for folder in (root, *enclosing_folders(root, start[len(root) :])) if start else ():
        if folder != start:
            with contextlib.suppress(OSError):  # then the walk of `start` fails, too
                path = system_path(folder)
                found.add(identity(path, os.stat(path)))
    return found


def _is_link(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink()
    except OSError:  # a system call, where the listing has no kinds
        return False
