"""Sources that are buckets, listed by a prefix or a file of keys, in the order of keys or not."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, TypeVar

from cos_migrate.config.cloud import BucketSection
from cos_migrate.errors import Code, SourceError
from cos_migrate.http.client import Request
from cos_migrate.http.routes import Proxy
from cos_migrate.http.s3xml import read_tags
from cos_migrate.http.time_limits import Timeouts
from cos_migrate.model import Described, Found, ListRange, Page, SourceObject, Target
from cos_migrate.sources import xml_characters
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.carried import with_storage_class
from cos_migrate.sources.http_source import HttpSource
from cos_migrate.sources.key_pages import KeyPage, verify_page
from cos_migrate.sources.list_files import KeyFile
from cos_migrate.sources.metadata import StorableMetadata
from cos_migrate.sources.object_tags import convert_tags, count_tags
from cos_migrate.sources.shared_keys import names_with_same_key, shared_key_text
from cos_migrate.sources.source_errors import ErrorAnswer, ErrorDetails, bad_answer_text
from cos_migrate.sources.versions import UNKNOWN

if TYPE_CHECKING:
    from cos_migrate.sources.bucket_inventory import BucketInventory
    from cos_migrate.sources.inventory import Row

T = TypeVar("T")

_TAGS_MOST = 64 << 10
"""Bytes that are read of an object's tags."""

REACH_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "BadAnswer": "endPoint and proxyHost",
        "CertificateInvalid": "endPoint, and at [common] caFile",
        "ConnectionRefused": "endPoint, proxyHost, proxyPort and srcHttps",
        "ForeignAnswer": "endPoint and proxyHost",
        "NameNotResolved": "endPoint and proxyHost",
        "ProxyRefused": "proxyHost and proxyPort",
        "Redirected": "srcHttps, endPoint and proxyHost",
        "TlsFailed": "srcHttps, endPoint and proxyHost",
    }
)
"""`advice` for servers that cannot be reached by the keys of `CloudAccess`."""


