"""Stand-ins for what a run changes: a dry run counts what would be sent, and changes nothing.

The pipeline between them is that of a run: the same scan, filters, plan and big objects. A copy of
the records is read, tasks that would write or read a body are answered at once, and what would be
recorded is dropped.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast

from cos_migrate.config.values import TimeWindow
from cos_migrate.engine.billing import LeastBilled
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.options import MigrationOptions
from cos_migrate.engine.retry_committer import RetryCommitter
from cos_migrate.engine.spot_check import SpotCheck, SpotCheckResult
from cos_migrate.engine.transfer import Transfer
from cos_migrate.errors import MigrateError, SourceChanged
from cos_migrate.model import SourceObject, Status, failure_of
from cos_migrate.pools.dry_pools import DryPools
from cos_migrate.pools.job import Job
from cos_migrate.pools.limiter import Limiter
from cos_migrate.pools.results import (
    AGREES,
    DONE,
    FAILED,
    Completed,
    Content,
    Digested,
    Initiated,
    ListedParts,
    PartStored,
    Result,
)
from cos_migrate.pools.tasks import (
    CompleteUpload,
    CopyObject,
    CopyPart,
    Digest,
    InitiateUpload,
    ListParts,
    NumberedTask,
    ProbeUpload,
    PutObject,
    Task,
    TaskKind,
    UploadPart,
    source_object,
)
from cos_migrate.pools.worker_handles import Post
from cos_migrate.pools.worker_team import Launch
from cos_migrate.processes.liveness import WaitLimits
from cos_migrate.report import lines
from cos_migrate.report.report import Report
from cos_migrate.report.summary import Estimate
from cos_migrate.scan.positions import Positions
from cos_migrate.sources.base import Source
from cos_migrate.state.dry_copy import copied_store
from cos_migrate.state.save_points import SavePoints
from cos_migrate.state.store import RecordStore

_ALWAYS = TimeWindow(0, 24 * 60)
_LISTED_AT_ONCE = 1_000
"""Parts on one page of ListParts."""
_OPERATIONS: dict[int, str] = {
    TaskKind.PUT_OBJECT: "PutObject",
    TaskKind.COPY_OBJECT: "CopyObject",
    TaskKind.INITIATE_UPLOAD: "InitiateMultipartUpload",
    TaskKind.PROBE_UPLOAD: "InitiateMultipartUpload",
    TaskKind.UPLOAD_PART: "UploadPart",
    TaskKind.COPY_PART: "UploadPartCopy",
    TaskKind.COMPLETE_UPLOAD: "CompleteMultipartUpload",
    TaskKind.ABORT_UPLOAD: "AbortMultipartUpload",
}
"""The requests to COS that tasks consist of; ListParts may take several."""


class DryRun:
    """Answers the tasks of one dry run, and counts what they would do."""

    def __init__(self, source: Source, least_billed: LeastBilled) -> None:
        self._source = source
        self._least_billed = least_billed
        self._save_points: SavePoints | None = None
        self._requests: collections.Counter[str] = collections.Counter()
        self._size = self._read = self._unknown = self._billed = self._uploads = 0

    def options(self, options: MigrationOptions) -> MigrationOptions:
        """Return the options of a run that waits for no time, and sends no request of its own."""
        return options._replace(
            make_committer=partial(
                _DryRetryCommitter if options.retry_failed else DryCommitter,
                note_billed=self._note_billed,
            ),
            window=_ALWAYS,
            restores=None,
            spot_check=self._make_spot_check if options.spot_check else None,
        )

    def _make_spot_check(
        self, _: Sequence[str], post: Callable[[SpotCheckResult], None]
    ) -> SpotCheck:
        return _AnsweredSpotCheck(post, self.note_look)

    @contextmanager
    def open_state(
        self,
        database: Path,
        tmp_folder: Path,
        job: str,
        *,
        max_open_files: int,
        notify: Callable[[str], None],
    ) -> Iterator[RecordStore]:
        """Open a copy of the records, as `copied_store` does."""
        with copied_store(
            database, tmp_folder, job, max_open_files=max_open_files, notify=notify
        ) as state:
            # What a scan may repeat is found by the record of its first sending.
            state.keeps_writes = self._source.may_repeat
            self._save_points = SavePoints(state, self._source.target.bucket)
            yield state

    def make_pools(
        self,
        job: Job,
        processes: int,
        post: Post,
        launch: Launch,
        limits: WaitLimits,
        limiter: Limiter,
    ) -> DryPools:
        """Return pools that carry out nothing but looks, as many at once as small transfers."""
        job = job._replace(big_transfers=max(job.small_transfers, job.big_transfers))
        return DryPools(job, processes, post, launch, limits, limiter, self)

    def estimate(self) -> Estimate:
        """Return what has been counted."""
        return Estimate(
            bytes_to_send=self._size,
            requests=dict(self._requests),
            unknown_size=self._unknown,
            bytes_from_source=self._read,
            bytes_billed_besides=self._billed,
        )

    def note_look(self) -> None:
        """Count a look at COS."""
        self._requests["HeadObject"] += 1

    def answer(self, task: NumberedTask) -> Result:
        """Return the result of a task that succeeds, where the source lets it begin."""
        number, kind, content = task
        try:
            answer = self._answer_of(content)
        except MigrateError as error:
            return (number, FAILED, failure_of(error))
        if kind in _OPERATIONS:
            self._requests[_OPERATIONS[kind]] += 1
        return (number, DONE, answer)

    def _answer_of(self, task: Task) -> Content:
        """Return the content of a result; count bytes. Raises SourceError."""
        if type(task) is tuple:
            return self._put(cast("PutObject", task))
        if isinstance(task, CopyObject):
            self._count_object(task.obj.fingerprint.size)
            return ("", "", -1, *task.obj.fingerprint, "")
        if isinstance(task, Digest):
            self._must_open(task.obj)
            return Digested("", None)
        if isinstance(task, InitiateUpload):
            self._must_open(task.obj)
            self._uploads += 1
            return Initiated(f"dry-run-{self._uploads}")
        if isinstance(task, ListParts):
            return self._listed(task)
        if isinstance(task, UploadPart | CopyPart):
            self._size += task.length
            self._read += task.length if isinstance(task, UploadPart) else 0
            return PartStored("", checked=AGREES)
        if isinstance(task, CompleteUpload):
            return Completed("", "", "")
        return Initiated("") if isinstance(task, ProbeUpload) else None

    def _put(self, task: PutObject) -> Content:
        name, size, mtime_ns, etag, is_folder, _, _ = task
        obj = source_object(name, size, mtime_ns, etag, is_folder=is_folder)
        try:
            self._must_open(obj)
        except SourceChanged:
            obj = self._source.stat(obj)
        self._count_object(obj.fingerprint.size)
        self._read += max(0, obj.fingerprint.size)
        size, mtime_ns, etag = obj.fingerprint
        return ("", "", -1, max(0, size), mtime_ns, etag, "")

    def _count_object(self, size: int) -> None:
        """Count an object that one request would send or copy."""
        if size < 0:
            self._unknown += 1
        else:
            self._size += size

    def _note_billed(self, obj: SourceObject) -> None:
        """Count the bytes that are billed beyond the size of an object that would be sent."""
        size = obj.fingerprint.size
        if size >= 0:
            self._billed += max(0, self._least_billed.of(obj.storage_class) - size)

    def _must_open(self, obj: SourceObject) -> None:
        """Open a file of this machine, without reading it. Raises SourceError."""
        if self._source.is_local:
            self._source.describe(obj)

    def _listed(self, task: ListParts) -> ListedParts:
        """Return the recorded parts: COS has them, unless the upload was ended by other means."""
        found = self._save_points.find(task.cos_path) if self._save_points else None
        parts = found.parts if found else ()
        self._requests["ListParts"] += max(1, -(-len(parts) // _LISTED_AT_ONCE))
        return ListedParts([(part.number, part.etag, part.size) for part in parts])


class _AnsweredSpotCheck(SpotCheck):
    """A spot check that finds its first object, without a request."""

    def __init__(
        self, post: Callable[[SpotCheckResult], None], note_look: Callable[[], None]
    ) -> None:
        self._post = post
        self._note_look = note_look

    def start(self) -> None:
        """Count one look, and post its result."""
        self._note_look()
        self._post(SpotCheckResult())

    def stop(self) -> None:
        """Do nothing."""


class DryCommitter(Committer):
    """A committer whose lines say what a run would send."""

    def __init__(
        self,
        source: Source,
        state: RecordStore,
        report: Report,
        positions: Positions | None = None,
        *,
        note_billed: Callable[[SourceObject], None],
    ) -> None:
        """`note_billed` takes each object that would be sent."""
        super().__init__(source, state, report, positions)
        self._note_billed = note_billed

    def settle_sent(
        self,
        transfer: Transfer,
        request_id: str,
        unverified: str,
        crc64: int = -1,
        etag: str = "",
    ) -> None:
        """Settle an object that would be sent."""
        self._note_billed(transfer.obj)
        super().settle_sent(transfer, request_id, unverified, crc64, etag)

    def note_progress(self, transfer: Transfer, sent: int) -> None:
        """Print nothing."""

    def _sent_lines(self, transfer: Transfer, request_id: str) -> str:  # noqa: ARG002 - there is none
        status = Status.UPDATE if transfer.is_update else Status.NEW
        return lines.to_be_sent(status, self._shown(transfer.record_key))


class _DryRetryCommitter(DryCommitter, RetryCommitter):
    """The same for objects that failed before."""
