"""Reads the objects of a source: questions about them, ranges, checksums, temporary files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from cos_migrate.checksums import RunningChecks
from cos_migrate.cos.payload import (
    PIECE,
    ByteReader,
    NextBody,
    StreamPayload,
    early_end_error,
)
from cos_migrate.errors import Code, SourceError
from cos_migrate.http.retries import Retries
from cos_migrate.model import Described, RestoreState, SourceObject
from cos_migrate.pools.worker.spooled_files import SpooledReader, writing
from cos_migrate.sources.base import Source
from cos_migrate.sources.mismatches import mismatch_text

OnProgress = Callable[[int], None]
"""Takes how many bytes of a body have passed so far."""


class Summing(Protocol):
    """Computes a checksum of the bytes that are read."""

    def feed(self, offset: int, data: bytes, /) -> None:
        """Take bytes, which stand at `offset` of the object; a range may be read again."""


class SourceReads:
    """Reads of one source, with retries; an object may lie in a temporary file instead."""

    def __init__(self, source: Source, retries: Retries) -> None:
        self._source = source
        self._retries = retries

    def stream_range(
        self,
        obj: SourceObject,
        start: int,
        size: int,
        on_progress: OnProgress,
        summing: Summing | None = None,
        next_body: NextBody | None = None,
    ) -> StreamPayload:
        """Return a range of an object as a body that is streamed; `summing` is fed with it.

        `next_body`: what the thread begins with once it is sent.
        """

        def opened() -> AbstractContextManager[ByteReader]:
            if summing is None:
                return self._open(obj, start, size)
            return self._open_fed(obj, start, size, summing)

        return StreamPayload(size, opened, on_progress, next_body)

    def digest(
        self, obj: SourceObject, described: Described | None, on_progress: OnProgress
    ) -> tuple[str, Described | None]:
        """Return the MD5 (hex) of a local or temporary file, and the description of the latter.

        A temporary file is compared with `described`; None: with what the source describes now.
        Raises SourceError.
        """
        if not obj.spooled:
            return self.stream_range(obj, 0, obj.fingerprint.size, on_progress).md5(), None
        described = described or self.describe(obj)
        return self._digest_of(obj, described), described

    def describe(self, obj: SourceObject) -> Described:
        """Return the description of the listed version, with retries. Raises SourceError."""
        return self._retries.run(lambda: self._source.describe(obj))

    def describe_to_copy(self, obj: SourceObject) -> Described:
        """Return the description of an object that COS copies, with retries. Raises SourceError."""
        return self._retries.run(lambda: self._source.describe_to_copy(obj))

    def request_listing(self) -> None:
        """Ask the source for a page of its listing, with retries. Raises SourceError."""
        self._retries.run(self._source.request_listing)

    def look_at_restore(self, obj: SourceObject) -> RestoreState:
        """Return whether an archived object can be read, with retries. Raises SourceError."""
        return self._retries.run(lambda: self._source.look_at_restore(obj))

    def request_restore(
        self, obj: SourceObject, storage_class: str, tier: str, days: int
    ) -> RestoreState:
        """Request that an archived object is restored, with retries. Raises SourceError."""
        return self._retries.run(
            lambda: self._source.request_restore(obj, storage_class, tier, days)
        )

    def describe_latest(self, obj: SourceObject) -> Described:
        """Return the newest description of an object, with retries. Raises SourceError."""
        return self._retries.run(lambda: self._source.describe_latest(obj))

    def stat(self, obj: SourceObject) -> SourceObject:
        """Return an object with its present fingerprint, with retries. Raises SourceError."""
        return self._retries.run(lambda: self._source.stat(obj))

    def checksum(self, obj: SourceObject) -> int:
        """Return the CRC-64/XZ of an object: read where it lies here, else asked for (or -1).

        Raises SourceError, SourceChanged when it is not the version in its fingerprint.
        """
        if not self._source.is_local:
            return self.describe(obj).crc64
        stream = self.stream_range(obj, 0, obj.fingerprint.size, lambda _: None)
        for _ in stream.start():
            pass
        return stream.crc64

    def fetch(
        self, obj: SourceObject, path: str, offset: int, size: int, on_progress: OnProgress
    ) -> None:
        """Write a range of an object into an existing file. Raises SourceError."""
        self._retries.run(lambda: self._download(obj, path, offset, size, on_progress))

    def _download(
        self, obj: SourceObject, path: str, offset: int, size: int, on_progress: OnProgress
    ) -> None:
        done = 0
        with (
            self._source.open_described(obj, offset, size) as reader,
            writing(path, offset) as file,
        ):
            while done < size:
                piece = reader.read(min(PIECE, size - done))
                if not piece:
                    raise early_end_error()
                file.write(piece)
                done += len(piece)
                on_progress(done)
            reader.check_unchanged()

    def _digest_of(self, obj: SourceObject, described: Described) -> str:
        """Return the MD5 of a file, compared with the source's checksums."""
        checking, digest = RunningChecks(described.checks), hashlib.md5(usedforsecurity=False)
        with SpooledReader(obj.spooled, 0, -1) as reader:
            while piece := reader.read(PIECE):
                digest.update(piece)
                checking.update(piece)
        wrong = checking.first_difference()
        if wrong:
            raise SourceError(
                mismatch_text(wrong),
                operation="GetObject",
                target=self._source.mask(obj.name),
                code=Code.SOURCE_CHECKSUM_MISMATCH,
            )
        return digest.hexdigest()

    def _open(
        self, obj: SourceObject, start: int, length: int
    ) -> AbstractContextManager[ByteReader]:
        if obj.spooled:
            return SpooledReader(obj.spooled, start, length)
        return self._source.open_described(obj, start, length)

    @contextmanager
    def _open_fed(
        self, obj: SourceObject, start: int, length: int, summing: Summing
    ) -> Iterator[ByteReader]:
        with self._open(obj, start, length) as reader:
            yield _FedReader(reader, start, summing)


class _FedReader:
    """A range that is summed up while it is read."""

    def __init__(self, reader: ByteReader, start: int, summing: Summing) -> None:
        self._reader = reader
        self._offset = start
        self._summing = summing

    def read(self, size: int) -> bytes:
        data = self._reader.read(size)
        self._summing.feed(self._offset, data)
        self._offset += len(data)
        return data

    def check_unchanged(self) -> None:
        self._reader.check_unchanged()
