"""The parts of one multipart upload: those that COS has confirmed, and those to send."""

from __future__ import annotations

import collections
from collections.abc import Iterable

from cos_migrate import checksums
from cos_migrate.cos.crc64 import combine
from cos_migrate.model import PartRecord


class Parts:
    """An object of `size` bytes, cut into parts of `part_size` bytes."""

    def __init__(self, size: int, part_size: int) -> None:
        self.part_size = part_size
        self.count = max(1, -(-size // part_size))
        self.records: dict[int, PartRecord] = {}
        """The parts that COS has confirmed, by number."""
        self.queue: collections.deque[int] = collections.deque()
        """Numbers of the parts to send, or to fetch, next."""
        self.in_flight: dict[int, int] = {}
        """Bytes sent so far of the parts that are being sent, by number."""
        self._size = size
        self._confirmed = 0

    @property
    def sent(self) -> int:
        """Bytes that COS has confirmed or that are on their way."""
        return self._confirmed + sum(self.in_flight.values())

    @property
    def complete(self) -> bool:
        """Whether COS has confirmed all parts."""
        return len(self.records) == self.count

    @property
    def etags(self) -> tuple[tuple[int, str], ...]:
        """Numbers and ETags of all parts; only when complete."""
        return tuple((part.number, part.etag) for part in self._by_number())

    def range_of(self, number: int) -> tuple[int, int]:
        """Return the offset and the bytes of a part."""
        offset = (number - 1) * self.part_size
        return offset, min(self.part_size, self._size - offset)

    def add(self, part: PartRecord) -> None:
        """Note a part that COS has confirmed."""
        self.records[part.number] = part
        self._confirmed += part.size

    def keep_confirmed(self, listed: Iterable[tuple[int, str, int]]) -> None:
        """Keep only the parts that COS lists (number, ETag, bytes) as they were sent."""
        on_cos = {number: (etag, size) for number, etag, size in listed}
        self.records = {
            number: part
            for number, part in self.records.items()
            if on_cos.get(number) == (part.etag, part.size)
        }

    def queue_missing(self) -> None:
        """Queue all parts that COS has not confirmed."""
        self._confirmed = sum(part.size for part in self.records.values())
        numbers = range(1, self.count + 1)
        self.queue = collections.deque(n for n in numbers if n not in self.records)

    def queue_all(self, count: int) -> None:
        """Queue the first `count` parts."""
        self.queue = collections.deque(range(1, count + 1))

    def crc64(self, source_crc64: int) -> int:
        """Return the CRC-64 that the whole object must have on COS; -1: not known.

        `source_crc64`, the source's own, is used for parts that COS has copied.
        """
        parts = self._by_number()
        if any(part.crc64 < 0 for part in parts):
            return source_crc64
        return combine((part.crc64, part.size) for part in parts)

    def content_crc64(self, source_crc64: int) -> int:
        """Return the CRC-64 of the bytes that were read, before encryption; -1: not known."""
        parts = self._by_number()
        if any(part.content_crc64 < 0 for part in parts):
            return self.crc64(source_crc64)
        return combine((part.content_crc64, part.size) for part in parts)

    def other_crc(self, kind: str) -> int:
        """Return the CRC, of the kind of `PartRecord.other_crc`, of all bytes read; -1: unknown."""
        parts = self._by_number()
        if any(part.other_crc < 0 for part in parts):
            return -1
        return checksums.combine(kind, ((part.other_crc, part.size) for part in parts))

    def _by_number(self) -> list[PartRecord]:
        return [self.records[number] for number in range(1, self.count + 1)]
