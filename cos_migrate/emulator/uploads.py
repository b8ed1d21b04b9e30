"""Unfinished multipart uploads of one start of the server: their parts are files."""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import PIECE
from cos_migrate.emulator.objects import Part, Received, Upload
from cos_migrate.emulator.own_files import make_own_folder, open_file, refuse_links


class Uploads:
    """The unfinished uploads of all buckets; the files of an earlier start are removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._uploads: dict[str, Upload] = {}
        make_own_folder(folder)
        for path in folder.iterdir():
            _remove(path)

    def begin(
        self, bucket: str, key: str, headers: dict[str, str], acl: str, upload_id: str
    ) -> Upload:
        """Begin an upload; `upload_id` empty: with a new id."""
        upload = Upload(upload_id or uuid.uuid4().hex, bucket, key, headers, time.time(), acl)
        (self._folder / upload.upload_id).mkdir()
        with self._lock:
            self._uploads[upload.upload_id] = upload
        return upload

    def find(self, bucket: str, key: str, upload_id: str) -> Upload:
        """Return an upload. Raises Refusal."""
        with self._lock:
            upload = self._uploads.get(upload_id)
        if upload is None or (upload.bucket, upload.key) != (bucket, key):
            raise _no_upload()
        return upload

    def of_bucket(self, bucket: str) -> list[Upload]:
        """Return the uploads of a bucket, by key and time."""
        with self._lock:
            found = [upload for upload in self._uploads.values() if upload.bucket == bucket]
        return sorted(found, key=lambda upload: (upload.key, upload.began, upload.upload_id))

    def put(self, upload: Upload, number: int, got: Received) -> Part:
        """Store received bytes as a part, replacing one of that number. Raises Refusal."""
        part = Part(number, got.size, got.md5.hex(), got.crc64, time.time())
        try:
            with upload.lock:
                if upload.over:
                    raise _no_upload()
                got.path.replace(self._path(upload, number))
                upload.parts[number] = part
        except (OSError, Refusal):
            got.discard()
            raise
        return part

    def pieces(self, upload: Upload, parts: list[Part]) -> Iterator[bytes]:
        """Yield the bytes of parts; the caller holds the lock of the upload. Raises Refusal."""
        if upload.over:
            raise _no_upload()
        for part in parts:
            if upload.parts.get(part.number) != part:
                raise Refusal("InvalidPart", f"Part {part.number} was replaced meanwhile.")
            with open_file(self._path(upload, part.number), os.O_RDONLY) as file:
                while piece := file.read(PIECE):
                    yield piece

    def drop(self, upload: Upload) -> None:
        """Remove an upload and its parts; the caller holds its lock."""
        upload.over = True
        with self._lock:
            self._uploads.pop(upload.upload_id, None)
        _remove(self._folder / upload.upload_id)

    def _path(self, upload: Upload, number: int) -> Path:
        """Return the path of a part. Raises OSError when a link is in the way."""
        refuse_links(str(self._folder), upload.upload_id)
        return self._folder / upload.upload_id / str(number)


def _remove(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)


def _no_upload() -> Refusal:
    return Refusal("NoSuchUpload", "The specified multipart upload does not exist.")
