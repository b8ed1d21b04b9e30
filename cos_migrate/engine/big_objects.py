"""The big objects of a run: which wait, which are under way, and what is next for each."""

from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from cos_migrate.engine.big_object import BigUpload, UploadOptions
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.plan import CopyRules, part_size_for
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.upload_step import Step
from cos_migrate.model import Failure
from cos_migrate.pools.messages import Kind, Message, Reply
from cos_migrate.pools.temp_files import Spool
from cos_migrate.report.report import Report
from cos_migrate.text import printable

_PARKED_MOST = 10_000
"""Big objects that may wait for room before the scan has to."""


class Upload(NamedTuple):
    """A big object on its way."""

    transfer: Transfer
    big: BigUpload


class Uploads:
    """The big objects of one run."""

    def __init__(
        self,
        options: UploadOptions,
        copies: CopyRules,
        at_once: int,
        committer: Committer,
        spool: Spool,
        report: Report,
        *,
        submit: Callable[[Transfer, Upload, Message, str], None],
        failed: Callable[[Transfer, Failure], None],
    ) -> None:
        """`at_once`: big objects under way; `submit` and `failed` are the coordinator's."""
        self._options = options
        self._copies = copies
        self._at_once = at_once
        self._committer = committer
        self._spool = spool
        self._report = report
        self._submit = submit
        self._failed = failed
        self._parked: collections.deque[Transfer] = collections.deque()
        self._under_way: list[Upload] = []
        self.hashing = 0
        """Tasks under way that only read this machine's disk."""

    def __bool__(self) -> bool:
        return bool(self._parked or self._under_way)

    @property
    def full(self) -> bool:
        """Whether no more should be parked for now."""
        return len(self._parked) >= _PARKED_MOST

    @property
    def sent(self) -> int:
        """Bytes of unfinished objects that have been sent."""
        return sum(upload.big.sent for upload in self._under_way)

    def cos_paths(self) -> list[str]:
        """Return the target paths of all that wait or are under way."""
        waiting = [transfer.cos_path for transfer in self._parked]
        return waiting + [upload.transfer.cos_path for upload in self._under_way]

    def park(self, transfer: Transfer) -> None:
        """Let an object wait for its turn."""
        self._parked.append(transfer)

    def feed(self, room: Callable[[BigUpload], int], *, copying: bool) -> None:
        """Keep the big pool busy: oldest objects first, hashing a little ahead of transfer.

        `room` returns how many more tasks of an object may begin; `copying`: whether COS copies
        objects.
        """
        self._begin(copying=copying)
        self._give_files()
        ahead = max(1, self._at_once // 4)
        for upload in self._under_way:
            if upload.big.hashing and upload.big.ready and self.hashing < ahead:
                self._submit_next(upload)
        for upload in self._under_way:
            big = upload.big
            while big.ready and not big.hashing and room(big) > 0:
                self._submit_next(upload)

    def take(self, upload: Upload, task: Message, reply: int, values: list[Any]) -> None:
        """Take the result of a task."""
        big = upload.big
        self.hashing -= task[1] == Kind.DIGEST
        if reply == Reply.DONE:
            step = big.take(task, tuple(values))
        elif reply == Reply.FAILED:
            step = big.fail(task, Failure(*values))
        elif reply == Reply.TARGET_EXISTS:
            self._committer.uploads.apply(big.found_there())
            self._end(upload)
            self._committer.exists_on_cos(upload.transfer, newer=values[0])
            return
        else:
            step = big.give_back(task)
        self._follow(upload, step)

    def moved(self, upload: Upload, task: Message, sent: int) -> None:
        """Note that `sent` bytes of a task's transfer have passed."""
        upload.big.moved(task, sent)
        self._committer.progressed(upload.transfer, upload.big.sent)

    def _follow(self, upload: Upload, step: Step) -> None:
        """Do what a step of an upload asks for."""
        transfer, big = upload
        self._committer.uploads.apply(step)
        if step.part:
            self._committer.progressed(transfer, big.sent)
        if step.done or step.failure:
            self._end(upload)
        if step.done:
            if big.not_compared:
                self._report.note(
                    f"{printable(transfer.cos_path)}: not all of it was read in one go, so it was "
                    "compared with COS, but not with the checksum that its source tells"
                )
            self._committer.succeeded(transfer, *step.done)
        elif step.failure:
            self._failed(transfer, step.failure)

    def _end(self, upload: Upload) -> None:
        self._under_way.remove(upload)
        self._spool.release(upload.transfer)
        upload.transfer.obj = upload.big.obj

    def _begin(self, *, copying: bool) -> None:
        while self._parked and len(self._under_way) < self._at_once:
            transfer = self._parked.popleft()
            obj, cos_path, options = transfer.obj, transfer.cos_path, self._options
            if copying and obj.fingerprint.size >= self._copies.in_parts_from:
                part_size = max(self._copies.part_size, options.part_size)
                options = replace(options, copies=True, part_size=part_size)
            save_point = self._committer.uploads.save_points.find(cos_path)
            upload_id = None
            if save_point is None:
                size, mtime_ns, _ = obj.fingerprint
                upload_id = self._committer.uploads.save_points.find_java(
                    cos_path,
                    obj.name,
                    mtime_ns // 1_000_000,
                    part_size_for(size, options.part_size),
                    options.threshold,
                )
            big = BigUpload(obj, cos_path, options, save_point, upload_id or "")
            self._under_way.append(Upload(transfer, big))

    def _give_files(self) -> None:
        """Let objects that cannot be streamed be kept in files, while there is room."""
        for upload in list(self._under_way):
            transfer, big = upload
            if big.wants_file:
                path = self._spool.reserve(transfer, big.obj.fingerprint.size)
                self._follow(upload, big.use_file(path))
                if big.without_md5:
                    self._report.warn_without_md5(transfer.cos_path)

    def _submit_next(self, upload: Upload) -> None:
        task = upload.big.next_task()
        if task is not None:
            self.hashing += task[0] == Kind.DIGEST
            self._submit(upload.transfer, upload, task, upload.big.in_order)
