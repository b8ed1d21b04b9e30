"""The objects of all buckets in a folder: each a plain file, with its metadata beside it.

`<folder>/<bucket>/<key>` holds the bytes (free_paths.py handles keys that cannot be paths), `.meta`
a file for each bucket with a JSON line for each object (journal.py), `.uploads` unfinished uploads,
`.tmp` bytes that are arriving. Bytes appear by a rename.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import fastcrc

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.free_paths import FreePaths
from cos_migrate.emulator.journal import Journal
from cos_migrate.emulator.messages import PIECE
from cos_migrate.emulator.objects import Part, Received, Stored, Upload
from cos_migrate.emulator.own_files import make_own_folder, open_file
from cos_migrate.emulator.uploads import Uploads

_JOURNAL = ".jsonl"
_ARRIVING = re.compile("[0-9]+-[0-9]+")
"""Names of files below `.tmp`."""
_PATIENCE = 5.0
"""Seconds to wait on Windows for a reader to close a file that is to be replaced."""


class Store:
    """The objects and unfinished uploads of all buckets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = str(folder)
        self._lock = threading.RLock()
        self._buckets: dict[str, dict[str, Stored]] = {}
        self._journals: dict[str, Journal] = {}
        self._sorted: dict[str, list[str]] = {}
        self._numbers = itertools.count()
        self._paths = FreePaths(self._root)
        for name in (".meta", ".tmp"):
            make_own_folder(folder / name)
        for path in (folder / ".tmp").iterdir():
            if _ARRIVING.fullmatch(path.name):
                path.unlink()
        self._uploads = Uploads(folder / ".uploads")
        self._load()

    def receive(self, pieces: Iterable[bytes]) -> Received:
        """Store bytes in a temporary file."""
        path = self.folder / ".tmp" / f"{os.getpid()}-{next(self._numbers)}"
        digest, crc, size = hashlib.md5(usedforsecurity=False), 0, 0
        try:
            with open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0) as file:
                for piece in pieces:
                    file.write(piece)
                    digest.update(piece)
                    crc = fastcrc.crc64.xz(piece, crc)
                    size += len(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Received(path, size, digest.digest(), crc)

    def put(
        self,
        bucket: str,
        key: str,
        got: Received,
        headers: dict[str, str],
        etag: str = "",
        acl: str = "",
    ) -> Stored:
        """Store received bytes as an object."""
        with self._lock:
            known = self._buckets.get(bucket, {}).get(key)
            tag, now = etag or got.md5.hex(), time.time()
            try:
                path = known.path if known else self._paths.find(bucket, key)
                stored = Stored(key, path, got.size, tag, got.crc64, now, headers, acl)
                self._paths.make_folder(path)
                _replace(got.path, os.path.join(self._root, path))
                self._journal(bucket).add(stored)
            except OSError:
                got.discard()
                raise
            self._index(bucket, stored)
        return stored

    def get(self, bucket: str, key: str) -> Stored:
        """Return an object. Raises Refusal."""
        with self._lock:
            stored = self._buckets.get(bucket, {}).get(key)
        if stored is None:
            raise Refusal("NoSuchKey", "The specified key does not exist.")
        return stored

    def replace_headers(self, bucket: str, key: str, headers: dict[str, str]) -> None:
        """Replace the stored headers of an object, which keeps its time. Raises Refusal."""
        with self._lock:
            stored = dataclasses.replace(self.get(bucket, key), headers=headers)
            self._journal(bucket).add(stored)
            self._index(bucket, stored)

    def open(self, bucket: str, key: str) -> tuple[Stored, BinaryIO]:
        """Return an object and its bytes, which stay the same while it is replaced."""
        with self._lock:
            stored = self.get(bucket, key)
            self._paths.refuse_links(stored.path)
            return stored, open_file(os.path.join(self._root, stored.path), os.O_RDONLY)

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object, if it exists."""
        with self._lock:
            stored = self._buckets.get(bucket, {}).pop(key, None)
            if stored is None:
                return
            self._sorted.pop(bucket, None)
            self._journal(bucket).remove(key)
            with suppress(OSError):  # removed by the user, or still being read on Windows
                self._paths.refuse_links(stored.path)
                os.unlink(os.path.join(self._root, stored.path))
            self._paths.remove_empty_folders(stored.path)

    def keys(self, bucket: str) -> list[str]:
        """Return all keys, in the order of their UTF-8."""
        with self._lock:
            found = self._sorted.get(bucket)
            if found is None:
                # Keys are valid UTF-8, whose order is that of the code points.
                found = self._sorted[bucket] = sorted(self._buckets.get(bucket, {}))
            return found.copy()

    def begin_upload(
        self, bucket: str, key: str, headers: dict[str, str], acl: str = "", upload_id: str = ""
    ) -> Upload:
        """Begin a multipart upload; `upload_id` empty: with a new id."""
        return self._uploads.begin(bucket, key, headers, acl, upload_id)

    def upload(self, bucket: str, key: str, upload_id: str) -> Upload:
        """Return an unfinished upload. Raises Refusal."""
        return self._uploads.find(bucket, key, upload_id)

    def uploads(self, bucket: str) -> list[Upload]:
        """Return the unfinished uploads of a bucket, by key and time."""
        return self._uploads.of_bucket(bucket)

    def put_part(self, upload: Upload, number: int, got: Received) -> Part:
        """Store received bytes as a part."""
        return self._uploads.put(upload, number, got)

    def complete(self, upload: Upload, parts: list[Part]) -> Stored:
        """Join parts into an object. Raises Refusal when the upload is over."""
        etags = b"".join(bytes.fromhex(part.etag) for part in parts)
        etag = f"{hashlib.md5(etags, usedforsecurity=False).hexdigest()}-{len(parts)}"
        with upload.lock:
            got = self.receive(self._uploads.pieces(upload, parts))
            stored = self.put(upload.bucket, upload.key, got, upload.headers, etag, upload.acl)
            self._uploads.drop(upload)
        return stored

    def abort(self, upload: Upload) -> None:
        """Drop an unfinished upload and its parts."""
        with upload.lock:
            self._uploads.drop(upload)

    def _index(self, bucket: str, stored: Stored) -> None:
        objects = self._buckets.setdefault(bucket, {})
        if stored.key not in objects:
            self._sorted.pop(bucket, None)
        objects[stored.key] = stored

    def close(self) -> None:
        """Close the files that are kept open; they are opened again when needed."""
        with self._lock:
            for journal in self._journals.values():
                journal.close()

    def _journal(self, bucket: str) -> Journal:
        journal = self._journals.get(bucket)
        if journal is None:
            path = self.folder / ".meta" / f"{bucket}{_JOURNAL}"
            journal = self._journals[bucket] = Journal(path)
        return journal

    def _load(self) -> None:
        """Load the objects of an earlier run of the server."""
        for path in (self.folder / ".meta").glob(f"*{_JOURNAL}"):
            bucket = path.name.removesuffix(_JOURNAL)
            for stored in self._journal(bucket).load().values():
                if os.path.isfile(os.path.join(self._root, stored.path)):
                    self._index(bucket, stored)


def file_pieces(file: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    """Yield a range of an open file."""
    file.seek(start)
    while length and (piece := file.read(min(PIECE, length))):
        length -= len(piece)
        yield piece


def _replace(source: Path, target: str) -> None:
    """Replace a file by a rename, on Windows after its readers have closed it."""
    deadline = time.monotonic() + (_PATIENCE if os.name == "nt" else 0)
    while True:
        try:
            os.replace(source, target)
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return
