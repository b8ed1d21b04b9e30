"""The one rule by which an answer of a source is held to what was listed.

An ETag names a version (RFC 9110, 8.8.3), where there is none the time of modification does. A
new version has a new one; an answer without one, or with the same one and another size, is not
an answer of the source at all, such as the page of a proxy.
"""

from __future__ import annotations

import enum
import re

from cos_migrate.checksums import Check
from cos_migrate.model import Fingerprint

UNKNOWN = Fingerprint(-1)
"""The fingerprint of an object of which nothing is known yet."""
_NO_ETAG = "null"
"""What some services list of every object that has no ETag."""
_MD5 = re.compile("[0-9A-Fa-f]{32}")


class Verdict(enum.Enum):
    """How an answer compares with what was listed."""

    SAME = "same"
    """The listed version."""
    CHANGED = "changed"
    """Another version."""
    CONTRADICTS = "contradicts"
    """No version of the object: the answer is not to be believed."""


def compare(listed: Fingerprint, now: Fingerprint) -> Verdict:
    """Compare what an answer says with what was listed; sizes count as far as both are known."""
    if listed.etag and listed.etag != _NO_ETAG:
        if not now.etag:
            return Verdict.CONTRADICTS
        if now.etag != listed.etag:
            return Verdict.CHANGED
    elif listed.mtime_ns >= 0:
        if now.mtime_ns < 0:
            return Verdict.CONTRADICTS
        if now.mtime_ns != listed.mtime_ns:
            return Verdict.CHANGED
    elif sizes_differ(listed, now):
        return Verdict.CHANGED
    return Verdict.CONTRADICTS if sizes_differ(listed, now) else Verdict.SAME


def sizes_differ(one: Fingerprint, other: Fingerprint) -> bool:
    """Return whether two sizes are not the same, as far as both are known."""
    return one.size >= 0 and other.size >= 0 and one.size != other.size


def contradiction_text(listed: Fingerprint, now: Fingerprint) -> str:
    """Return in words why an answer is not to be believed."""
    if listed.etag and not now.etag:
        return "the answer has no ETag, the listing has one"
    if not listed.etag and listed.mtime_ns >= 0 and now.mtime_ns < 0:
        return "the answer has no time of modification, the listing has one"
    same = "ETag" if listed.etag else "time of modification"
    return f"the answer has {now.size} bytes, the listing {listed.size}, with the same {same}"


def plain_tag(text: str) -> str:
    """Return an ETag without quotes and without the mark of a weak one."""
    tag = text.strip()
    if tag[:2] in {"W/", "w/"}:
        tag = tag[2:]
    return tag.strip('"')


def md5_checks(etag: str) -> tuple[Check, ...]:
    """Return the check by an ETag that looks like an MD5, none for any other."""
    return (Check("MD5", etag.lower()),) if _MD5.fullmatch(etag) else ()
