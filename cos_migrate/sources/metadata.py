"""The metadata of a source object in the form that COS stores: names `[a-z0-9-]`, 2 KiB in all.

A warning names everything that is not carried over.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

USER_PREFIX = "x-cos-meta-"
STANDARD = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)
"""The headers that describe content and are stored unchanged."""
METADATA_MOST = 2048
"""Bytes of all names (without their prefix) and values together."""
_MD5_BYTES = 16
_NAME = re.compile("[a-z0-9-]+")
_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_BROKEN = re.compile("[\x00-\x1f\x7f]")
_BYTES = re.compile("[\udc80-\udcff]")
"""Bytes that are not UTF-8, as `decode_value` returns them."""


class StorableMetadata(NamedTuple):
    """Headers to store, and a warning for each that is left out."""

    headers: dict[str, str]
    warnings: tuple[str, ...]


def decode_value(value: bytes) -> str:
    """Return a header's value; bytes that are not UTF-8 (GBK, Latin-1) become surrogates."""
    return value.decode("utf-8", "surrogateescape")


def read_raw_etag(headers: Mapping[bytes, bytes]) -> str:
    """Return the ETag as it was sent, with its quotes."""
    return headers.get(b"etag", b"").decode("latin-1").strip()


def decode_md5(value: str | bytes) -> str:
    """Return the MD5 in hex of a `Content-MD5` in base64; empty when it is none."""
    try:
        digest = base64.b64decode(value.strip(), validate=True)
    except ValueError:
        return ""
    return digest.hex() if len(digest) == _MD5_BYTES else ""


def read_user(headers: Mapping[bytes, bytes], prefix: bytes) -> Iterator[tuple[str, str]]:
    """Yield the names, without `prefix`, and values of the user metadata in `headers`."""
    for name, value in headers.items():
        if name.startswith(prefix):
            yield decode_value(name[len(prefix) :]), decode_value(value)


def read_standard(
    headers: Mapping[bytes, bytes], names: Iterable[str] = STANDARD
) -> StorableMetadata:
    """Return those of `headers` that describe content, with warnings about those left out.

    `names`: their names in lower case. COS percent-encodes no value: one that is not UTF-8, or
    holds a control character, is left out.
    """
    found, warnings = {}, []
    for name in names:
        sent = headers.get(name.encode())
        if not sent:
            continue
        value = decode_value(sent).strip()
        if _BYTES.search(value):
            warnings.append(f"its {name} is not carried over: the value is not UTF-8")
        elif _BROKEN.search(value):
            warnings.append(f"its {name} is not carried over: it holds a control character")
        elif value:
            found[name] = value
    return StorableMetadata(found, tuple(warnings))


def convert_user(own: Mapping[str, str], foreign: Iterable[tuple[str, str]]) -> StorableMetadata:
    """Return user metadata as `x-cos-meta-...` headers.

    `own`: metadata that this tool adds, which always fits; `foreign`: names and values of the
    source. Names are without their prefix. Other characters than ASCII are percent-encoded.
    """
    headers, warnings = {name: _encoded(value) for name, value in own.items()}, []
    left = METADATA_MOST - sum(len(name) + len(value) for name, value in headers.items())
    for name, value in foreign:
        fitting = name.lower().replace("_", "-")
        text = _edged(_encoded(value))
        size = len(fitting) + len(text)
        if not _NAME.fullmatch(fitting):
            warnings.append(f"metadata {name!r} is not carried over: COS takes no such name")
        elif fitting in headers:
            if headers[fitting] != text:
                warnings.append(f"metadata {name!r} is not carried over: {fitting} is taken")
        elif size > left:
            warnings.append(f"metadata {name!r} is not carried over: COS holds 2 KiB of it in all")
        else:
            left -= size
            headers[fitting] = text
    return StorableMetadata(
        {USER_PREFIX + name: value for name, value in headers.items()}, tuple(warnings)
    )


def _edged(text: str) -> str:
    """Encode blanks at both ends: HTTP strips them, which would invalidate the signature."""
    inner = text.strip(" ")
    if inner == text:
        return text
    before = len(text) - len(text.lstrip(" ")) if inner else 0
    return "%20" * before + inner + "%20" * (len(text) - before - len(inner))


def _encoded(value: str) -> str:
    if value.isascii() and value.isprintable():
        return value
    return quote(value, safe=_PLAIN, errors="surrogateescape")
