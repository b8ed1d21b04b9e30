"""Failures of objects whose content or version differs from what their source states."""

from __future__ import annotations

from collections.abc import Iterable

from cos_migrate.checksums import Check
from cos_migrate.errors import Code, Side
from cos_migrate.model import Failure

CONTRADICTORY_CHANGE = "the source answers that it changed, and then that it is as listed"
NO_MD5 = (
    "two reads of it agree and differ from its ETag: the ETags of this service seem to be no MD5"
)

COMPOSITE = (
    "the source states a checksum of the checksums of its parts, which cannot be compared: size, "
    "version and COS's CRC-64 are (other objects like it are not named)"
)
WARNED_OF_ONCE = frozenset({COMPOSITE})
"""Warnings about objects that a run gives for the first of them alone."""


def mismatch_text(kind: str) -> str:
    """Return the message about a checksum of this kind that differs."""
    return f"the bytes read are not those of the source: its {kind} differs"


def is_etag_check(checks: Iterable[Check], kind: str, etag: str) -> bool:
    """Return whether the check of this kind compares the content with the ETag itself."""
    return kind == "MD5" and (kind, etag.lower()) in tuple(checks)


def mismatch_failure(kind: str, *, agrees: bool) -> Failure:
    """Return the failure of an object whose content does not agree with a stated checksum.

    `kind`: the kind of the checksum; `agrees`: the checksum is the ETag, and the content is the
    same as at the last read: then the failure says that the ETag is no MD5.
    """
    if agrees:
        return Failure("GetObject", NO_MD5, code=Code.ETAG_IS_NO_MD5, side=Side.SOURCE)
    return Failure(
        "GetObject", mismatch_text(kind), code=Code.SOURCE_CHECKSUM_MISMATCH, side=Side.SOURCE
    )


def contradictory_failure(failure: Failure) -> Failure:
    """Return the failure of an object whose source contradicts itself about its version."""
    return failure._replace(code=Code.CONTRADICTORY, message=CONTRADICTORY_CHANGE)
