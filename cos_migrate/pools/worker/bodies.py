"""Bodies of requests, made of the objects of a source.

They are held in memory, streamed, or read through a temporary file.

Every byte of a source that is read over a network is read once, but for those of failed tries; a
source that is read at once may be read again. The bytes are compared with the source's own
checksums before they are used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from cos_migrate.cos.crc64 import crc64
from cos_migrate.cos.payload import (
    PIECE,
    ByteReader,
    BytesPayload,
    Payload,
    early_end_error,
)
from cos_migrate.http.retries import Retries
from cos_migrate.model import Described, Envelope, Fingerprint, SourceObject
from cos_migrate.pools.results import Spooled
from cos_migrate.pools.temp_files import has_room
from cos_migrate.pools.worker.memory import MemoryBudget
from cos_migrate.pools.worker.source_reads import OnProgress, SourceReads
from cos_migrate.pools.worker.spooled_files import (
    make_file,
    no_room,
    rename_file,
    unique_file,
    writing,
)
from cos_migrate.sources.base import Source
from cos_migrate.sources.carried import attach_mtime

if TYPE_CHECKING:
    from cos_migrate.cos.crypto import Encryptor

IN_MEMORY = 1 << 20
"""Bytes up to which an object that can be read again is held in memory while it is sent."""
IN_MEMORY_ONCE = 8 << 20
"""Bytes up to which one that should be read only once is."""
MD5_HEADER = "x-cos-meta-md5"


class Body(NamedTuple):
    """The content of an object ready to be sent, with headers and fingerprint."""

    payload: Payload
    headers: list[tuple[str, str]]
    fingerprint: Fingerprint
    """Of the version that is sent."""


SmallFile = tuple[bytes, int, str, str]
"""A small object ready to be sent: its content, CRC-64, content type, and MD5.

The MD5 is the value of `x-cos-meta-md5` in hex; empty: there is none.
"""


Warn = Callable[[str], None]
"""Takes a warning about an object."""


def attach_md5(headers: dict[str, str], md5: str, warn: Warn) -> None:
    """Add an object's MD5 to its headers, in the place of user metadata of the same name."""
    own = headers.get(MD5_HEADER, md5)
    if own.lower() != md5:
        warn("metadata 'md5' is not carried over: x-cos-meta-md5 is the MD5 of the content")
    headers[MD5_HEADER] = md5


