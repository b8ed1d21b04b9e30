"""Whether a listed ETag changes with the content: not all services keep such ETags."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from cos_migrate.checksums import Check
from cos_migrate.model import Fingerprint, SourceObject

_MD5 = 32
"""Hex digits of an MD5."""
_MD5_SHAPE = re.compile(r"[0-9A-Fa-f]{32}(?:-[0-9]{1,5})?")
_PARTS = re.compile(r"(?:-[0-9]{1,5})?")
"""The end of the ETag of an object that was uploaded in parts, behind its MD5."""
_CONTENT_MD5 = re.compile("[0-9A-Fa-f]{32}")
_EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
_OF_NOTHING = frozenset({_EMPTY_MD5, _EMPTY_MD5.upper()})
_INVENTED = frozenset(digit * _MD5 for digit in "0123456789abcdefABCDEF")
"""ETags that look like an MD5, and never are one."""
_VOID = frozenset({"", "-", "null", "none", "nil", "undefined"})
"""Placeholders of services without ETags."""
_REMEMBERED = 1_000
"""ETags remembered for being shared by different contents."""


def plain_tag(text: str) -> str:
    """Return an ETag without quotes and without the mark of a weak one."""
    tag = text.strip()
    if tag[:2] in {"W/", "w/"}:
        tag = tag[2:]
    return tag.strip('"')


def etag_in(headers: Mapping[bytes, bytes]) -> str:
    """Return the ETag in the headers of an answer, as `plain_tag` does."""
    return plain_tag(headers.get(b"etag", b"").decode("latin-1"))


def etag_checks(etag: str) -> tuple[Check, ...]:
    """Return the check by an ETag that looks like an MD5, none for any other."""
    return (Check("MD5", etag.lower()),) if _CONTENT_MD5.fullmatch(etag) else ()


def is_void(etag: str) -> bool:
    """Return whether an ETag is a placeholder."""
    return etag.lower() in _VOID


class Etags:
    """Judges the ETags of one source by their shape and by what was listed.

    An ETag is reliable when it is a checksum of content: shaped like an MD5 or like the source's
    own hash, and not known to be shared by different contents. Equal ones then mean equal content.
    """

    def __init__(self, own: str = "", *, md5: bool = True) -> None:
        """`own`: a regular expression of the source's own content hash; empty: it has none.

        `md5`: whether ETags that are shaped like an MD5 are MD5s.
        """
        self._md5 = md5
        self._own = re.compile(own) if own else None
        self._constant: set[str] = set()

    def is_reliable(self, etag: str, size: int) -> bool:
        """Return whether an equal ETag means equal content; `size` in bytes, -1 when not known."""
        if etag in self._constant or (size > 0 and etag in _OF_NOTHING):
            return False
        return self._is_checksum(etag)

    def all_reliable(self, etags: Sequence[str], sizes: Callable[[], Sequence[int]]) -> bool:
        """Return whether all ETags of a page are reliable, and learn from the page.

        `sizes` is called only where ETags are equal, or are those of empty content.
        """
        different = set(etags)
        if len(different) < len(etags):
            self._learn(etags, sizes(), different)
        if not _OF_NOTHING.isdisjoint(different) and not all(map(self.is_reliable, etags, sizes())):
            return False
        if not (self._constant | _INVENTED).isdisjoint(different):
            return False
        if self._md5 and _all_md5(different):
            return True
        return all(map(self._is_checksum, different))

    def marked(self, objects: list[SourceObject]) -> list[SourceObject]:
        """Return the objects of a page; those with unreliable ETags are marked as `weak`."""
        known = [obj for obj in objects if obj.fingerprint.size >= 0]
        etags = [obj.fingerprint.etag for obj in known]
        if self.all_reliable(etags, lambda: [obj.fingerprint.size for obj in known]):
            return objects
        return [self._marked(obj) if obj.fingerprint.size >= 0 else obj for obj in objects]

    def _marked(self, obj: SourceObject) -> SourceObject:
        size, mtime_ns, etag = obj.fingerprint
        if self.is_reliable(etag, size):
            return obj
        fingerprint = Fingerprint(size, mtime_ns, "" if is_void(etag) else etag)
        return obj._replace(fingerprint=fingerprint, weak=True)

    def _is_checksum(self, etag: str) -> bool:
        if self._own and self._own.fullmatch(etag):
            return True
        return self._md5 and bool(_MD5_SHAPE.fullmatch(etag)) and etag not in _INVENTED

    def _learn(self, etags: Sequence[str], sizes: Sequence[int], different: set[str]) -> None:
        """Note ETags that objects of several sizes have, or that all objects of a page have."""
        pairs = set(zip(etags, sizes, strict=True))
        if len(pairs) > len(different):
            seen: set[str] = set()
            for etag, _ in pairs:
                if etag in seen:
                    self._note(etag)
                seen.add(etag)
        if len(different) == 1 and sizes[0] > 0:
            self._note(etags[0])

    def _note(self, etag: str) -> None:
        if len(self._constant) < _REMEMBERED:
            self._constant.add(etag)


def _all_md5(etags: Collection[str]) -> bool:
    """Return whether all are shaped like MD5s, of a whole content or of parts."""
    if set(map(len, etags)) <= {_MD5}:
        return _is_hex("".join(etags))
    digits = "".join([etag[:_MD5] for etag in etags])
    if len(digits) != _MD5 * len(etags) or not _is_hex(digits):
        return False
    return all(_PARTS.fullmatch(tail) for tail in {etag[_MD5:] for etag in etags})


def _is_hex(digits: str) -> bool:
    try:
        # `fromhex` skips blanks.
        return 2 * len(bytes.fromhex(digits)) == len(digits)
    except ValueError:
        return False
