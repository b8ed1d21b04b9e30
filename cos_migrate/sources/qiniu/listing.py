"""Listing Qiniu's keys behind any key, although its markers are its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cos_migrate.errors import SourceError
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.key_pages import KeyPage
from cos_migrate.sources.qiniu.services import Failed, Services, made_marker, marker_key
from cos_migrate.sources.source_errors import ErrorDetails

_KEPT_MARKERS = 256
"""Markers of the pages that were listed last."""
_MOST_EMPTY = 10_000
"""Empty pages in a row after which a listing counts as stuck."""


class KeyListing:
    """Pages of a bucket; thread-safe."""

    def __init__(
        self,
        services: Services,
        objects_of: Callable[[Iterable[Mapping[str, Any]]], list[SourceObject]],
        error: Failed,
    ) -> None:
        """`objects_of` makes objects of the items of a page."""
        self._services = services
        self._objects_of = objects_of
        self._error = error
        self._lock = threading.Lock()
        self._markers: dict[tuple[str, str], str] = {}
        self.accepts_made_markers: bool | None = None
        """Whether Qiniu's markers are like those that `made_marker` makes; None: not known yet."""

    def page(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        """Return the next page that is not empty: Qiniu may send empty ones before the end."""
        marker, passed_over = self._given(prefix, after), ""
        if after and not marker:
            passed_over = after
            marker = made_marker(after) if self._makes_markers(prefix) else ""
        for _ in range(_MOST_EMPTY):
            try:
                answer = self._services.list_keys(prefix, marker, delimiter)
            except SourceError as error:
                if error.code != "BadMarker" or not marker or delimiter:
                    raise
                # The service accepts only markers that it gave.
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
        text = "the listing does not get on: empty pages without end"
        raise self._error("ListObjects", prefix, ErrorDetails(200, "ListingStuck", text))

    def _compare_markers(self, last: str, following: str) -> None:
        """Compare a marker that Qiniu gave with the one that is made of the same key."""
        if self.accepts_made_markers is None:
            self.accepts_made_markers = marker_key(following) == last

    def _makes_markers(self, prefix: str) -> bool:
        """Return whether the service understands markers that are made of keys.

        One that reads them otherwise would leave keys out without an error.
        """
        if self.accepts_made_markers is None:
            self.page(prefix, "", "")
        return bool(self.accepts_made_markers)

    def _parsed(
        self, answer: Mapping[str, Any], prefix: str
    ) -> tuple[list[SourceObject], list[str]]:
        try:
            if not answer.keys() & {"items", "commonPrefixes", "marker"}:
                raise LookupError
            objects = self._objects_of(answer.get("items") or ())
            return objects, [str(folder) for folder in answer.get("commonPrefixes") or ()]
        except (LookupError, TypeError, ValueError):
            text = "a page of the listing cannot be understood"
            failed = self._error("ListObjects", prefix, ErrorDetails(200, "BadListing", text))
            failed.retryable = True  # it may have been garbled on its way
            raise failed from None

    def _given(self, prefix: str, after: str) -> str:
        """Return Qiniu's own marker behind a key that ended a page; empty: none is known."""
        with self._lock:
            return self._markers.get((prefix, after), "")

    def _remember(self, place: tuple[str, str], marker: str) -> None:
        with self._lock:
            self._markers[place] = marker
            if len(self._markers) > _KEPT_MARKERS:
                del self._markers[next(iter(self._markers))]


def fingerprint_of(found: Mapping[str, Any]) -> Fingerprint:
    """Return the fingerprint in a listing or stat; its time in whole seconds, as the domain's.

    Raises LookupError, TypeError and ValueError.
    """
    size, etag, put_time = int(found["fsize"]), found["hash"], int(found.get("putTime") or 0)
    if not isinstance(etag, str):
        raise TypeError
    mtime_ns = put_time // 10_000_000 * 1_000_000_000 if put_time > 0 else -1
    return Fingerprint(size, mtime_ns, etag)
