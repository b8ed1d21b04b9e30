"""What COS checks of a request before it does anything."""

from __future__ import annotations

import base64
import email.utils
import re

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Request
from cos_migrate.emulator.store import Stored

MOST = 5 << 30
"""Bytes of one PUT, one part, one copy."""
_KEY_BYTES = 850
_TRAFFIC = range(819_200, 838_860_801)


def check_key(key: str) -> None:
    """Refuse what COS does not take as a key."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise Refusal("InvalidURI", "The key is not UTF-8.") from None
    if size > _KEY_BYTES:
        raise Refusal("KeyTooLong", "The key exceeds 850 bytes.")
    if re.search("[\x18-\x1b]", key) or key.startswith(("/", "\\")):
        raise Refusal("InvalidURI", "The key has a character that is not allowed.")


def check_length(request: Request) -> None:
    """Refuse a body that COS does not take at once."""
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" not in request.headers:
        raise Refusal("MissingContentLength", "Content-Length is missing.")
    if length is not None and int(length) > MOST:
        raise Refusal("EntityTooLarge", "The body exceeds 5 GiB.")
    limit = request.headers.get("x-cos-traffic-limit") or request.param("x-cos-traffic-limit")
    if limit and (not limit.isdigit() or int(limit) not in _TRAFFIC):
        raise Refusal("InvalidArgument", "x-cos-traffic-limit is out of range.")


def check_md5(request: Request, digest: bytes) -> None:
    """Refuse a body that is not what Content-MD5 says."""
    told = request.headers.get("content-md5")
    if told is None:
        return
    try:
        expected = base64.b64decode(told, validate=True)
    except ValueError:
        expected = b""
    if len(expected) != len(digest):
        raise Refusal("InvalidDigest", "Content-MD5 is malformed.")
    if expected != digest:
        raise Refusal("BadDigest", "The body is not what Content-MD5 says.")


def check_conditions(headers: dict[str, str], stored: Stored) -> None:
    """Apply If-Match and its relatives. Raises Refusal."""
    etag = f'"{stored.etag}"'
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match and match not in {"*", etag, stored.etag}:
        raise Refusal("PreconditionFailed", "The ETag differs.")
    if none_match and none_match in {"*", etag, stored.etag}:
        raise Refusal("NotModified")
    since = _parsed_date(headers.get("if-unmodified-since"))
    if since is not None and int(stored.modified) > since:
        raise Refusal("PreconditionFailed", "It was modified.")
    since = _parsed_date(headers.get("if-modified-since"))
    if since is not None and int(stored.modified) <= since:
        raise Refusal("NotModified")


def _parsed_date(text: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else None
    except ValueError:
        return None


def range_of(text: str, size: int) -> tuple[int, int]:
    """Return (start, length) of a single byte range. Raises Refusal."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", text.strip())
    if not found or not any(found.groups()):
        raise Refusal("InvalidRange", "The range is malformed.")
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return size - length, length
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if start >= size or end < start:
        raise Refusal("InvalidRange", "The range lies outside the object.")
    return start, end - start + 1


def corrupting(request: Request) -> bool:
    """Return whether a fault wants this body stored wrongly."""
    return request.headers.get(":corrupt") == "1"
