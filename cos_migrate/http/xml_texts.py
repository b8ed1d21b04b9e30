"""Finds texts in short XML answers of S3, OSS and COS, and in errors, without an XML parser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_TAG = "<{0}>([^<]*)</{0}>"
_REFERENCE = "&(?:#([0-9]+)|#x([0-9A-Fa-f]+)|(amp|lt|gt|quot|apos));"
"""Compiled on use: most processes meet no such answer."""
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_LAST = 0x10FFFF
_MAX_SEARCHED = 2 << 20
"""Bytes of an answer in which a text is looked for."""
_MAX_VALUE = 64 << 10
"""Characters of a single value of an answer; what is longer is cut."""
_REQUEST_IDS = (b"x-cos-request-id", b"x-amz-request-id", b"x-oss-request-id")


class ErrorTexts(NamedTuple):
    """The texts of an error answer; missing ones are empty."""

    code: str
    message: str
    request_id: str


def read_error(headers: Mapping[bytes, bytes], body: bytes) -> ErrorTexts:
    """Read an error answer; `headers` have lower-case names."""
    named = next((headers[name] for name in _REQUEST_IDS if name in headers), b"")
    request_id = named.decode("utf-8", "replace") or find_text(body, "RequestId")
    return ErrorTexts(find_text(body, "Code"), find_text(body, "Message"), request_id)


def find_text(body: bytes, tag: str) -> str:
    """Return the text of the first `tag` element of an answer, empty when there is none.

    The answer may be cut off, or the page of a proxy.
    """
    found = re.search(_TAG.format(tag), body[:_MAX_SEARCHED].decode("utf-8", "replace"))
    return re.sub(_REFERENCE, _character, found.group(1)[:_MAX_VALUE]).strip() if found else ""


def _character(reference: re.Match[str]) -> str:
    """Return the character of a reference (XML 1.0, sections 4.1 and 4.6)."""
    decimal, hexadecimal, name = reference.groups()
    if name:
        return _NAMED[name]
    number = int(decimal or hexadecimal, 10 if decimal else 16)
    return chr(number) if number <= _LAST else reference.group()
