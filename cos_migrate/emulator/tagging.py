"""Tags of objects: read from headers and documents, kept as COS writes the header.

After "Object Tagging" and "PUT Object tagging" in Tencent's COS documentation.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Request
from cos_migrate.emulator.xml import document, parse_document, tag

TAGGING = "x-cos-tagging"
_MOST = 10
_KEY_MOST, _VALUE_MOST = 127, 255
"""Characters."""
_SYMBOLS = frozenset(" +-=._:/@")


def tagging_of(request: Request) -> str:
    """Return the tags in the header of a request, or an empty text. Raises Refusal."""
    text = request.headers.get(TAGGING, "")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True) if text else []
    except ValueError:
        raise Refusal("InvalidArgument", f"{TAGGING} must be key=value pairs.") from None
    return _checked(pairs)


def tagging_of_document(data: bytes) -> str:
    """Return the `x-cos-tagging` value for a Tagging document. Raises Refusal."""
    root = parse_document(data, "Tagging")
    return _checked(
        (each.findtext("Key", ""), each.findtext("Value", "")) for each in root.iter("Tag")
    )


def tagging_document(tagging: str) -> bytes:
    """Return the Tagging document with the tags of an `x-cos-tagging` header."""
    pairs = parse_qsl(tagging, keep_blank_values=True)
    inner = "".join(f"<Tag>{tag('Key', key)}{tag('Value', value)}</Tag>" for key, value in pairs)
    return document("Tagging", f"<TagSet>{inner}</TagSet>")


def count_of(tagging: str) -> int:
    """Return how many tags a header holds."""
    return len(parse_qsl(tagging, keep_blank_values=True))


def _checked(pairs: Iterable[tuple[str, str]]) -> str:
    """Return tags as an `x-cos-tagging` value. Raises Refusal for tags that COS refuses."""
    tags = dict(pairs)
    if len(tags) > _MOST:
        raise Refusal("BadRequest", f"An object has at most {_MOST} tags.")
    for key, value in tags.items():
        if not 0 < len(key) <= _KEY_MOST or not _is_legal(key):
            raise Refusal("InvalidTag", "The TagKey you have provided is invalid.")
        if not 0 < len(value) <= _VALUE_MOST or not _is_legal(value):
            raise Refusal("InvalidTag", "The TagValue you have provided is invalid.")
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in tags.items())


def _is_legal(text: str) -> bool:
    return all(char in _SYMBOLS or unicodedata.category(char)[0] in "LMN" for char in text)
