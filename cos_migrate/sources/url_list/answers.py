"""Reads metadata, checksums and versions in answers of web servers. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cos_migrate.checksums import Check
from cos_migrate.http.dates import NANO, format_date, parse_date_ns
from cos_migrate.model import Described, Fingerprint
from cos_migrate.sources import metadata

_USER_PREFIXES = ("x-oss-meta-", "x-amz-meta-", metadata.USER_PREFIX)
_CRC64 = (b"x-oss-hash-crc64ecma", b"x-cos-hash-crc64ecma")


def read_description(headers: Mapping[bytes, bytes]) -> Described:
    """Describe an object by the headers (lower-case names) of GET or HEAD, without its size."""
    etag = metadata.read_raw_etag(headers)
    own = {"etag": metadata.decode_value(headers[b"etag"]).strip()} if etag else {}
    carried, standard = (
        metadata.convert_user(own, _foreign(headers)),
        metadata.read_standard(headers),
    )
    whole = b"content-range" not in headers
    md5 = metadata.decode_md5(headers.get(b"content-md5", b"")) if whole else ""
    crc64, instant = _crc64_of(headers), _instant_of(headers)
    checks = [Check("MD5", md5)] if md5 else []
    if crc64 >= 0:
        checks.append(Check("CRC-64/XZ", str(crc64)))
    return Described(
        Fingerprint(-1, instant, _strong(etag) or ("" if instant >= 0 else _comparable(etag))),
        {**standard.headers, **carried.headers},
        md5=md5,
        crc64=crc64,
        checks=tuple(checks),
        warnings=(*standard.warnings, *carried.warnings),
    )


def _foreign(headers: Mapping[bytes, bytes]) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        text = metadata.decode_value(name)
        for prefix in _USER_PREFIXES:
            if text.startswith(prefix) and text != prefix:
                yield text[len(prefix) :], metadata.decode_value(value)


def _strong(etag: str) -> str:
    """Return a strong entity tag without quotes; empty for a weak one (RFC 9110, 13.1.1)."""
    strong = len(etag) > 2 and etag[0] == etag[-1] == '"'  # noqa: PLR2004 - the quotes
    return etag[1:-1] if strong and '"' not in etag[1:-1] else ""


def _comparable(etag: str) -> str:
    """Return a weak tag, or one without quotes, in the form of a weak one; empty: no tag."""
    if etag.startswith("W/") and _strong(etag[2:]):
        return etag
    bare = etag.removeprefix("W/")
    return f'W/"{bare}"' if bare and '"' not in bare else ""


def is_strong(etag: str) -> bool:
    """Return whether the tag of a fingerprint can be a condition of a request.

    A weak one is kept where there is no other sign of a version: it can only be compared.
    """
    return bool(etag) and not etag.startswith('W/"')


def _instant_of(headers: Mapping[bytes, bytes]) -> int:
    return parse_date_ns(headers.get(b"last-modified", b""))


def format_time(mtime_ns: int) -> str:
    """Return a time in the format of HTTP; empty: it is not known."""
    return format_date(mtime_ns // NANO) if mtime_ns >= 0 else ""


def _crc64_of(headers: Mapping[bytes, bytes]) -> int:
    for name in _CRC64:
        value = headers.get(name, b"")
        if value.isdigit() and int(value) < 1 << 64:
            return int(value)
    return -1
