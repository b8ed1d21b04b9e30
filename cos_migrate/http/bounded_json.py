"""JSON that a server has sent, within limits of bytes, elements and nesting.

An answer of a few megabytes must not take a hundred times as much memory.
"""

from __future__ import annotations

import json
from typing import Any

JSON_MOST = 8 << 20
"""Bytes of a document."""
_BRACKETS_MOST = 1_000_000


def parse_json(document: bytes) -> Any:
    """Return the value of a document. Raises ValueError."""
    if len(document) > JSON_MOST:
        raise ValueError(f"its JSON is larger than {JSON_MOST >> 20} MiB")
    if document.count(b"{") + document.count(b"[") > _BRACKETS_MOST:
        raise ValueError("its JSON has too many parts")
    try:
        return json.loads(document)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
