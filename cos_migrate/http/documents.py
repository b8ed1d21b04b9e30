"""XML and JSON that a server has sent, read within limits: of bytes, of elements, of nesting.

An answer of a few megabytes must not take a hundred times as much memory.
"""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

XML_MOST = 32 << 20
"""Bytes of a document; a page of 1,000 keys of 1,024 bytes, each escaped, has a tenth of it."""
JSON_MOST = 8 << 20
_TAGS_MOST = 100_000
"""Tags of a document; a page of 1,000 objects has less than 20,000."""
_ATTRIBUTES_PLAIN = 20_000
_TAG_MOST = re.compile(rb"<[^>]{8192}")
_BRACKETS_MOST = 1_000_000


def check_xml(document: bytes) -> None:
    """Raise ValueError when a document is too large, or has a DTD: no cloud sends one."""
    if len(document) > XML_MOST:
        raise ValueError(f"its XML is larger than {XML_MOST >> 20} MiB")
    if document.count(b"<") > _TAGS_MOST:
        raise ValueError(f"its XML has more than {_TAGS_MOST} tags")
    if b"<!DOCTYPE" in document or b"\0" in document:  # UTF-16 could hide one
        raise ValueError("its XML has a document type, or is no UTF-8")
    attributes = document.count(b'="') + document.count(b"='")
    if attributes > _ATTRIBUTES_PLAIN and _TAG_MOST.search(document):
        raise ValueError("its XML has a tag without end")


def parse_xml(document: bytes) -> ET.Element:
    """Return the root of a document. Raises ValueError."""
    check_xml(document)
    try:
        return ET.fromstring(document)  # noqa: S314 - without a DTD it has no entities
    except ET.ParseError as error:
        raise ValueError(f"its XML is broken: {error}") from error


def parse_json(document: bytes) -> Any:
    """Return what a document holds. Raises ValueError."""
    if len(document) > JSON_MOST:
        raise ValueError(f"its JSON is larger than {JSON_MOST >> 20} MiB")
    if document.count(b"{") + document.count(b"[") > _BRACKETS_MOST:
        raise ValueError("its JSON has too many parts")
    try:
        return json.loads(document)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
