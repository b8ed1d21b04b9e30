"""The big objects of a run: those that wait, and those under way, each with its upload."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from cos_migrate.cos.encryption import new_envelope
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.multipart_upload import MultipartUpload
from cos_migrate.engine.options import UploadOptions
from cos_migrate.engine.rules import CopyOptions, part_size_for
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.upload_step import NOTHING, UploadStep
from cos_migrate.model import Described, Failure
from cos_migrate.pools.results import UNSTARTED, Content, TargetExists
from cos_migrate.pools.tasks import Task
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.report.report import Report
from cos_migrate.report.sinks import Unfinished
from cos_migrate.text import printable

_WAITING_MOST = 10_000
"""Big objects that may wait before the scan is held up."""


class BigObject(NamedTuple):
    """A big object that is being sent."""

    transfer: Transfer
    upload: MultipartUpload


Failed = tuple[Transfer, Failure]
"""An object that failed, and why."""


class BigObjects:
    """Queue of the big objects of one run, and the uploads under way."""

    def __init__(
        self,
        *,
        options: UploadOptions,
        copies: CopyOptions,
        at_once: Callable[[], int],
        committer: Committer,
        spool: TempFiles,
        report: Report,
    ) -> None:
        """`at_once` returns how many are sent at once."""
        self._options = options
        self._copies = copies
        self._at_once = at_once
        self._committer = committer
        self._spool = spool
        self._report = report
        self._waiting: collections.deque[Transfer] = collections.deque()
        self.under_way: list[BigObject] = []
        """Oldest first."""

    @property
    def hashed_at_once(self) -> int:
        """How many files may be hashed at once, a little ahead of sending."""
        return max(1, self._at_once() // 4)

    def __bool__(self) -> bool:
        return bool(self._waiting or self.under_way)

    @property
    def is_full(self) -> bool:
        """Whether no more should be queued for now."""
        return len(self._waiting) >= _WAITING_MOST

    def unfinished(self) -> list[Unfinished]:
        """Return how much has been sent of each object under way, oldest first."""
        under_way = [(big.transfer, big.upload.state.sent) for big in self.under_way]
        return [Unfinished(of.cos_path, sent, of.obj.fingerprint.size) for of, sent in under_way]

    @property
    def bytes_on_their_way(self) -> int:
        """Bytes sent so far of the parts that are under way."""
        return sum(sum(big.upload.state.parts.in_flight.values()) for big in self.under_way)

    def cos_paths(self) -> list[str]:
        """Return the target paths of all that wait or are under way."""
        waiting = [transfer.cos_path for transfer in self._waiting]
        return waiting + [big.transfer.cos_path for big in self.under_way]

    def enqueue(self, transfer: Transfer) -> None:
        """Queue an object."""
        self._waiting.append(transfer)

    def begin(self, *, copying: bool) -> list[Failed]:
        """Begin to send waiting objects, while there is room; return the ones that failed at once.

        `copying`: whether COS copies objects.
        """
        while self._waiting and len(self.under_way) < self._at_once():
            transfer = self._waiting.popleft()
            transfer.began = time.monotonic()
            self.under_way.append(BigObject(transfer, self._upload_of(transfer, copying=copying)))
        return self._assign_files()

    def objects_to_hash(self) -> list[BigObject]:
        """Return the objects whose next task hashes a file of this machine."""
        return [
            big for big in self.under_way if big.upload.state.hashes_file and big.upload.state.ready
        ]

    def collect(self, big: BigObject, task: Task, kind: int, result: Content) -> Failure | None:
        """Take the result of a task; return why the object failed, if it did."""
        upload = big.upload
        if kind == UNSTARTED:
            step = upload.give_back(task)
        elif isinstance(result, Failure):
            step = upload.collect_failure(task, result)
        elif isinstance(result, Described):
            upload.collect_description(result)
            step = NOTHING
        elif isinstance(result, TargetExists):
            self._committer.uploads.apply(upload.end_as_existing())
            self._end(big)
            self._committer.settle_existing(big.transfer, newer=result.is_newer)
            return None
        else:
            step = upload.collect(task, result)
        return self._follow(big, step)

    def note_progress(self, big: BigObject, task: Task, sent: int) -> None:
        """Note that `sent` bytes of a task's transfer have passed."""
        big.upload.note_progress(task, sent)
        self._committer.note_progress(big.transfer, big.upload.state.sent)

    def _follow(self, big: BigObject, step: UploadStep) -> Failure | None:
        """Carry out a step; return why the object failed, if it did."""
        transfer, upload = big
        self._committer.uploads.apply(step)
        if step.part:
            self._committer.note_progress(transfer, upload.state.sent)
        if step.done or step.failure:
            self._end(big)
        if step.done:
            if upload.state.not_compared:
                self._report.note(
                    f"{printable(transfer.cos_path)}: not all of it was read in one go, so it was "
                    "compared with COS, but not with the checksum that its source states"
                )
            self._committer.settle_sent(transfer, *step.done)
            return None
        return step.failure

    def _end(self, big: BigObject) -> None:
        self.under_way.remove(big)
        self._spool.release(big.transfer)
        big.transfer.obj = big.upload.state.obj

    def _upload_of(self, transfer: Transfer, *, copying: bool) -> MultipartUpload:
        """Return a new upload, or the one of its save point. Raises StateError."""
        obj, cos_path, options = transfer.obj, transfer.cos_path, self._options
        if copying and obj.fingerprint.size >= self._copies.in_parts_from:
            part_size = max(self._copies.part_size, options.part_size)
            options = options._replace(copies=True, part_size=part_size)
        save_points = self._committer.uploads.save_points
        save_point = save_points.find(cos_path)
        upload_id = None
        if save_point is None:
            size, mtime_ns, _ = obj.fingerprint
            upload_id = save_points.find_java_upload_id(
                cos_path,
                obj.name,
                mtime_ns // 1_000_000,
                part_size_for(size, options.part_size),
                options.threshold,
            )
        return MultipartUpload(
            obj,
            cos_path,
            options,
            save_point,
            upload_id or "",
            new_envelope=partial(new_envelope, options.encryption),
        )

    def _assign_files(self) -> list[Failed]:
        """Give files to objects that cannot be streamed; return those without room for one."""
        failed: list[Failed] = []
        for big in list(self.under_way):
            transfer, upload = big
            if upload.state.wants_file:
                path = self._spool.reserve(transfer, upload.state.obj.fingerprint.size)
                failure = self._follow(big, upload.use_file(path))
                if failure:
                    failed.append((transfer, failure))
                if upload.state.without_md5:
                    self._report.warn_without_md5(transfer.cos_path)
        return failed
