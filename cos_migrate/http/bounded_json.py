"""Parses JSON of a server within limits of bytes, elements and nesting.

A document of a few megabytes could take a hundred times as much memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_JSON = 8 << 20
"""Bytes of a document."""
_MAX_BRACKETS = 1_000_000


def parse_json(document: bytes) -> Any:
    """Return the value of a document. Raises ValueError."""
    if len(document) > MAX_JSON:
        raise ValueError(f"its JSON is larger than {MAX_JSON >> 20} MiB")
    if document.count(b"{") + document.count(b"[") > _MAX_BRACKETS:
        raise ValueError("its JSON has too many parts")
    try:
        return json.loads(document)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def parse_json_object(document: bytes) -> Mapping[str, Any]:
    """Return the object that a document is, an empty one for any other document."""
    try:
        found = parse_json(document)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
