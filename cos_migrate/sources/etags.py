"""Whether a listed ETag shows that content changed: not all services keep true ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from cos_migrate.checksums import Check
from cos_migrate.model import Fingerprint, SourceObject

_MD5 = 32
"""Hex digits of an MD5."""
_MD5_SHAPE = re.compile(r"[0-9A-Fa-f]{32}(?:-[0-9]{1,5})?")
_PARTS = re.compile(r"(?:-[0-9]{1,5})?")
"""What follows the MD5 of an object that was uploaded in parts."""
_CONTENT_MD5 = re.compile("[0-9A-Fa-f]{32}")
_EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
_OF_NOTHING = frozenset({_EMPTY_MD5, _EMPTY_MD5.upper()})
_INVENTED = frozenset(digit * _MD5 for digit in "0123456789abcdefABCDEF")
"""What looks like an MD5, and is never one."""
_VOID = frozenset({"", "-", "null", "none", "nil", "undefined"})
"""What services write that have no ETag."""
_REMEMBERED = 1_000
"""ETags remembered that objects of different sizes have had."""


def plain_tag(text: str) -> str:
    """Return an ETag without quotes and without the mark of a weak one."""
    tag = text.strip()
    if tag[:2] in {"W/", "w/"}:
        tag = tag[2:]
    return tag.strip('"')


def md5_checks(etag: str) -> tuple[Check, ...]:
    """Return the check by an ETag that looks like an MD5, none for any other."""
    return (Check("MD5", etag.lower()),) if _CONTENT_MD5.fullmatch(etag) else ()


def is_void(etag: str) -> bool:
    """Return whether an ETag stands for none."""
    return etag.lower() in _VOID


class Etags:
    """The ETags of one source.

    One tells when it is a checksum of content: shaped like an MD5, or as the source's own hash is,
    and not known to be the same for different content. Then an equal one means equal content.
    """

    def __init__(self, own: str = "", *, md5: bool = True) -> None:
        """`own`: a regular expression of the source's own content hash; empty: it has none.

        `md5`: whether what is shaped like an MD5 is one.
        """
        self._md5 = md5
        self._own = re.compile(own) if own else None
        self._constant: set[str] = set()

    def tells(self, etag: str, size: int) -> bool:
        """Return whether an equal ETag means equal content; `size` in bytes, -1 when not known."""
        if etag in self._constant or (size > 0 and etag in _OF_NOTHING):
            return False
        return self._is_checksum(etag)

    def all_tell(self, etags: Sequence[str], sizes: Callable[[], Sequence[int]]) -> bool:
        """Return whether all ETags of a page tell, quickly where they do; learn from it.

        `sizes` is asked only where ETags are alike, or are those of nothing.
        """
        different = set(etags)
        if len(different) < len(etags):
            self._learn(etags, sizes(), different)
        if not _OF_NOTHING.isdisjoint(different) and not all(map(self.tells, etags, sizes())):
            return False
        if not (self._constant | _INVENTED).isdisjoint(different):
            return False
        if self._md5 and _all_md5(different):
            return True
        return all(map(self._is_checksum, different))

    def marked(self, objects: list[SourceObject]) -> list[SourceObject]:
        """Return the objects of a page, those marked as `weak` whose ETags do not tell."""
        known = [obj for obj in objects if obj.fingerprint.size >= 0]
        etags = [obj.fingerprint.etag for obj in known]
        if self.all_tell(etags, lambda: [obj.fingerprint.size for obj in known]):
            return objects
        return [self._marked(obj) if obj.fingerprint.size >= 0 else obj for obj in objects]

    def _marked(self, obj: SourceObject) -> SourceObject:
        size, mtime_ns, etag = obj.fingerprint
        if self.tells(etag, size):
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
        # Blanks would be passed over.
        return 2 * len(bytes.fromhex(digits)) == len(digits)
    except ValueError:
        return False
