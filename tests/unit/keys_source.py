"""A source in memory that lists keys in their order, as S3 does, and fails where it is told to."""

from __future__ import annotations

import bisect
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from cos_migrate.config.cloud import BucketSection
from cos_migrate.http.client import Request
from cos_migrate.http.routes import Proxy
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.model import Described, Fingerprint, ListRange, SourceObject, Target
from cos_migrate.sources.bucket import KeyOrderedSource
from cos_migrate.sources.key_pages import KeyPage

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/")


class KeysSource(KeyOrderedSource):
    """`before` is called with (prefix, after, delimiter) of each request, and may raise."""

    keyed_by_path = False
    migrate_type = "migrateKeys"
    record_kind = "keys"
    Config = BucketSection

    def __init__(
        self,
        keys: Iterable[str],
        page: int = 3,
        before: Callable[[str, str, str], object] = lambda *_: None,
        latency: float = 0.0,
    ) -> None:
        super().__init__(BucketSection(), TARGET)
        self.keys = sorted(set(keys))
        self.page = page
        self.before = before
        self.latency = latency
        """Seconds that each answer takes."""
        self.most_at_once = 0
        self._under_way = 0
        self.requests: list[tuple[str, str, str]] = []
        self._lock = threading.Lock()

    def timeouts(self) -> Timeouts:
        return Timeouts()

    def proxy(self) -> Proxy | None:
        return None

    def job_text(self) -> str:
        return "keys"

    def origin(self) -> str:
        return "keys"

    @property
    def prefix(self) -> str:
        return ""

    @property
    def key_file(self) -> str:
        return ""

    def list_keys(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        with self._lock:
            self.requests.append((prefix, after, delimiter))
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            self.before(prefix, after, delimiter)
            if self.latency:
                time.sleep(self.latency)
        finally:
            with self._lock:
                self._under_way -= 1
        first = max(bisect.bisect_right(self.keys, after), bisect.bisect_left(self.keys, prefix))
        behind = itertools.islice(self.keys, first, None)
        inside = itertools.takewhile(lambda key: key.startswith(prefix), behind)
        folded: dict[str, None] = {}
        entries: list[str] = []
        for key in inside:
            head, found, _ = key[len(prefix) :].partition(delimiter or "\n")
            if delimiter and found:
                folded[prefix + head + delimiter] = None
            elif len(entries) <= self.page:
                entries.append(key)
            elif not delimiter:
                break
        kept = entries[: self.page]
        objects = [SourceObject(key, key, Fingerprint(1, -1, "e")) for key in kept]
        return KeyPage(objects, list(folded), len(entries) > self.page)

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        raise NotImplementedError

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:
        raise NotImplementedError

    def record_key(self, obj: SourceObject, cos_path: str) -> str:
        return f"{obj.name} {cos_path}"

    def record_value(self, obj: SourceObject) -> str:
        return obj.fingerprint.etag


def keys_of(list_range: ListRange, marker: str, keys: Iterable[str]) -> set[str]:
    """Return those of `keys` that a range still holds behind a marker."""
    first = max(list_range.after, marker)
    return {
        key
        for key in keys
        if key.startswith(list_range.prefix)
        and key > first
        and (not list_range.until or key <= list_range.until)
    }
