"""Judges whether a listed ETag changes with the content: not all services have such ETags."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from cos_migrate.checksums import Check
from cos_migrate.model import Fingerprint, SourceObject

_MD5 = 32
"""Hex digits of an MD5."""
_MD5_SHAPE = re.compile(r"[0-9A-Fa-f]{32}(?:-[0-9]{1,5})?")
_PARTS = re.compile(r"(?:-[0-9]{1,5})?")
"""The suffix in the ETag of an object that was uploaded in parts."""
_CONTENT_MD5 = re.compile("[0-9A-Fa-f]{32}")
_EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
_OF_NOTHING = frozenset({_EMPTY_MD5, _EMPTY_MD5.upper()})
_INVENTED = frozenset(digit * _MD5 for digit in "0123456789abcdefABCDEF")
"""ETags that look like an MD5 and are none."""
_VOID = frozenset({"", "-", "null", "none", "nil", "undefined"})
"""Placeholders that services without ETags send."""
_REMEMBERED = 1_000
"""ETags remembered for being shared by different contents."""


def strip_etag(text: str) -> str:
    """Return an ETag without quotes and without the `W/` of a weak one."""
    tag = text.strip()
    if tag[:2] in {"W/", "w/"}:
        tag = tag[2:]
    return tag.strip('"')


def strip_etags(texts: list[str]) -> list[str]:
    """Return ETags as `strip_etag` does."""
    joined = " ".join(texts)
    quotes, between = joined.count('"'), joined.count('" "')
    if texts and quotes == 2 * len(texts) == 2 * between + 2 and joined[0] == joined[-1] == '"':
        return joined[1:-1].split('" "')
    return list(map(strip_etag, texts))


def read_etag(headers: Mapping[bytes, bytes]) -> str:
    """Return the ETag in the headers of an answer, as `strip_etag` does."""
    return strip_etag(headers.get(b"etag", b"").decode("latin-1"))


def checks_by_etag(etag: str) -> tuple[Check, ...]:
    """Return the check by an ETag that looks like an MD5, nothing for any other."""
    return (Check("MD5", etag.lower()),) if _CONTENT_MD5.fullmatch(etag) else ()


def is_placeholder(etag: str) -> bool:
    """Return whether an ETag is a placeholder."""
    return etag.lower() in _VOID


class Etags:
    """Judges the ETags of one source by their form and by the listed pages.

    An ETag is reliable when it is a checksum of the content: of the form of an MD5 or of the
    source's own hash, and not known to be shared by different contents. Equal ETags then mean equal
    content.
    """

    def __init__(self, own: str = "", *, md5: bool = True) -> None:
        """`own`: a regular expression of the source's own content hash; empty: it has none.

        `md5`: whether ETags of the form of an MD5 are MD5s.
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
        """Return whether all ETags of a page are reliable, and remember those that are shared.

        `sizes` is called only where ETags are equal, or are those of empty content.
        """
        different = set(etags)
        if len(different) < len(etags):
            self._remember_shared(etags, sizes(), different)
        if not _OF_NOTHING.isdisjoint(different) and not all(map(self.is_reliable, etags, sizes())):
            return False
        if not (self._constant | _INVENTED).isdisjoint(different):
            return False
        if self._md5 and _all_md5(different):
            return True
        return all(map(self._is_checksum, different))

    def mark_weak(self, objects: list[SourceObject]) -> list[SourceObject]:
        """Return the objects of a page, those with unreliable ETags marked as `weak`."""
        known = [obj for obj in objects if obj.fingerprint.size >= 0]
        etags = [obj.fingerprint.etag for obj in known]
        if self.all_reliable(etags, lambda: [obj.fingerprint.size for obj in known]):
            return objects
        return [self._marked(obj) if obj.fingerprint.size >= 0 else obj for obj in objects]

    def _marked(self, obj: SourceObject) -> SourceObject:
        size, mtime_ns, etag = obj.fingerprint
        if self.is_reliable(etag, size):
            return obj
        fingerprint = Fingerprint(size, mtime_ns, "" if is_placeholder(etag) else etag)
        return obj._replace(fingerprint=fingerprint, weak=True)

    def _is_checksum(self, etag: str) -> bool:
        if self._own and self._own.fullmatch(etag):
            return True
        return self._md5 and bool(_MD5_SHAPE.fullmatch(etag)) and etag not in _INVENTED

    def _remember_shared(
        self, etags: Sequence[str], sizes: Sequence[int], different: set[str]
    ) -> None:
        """Remember ETags of objects of several sizes, or of all objects of a page."""
        pairs = set(zip(etags, sizes, strict=True))
        if len(pairs) > len(different):
            seen: set[str] = set()
            for etag, _ in pairs:
                if etag in seen:
                    self._remember(etag)
                seen.add(etag)
        if len(different) == 1 and sizes[0] > 0:
            self._remember(etags[0])

    def _remember(self, etag: str) -> None:
        if len(self._constant) < _REMEMBERED:
            self._constant.add(etag)


def are_md5s(etags: Collection[str]) -> bool:
    """Return whether all are 32 hex digits."""
    return set(map(len, etags)) <= {_MD5} and _is_hex("".join(etags))


def _all_md5(etags: Collection[str]) -> bool:
    """Return whether all have the form of an MD5, of a whole content or of parts."""
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
