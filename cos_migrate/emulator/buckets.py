"""Buckets: the check that one exists, and its listing."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cos_migrate.emulator.acl import OWNER
from cos_migrate.emulator.checks import STORAGE_CLASS
from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Answer, Request
from cos_migrate.emulator.store import Store
from cos_migrate.emulator.xml import document, iso_time, tag

BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{0,60}-[0-9]{1,20}")
_PAGE = 1000
_LAST = "\U0010ffff"


class Page(NamedTuple):
    """One page of a listing."""

    keys: list[str]
    groups: list[str]
    """Common prefixes."""
    following: str
    """Marker of the next page; empty for the last page."""


class BucketOperations:
    """The operations on buckets; without a list of names, every name with an APPID exists."""

    def __init__(self, store: Store, names: Iterable[str] | None) -> None:
        self._store = store
        self._names = set(names) if names is not None else None
        self.table: dict[str, Callable[[Request, str, str], Answer]] = {
            "GetBucket": self._list,
            "HeadBucket": lambda *_: Answer(),
        }

    def check(self, bucket: str) -> None:
        """Raise Refusal unless a bucket exists."""
        if not BUCKET.fullmatch(bucket) or (self._names is not None and bucket not in self._names):
            raise Refusal("NoSuchBucket", "The specified bucket does not exist.")

    def _list(self, request: Request, bucket: str, _: str) -> Answer:
        """GET Bucket (List Objects), version 1."""
        prefix, delimiter = request.param("prefix"), request.param("delimiter")
        marker, most = request.param("marker"), request.number("max-keys", _PAGE, _PAGE)
        page = page_of(self._store.keys(bucket), prefix, delimiter, marker, most)
        key_element = request.key_element
        inner = tag("Name", bucket) + request.encoding_tag + key_element("Prefix", prefix)
        inner += key_element("Marker", marker) + tag("MaxKeys", str(most))
        inner += key_element("Delimiter", delimiter) if delimiter else ""
        inner += tag("IsTruncated", "true" if page.following else "false")
        inner += key_element("NextMarker", page.following) if page.following else ""
        parts = [self._entry(request, bucket, key) for key in page.keys]
        parts += [
            f"<CommonPrefixes>{key_element('Prefix', g)}</CommonPrefixes>" for g in page.groups
        ]
        return Answer(body=document("ListBucketResult", inner + "".join(parts)))

    def _entry(self, request: Request, bucket: str, key: str) -> str:
        try:
            stored = self._store.get(bucket, key)
        except Refusal:  # deleted since the keys were listed
            return ""
        storage = stored.headers.get(STORAGE_CLASS, "STANDARD")
        return (
            f"<Contents>{request.key_element('Key', key)}"
            f"<LastModified>{iso_time(stored.modified)}</LastModified>"
            f"<ETag>&quot;{stored.etag}&quot;</ETag><Size>{stored.size}</Size>"
            f"{OWNER}<StorageClass>{storage}</StorageClass></Contents>"
        )


def page_of(keys: list[str], prefix: str, delimiter: str, marker: str, most: int) -> Page:
    """Return at most `most` keys and common prefixes after `marker`."""
    at = bisect_left(keys, prefix)
    if marker:
        at = max(at, bisect_right(keys, marker))
        if delimiter and marker.startswith(prefix) and _group(marker, prefix, delimiter) == marker:
            at = max(at, bisect_left(keys, marker + _LAST))
    page = Page([], [], "")
    last = ""
    while at < len(keys) and keys[at].startswith(prefix):
        if len(page.keys) + len(page.groups) == most:
            return page._replace(following=last)
        key = keys[at]
        group = _group(key, prefix, delimiter)
        last = group or key
        if group:
            page.groups.append(group)
            at = max(at + 1, bisect_left(keys, group + _LAST))
        else:
            page.keys.append(key)
            at += 1
    return page


def _group(key: str, prefix: str, delimiter: str) -> str:
    """Return the common prefix of a key, or an empty text."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: end + len(delimiter)] if end >= 0 else ""
