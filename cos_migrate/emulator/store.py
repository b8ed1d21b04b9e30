"""Objects in a folder: each a plain file a user can look at, its metadata beside it.

`<folder>/<bucket>/<key>` holds the bytes, `.meta/<bucket>/<hash>.json` everything else. A key that
a file system cannot hold under its own name (`a` beside `a/b`, `..`, `//`, too long) lies in
`<bucket>/.keys/<hash>`. Everything appears by a rename: a crash leaves no half object.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import fastcrc

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import PIECE

_AWKWARD = frozenset('<>:"\\|?*')
_COMPONENT = 200


@dataclass(frozen=True, slots=True)
class Stored:
    """One object."""

    key: str
    path: str
    """Relative to the server's folder."""
    size: int
    etag: str
    """Without quotes."""
    crc64: int
    modified: float
    """Seconds since 1970."""
    headers: dict[str, str] = field(default_factory=dict)
    """Lower-case names: standard headers, metadata, storage class, encryption."""
    acl: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an unfinished upload."""

    number: int
    size: int
    etag: str
    crc64: int
    modified: float


@dataclass(slots=True)
class Upload:
    """An unfinished multipart upload."""

    upload_id: str
    bucket: str
    key: str
    headers: dict[str, str]
    began: float
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes that have arrived in a temporary file."""

    path: Path
    size: int
    md5: bytes
    crc64: int


