"""Feeds the pools: plans the objects that wait and submits their tasks, as far as there is room."""

from __future__ import annotations

from cos_migrate.engine.admission import Admission
from cos_migrate.engine.backlog import Backlog
from cos_migrate.engine.big_objects import BigObjects
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.plan import Planner
from cos_migrate.engine.ramp import FIRST
from cos_migrate.engine.submit import Submitter
from cos_migrate.engine.task_table import TaskTable
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.unchanged import ComparedObject
from cos_migrate.model import Note, Rejected, SourceObject
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.tasks import HEAD_SOURCE, PUT_OBJECT
from cos_migrate.report.report import Report

_DESCRIBED_MOST = 1_000
"""Described objects that may wait; the source is asked about no more meanwhile."""


class Feeder:
    """Takes objects from the backlog, plans them and submits their tasks."""

    def __init__(
        self,
        *,
        backlog: Backlog,
        planner: Planner,
        admission: Admission,
        submitter: Submitter,
        committer: Committer,
        big_objects: BigObjects,
        tasks: TaskTable,
        pools: Pools,
        report: Report,
    ) -> None:
        self._backlog = backlog
        self._planner = planner
        self._admission = admission
        self._submitter = submitter
        self._committer = committer
        self._big_objects = big_objects
        self._tasks = tasks
        self._pools = pools
        self._report = report
        self.seen = 0
        """Objects taken from the backlog so far."""
        self.all_folders_listed = True
        """False once an entry stood for a folder that could not be listed."""
        self._has_opened_ahead = False

    def feed(self, *, scan_over: bool) -> None:
        """Submit small transfers, and queue big ones, as far as there is room."""
        room = self._admission.transfers(big=False)
        if not self._planner.copying.on:
            room = min(room, self._admission.source_requests())
        room = self._tasks.submit_again(room)
        backlog = self._backlog
        # Objects that failed before share the room with new ones.
        most = (room + 1) // 2 if backlog.found else room
        spare, room = room - most, self._feed_described(most)
        self._feed_found(room + spare, scan_over=scan_over)
        if not self._has_opened_ahead and backlog.found and self._tasks.count(PUT_OBJECT):
            # The first object goes alone.
            self._has_opened_ahead = True
            self._pools.open_ahead(min(FIRST, len(backlog.found)))

    def _feed_described(self, room: int) -> int:
        """Plan objects that the source has described or restored, or that COS refused to copy.

        Return what is left of `room`.
        """
        backlog = self._backlog
        refused, described, restored = backlog.refused_copies, backlog.described, backlog.restored
        while (refused or described or restored) and room > 0 and not self._big_objects.is_full:
            if refused:
                submission = self._planner.plan_transfer(refused.popleft(), copy=False)
            elif restored:
                submission = self._planner.plan_restored(restored.popleft())
            else:
                submission = self._planner.plan_described(described.popleft())
            if submission:
                self._submitter.submit_small(*submission)
                room -= 1
        return room

    def _feed_found(self, room: int, *, scan_over: bool) -> None:
        """Plan what the scan has found, until `room` small transfers are submitted."""
        backlog, planner = self._backlog, self._planner
        found, tried = backlog.found, backlog.retries.names
        # A HEAD of the source needs no proof that COS accepts writes.
        pool = self._pools.room(big=False)
        heads = 0
        if len(backlog.described) < _DESCRIBED_MOST:
            heads = min(pool, self._admission.source_requests())
        if backlog.retries and heads > 0:
            asked = self._feed_retries(heads, alone=scan_over and not found)
            heads -= asked
            pool -= asked
        while found and not self._big_objects.is_full and not planner.is_held_up:
            item = found[0]
            unknown = isinstance(item, SourceObject) and planner.needs_description(item)
            if pool <= 0 or (heads if unknown else room) <= 0:
                break
            backlog.pop()
            if isinstance(item, ComparedObject):
                submission = planner.plan(item.obj, item.decision)
            elif isinstance(item, SourceObject) and not (item.page and item.name in tried):
                submission = planner.plan(item)
            else:
                self._settle(item)
                continue
            self.seen += 1
            if submission:
                self._submitter.submit_small(*submission)
                pool -= 1
                heads -= 1
                room -= not unknown

    def _feed_retries(self, room: int, *, alone: bool) -> int:
        """Plan objects that failed in an earlier run; return how many, up to `room`."""
        asked = sum(
            kind == HEAD_SOURCE and isinstance(subject, Transfer) and not subject.obj.page
            for (_, kind, _), subject, _ in self._tasks.under_way.values()
        )
        objects = self._backlog.retries.take(
            room, self._pools.transfers_allowed(big=False), asked, alone=alone
        )
        for obj in objects:
            self.seen += 1
            submission = self._planner.plan(obj)
            if submission:
                self._submitter.submit_small(*submission)
        return len(objects)

    def _settle(self, item: SourceObject | Rejected | Note) -> None:
        """Settle an item of the scan that needs no plan."""
        if isinstance(item, Note):
            (self._report.warn if item.warning else self._report.note)(item.line)
        elif item.page and item.name in self._backlog.retries.names:
            # It was tried in this run before the listing came to it.
            self._committer.note_listed_again(item)
        elif isinstance(item, Rejected):
            self.seen += 1
            self.all_folders_listed = self.all_folders_listed and not item.unlisted
            self._planner.settle_rejected(item)
