"""Shards: disjoint parts of a job that several starts of the tool migrate, each for itself."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

_SHARD = re.compile(r"([0-9]{1,9})\s*/\s*([0-9]{1,9})")
_DIGEST_BYTES = 8


class Shard(NamedTuple):
    """One part of a job; the target key of an object decides its part."""

    number: int
    """1-based."""
    shards: int
    """How many there are."""

    def __str__(self) -> str:
        return f"{self.number}/{self.shards}"

    def owns(self, cos_path: str) -> bool:
        """Return whether this part has the object at a target path (with its leading `/`)."""
        key = cos_path.removeprefix("/").encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(key).digest()[:_DIGEST_BYTES]
        return int.from_bytes(digest, "big") % self.shards == self.number - 1

    @property
    def suffix(self) -> str:
        """Ends the text that identifies the record database of this part."""
        return f" [shard: {self}]"

    @property
    def name(self) -> str:
        """Tells the files of this part from those of other parts, in their names."""
        return f"shard-{self.number}-of-{self.shards}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse `k/N`. Raises ValueError."""
        match = _SHARD.fullmatch(text)
        shard = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if not 1 <= shard.number <= shard.shards:
            raise ValueError(f"{text} is no shard")
        return shard
