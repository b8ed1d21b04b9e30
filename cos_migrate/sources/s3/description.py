"""Reads the headers of an S3 answer: metadata to store, checksums, archive state.

Pure functions; the headers are those of "GetObject" and "HeadObject" in the Amazon S3 API
Reference and of its page "Checking object integrity".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping

from cos_migrate.checksums import CRC64_NVME, Check
from cos_migrate.model import Described, Fingerprint
from cos_migrate.sources import metadata
from cos_migrate.sources.etags import read_etag
from cos_migrate.sources.mismatches import COMPOSITE

_META = b"x-amz-meta-"
_MD5 = re.compile("[0-9a-f]{32}")
_DIGESTS = (
    (b"crc64nvme", CRC64_NVME),
    (b"crc32c", "CRC-32C"),
    (b"crc32", "CRC-32"),
    (b"sha256", "SHA-256"),
    (b"sha1", "SHA-1"),
)
"""Checksums that can be compared, the cheapest first."""
_ARCHIVES = frozenset({b"GLACIER", b"DEEP_ARCHIVE"})


def read_description(
    headers: Mapping[bytes, bytes], etag_name: str, *, etags_are_md5: bool = True
) -> Described:
    """Return the metadata to store with an object, and the checks of its content.

    `headers` have lower-case names; `etag_name` is the user metadata that keeps the ETag.
    """
    etag = read_etag(headers)
    carried = metadata.convert_user({etag_name: etag} if etag else {}, _user_metadata(headers))
    stored, unfit = metadata.read_standard(headers)
    words = [word.strip() for word in stored.get("content-encoding", "").split(",")]
    if "aws-chunked" in words:  # some services keep the encoding of the upload
        kept = ",".join(word for word in words if word != "aws-chunked")
        stored = {name: value for name, value in stored.items() if name != "content-encoding"}
        stored |= {"content-encoding": kept} if kept else {}
    md5 = etag if etags_are_md5 and _etag_is_md5(etag, headers) else ""
    checks = (Check("MD5", md5),) if md5 else tuple(_checks(headers))
    composite = (COMPOSITE,) if not checks and _is_composite(headers) else ()
    return Described(
        Fingerprint(-1, etag=etag),
        {**stored, **carried.headers},
        md5=md5,
        checks=checks,
        warnings=(*unfit, *carried.warnings, *_lost(headers), *composite),
        storage_class=headers.get(b"x-amz-storage-class", b"STANDARD").decode("latin-1"),
    )


def is_archived(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether an object has to be restored before it can be read."""
    stored = headers.get(b"x-amz-storage-class", b"") in _ARCHIVES
    moved = headers.get(b"x-amz-archive-status", b"") != b""
    restored = b'ongoing-request="false"' in headers.get(b"x-amz-restore", b"")
    return (stored or moved) and not restored


def _etag_is_md5(etag: str, headers: Mapping[bytes, bytes]) -> bool:
    """Return whether an ETag is the content's MD5: not of parts, not under KMS or SSE-C."""
    encrypted = headers.get(b"x-amz-server-side-encryption", b"").startswith(b"aws:kms")
    customer = b"x-amz-server-side-encryption-customer-algorithm" in headers
    return bool(_MD5.fullmatch(etag)) and not encrypted and not customer


def _checks(headers: Mapping[bytes, bytes]) -> Iterator[Check]:
    """Yield the cheapest checksum of the whole content, if there is one.

    A composite checksum (`<base64>-<parts>`) is computed from those of the parts.
    """
    if _is_composite(headers):
        return
    for name, kind in _DIGESTS:
        stated = headers.get(b"x-amz-checksum-" + name, b"")
        try:
            value = base64.b64decode(stated, validate=True)
        except binascii.Error:
            continue
        if value:
            number = kind.startswith("CRC")
            yield Check(kind, str(int.from_bytes(value, "big")) if number else value.hex())
            return


def _is_composite(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether the checksum is one of the checksums of parts: `<base64>-<parts>`."""
    if headers.get(b"x-amz-checksum-type", b"").upper() == b"COMPOSITE":
        return True
    return any(b"-" in headers.get(b"x-amz-checksum-" + name, b"") for name, _ in _DIGESTS)


def _user_metadata(headers: Mapping[bytes, bytes]) -> Iterator[tuple[str, str]]:
    for name, value in metadata.read_user(headers, _META):
        yield name, _decoded(value)


def _decoded(value: str) -> str:
    """Decode a value in which S3 has encoded non-ASCII characters by RFC 2047."""
    if "=?" not in value or "?=" not in value or not value.isascii():
        return value
    from email.errors import HeaderParseError  # noqa: PLC0415 - hardly any object needs it, and
    from email.header import decode_header, make_header  # noqa: PLC0415 - it takes 7 ms to load

    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, UnicodeError, LookupError, ValueError):
        return value


def _lost(headers: Mapping[bytes, bytes]) -> Iterator[str]:
    missing = headers.get(b"x-amz-missing-meta", b"0")
    if missing.isdigit() and int(missing):
        yield f"{int(missing)} of its metadata are not carried over: S3 cannot send them by HTTP"
    if b"x-amz-website-redirect-location" in headers:
        yield "its website redirect is not carried over: COS keeps none with an object"
