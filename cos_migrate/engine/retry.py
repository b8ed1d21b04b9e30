"""The pass of --retry-failed: tries what the last run left as failed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from cos_migrate.engine.loop import PassParts
from cos_migrate.engine.migrate import Migration
from cos_migrate.engine.options import MigrationOptions
from cos_migrate.filters import Filters
from cos_migrate.model import Found, Row, SourceObject
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.scan.base import Scan, ScanEnded, Scanned
from cos_migrate.scan.walk import WalkThread

_RUN_IN_FULL = (
    "run in full: not all that the last run of this job left undone is known, since it did not "
    "come to its end, could not list everything, or failed for something that names no object"
)
_NOTHING = "nothing to retry: the last run of this job left nothing as failed"


class Retry(Migration):
    """The pass over the failed objects of one source.

    Those of a cloud are asked about one by one. Files are looked at, and folders walked, by a scan.
    """

    def __init__(
        self,
        parts: PassParts,
        *,
        options: MigrationOptions,
        filters: Filters,
        spool: TempFiles,
    ) -> None:
        self._failed: list[SourceObject] = []
        self._leaves_out = filters.reason_against_folder
        super().__init__(
            parts,
            options=options,
            filters=filters,
            make_scan=partial(_NoScan if parts.source.paged else WalkThread, self._scan_again),
            spool=spool,
        )
        self._abandoned.keep_others()

    def _scan_again(self) -> Iterator[Found | Row]:
        return self._source.scan_again(self._failed, self._leaves_out)

    def _objects_to_retry(self) -> Iterator[SourceObject]:
        failures = self._committer.failures
        self._failed = list(self._failed_before())
        if not self._failed and failures.are_whole:
            self._report.announce(_NOTHING)
        return iter(self._failed if self._source.paged else ())

    def _finish(self) -> None:
        complete = self._list_complete and not self._stopping
        self._committer.end(is_complete=complete, has_seen_all=complete)
        self._warn_of_filters()

    def _is_complete(self) -> bool:
        complete = super()._is_complete()
        if not self._committer.failures.are_whole:
            self._report.error(_RUN_IN_FULL)
            return False
        return complete


class _NoScan(Scan):
    """The scan of a source that is asked about single objects: it is over at once."""

    def __init__(
        self,
        _scan: Callable[[], Iterator[Found | Row]],
        post: Callable[[Scanned | ScanEnded], None],
    ) -> None:
        self._post = post

    def start(self) -> None:
        """Post the end."""
        self._post(ScanEnded(None))

    def allow_more(self) -> None:
        """Do nothing: there are no batches."""

    def stop(self) -> None:
        """Do nothing: the end has been posted."""
