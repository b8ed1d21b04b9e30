"""Compares the version of an object in an answer with the listed one, by one rule for all sources.

An ETag identifies a version (RFC 9110, 8.8.3); without one the time of modification does. A new
version has a new one. An answer without one, or with the same one and another size, cannot come
from the source; it may be the page of a proxy.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import ClassVar

from cos_migrate.checksums import Check
from cos_migrate.config.options import Section
from cos_migrate.errors import CHANGED_SINCE_LISTED, Code, SourceChanged, SourceError
from cos_migrate.http.web_pages import is_foreign_page
from cos_migrate.model import Described, Fingerprint, SourceObject, Target
from cos_migrate.sources.base import Source, SourceOptions
from cos_migrate.sources.etags import Etags

UNKNOWN = Fingerprint(-1)
"""The fingerprint of an object that is listed by its name alone."""
_NO_ETAG = "null"
"""The ETag that some services list for objects without one."""
_SERVERS_MOST = 10_000
"""Servers that are remembered because they refuse conditions."""
_COPIES = "copies"
"""Entry in that set for copies by COS."""


class VersionVerdict(enum.Enum):
    """The result of comparing the version in an answer with the listed one."""

    SAME = "same"
    """The listed version."""
    CHANGED = "changed"
    """Another version."""
    CONTRADICTS = "contradicts"
    """No version of the object: the answer is not from the source."""


def compare(listed: Fingerprint, answered: Fingerprint) -> VersionVerdict:
    """Compare an answer with the listing; sizes are compared where both are known."""
    if listed.etag and listed.etag != _NO_ETAG:
        if not answered.etag:
            return VersionVerdict.CONTRADICTS
        if answered.etag != listed.etag:
            return VersionVerdict.CHANGED
    elif listed.mtime_ns >= 0:
        if answered.mtime_ns < 0:
            return VersionVerdict.CONTRADICTS
        if answered.mtime_ns != listed.mtime_ns:
            return VersionVerdict.CHANGED
    elif sizes_differ(listed, answered):
        return VersionVerdict.CHANGED
    return VersionVerdict.CONTRADICTS if sizes_differ(listed, answered) else VersionVerdict.SAME


def sizes_differ(one: Fingerprint, other: Fingerprint) -> bool:
    """Return whether two sizes are both known and differ."""
    return one.size >= 0 and other.size >= 0 and one.size != other.size


def contradiction_text(listed: Fingerprint, answered: Fingerprint) -> str:
    """Return the message about an answer that contradicts the listing."""
    if listed.etag and not answered.etag:
        return "the answer has no ETag, the listing has one"
    if not listed.etag and listed.mtime_ns >= 0 and answered.mtime_ns < 0:
        return "the answer has no time of modification, the listing has one"
    same = "ETag" if listed.etag else "time of modification"
    return f"the answer has {answered.size} bytes, the listing {listed.size}, with the same {same}"


def without_fingerprint(obj: SourceObject) -> SourceObject:
    """Return an object without its fingerprint: its requests have no conditions."""
    return obj._replace(fingerprint=UNKNOWN)


class VersionedSource(Source):
    """A source that identifies versions of its objects by ETags or times."""

    sends_web_pages: ClassVar[bool] = False
    """Whether it serves web pages itself; otherwise they come from a proxy or a firewall."""
    request_id_header: bytes = b""
    """A header that every answer of the service has; empty: none is known."""

    def __init__(
        self, config: Section, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        self._unconditional: set[str] = set()
        """Servers that refuse conditions although they hold: requests to them have none."""
        self.etags = Etags()
        """Judges the ETags of listed objects."""

    def is_weak(self, fingerprint: Fingerprint) -> bool:
        """Return whether the ETag does not show changes, so that records need the time too."""
        return not self.etags.is_reliable(fingerprint.etag, fingerprint.size)

    def verdict(self, listed: Fingerprint, answered: Fingerprint) -> VersionVerdict:
        """Compare an answer with the listing."""
        return compare(listed, answered)

    def checks_by_listing(self, listed: Fingerprint) -> tuple[Check, ...]:  # noqa: ARG002
        """Return the checks by the listed ETag, for an answer without an ETag."""
        return ()

    def server_of(self, obj: SourceObject) -> str:  # noqa: ARG002 - most have one
        """Return the server of an object, the key under which refused conditions are remembered."""
        return ""

    def stat(self, obj: SourceObject) -> SourceObject:
        """Return `obj` with its present fingerprint, of a new version or the listed one."""
        return obj._replace(
            fingerprint=self._following(obj, self.describe(without_fingerprint(obj)))
        )

    def describe_latest(self, obj: SourceObject) -> Described:
        """Return the present description, of a new version or the listed one."""
        if obj.fingerprint != UNKNOWN:
            try:
                described = self.describe(obj)
            except SourceChanged:
                pass  # confirmed by a second request
            else:
                return described._replace(fingerprint=self._following(obj, described))
        described = self.describe(without_fingerprint(obj))
        return described._replace(fingerprint=self._following(obj, described))

    def drop_copy_conditions(self, obj: SourceObject) -> bool:
        """Stop sending conditions with copies, if the source still has the listed version.

        Returns whether it has. Raises SourceError.
        """
        if _COPIES in self._unconditional:
            return True
        answered = self.stat(obj).fingerprint
        if self.verdict(obj.fingerprint, answered) is not VersionVerdict.SAME:
            return False
        self.unpin(_COPIES)
        return True

    @property
    def copies_conditionally(self) -> bool:
        """Whether requests for copies have conditions."""
        return _COPIES not in self._unconditional

    def contradiction(
        self, obj: SourceObject, text: str, operation: str = "GetObject", status: int = 0
    ) -> SourceError:
        """Return the error of an answer that cannot belong to the object."""
        return SourceError(
            f"the answer contradicts the listing: {text}",
            operation=operation,
            target=self.mask(obj.name),
            status=status,
            code=Code.CONTRADICTORY,
            retryable=True,
        )

    def pinned(self, obj: SourceObject) -> SourceObject:
        """Return `obj` as requests name it: without fingerprint where conditions are refused."""
        if self._unconditional and self.server_of(obj) in self._unconditional:
            return without_fingerprint(obj)
        return obj

    def unpin(self, server: str) -> None:
        """Stop sending conditions to a server."""
        if len(self._unconditional) < _SERVERS_MOST:
            self._unconditional.add(server)

    def _following(self, obj: SourceObject, described: Described) -> Fingerprint:
        """Return the present fingerprint; the listed version keeps its size."""
        listed, answered = obj.fingerprint, described.fingerprint
        self._must_follow(obj, answered)
        same = answered.size < 0 and self.verdict(listed, answered) is VersionVerdict.SAME
        return answered._replace(size=listed.size) if same else answered

    def _must_follow(self, obj: SourceObject, answered: Fingerprint) -> None:
        """Raise SourceError where `answered` cannot be a later fingerprint of `obj`."""
        if self.verdict(obj.fingerprint, answered) is VersionVerdict.CONTRADICTS:
            raise self.contradiction(obj, contradiction_text(obj.fingerprint, answered))

    def match_listing(
        self,
        obj: SourceObject,
        described: Described,
        headers: Mapping[bytes, bytes],
        *,
        has_content: bool,
    ) -> Described:
        """Compare an answer with the listing; return its description, completed from the listing.

        Raises SourceChanged for another version, SourceError for none. Where only the ETag is
        missing and the whole content follows, the content is compared with the listed ETag.
        """
        listed, answered = obj.fingerprint, described.fingerprint
        found = self.verdict(listed, answered)
        if found is VersionVerdict.CHANGED:
            foreign = self._foreign_form(headers)
            if foreign:
                raise self.contradiction(obj, f"it is {foreign}, which the source does not send")
            raise self._changed(obj)
        if found is VersionVerdict.CONTRADICTS:
            checks = self.checks_by_listing(listed)
            if not has_content or not checks or answered.etag or sizes_differ(listed, answered):
                raise self.contradiction(obj, contradiction_text(listed, answered))
            described = described._replace(checks=(*described.checks, *checks))
        elif not (answered.etag or answered.mtime_ns >= 0 or b"last-modified" in headers):
            foreign = self._foreign_form(headers)
            if foreign:
                raise self.contradiction(obj, f"it is {foreign} without an ETag and a time")
        mtime_ns = answered.mtime_ns if answered.mtime_ns >= 0 else listed.mtime_ns
        fingerprint = Fingerprint(answered.size, mtime_ns, answered.etag or listed.etag)
        return described if fingerprint == answered else described._replace(fingerprint=fingerprint)

    def _foreign_form(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the sign that a proxy has sent an answer; empty: there is none."""
        if not self.sends_web_pages and is_foreign_page(headers, b""):
            return "a web page"
        named = not self.request_id_header or self.request_id_header in headers
        return "" if named else "an answer without a request id"

    def _changed(self, obj: SourceObject) -> SourceChanged:
        return SourceChanged(
            CHANGED_SINCE_LISTED,
            operation="GetObject",
            target=self.mask(obj.name),
            code=Code.CHANGED,
        )

    def _no_ranges(self, obj: SourceObject, status: int) -> SourceError:
        return SourceError(
            "the source sends no ranges of it",
            operation="GetObject",
            target=self.mask(obj.name),
            status=status,
            code=Code.RANGE_IGNORED,
        )
