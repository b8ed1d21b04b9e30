"""Pure rules of a comparison: whether COS has the object that is at the source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from cos_migrate.model import Fingerprint, KeyColumns
from cos_migrate.pools.results import Comparison
from cos_migrate.report.comparison import CHANGED, CHECKSUM, SIZE, CompareResult
from cos_migrate.sources.etags import are_md5s

_MD5 = re.compile("[0-9A-Fa-f]{32}")


class Verdict(NamedTuple):
    """The result of comparing one object, and in what it differs."""

    result: CompareResult
    why: str = ""
    """Why it differs: `size`, `checksum` or `changed`; else empty."""


SAME, MISSING, EXTRA, UNVERIFIED = (
    Verdict(result)
    for result in (
        CompareResult.SAME,
        CompareResult.MISSING,
        CompareResult.EXTRA,
        CompareResult.UNVERIFIED,
    )
)
OTHER_SIZE, OTHER_CHECKSUM, HAS_CHANGED = (
    Verdict(CompareResult.DIFFER, why) for why in (SIZE, CHECKSUM, CHANGED)
)


class Recorded(NamedTuple):
    """What the records hold about an object, compared with the source as it is now."""

    is_unchanged: bool
    """Whether the source's fingerprint is as recorded."""
    etag: str = ""
    """COS's ETag as recorded; empty: unknown, as of records of the Java tool."""
    crc64: int = -1
    """CRC-64/XZ of the bytes sent; -1: unknown."""
    is_of_source: bool = True
    """Whether the object was sent from this bucket or folder, as far as that is recorded."""


def decide(
    source: Fingerprint,
    cos: Fingerprint,
    recorded: Recorded | None,
    *,
    is_local: bool = False,
    etag_is_md5: bool = True,
    encrypted: bool = False,
) -> Verdict:
    """Compare an object with that on COS, by listings and records alone.

    `etag_is_md5`: whether an ETag of the source of 32 hex digits is that of its content.
    `encrypted`: whether objects are encrypted before they are sent.
    """
    if not encrypted:
        if source.size != cos.size:
            return OTHER_SIZE
        if etag_is_md5 and _MD5.fullmatch(cos.etag) and source.etag.lower() == cos.etag.lower():
            return SAME
    if recorded is None:
        return UNVERIFIED
    if recorded.etag:
        if recorded.etag != cos.etag:
            return HAS_CHANGED
        if recorded.is_unchanged:
            return SAME if recorded.is_of_source else UNVERIFIED
    if is_local or recorded.is_unchanged or not recorded.is_of_source:
        return UNVERIFIED
    return HAS_CHANGED


def undecided(source: KeyColumns, cos: KeyColumns) -> Sequence[int]:
    """Return the numbers of aligned objects that are not the same by size and ETag.

    No object of the source is `weak`, and none is encrypted before it is sent: see `decide`.
    """
    if source.sizes == cos.sizes and source.etags == cos.etags and are_md5s(cos.etags):
        return ()
    rows = zip(source.sizes, cos.sizes, source.etags, cos.etags, strict=True)
    return [
        number
        for number, (size, there, etag, other) in enumerate(rows)
        if size != there or etag != other or not _MD5.fullmatch(etag)
    ]


def judge_content(found: Comparison, recorded: Recorded | None, listed_size: int) -> Verdict:
    """Compare an object by its content: the CRC-64 of COS with that of the source.

    Where the source was not asked, the recorded CRC-64 stands for it.
    """
    if found.cos_size < 0:
        return MISSING
    if found.is_encrypted:
        return UNVERIFIED
    size = found.source_size if found.source_size >= 0 else listed_size
    if size != found.cos_size:
        return OTHER_SIZE
    crc64 = found.source_crc64
    if crc64 < 0 and recorded and recorded.is_unchanged and recorded.is_of_source:
        crc64 = recorded.crc64
    if crc64 < 0 or found.cos_crc64 < 0:
        return UNVERIFIED
    return SAME if crc64 == found.cos_crc64 else OTHER_CHECKSUM


def is_lost(verdict: Verdict, recorded: Recorded | None) -> bool:
    """Return whether COS lost or changed an object that the next run would skip."""
    if recorded is None or not recorded.is_unchanged:
        return False
    return verdict.result in {CompareResult.MISSING, CompareResult.DIFFER}
