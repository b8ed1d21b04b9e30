"""The pairs of a database in a dictionary: what survives a kill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class PairsInMemory:
    """Reads and writes as `RecordStore` does."""

    def __init__(self) -> None:
        self.pairs: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.pairs.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(pair for pair in self.pairs.items() if pair[0].startswith(prefix)))

    def write(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes] = ()) -> None:
        self.pairs.update(puts)
        for key in deletes:
            self.pairs.pop(key, None)
