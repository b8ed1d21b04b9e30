"""The tags of a source's object in the form that COS stores.

The limits: Tencent Cloud, Object Storage documentation, "Object Tag Overview". A warning names
everything that is not carried over.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from cos_migrate.sources.metadata import StorableMetadata

TAGGING_HEADER = "x-cos-tagging"
_MOST = 10
"""Tags of an object."""
_KEY_MOST, _VALUE_MOST = 127, 255
"""Characters."""
_SYMBOLS = frozenset(" +-=._:/@")
_LETTERS = frozenset("LMN")
"""Unicode categories of letters, marks and digits."""


def count_tags(headers: Mapping[bytes, bytes], name: bytes) -> int:
    """Return the number of tags in the header `name` of an answer; 0: the header is missing."""
    text = headers.get(name, b"").strip()
    return int(text) if text.isdigit() else 0


def convert_tags(tags: Iterable[tuple[str, str]]) -> StorableMetadata:
    """Return the header of an upload with the `tags` (key, value) that COS takes, and warnings."""
    pairs: list[str] = []
    warnings: list[str] = []
    for key, value in tags:
        if not _is_legal(key, _KEY_MOST):
            warnings.append(f"tag {key!r} is not carried over: COS takes no such key")
        elif not _is_legal(value, _VALUE_MOST):
            warnings.append(f"tag {key!r} is not carried over: COS does not take its value")
        elif len(pairs) == _MOST:
            warnings.append(f"tag {key!r} is not carried over: COS takes {_MOST} for an object")
        else:
            pairs.append(f"{quote(key, safe='')}={quote(value, safe='')}")
    return StorableMetadata({TAGGING_HEADER: "&".join(pairs)} if pairs else {}, tuple(warnings))


def _is_legal(text: str, most: int) -> bool:
    return 0 < len(text) <= most and all(
        char in _SYMBOLS or unicodedata.category(char)[0] in _LETTERS for char in text
    )