class Bodies(SourceReads):
    """Makes the bodies that one worker sends."""

    def __init__(
        self,
        source: Source,
        retries: Retries,
        memory: MemoryBudget,
        *,
        attach_md5: bool,
        spool_folder: str,
        small_below: int,
        encryptor: Encryptor | None = None,
        copy_mtime: bool = False,
    ) -> None:
        """`small_below`: bytes; larger objects belong to the big-file pool.

        `encryptor` encrypts the bodies. `copy_mtime`: whether modification times are stored.
        """
        super().__init__(source, retries)
        self._memory = memory
        self._attach_md5 = attach_md5
        self._spool_folder = spool_folder
        self._small_below = small_below
        self._encryptor = encryptor
        self._copy_mtime = copy_mtime

    @property
    def reads_small_files(self) -> bool:
        """Whether `read_small_file` may be called."""
        plain = self._encryptor is None and not self._copy_mtime
        return self._source.is_local and plain

    def read_small_file(self, name: str, size: int, mtime_ns: int) -> SmallFile:
        """Return an object that is no folder, read whole in a fraction of `in_memory`'s time.

        Raises SourceError.
        """
        content, content_type = self._source.read_whole(name, size, mtime_ns)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() if self._attach_md5 else ""
        return content, crc64(content), content_type, md5

    def in_memory(self, obj: SourceObject) -> Body:
        """Return the body of an object of known size, read whole. Raises SourceError."""
        return self._encrypted(self._read(obj))

    def of_content(
        self,
        obj: SourceObject,
        data: bytes,
        described: Described,
        warn: Warn = lambda _: None,
    ) -> Body:
        """Return the body of an object whose content has been compared with `described.checks`."""
        payload = BytesPayload(data)
        for warning in described.warnings:
            warn(warning)
        compared = [check.expected.lower() for check in described.checks if check.kind == "MD5"]
        md5 = compared.pop if compared else payload.md5
        headers = self._headers(obj, described, md5, warn)
        return self._encrypted(Body(payload, headers, described.fingerprint))

    @contextmanager
    def whole(
        self, obj: SourceObject, on_progress: OnProgress, warn: Warn
    ) -> Iterator[Body | Spooled]:
        """Give the body of an object that is to be sent with one request.

        Raises SourceError. Memory and files are freed at the end.
        """
        with self._whole(obj, on_progress, warn) as body:
            yield body if isinstance(body, Spooled) else self._encrypted(body)

    def encrypted_part(self, part: Payload, envelope: Envelope | None, offset: int) -> Payload:
        """Return a range of an object, encrypted where there is an `envelope`."""
        return (
            self._encryptor.encrypt_part(part, envelope, offset)
            if self._encryptor and envelope
            else part
        )

    def attach_mtime(
        self, headers: dict[str, str], obj: SourceObject, described: Described, warn: Warn
    ) -> None:
        """Add the modification time of an object to its headers, where that is wanted."""
        if self._copy_mtime:
            mtime_ns = described.fingerprint.mtime_ns
            attach_mtime(headers, obj.fingerprint.mtime_ns if mtime_ns == -1 else mtime_ns, warn)

    @property
    def _once_most(self) -> int:
        return min(IN_MEMORY_ONCE, max(IN_MEMORY, self._memory.total // 2))

    def _encrypted(self, body: Body) -> Body:
        if self._encryptor is None:
            return body
        payload, headers = self._encryptor.encrypt_object(body.payload, body.headers)
        return Body(payload, headers, body.fingerprint)

    def _read(self, obj: SourceObject, warn: Warn = lambda _: None) -> Body:
        """Read an object of known size whole. Raises SourceError."""
        size = obj.fingerprint.size
        with self._source.open(obj, 0, size) as reader:
            payload = BytesPayload(_read_all(reader, size))
            reader.check_unchanged()
            described = reader.described
        for warning in described.warnings:
            warn(warning)
        headers = self._headers(obj, described, payload.md5, warn)
        return Body(payload, headers, described.fingerprint)

    @contextmanager
    def _whole(
        self, obj: SourceObject, on_progress: OnProgress, warn: Warn
    ) -> Iterator[Body | Spooled]:
        size = obj.fingerprint.size
        if size < 0:
            with self._unknown(obj, warn) as body:
                yield body
        elif self._source.is_local:
            if size <= IN_MEMORY:
                with self._memory.hold(size):
                    yield self._read(obj)
            else:
                described = self._source.describe(obj)
                stream = self.stream_range(obj, 0, size, on_progress)
                headers = self._headers(obj, described, stream.md5, warn)
                yield Body(stream, headers, described.fingerprint)
        elif size <= self._once_most:
            with self._memory.hold(size):
                yield self._retries.run(lambda: self._read(obj, warn))
        else:
            with self._large(obj, on_progress, warn) as body:
                yield body

    def _headers(
        self, obj: SourceObject, described: Described, md5: Callable[[], str], warn: Warn
    ) -> list[tuple[str, str]]:
        headers = dict(described.headers)
        if self._attach_md5 and not obj.is_folder:
            attach_md5(headers, md5(), warn)
        self.attach_mtime(headers, obj, described, warn)
        return list(headers.items())

    @contextmanager
    def _large(self, obj: SourceObject, on_progress: OnProgress, warn: Warn) -> Iterator[Body]:
        """Stream an object too large for memory, through a file when its MD5 has to be known."""
        described = self.describe(obj)
        size = obj.fingerprint.size
        for warning in described.warnings:
            warn(warning)
        if self._attach_md5 and not described.md5:
            if has_room(self._spool_folder, size):
                with unique_file(self._spool_folder) as path:
                    make_file(path)
                    self.fetch(obj, path, 0, size, on_progress)
                    spooled = obj._replace(spooled=path)
                    md5 = self._digest_of(spooled, described)
                    headers = self._headers(obj, described, lambda: md5, warn)
                    payload = self.stream_range(spooled, 0, size, on_progress)
                    yield Body(payload, headers, described.fingerprint)
                return
            warn("it is sent without x-cos-meta-md5: it does not fit into tmpFolder")
        own = dict(described.headers)
        if self._attach_md5 and described.md5:
            attach_md5(own, described.md5, warn)
        self.attach_mtime(own, obj, described, warn)
        yield Body(
            self.stream_range(obj, 0, size, on_progress), list(own.items()), described.fingerprint
        )

    @contextmanager
    def _unknown(self, obj: SourceObject, warn: Warn) -> Iterator[Body | Spooled]:
        """Read an object of unknown size: in memory while it fits, else into a file."""
        limit = self._once_most
        with self._memory.hold(limit), unique_file(self._spool_folder) as path:
            data, described, size = self._retries.run(lambda: self._read_unknown(obj, path, limit))
            for warning in described.warnings:
                warn(warning)
            fingerprint = described.fingerprint
            if data is not None:
                payload: Payload = BytesPayload(data)
                headers = self._headers(obj, described, payload.md5, warn)
                yield Body(payload, headers, fingerprint)
            elif size >= self._small_below:
                kept = f"{path}.big"
                rename_file(path, kept)
                yield Spooled(kept, fingerprint._replace(size=size))
            else:
                whole = obj._replace(spooled=path)
                stream = self.stream_range(whole, 0, size, lambda _: None)
                headers = self._headers(obj, described, stream.md5, warn)
                yield Body(stream, headers, fingerprint)

    def _read_unknown(
        self, obj: SourceObject, path: str, limit: int
    ) -> tuple[bytes | None, Described, int]:
        """Return the content, or None when it went into the file; and its size in bytes."""
        with self._source.open(obj, 0, -1) as reader:
            pieces, size = [], 0
            while size <= limit and (piece := reader.read(PIECE)):
                pieces.append(piece)
                size += len(piece)
            if size <= limit:
                reader.check_unchanged()
                return b"".join(pieces), reader.described, size
            make_file(path)  # anew: a try that broke off may have read more than there is now
            with writing(path, 0) as file:
                for piece in pieces:
                    file.write(piece)
                pieces.clear()
                while piece := reader.read(PIECE):
                    if not has_room(self._spool_folder, len(piece)):
                        raise no_room(self._spool_folder)
                    file.write(piece)
                    size += len(piece)
            reader.check_unchanged()
            return None, reader.described, size


def _read_all(reader: ByteReader, size: int) -> bytes:
    data = reader.read(size)
    if len(data) == size:
        return data
    pieces, got = [data], len(data)
    while got < size:
        piece = reader.read(min(PIECE, size - got))
        if not piece:
            raise early_end_error()
        pieces.append(piece)
        got += len(piece)
    return b"".join(pieces)