class Store:
    """All buckets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._buckets: dict[str, dict[str, Stored]] = {}
        self._owners: dict[str, str] = {}
        self._uploads: dict[str, Upload] = {}
        self._numbers = iter(range(1 << 62))
        for name in (".meta", ".tmp", ".uploads"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for path in (folder / ".tmp").iterdir():
            path.unlink()
        self._load()

    def receive(self, pieces: Iterator[bytes], *, corrupt: bool = False) -> Received:
        """Store bytes in a temporary file; `corrupt` flips a bit of them."""
        path = self.folder / ".tmp" / f"{os.getpid()}-{next(self._numbers)}"
        digest, crc, size = hashlib.md5(usedforsecurity=False), 0, 0
        try:
            with path.open("wb", buffering=0) as file:
                for data in pieces:
                    piece = data
                    if corrupt and piece:
                        piece, corrupt = bytes([piece[0] ^ 1]) + piece[1:], False
                    file.write(piece)
                    digest.update(piece)
                    crc = fastcrc.crc64.xz(piece, crc)
                    size += len(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Received(path, size, digest.digest(), crc)

    def put(
        self, bucket: str, key: str, got: Received, headers: dict[str, str], etag: str = ""
    ) -> Stored:
        """Make received bytes an object."""
        with self._lock:
            path = self._place(bucket, key)
            stored = Stored(
                key,
                path,
                got.size,
                etag or got.md5.hex(),
                got.crc64,
                time.time(),
                headers,
            )
            got.path.replace(self.folder / path)
            self._write_meta(bucket, stored)
            self._buckets.setdefault(bucket, {})[key] = stored
            self._owners[path.lower()] = f"{bucket}\0{key}"
        return stored

    def set_acl(self, bucket: str, key: str, acl: str) -> None:
        """Keep an object's ACL."""
        with self._lock:
            old = self.get(bucket, key)
            new = Stored(**{**asdict(old), "acl": acl})
            self._write_meta(bucket, new)
            self._buckets[bucket][key] = new

    def get(self, bucket: str, key: str) -> Stored:
        """Return an object. Raises Refusal."""
        with self._lock:
            stored = self._buckets.get(bucket, {}).get(key)
        if stored is None:
            raise Refusal("NoSuchKey", "The specified key does not exist.")
        return stored

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object, if it is there."""
        with self._lock:
            stored = self._buckets.get(bucket, {}).pop(key, None)
            if stored is not None:
                self._owners.pop(stored.path.lower(), None)
                (self.folder / stored.path).unlink(missing_ok=True)
                self._meta_path(bucket, key).unlink(missing_ok=True)

    def keys(self, bucket: str) -> list[str]:
        """Return all keys, in the order of their UTF-8."""
        with self._lock:
            found = list(self._buckets.get(bucket, {}))
        return sorted(found, key=lambda key: key.encode("utf-8", "surrogateescape"))

    def buckets(self) -> list[str]:
        """Return the buckets that hold something."""
        with self._lock:
            return sorted(self._buckets)

    def begin_upload(self, bucket: str, key: str, headers: dict[str, str]) -> Upload:
        """Begin a multipart upload."""
        upload = Upload(uuid.uuid4().hex, bucket, key, headers, time.time())
        (self.folder / ".uploads" / upload.upload_id).mkdir()
        with self._lock:
            self._uploads[upload.upload_id] = upload
        self._write_upload(upload)
        return upload

    def upload(self, bucket: str, key: str, upload_id: str) -> Upload:
        """Return an unfinished upload. Raises Refusal."""
        with self._lock:
            upload = self._uploads.get(upload_id)
        if upload is None or (upload.bucket, upload.key) != (bucket, key):
            raise Refusal("NoSuchUpload", "The specified multipart upload does not exist.")
        return upload

    def uploads(self, bucket: str) -> list[Upload]:
        """Return the unfinished uploads of a bucket, by key."""
        with self._lock:
            found = [upload for upload in self._uploads.values() if upload.bucket == bucket]
        return sorted(found, key=lambda upload: (upload.key, upload.began))

    def put_part(self, upload: Upload, number: int, got: Received) -> Part:
        """Make received bytes a part."""
        part = Part(number, got.size, got.md5.hex(), got.crc64, time.time())
        with self._lock:
            if upload.upload_id not in self._uploads:
                got.path.unlink()
                raise Refusal("NoSuchUpload", "The specified multipart upload does not exist.")
            got.path.replace(self._part_path(upload, number))
            upload.parts[number] = part
            self._write_upload(upload)
        return part

    def complete(self, upload: Upload, parts: list[Part]) -> Stored:
        """Join parts into an object."""
        got = self.receive(
            piece for part in parts for piece in _pieces(self._part_path(upload, part.number))
        )
        etags = b"".join(bytes.fromhex(part.etag) for part in parts)
        etag = f"{hashlib.md5(etags, usedforsecurity=False).hexdigest()}-{len(parts)}"
        stored = self.put(upload.bucket, upload.key, got, upload.headers, etag)
        self.abort(upload)
        return stored

    def abort(self, upload: Upload) -> None:
        """Drop an unfinished upload and its parts."""
        with self._lock:
            self._uploads.pop(upload.upload_id, None)
            folder = self.folder / ".uploads" / upload.upload_id
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    def _part_path(self, upload: Upload, number: int) -> Path:
        return self.folder / ".uploads" / upload.upload_id / f"{number:05d}"

    def _place(self, bucket: str, key: str) -> str:
        """Return where an object's bytes go: under its own name, or under a hash."""
        known = self._buckets.get(bucket, {}).get(key)
        if known is not None:
            return known.path
        path = _readable_path(bucket, key)
        if path is not None and path.lower() not in self._owners:
            full = self.folder / path
            try:
                full.parent.mkdir(parents=True, exist_ok=True)
                if not full.exists():
                    return path
            except OSError:  # a parent is an object, or a name is too long here
                pass
        hidden = self.folder / bucket / ".keys"
        hidden.mkdir(parents=True, exist_ok=True)
        return f"{bucket}/.keys/{_hashed(key)}"

    def _meta_path(self, bucket: str, key: str) -> Path:
        return self.folder / ".meta" / bucket / f"{_hashed(key)}.json"

    def _write_meta(self, bucket: str, stored: Stored) -> None:
        _write_json(self._meta_path(bucket, stored.key), asdict(stored))

    def _write_upload(self, upload: Upload) -> None:
        _write_json(self.folder / ".uploads" / upload.upload_id / "upload.json", asdict(upload))

    def _load(self) -> None:
        """Find what an earlier run of the server has left."""
        for path in (self.folder / ".meta").glob("*/*.json"):
            stored = Stored(**json.loads(path.read_text(encoding="utf-8")))
            self._buckets.setdefault(path.parent.name, {})[stored.key] = stored
            self._owners[stored.path.lower()] = f"{path.parent.name}\0{stored.key}"
        for path in (self.folder / ".uploads").glob("*/upload.json"):
            fields = json.loads(path.read_text(encoding="utf-8"))
            parts = {int(n): Part(**part) for n, part in fields.pop("parts").items()}
            upload = Upload(**fields, parts=parts)
            self._uploads[upload.upload_id] = upload


def _readable_path(bucket: str, key: str) -> str | None:
    """Return a path that shows the key, None where there is none."""
    parts = key.split("/")
    if any(part in {"", ".", "..", ".keys"} for part in parts):
        return None
    shown = ["".join(_shown(char) for char in part) for part in parts]
    if any(len(part.encode("utf-8", "surrogateescape")) > _COMPONENT for part in shown):
        return None
    if any(part[-1] in ". " for part in shown):
        return None
    return "/".join([bucket, *shown])


def _shown(char: str) -> str:
    awkward = ord(char) < 32 or char == "%" or (os.name == "nt" and char in _AWKWARD)  # noqa: PLR2004 - the control characters
    return f"%{ord(char):02X}" if awkward else char


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:40]


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{threading.get_ident()}.new")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(path)
