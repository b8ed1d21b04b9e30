"""Failures of objects whose content or version a source contradicts itself about."""

from __future__ import annotations

from collections.abc import Iterable

from cos_migrate.checksums import Check
from cos_migrate.errors import CONTRADICTORY, ETAG_IS_NO_MD5, Side
from cos_migrate.model import Failure

CHECKSUM_MISMATCH = "SourceChecksumMismatch"
"""The code of content that differs from the source's checksum."""
CONTRADICTORY_CHANGE = "the source says that it changed, and then that it is as it was listed"
NO_MD5 = (
    "two reads of it agree and differ from its ETag: the ETags of this service seem to be no MD5"
)


def mismatch_text(kind: str) -> str:
    """Return the message for a checksum of this kind that differs."""
    return f"what was read is not what the source has: its {kind} differs"


def is_etag_check(checks: Iterable[Check], kind: str, etag: str) -> bool:
    """Return whether the check of this kind compares the content with the ETag itself."""
    return kind == "MD5" and (kind, etag.lower()) in tuple(checks)


def mismatch_failure(kind: str, *, agrees: bool) -> Failure:
    """Return the failure of an object whose checksum of this kind differs from its content.

    `agrees`: the checksum is its ETag, and the content is the same as when it was last read.
    """
    if agrees:
        return Failure("GetObject", NO_MD5, code=ETAG_IS_NO_MD5, side=Side.SOURCE)
    return Failure("GetObject", mismatch_text(kind), code=CHECKSUM_MISMATCH, side=Side.SOURCE)


def contradictory_failure(failure: Failure) -> Failure:
    """Return the failure of an object that the source describes in two ways."""
    return failure._replace(code=CONTRADICTORY, message=CONTRADICTORY_CHANGE)
