"""The source that reads lists of URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from cos_migrate.errors import Code, SourceError
from cos_migrate.model import (
    Described,
    Fingerprint,
    ListRange,
    Page,
    SourceObject,
    Target,
)
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.etags import strip_etag
from cos_migrate.sources.url_list.answers import format_time, read_description
from cos_migrate.sources.url_list.config import UrlListConfig
from cos_migrate.sources.url_list.listing import UrlLists
from cos_migrate.sources.url_list.requests import UrlSource
from cos_migrate.sources.url_list.urls import (
    mask,
)
from cos_migrate.sources.versions import VersionVerdict, sizes_differ, without_fingerprint

_RECORD = re.compile(r"\[fileSize: (-?[0-9]{1,19})\], \[lastModify: (.*)\]", re.DOTALL)
_UNKNOWN = -1


class UrlListSource(UrlSource):
    """The objects that lists of URLs name."""

    migrate_type = "migrateUrl"
    record_kind = "migrate_from_urllist"
    Config = UrlListConfig
    config: UrlListConfig
    key_file_option: ClassVar[str] = ""
    weak_by_time: ClassVar[bool] = True
    keyed_by_path: ClassVar[bool] = False

    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "401": "urllistPath: the URL requires a login; write it as https://user:password@host/...",
            "403": "urllistPath: the URL may have expired, or require a login",
        }
    )

    def __init__(
        self, config: UrlListConfig, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        self.describes_first = not self.config.is_skip_head
        self._url_lists = UrlLists(self.config.urllist_path)

    def job_text(self) -> str:
        """Return the Java tool's text: the lists and the target folder."""
        path = os.path.abspath(self.config.urllist_path)
        if os.name == "nt":
            path = path.replace("\\", "/")
        if os.path.isdir(path) and not path.endswith("/"):
            path += "/"
        return f"[urlPath: {path}], [cosFolder: {self.target.cos_path}]"

    # -- listing -------------------------------------------------------------------------------

    def ranges(self) -> tuple[ListRange, ...]:
        return tuple(ListRange(path) for path in self._url_lists.files)

    def list_file_paths(self) -> tuple[str, ...]:
        return self._url_lists.files

    def list_page(self, list_range: ListRange, marker: str) -> Page:
        """Return the next page of a list, without keys that were listed before."""
        page = self._url_lists.page(list_range.prefix, marker)
        self.records_secrets = self._url_lists.has_credentials
        return page

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:
        described = read_description(headers)
        _, mtime_ns, etag = described.fingerprint
        if b"content-range" in headers and not etag and mtime_ns < 0:
            text = "without an ETag and a time its parts could be of two versions"
            raise self._url_error(obj, text, Code.RANGE_IGNORED)
        listed = obj.fingerprint
        if strip_etag(etag) == strip_etag(listed.etag):
            # A weak and a strong tag name the same version.
            fingerprint = described.fingerprint._replace(etag=listed.etag)
            return described._replace(fingerprint=fingerprint)
        same_time = 0 <= mtime_ns == listed.mtime_ns
        if b"content-range" in headers and etag and listed.etag and same_time:
            text = "its servers have ETags of their own, so that its parts could be of two versions"
            raise self._url_error(obj, text, Code.RANGE_IGNORED)
        return described

    def verdict(self, listed: Fingerprint, answered: Fingerprint) -> VersionVerdict:
        """Compare an answer; the same time and size are the same version, with any ETags."""
        found = super().verdict(listed, answered)
        same_time = 0 <= listed.mtime_ns == answered.mtime_ns
        if same_time and not sizes_differ(listed, answered):
            return VersionVerdict.SAME
        return found

    def match_listing(
        self,
        obj: SourceObject,
        described: Described,
        headers: Mapping[bytes, bytes],
        *,
        has_content: bool,
    ) -> Described:
        """Accept a GET without the time of HEAD, where both agree on the rest."""
        listed, answered = obj.fingerprint, described.fingerprint
        if (
            has_content
            and not listed.etag
            and answered == (listed.size, _UNKNOWN, "")
            and listed.mtime_ns >= 0
            and self._is_as_by_head(obj, headers)
        ):
            described = described._replace(fingerprint=listed)
        return super().match_listing(obj, described, headers, has_content=has_content)

    def _is_as_by_head(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether HEAD has the size and type that the answer to GET has."""
        names = (b"content-length", b"content-type")
        with self.answer(without_fingerprint(obj), "HEAD", None) as head:
            return all(head.headers.get(name) == headers.get(name) for name in names)

    def contradiction(
        self, obj: SourceObject, text: str, operation: str = "GetObject", status: int = 0
    ) -> SourceError:
        """Return the error of an answer that cannot belong to the object, with a remedy."""
        if self.describes_first:
            text = f"{text}; where HEAD is answered wrongly, isSkipHead=on asks by GET alone"
        return super().contradiction(obj, text, operation, status)

    def describe(self, obj: SourceObject) -> Described:
        """Send HEAD, and GET where the answer to HEAD contradicts the listing."""
        try:
            return super().describe(obj)
        except SourceError as error:
            if error.code != Code.CONTRADICTORY:
                raise
        return self._described_by_get(obj)

    def _described_by_get(self, obj: SourceObject) -> Described:
        with self.answer(obj, "GET", None) as incoming:
            return self.describe_answer(obj, incoming, None)

    def stat(self, obj: SourceObject) -> SourceObject:
        """Send HEAD, and GET where HEAD repeats the listed fingerprint or contradicts it."""
        listed = obj.fingerprint
        answered = super().describe(without_fingerprint(obj)).fingerprint
        if answered == listed or self.verdict(listed, answered) is VersionVerdict.CONTRADICTS:
            answered = self._described_by_get(without_fingerprint(obj)).fingerprint
        self._must_follow(obj, answered)
        return obj._replace(fingerprint=answered)

    # -- records -------------------------------------------------------------------------------

    def record_key(self, obj: SourceObject, cos_path: str) -> str:
        """Return the database key of a URL's record, as the Java tool writes it."""
        return (
            f"[taskType: {self.migrate_type}] [bucket: {self.target.bucket}] "
            f"[cosPath: {cos_path}] [url: {obj.name}]"
        )

    def record_value(self, obj: SourceObject) -> str:
        """Return the Java tool's value: the size, and the time as HTTP writes it."""
        size, mtime_ns, _ = obj.fingerprint
        return f"[fileSize: {size}], [lastModify: {format_time(mtime_ns)}]"

    def is_unchanged(self, obj: SourceObject, recorded: str) -> bool:
        """Return whether the record agrees; a record of the Java tool may lack size and time."""
        found = _RECORD.fullmatch(recorded)
        if not self.describes_first:
            return True
        if not found:
            return False
        size, modified = int(found[1]), found[2]
        if size == _UNKNOWN and not modified:
            return True
        present = obj.fingerprint
        if modified != format_time(present.mtime_ns):
            return False
        return size == present.size or (bool(modified) and _UNKNOWN in {size, present.size})

    def is_weak(self, fingerprint: Fingerprint) -> bool:
        return fingerprint.mtime_ns < 0

    def renewed_value(self, obj: SourceObject, recorded: str) -> str:
        """Return the value of `obj`, as HEAD described it, where the record lacks size and time."""
        value = self.record_value(obj)
        found = _RECORD.fullmatch(recorded)
        blank = found is not None and int(found[1]) == _UNKNOWN and not found[2]
        return value if blank and self.describes_first and value != recorded else ""

    def download_name(self, obj: SourceObject) -> str:
        return f"url: {self.mask(obj.name)}"

    def mask(self, record_key: str) -> str:
        return mask(record_key)
