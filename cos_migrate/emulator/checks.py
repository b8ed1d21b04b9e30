"""Checks of requests before they are carried out, and the headers of theirs that are stored."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Request
from cos_migrate.emulator.objects import Received, Stored
from cos_migrate.emulator.store import Store
from cos_migrate.emulator.tagging import TAGGING, tagging_of

MOST = 5 << 30
"""Bytes of one PUT, one part, one copy."""
STANDARD_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)
STORAGE_CLASS, ENCRYPTION = "x-cos-storage-class", "x-cos-server-side-encryption"
STORAGE_CLASSES = frozenset(
    {
        "STANDARD",
        "STANDARD_IA",
        "ARCHIVE",
        "DEEP_ARCHIVE",
        "COLD",
        "INTELLIGENT_TIERING",
        "MAZ_STANDARD",
        "MAZ_STANDARD_IA",
        "MAZ_INTELLIGENT_TIERING",
        "MAZ_ARCHIVE",
        "MAZ_DEEP_ARCHIVE",
    }
)
_META = "x-cos-meta-"
_META_BYTES = 2048
_KEY_BYTES = 850
_TRAFFIC = range(819_200, 838_860_801)


def check_key(key: str) -> None:
    """Refuse a key that COS does not accept."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise Refusal("InvalidURI", "The key is not UTF-8.") from None
    if size > _KEY_BYTES:
        raise Refusal("KeyTooLong", "The key exceeds 850 bytes.")
    if re.search("[\x00\x18-\x1b]", key) or key.startswith(("/", "\\")):
        raise Refusal("InvalidURI", "The key has a character that is not allowed.")


def headers_to_store(request: Request, key: str) -> dict[str, str]:
    """Return the headers to store with a new object. Raises Refusal."""
    check_key(key)
    headers = request.headers
    kept = {name: headers[name] for name in STANDARD_HEADERS if name in headers}
    meta = {name: value for name, value in headers.items() if name.startswith(_META)}
    used = sum(len(n) - len(_META) + len(v.encode("utf-8", "replace")) for n, v in meta.items())
    for name in meta:
        # "PUT Object": letters, digits and hyphens; an underscore is documented as not supported.
        if not re.fullmatch("[a-z0-9-]+", name[len(_META) :]):
            raise Refusal("InvalidArgument", f"{name} is no name of user metadata.")
    if used > _META_BYTES:
        raise Refusal("MetadataTooLarge", "The user metadata exceeds 2 KiB.")
    kept.update(meta)
    storage = headers.get(STORAGE_CLASS, "STANDARD").upper()  # the Java tool sends `Standard_IA`
    if storage not in STORAGE_CLASSES:
        raise Refusal("InvalidStorageClass", f"{storage} is no storage class.")
    if storage != "STANDARD":
        kept[STORAGE_CLASS] = storage
    encryption = headers.get(ENCRYPTION)
    if encryption is not None:
        if encryption not in {"AES256", "cos/kms"}:
            raise Refusal("InvalidArgument", f"{encryption} is no encryption.")
        kept[ENCRYPTION] = encryption
    tagging = tagging_of(request)
    if tagging:
        kept[TAGGING] = tagging
    return kept


def receive_checked(request: Request, store: Store) -> Received:
    """Receive a body of legal length, which agrees with its Content-MD5. Raises Refusal."""
    check_length(request)
    got = store.receive(request.body.pieces())
    try:
        check_md5(request, got.md5)
    except Refusal:
        got.discard()
        raise
    return got


def check_length(request: Request) -> None:
    """Refuse a body that is too large for one request, and an illegal speed limit."""
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" not in request.headers:
        raise Refusal("MissingContentLength", "Content-Length is missing.")
    if length is not None and int(length) > MOST:
        raise Refusal("EntityTooLarge", "The body exceeds 5 GiB.")
    limit = request.headers.get("x-cos-traffic-limit") or request.param("x-cos-traffic-limit")
    if limit and (not re.fullmatch("[0-9]{1,12}", limit) or int(limit) not in _TRAFFIC):
        raise Refusal("InvalidArgument", "x-cos-traffic-limit is out of range.")


def check_md5(request: Request, digest: bytes) -> None:
    """Refuse a body that differs from its Content-MD5."""
    header = request.headers.get("content-md5")
    if header is None:
        return
    try:
        expected = base64.b64decode(header, validate=True)
    except ValueError:
        expected = b""
    if len(expected) != len(digest):
        raise Refusal("InvalidDigest", "Content-MD5 is malformed.")
    if expected != digest:
        raise Refusal("BadDigest", "The body is not what Content-MD5 says.")


def check_conditions(headers: Mapping[str, str], stored: Stored) -> None:
    """Apply If-Match and If-None-Match. Raises Refusal."""
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match and not _names(match, stored.etag):
        raise Refusal("PreconditionFailed", "The ETag differs.")
    if none_match and _names(none_match, stored.etag):
        raise Refusal("NotModified")


def check_copy_conditions(request: Request, stored: Stored) -> None:
    """Apply x-cos-copy-source-if-... headers. Raises Refusal."""
    start = "x-cos-copy-source-"
    found = {n[len(start) :]: v for n, v in request.headers.items() if n.startswith(start + "if-")}
    try:
        check_conditions(found, stored)
    except Refusal:
        raise Refusal("PreconditionFailed", "The source is not as demanded.") from None


def _names(tags: str, etag: str) -> bool:
    wanted = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
    return bool(wanted & {"*", etag})


def parse_copy_range(text: str, size: int) -> tuple[int, int]:
    """Return (start, length) of the range of a part copy.

    Raises Refusal unless the whole range lies within `size`.
    """
    found = re.fullmatch(r"bytes=([0-9]{1,18})-([0-9]{1,18})", text.strip())
    if not found:
        raise Refusal("InvalidArgument", "x-cos-copy-source-range must be bytes=first-last.")
    first, last = int(found[1]), int(found[2])
    if last < first or last >= size:
        raise Refusal("InvalidRange", "The range lies outside the object.")
    return first, last - first + 1


def parse_range(text: str, size: int) -> tuple[int, int]:
    """Return (start, length) of a single byte range. Raises Refusal."""
    found = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", text.strip())
    if not found or not any(found.groups()):
        raise Refusal("InvalidRange", "The range is malformed.")
    first, last = found.groups()
    if not first:
        start, end = size - min(int(last), size), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
    if start >= size or end < start:
        raise Refusal("InvalidRange", "The range lies outside the object.")
    return start, end - start + 1
