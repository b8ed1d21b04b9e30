"""The few values that are needed of an object storage's XML answers."""

from __future__ import annotations

import re

_TAG = "<{0}>([^<]*)</{0}>"
_REFERENCE = re.compile("&(?:#([0-9]+)|#x([0-9A-Fa-f]+)|(amp|lt|gt|quot|apos));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_LAST = 0x10FFFF
_LOOKED_AT = 2 << 20
"""Bytes of an answer that are looked at."""
_TEXT_MOST = 64 << 10
"""Characters of a value; those that are needed are far shorter."""


def text_of(body: bytes, tag: str) -> str:
    """Return the text of the first `tag` element of an XML answer, empty when there is none."""
    found = re.search(_TAG.format(tag), body[:_LOOKED_AT].decode("utf-8", "replace"))
    return _REFERENCE.sub(_character, found.group(1)[:_TEXT_MOST]).strip() if found else ""


def _character(reference: re.Match[str]) -> str:
    """Return what a reference stands for (XML 1.0, sections 4.1 and 4.6)."""
    decimal, hexadecimal, name = reference.groups()
    if name:
        return _NAMED[name]
    number = int(decimal or hexadecimal, 10 if decimal else 16)
    return chr(number) if number <= _LAST else reference.group()
