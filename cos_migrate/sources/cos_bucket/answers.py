"""Reads metadata, checksums, versions and ACLs in answers of COS. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from cos_migrate.checksums import Check
from cos_migrate.http.dates import parse_date_ns
from cos_migrate.http.s3xml import read_acl
from cos_migrate.model import Described, Fingerprint
from cos_migrate.sources import metadata
from cos_migrate.sources.etags import read_etag

_EVERYONE = "http://cam.qcloud.com/groups/global/AllUsers"
_GRANTS: Mapping[str, str] = MappingProxyType(
    {
        "READ": "x-cos-grant-read",
        "READ_ACP": "x-cos-grant-read-acp",
        "WRITE_ACP": "x-cos-grant-write-acp",
        "FULL_CONTROL": "x-cos-grant-full-control",
    }
)
"""Permission on an object -> the header that grants it."""
_META = metadata.USER_PREFIX.encode()
_ENCRYPTED = b"x-cos-server-side-encryption"


def read_description(headers: Mapping[bytes, bytes]) -> Described:
    """Describe an object by the headers (lower-case names) of GET or HEAD, without its size."""
    etag = read_etag(headers)
    crc64 = headers.get(b"x-cos-hash-crc64ecma", b"")
    carried, standard = (
        metadata.convert_user({}, metadata.read_user(headers, metadata.USER_PREFIX.encode())),
        metadata.read_standard(headers),
    )
    md5 = etag.lower() if _is_md5(etag, headers) else ""
    checks = [Check("CRC-64/XZ", crc64.decode())] if crc64.isdigit() else []
    if md5 and not checks:
        checks.append(Check("MD5", md5))
    return Described(
        Fingerprint(-1, parse_date_ns(headers.get(b"last-modified", b"")), etag),
        {**standard.headers, **carried.headers},
        likely_md5=md5,
        crc64=int(crc64) if crc64.isdigit() else -1,
        checks=tuple(checks),
        warnings=(*standard.warnings, *carried.warnings),
        storage_class=headers.get(b"x-cos-storage-class", b"STANDARD").decode("latin-1"),
    )


def convert_acl(document: bytes) -> dict[str, str]:
    """Return the headers with the grants of an ACL document, except those of its owner.

    Raises ValueError for any other document.
    """
    acl = read_acl(document)
    granted: dict[str, list[str]] = {}
    public = False
    for permission, group, account, _ in acl.grants:
        public = public or (group == _EVERYONE and permission == "READ")
        if account and account != acl.owner and permission in _GRANTS:
            granted.setdefault(_GRANTS[permission], []).append(f'id="{account}"')
    headers = {header: ",".join(names) for header, names in granted.items()}
    if public or not headers:
        headers["x-cos-acl"] = "public-read" if public else "private"
    return headers


def _is_md5(etag: str, headers: Mapping[bytes, bytes]) -> bool:
    """Return whether an ETag is the MD5 of the content; that of an encrypted object is not."""
    appended = headers.get(b"x-cos-object-type", b"normal") != b"normal"
    if appended or any(name.startswith(_ENCRYPTED) for name in headers):
        return False
    return re.fullmatch("[0-9a-fA-F]{32}", etag) is not None
