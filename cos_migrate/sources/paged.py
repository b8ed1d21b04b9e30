"""Sources that are listed page by page."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Iterator
from typing import ClassVar

from cos_migrate.config.options import values_of
from cos_migrate.errors import SourceError
from cos_migrate.model import Found, ListRange, Page, SourceObject
from cos_migrate.sources.base import Source
from cos_migrate.sources.list_files import file_version


class PagedSource(Source):
    """A source that is listed page by page, in ranges that together contain all objects."""

    resumes_listing: ClassVar[bool] = True
    keyed_by_path: ClassVar[bool] = True
    key_file_option: ClassVar[str] = "uriList"
    """The key of the section that names a file of keys to migrate instead of a listing."""
    lists_at_same_host: ClassVar[bool] = True
    """Whether listings and objects come from the same host, by the same credentials."""

    @property
    def lists_in_target_order(self) -> bool:
        """Whether one range lists all objects in the order of their keys on COS.

        Those whose names begin with `reordered_prefix` are excepted.
        """
        return False

    @property
    def reordered_prefix(self) -> str:
        """The prefix of names that have another order on COS; empty: there are none."""
        return ""

    @property
    def paged(self) -> PagedSource:
        """This source, as one that is listed page by page."""
        return self

    def record_key(self, obj: SourceObject, cos_path: str) -> str:  # noqa: ARG002 - the path is enough
        """Return the database key of an object's record, as the Java tool writes it."""
        return (
            f"[taskType: {self.migrate_type}] [bucket: {self.target.bucket}] [cosPath: {cos_path}]"
        )

    def record_value(self, obj: SourceObject) -> str:
        """Return the value of an object's record, as the Java tool writes it."""
        size, _, etag = obj.fingerprint
        return f"[fileSize: {size}] [etag: {etag}]"

    @property
    def lists_behind_any_key(self) -> bool:
        """Whether a range can begin behind any text, in the order of the names.

        Such a listing is cut without `split`.
        """
        return False

    def ranges(self) -> tuple[ListRange, ...]:
        """Return the ranges that together contain all objects: by default one without a name."""
        return (ListRange(""),)

    @abc.abstractmethod
    def list_page(self, list_range: ListRange, marker: str) -> Page:
        """Return the page of a range that follows `marker` (empty: the first).

        Called from several threads. Raises SourceError (made by `error`), retryable where another
        try may help.
        """

    def split(self, list_range: ListRange, marker: str) -> tuple[ListRange, ListRange] | None:  # noqa: ARG002
        """Split the rest of a range behind `marker` in two; None where it cannot be split.

        The first of the two continues with `marker`, the second starts at its beginning.
        """
        return None

    @property
    def listing_proves_access(self) -> bool:
        """Whether a listed page proves that the source accepts requests for objects.

        The page of a list file proves nothing.
        """
        return self.lists_at_same_host and not list(self.list_file_paths())

    def request_listing(self) -> None:
        """Request the first page of a range that is no file. Raises SourceError."""
        files = set(self.list_file_paths())
        for list_range in self.ranges():
            if list_range.prefix not in files:
                self.list_page(list_range, "")
                return

    def origin(self) -> str:
        """Return the job and every key of the section that can change the listing."""
        keys = [
            f"{option.key}={value}"
            for option, value in values_of(self.config)
            if not option.secret and not option.access
        ]
        return "\n".join([self.job_text(), *keys, *map(file_version, self.list_file_paths())])

    def list_file_paths(self) -> Iterable[str]:
        """Return the paths of the list files in use.

        A position in a file becomes invalid when the file is written: lines could be left out.
        """
        return [value for option, value in values_of(self.config) if option.path and value]

    def scan(self) -> Iterator[Found]:
        """Yield the objects of all ranges, one range after the other."""
        waiting = list(self.ranges())
        problem = None
        while waiting:
            list_range, marker = waiting.pop(0), ""
            while True:
                page = self.list_page(list_range, marker)
                yield from page.found
                waiting += page.more
                problem = problem or page.problem
                marker = page.next
                if not marker:
                    break
        if problem:
            raise SourceError(problem.message, operation=problem.operation, code=problem.code)
