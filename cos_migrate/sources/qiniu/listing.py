"""Lists Qiniu's keys behind any key, although Qiniu accepts markers instead of keys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cos_migrate.errors import SourceError
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.key_pages import KeyPage
from cos_migrate.sources.qiniu.services import Failed, Services, build_marker, read_marker
from cos_migrate.sources.source_errors import UNREADABLE_PAGE, ErrorDetails

_KEPT_MARKERS = 256
"""Markers that are kept: those of the last pages."""
_MOST_EMPTY = 10_000
"""Empty pages in a row after which a listing counts as stuck."""


class KeyListing:
    """Lists a bucket page by page. Thread-safe."""

    def __init__(
        self,
        services: Services,
        make_objects: Callable[[Iterable[Mapping[str, Any]]], list[SourceObject]],
        error: Failed,
    ) -> None:
        """`make_objects` converts the items of a page to objects."""
        self._services = services
        self._make_objects = make_objects
        self._error = error
        self._lock = threading.Lock()
        self._markers: dict[tuple[str, str], str] = {}
        self.accepts_built_markers: bool | None = None
        """Whether Qiniu's markers are those that `build_marker` builds; None: not known yet."""

    def refuses_built_markers(self) -> bool:
        """Return whether the service is known to accept only its own markers."""
        return self.accepts_built_markers is False

    def page(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        """Return the next page that is not empty: Qiniu may send empty ones in between."""
        marker, passed_over = self._known_marker(prefix, after), ""
        if after and not marker:
            passed_over = after
            marker = build_marker(after) if self._can_build_markers(prefix) else ""
        for _ in range(_MOST_EMPTY):
            try:
                answer = self._services.list_keys(prefix, marker, delimiter)
            except SourceError as error:
                if error.code != "BadMarker" or not marker or delimiter:
                    raise
                # The service accepts only its own markers.
                marker, passed_over = "", after
                continue
            objects, folders = self._parsed(answer, prefix)
            if passed_over:
                objects = [obj for obj in objects if obj.name > passed_over]
            following = str(answer.get("marker") or "")
            if objects or folders or not following:
                if objects and following and not delimiter:
                    self._remember((prefix, objects[-1].name), following)
                    self._compare_markers(objects[-1].name, following)
                return KeyPage(objects, folders, truncated=bool(following))
            if following == marker:
                break
            marker = following
        text = "the listing does not advance: empty pages without end"
        raise self._error("ListObjects", prefix, ErrorDetails(200, "ListingStuck", text))

    def _compare_markers(self, last: str, following: str) -> None:
        """Compare a marker of Qiniu with the one that `build_marker` builds."""
        if self.accepts_built_markers is None:
            self.accepts_built_markers = read_marker(following) == last

    def _can_build_markers(self, prefix: str) -> bool:
        """Return whether the service accepts markers that are built from keys.

        A service that interprets them in another way would leave out keys without an error.
        """
        if self.accepts_built_markers is None:
            self.page(prefix, "", "")
        return bool(self.accepts_built_markers)

    def _parsed(
        self, answer: Mapping[str, Any], prefix: str
    ) -> tuple[list[SourceObject], list[str]]:
        try:
            if not answer.keys() & {"items", "commonPrefixes", "marker"}:
                raise LookupError
            objects = self._make_objects(answer.get("items") or ())
            return objects, [str(folder) for folder in answer.get("commonPrefixes") or ()]
        except (LookupError, TypeError, ValueError):
            details = ErrorDetails(200, "BadListing", UNREADABLE_PAGE)
            failed = self._error("ListObjects", prefix, details)
            failed.retryable = True  # it may have been damaged in transit
            raise failed from None

    def _known_marker(self, prefix: str, after: str) -> str:
        """Return Qiniu's own marker behind the last key of a page; empty: none is known."""
        with self._lock:
            return self._markers.get((prefix, after), "")

    def _remember(self, place: tuple[str, str], marker: str) -> None:
        with self._lock:
            self._markers[place] = marker
            if len(self._markers) > _KEPT_MARKERS:
                del self._markers[next(iter(self._markers))]


def parse_fingerprint(found: Mapping[str, Any]) -> Fingerprint:
    """Return the fingerprint in a listing or stat; its time in whole seconds, as the domain's.

    Raises LookupError, TypeError and ValueError.
    """
    size, etag, put_time = int(found["fsize"]), found["hash"], int(found.get("putTime") or 0)
    if not isinstance(etag, str):
        raise TypeError
    mtime_ns = put_time // 10_000_000 * 1_000_000_000 if put_time > 0 else -1
    return Fingerprint(size, mtime_ns, etag)
