"""Unfinished multipart uploads in a folder, kept over a restart of the server.

`<folder>/<upload id>/upload.json` describes the upload; each part is one file with its number, MD5
and CRC-64 in the name, so that one rename makes it visible as a whole.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import PIECE
from cos_migrate.emulator.objects import Part, Received, Upload
from cos_migrate.emulator.own_files import make_own_folder, open_file, refuse_links

_HEAD = "upload.json"


class Uploads:
    """The unfinished uploads of all buckets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._uploads: dict[str, Upload] = {}
        make_own_folder(folder)
        for path in folder.iterdir():
            if not path.is_symlink():
                self._load(path)

    def begin(self, bucket: str, key: str, headers: dict[str, str], acl: str) -> Upload:
        """Begin an upload."""
        upload = Upload(uuid.uuid4().hex, bucket, key, headers, time.time(), acl)
        fields = {
            "bucket": bucket,
            "key": key,
            "headers": headers,
            "began": upload.began,
            "acl": acl,
        }
        folder = self._folder / upload.upload_id
        folder.mkdir()
        new = folder / (_HEAD + ".new")
        with open_file(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            file.write(json.dumps(fields).encode())
        new.replace(folder / _HEAD)
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
        with upload.lock:
            if upload.over:
                got.discard()
                raise _no_upload()
            old, path = upload.parts.get(number), self._path(upload, part)
            try:
                refuse_links(str(self._folder), upload.upload_id)
                got.path.replace(path)
            except OSError:
                got.discard()
                raise
            upload.parts[number] = part
            if old is not None and (old_path := self._path(upload, old)) != path:
                old_path.unlink()
        return part

    def pieces(self, upload: Upload, parts: list[Part]) -> Iterator[bytes]:
        """Yield the bytes of parts; the caller holds the lock of the upload. Raises Refusal."""
        if upload.over:
            raise _no_upload()
        for part in parts:
            if upload.parts.get(part.number) != part:
                raise Refusal("InvalidPart", f"Part {part.number} was replaced meanwhile.")
            refuse_links(str(self._folder), upload.upload_id)
            with open_file(self._path(upload, part), os.O_RDONLY) as file:
                while piece := file.read(PIECE):
                    yield piece

    def drop(self, upload: Upload) -> None:
        """Remove an upload and its parts; the caller holds its lock."""
        upload.over = True
        with self._lock:
            self._uploads.pop(upload.upload_id, None)
        folder = self._folder / upload.upload_id
        if folder.is_dir() and not folder.is_symlink():
            _remove(folder)

    def _path(self, upload: Upload, part: Part) -> Path:
        name = f"{part.number:05d}-{part.etag}-{part.crc64:016x}"
        return self._folder / upload.upload_id / name

    def _load(self, folder: Path) -> None:
        try:
            fields = json.loads((folder / _HEAD).read_text(encoding="utf-8"))
        except FileNotFoundError:  # the server died while starting or dropping it
            _remove(folder)
            return
        upload = Upload(folder.name, **fields)
        # After a crash two parts may have one number; the later was not acknowledged, so either is
        # valid.
        for path in folder.glob("*-*-*"):
            number, etag, crc = path.name.split("-")
            status = path.lstat()
            part = Part(int(number), status.st_size, etag, int(crc, 16), status.st_mtime)
            upload.parts[part.number] = part
        self._uploads[upload.upload_id] = upload


def _remove(folder: Path) -> None:
    # The head is removed first: an upload without one is ignored.
    (folder / _HEAD).unlink(missing_ok=True)
    for path in folder.iterdir():
        path.unlink()
    os.rmdir(folder)


def _no_upload() -> Refusal:
    return Refusal("NoSuchUpload", "The specified multipart upload does not exist.")