class BucketSource(HttpSource):
    """A bucket: the objects whose keys begin with a prefix, or those that a file of keys names."""

    config: BucketSection

    def __init__(
        self, config: BucketSection, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        self._base = folder_of_prefix(self.prefix)
        self._key_file = KeyFile(self.parse_key_line)

    @property
    def prefix(self) -> str:
        """The beginning of the keys to migrate."""
        return self.config.listed_prefix

    @property
    def key_file(self) -> str:
        """Path of the file of keys; empty: the bucket is listed."""
        return self.config.key_file

    def timeouts(self) -> Timeouts:
        """Return the time-outs that the section sets; without any, the default ones."""
        settings = self.config.connection_settings
        if settings is None:
            return super().timeouts()
        limits = settings.connect_ms / 1000, settings.silence_ms / 1000
        return Timeouts(*limits, self.options.request_timeout)

    def proxy(self) -> Proxy | None:
        """Return the proxy that the section names; a section without such keys uses COS's proxy."""
        settings = self.config.connection_settings
        if settings is None:
            return self.options.proxy
        return Proxy.of(settings.proxy_host, settings.proxy_port) if settings.proxy_host else None

    def fetch_xml(
        self,
        operation: str,
        target: str,
        request: Request,
        most: int,
        parse: Callable[[bytes], T],
    ) -> T:
        """Return the parsed XML, of at most `most` bytes, that answers a request.

        Raises SourceError.
        """
        answer = self.fetch_document(operation, target, request, most)
        return self.parse_xml(operation, target, answer, parse)

    def parse_xml(
        self, operation: str, target: str, answer: ErrorAnswer, parse: Callable[[bytes], T]
    ) -> T:
        """Return the parsed XML of an answer; `parse` raises ValueError for any other document.

        Raises SourceError.
        """
        try:
            return parse(answer.body)
        except ValueError as error:
            code, text = "BadAnswer", bad_answer_text(error)
            unreadable = xml_characters.find_illegal_character(answer.body)
            if unreadable:
                code, text = xml_characters.UNREADABLE, unreadable
            raise self.bad_answer_error(operation, target, text, code) from error

    # -- listing ---------------------------------------------------------------------------------

    def ranges(self) -> tuple[ListRange, ...]:
        """Return one range to list: the file of keys, or all keys that begin with the prefix."""
        return (ListRange(self.key_file or self.prefix),)

    def list_page(self, list_range: ListRange, marker: str) -> Page:
        """Return a page of the file of keys, or of the bucket."""
        if self.key_file:
            return self._key_file.page(list_range.prefix, marker)
        return self.list_bucket(list_range, marker)

    @abc.abstractmethod
    def list_bucket(self, list_range: ListRange, marker: str) -> Page:
        """Return the page of the bucket's listing that follows `marker`, as `list_page` does."""

    def parse_key_line(self, line: str, number: int) -> Found | None:  # noqa: ARG002 - for messages
        """Return the object that a line of the file of keys names; None for a blank line."""
        return SourceObject(line, self.key_of(line), UNKNOWN) if line else None

    def object_at(self, key: str) -> SourceObject:
        """Return the object that has a key below `cosPath`."""
        return SourceObject(self._base + key, key, UNKNOWN)

    def key_of(self, name: str) -> str:
        """Return the key below `cosPath` of the object `name`."""
        return name.removeprefix(self._base)


class KeyOrderedSource(BucketSource):
    """A bucket that lists its keys in the order of their bytes, behind any key.

    Such a listing can be cut anywhere, so that several ranges of it are listed at once.
    """

    # The order of the keys is verified, and repeated lines of a file of keys are passed over.
    may_repeat = False
    tag_count_header: ClassVar[bytes] = b""
    """The header of GET and HEAD with the number of tags; empty: objects have none."""

    @property
    def inventory_columns(self) -> tuple[str, ...]:
        """Columns that an inventory needs; without them each object costs a HEAD."""
        return ("size", "etag", *(("storageclass",) if self.options.lists_classes else ()))

    def __init__(
        self, config: BucketSection, target: Target, options: SourceOptions | None = None
    ) -> None:
        super().__init__(config, target, options)
        self._inventory: BucketInventory | None = None
        if config.inventory_place:
            from cos_migrate.sources.bucket_inventory import BucketInventory  # noqa: PLC0415 - rare

            self._inventory = BucketInventory(self)
            # A version may be named twice.
            self.may_repeat = True

    @property
    def lists_in_target_order(self) -> bool:
        """Whether the bucket is listed, and neither a file of keys nor an inventory."""
        return not (self.key_file or self._inventory)

    @property
    def reordered_prefix(self) -> str:
        """The prefix of names whose order on COS differs, where leading slashes are dropped."""
        base = folder_of_prefix(self.prefix)
        is_dropped = self.target.cos_path == "/" or not base
        return f"{base}/" if is_dropped and self.prefix == base else ""

    @abc.abstractmethod
    def list_keys(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        """Return the next page of keys that begin with `prefix` and come after `after`.

        A `delimiter` folds keys into common prefixes, as in S3. Raises SourceError.
        """

    def object_of_row(self, row: Row) -> Found:
        """Return the object that a row of an inventory names."""
        kind = row.storage_class if self.options.lists_classes else ""
        return SourceObject(row.key, self.key_of(row.key), row.fingerprint, storage_class=kind)

    def list_file_paths(self) -> Iterable[str]:
        """Return the files of keys, and the manifest of an inventory."""
        place = self.config.inventory_place
        return [*super().list_file_paths(), *([place] if place else [])]

    def ranges(self) -> tuple[ListRange, ...]:
        """Return the data files of an inventory as ranges; without one, as other buckets do."""
        return self._inventory.ranges() if self._inventory else super().ranges()

    def list_page(self, list_range: ListRange, marker: str) -> Page:
        """Return a page of an inventory; without one, as other buckets do."""
        if self._inventory:
            return self._inventory.page(list_range.prefix, marker)
        return super().list_page(list_range, marker)

    def request_listing(self) -> None:
        """Request a page of keys, also where a file names them. Raises SourceError."""
        if list(self.list_file_paths()):
            self.list_keys("", "", "")
        else:
            super().request_listing()

    @property
    def lists_behind_any_key(self) -> bool:
        """Whether the bucket is listed, and neither a file of keys nor an inventory."""
        return not (self.key_file or self._inventory)

    def list_bucket(self, list_range: ListRange, marker: str) -> Page:
        """Return the next page of a range; prefix and order of its keys are verified."""
        return verify_page(
            self.list_keys(list_range.prefix, marker or list_range.after, ""), list_range, marker
        )

    # -- keys that become one on COS, which drops leading slashes ---------------------------------

    def names_with_same_key(self, obj: SourceObject) -> Iterable[str]:
        """Return the names with fewer leading slashes that have the same key on COS as `obj`."""
        key = self.key_of(obj.name)
        return names_with_same_key(self.target, obj._replace(key=key)) if key[:1] == "/" else ()

    def refuse_shared_key(self, obj: SourceObject) -> None:
        """Raise SourceError when an object with fewer leading slashes has the same key on COS."""
        for name in self.names_with_same_key(obj):
            try:
                with self.answer(SourceObject(name, "", UNKNOWN), "HEAD", None):
                    pass
            except SourceError as error:
                # S3 answers 403 for a missing key to accounts that may not list.
                if error.status not in {403, 404}:
                    raise
            else:
                details = ErrorDetails(0, "SameTarget", shared_key_text(name))
                raise self.error("GetObject", obj.name, details)

    def takes_one_request(self, obj: SourceObject) -> bool:
        """Return whether it has no tags, and no other object can have the same key on COS."""
        # Only the answer states whether there are tags.
        return not self.options.copy_tags and not any(self.names_with_same_key(obj))

    def complete_description(self, obj: SourceObject, described: Described) -> Described:
        """Refuse an object that shares its key on COS with another; add its tags."""
        self.refuse_shared_key(obj)
        return self._with_tags(obj, described) if described.tag_count else described

    # -- what is carried over besides --------------------------------------------------------------

    def with_carried(self, described: Described, headers: Mapping[bytes, bytes]) -> Described:
        """Add to a description the class, tags and time to carry over, as an answer states them."""
        options = self.options
        if options.storage_classes:
            described = with_storage_class(described, options.storage_classes)
        if options.copy_tags:
            described = described._replace(tag_count=count_tags(headers, self.tag_count_header))
        return described

    def tagging_request(self, obj: SourceObject) -> Request:
        """Return the request for the tags of an object."""
        raise NotImplementedError

    def _with_tags(self, obj: SourceObject, described: Described) -> Described:
        """Add the tags of an object to its description. Raises SourceError."""
        try:
            tags = self.fetch_xml(
                "GetObjectTagging", obj.name, self.tagging_request(obj), _TAGS_MOST, read_tags
            )
        except SourceError as error:
            if error.retryable or error.fatal or error.credentials_ended:
                raise
            if error.code == Code.NO_SUCH_KEY:
                raise
            text = f"its tags are not carried over: the source refuses them ({error.code})"
            found = StorableMetadata({}, (text,))
        else:
            found = convert_tags(tags)
        return described._replace(
            headers={**described.headers, **found.headers},
            warnings=(*described.warnings, *found.warnings),
            tag_count=0,
        )


def folder_of_prefix(prefix: str) -> str:
    """Return the part of a prefix that keys on COS lack: all up to its last `/`."""
    return prefix[: prefix.rfind("/") + 1]
