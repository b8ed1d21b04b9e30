"""The pass that migrates: scan, plan, submit, collect, commit.

It owns the records and every decision; one thread, so that nothing needs a lock. Results come
before new work, and nothing is recorded before COS has answered.
"""

from __future__ import annotations

from functools import partial

from cos_migrate.engine.abandoned_uploads import AbandonedUploads
from cos_migrate.engine.listing_start import RangeStarts, start_listing
from cos_migrate.engine.loop import PoolsMaker
from cos_migrate.engine.options import MigrationOptions
from cos_migrate.engine.retry_queue import RetryQueue
from cos_migrate.engine.spot_check import words_for_missing
from cos_migrate.engine.transfers import ScannerMaker, TransferLoop
from cos_migrate.engine.unchanged import Compared
from cos_migrate.errors import StateError
from cos_migrate.filters import Filters
from cos_migrate.model import (
    Note,
    Rejected,
    SourceObject,
    extent_of,
    objects_of,
)
from cos_migrate.pools.tasks import HEAD_SOURCE
from cos_migrate.pools.temp_files import Spool
from cos_migrate.report.report import Report
from cos_migrate.report.summary import Summary
from cos_migrate.scan.listing import Lister
from cos_migrate.scan.walk import ScanEnded, Scanned
from cos_migrate.scan.walk_process import ProcessScanner
from cos_migrate.sources.base import Source
from cos_migrate.state.store import RecordStore
from cos_migrate.text import printable

_DESCRIBED_MOST = 1_000
"""Objects that may wait to be sent before no more are asked about."""


class Migration(TransferLoop):
    """One run over one source."""

    def __init__(
        self,
        options: MigrationOptions,
        source: Source,
        filters: Filters,
        state: RecordStore,
        report: Report,
        make_pools: PoolsMaker,
        make_scanner: ScannerMaker,
        spool: Spool,
    ) -> None:
        """Prepare a run; `make_scanner` is called where the source is not listed by pages."""
        paged, positions = source.paged, None
        starts: RangeStarts = []
        if paged:
            starts, positions = start_listing(paged, state, resume=options.resume)
            make_scanner = partial(Lister, paged, starts, options.list_parallel, options.tries)
        super().__init__(
            options, source, filters, state, report, make_pools, make_scanner, spool, positions
        )
        self._options = options
        self._resumed = positions is not None and positions.resumed
        if self._resumed:
            report.note(f"the listing goes on where it was left, in {len(starts)} ranges")
        self._lists_where_it_reads = paged is not None and paged.listing_proves
        self._expects_work = state.was_empty or not source.reads_at_once
        self._abandoned = AbandonedUploads(
            self._committer.uploads, self._comparer, source, self._chores, report
        )
        self._swept = False
        self._list_finished = True
        self._seen = 0

    def run(self) -> Summary:
        """Migrate everything there is; return what happened. Raises StateError."""
        try:
            if self._expects_work:
                self._pools.start()  # while the listing begins
            self._backlog.failed_before = RetryQueue(self._committer.failures.load())
            self._scanner.start()
            while not self._over():
                self._collect()
                self._watch_clock()
                self._pump()
                self._committer.commit()
            self._committer.commit(final=True)
            if self._list_finished and not self._stopping:
                self._committer.listing_complete()
                self._check_plausibility()
        except StateError:
            # What was sent since the last batch is not recorded: the next run sends it again.
            self._stop("")
            self._report.end_run(list_finished=False, interrupted=self._interrupted)
            raise
        finally:
            self._scanner.stop()
            self._pools.close()
        if not self._stopping and self._seen != self._committer.settled:
            self._report.error(
                f"internal error: {self._seen} objects were found, "
                f"{self._committer.settled} accounted for"
            )
        accounted = self._seen == self._committer.settled
        complete = self._list_finished and not self._backlog.found and accounted
        return self._report.end_run(list_finished=complete, interrupted=self._interrupted)

    def _check_plausibility(self) -> None:
        """Check after a complete listing whether its result is plausible."""
        committer, report = self._committer, self._report
        if not self._resumed:
            report.found_before = committer.scan_complete(self._seen)
        make, skipped = self._options.spot_check, committer.skipped_objects
        if make and skipped.count and not self._streak.proven and not report.failures:
            missing = self._spot_check(make, skipped.paths(self._source.target.cos_path))
            self._list_finished = not self._stopping
            if missing:
                report.warn_at_end(words_for_missing(missing, skipped.count, committer.folder))

    def _over(self) -> bool:
        if self._pools.under_way:
            return False
        if self._stopping:
            return True
        abandoned = self._committer.uploads.abandoned
        if not self._scan_over or self._waiting or self._chores or abandoned:
            return False
        if not self._swept and self._list_finished and self._seen:
            self._swept = True
            self._abandoned.sweep()
        return not self._chores and not abandoned

    @property
    def _waiting(self) -> bool:
        """Whether any object waits for its turn."""
        return bool(self._backlog or self._tasks.given_back or self._big_objects)

    def _handle_scan_event(self, event: object) -> None:
        if isinstance(event, Scanned):
            self._collect_found(event)
        elif isinstance(event, ScanEnded):
            self._scan_over = True
            self._report.mark_listed()
            if event.failure or self._stopping:
                self._list_finished = False
            if event.failure:
                self._report.error(f"the list is not complete: {printable(event.failure.message)}")

    def _collect_found(self, event: Scanned) -> None:
        found = self._filters.applied(event.found) if self._filters else event.found
        if event.listed:
            objects = sum(not isinstance(item, Note) for item in found)
            self._committer.page_listed(event.listed, objects)
            if self._lists_where_it_reads:
                self._streak.listed()
        if found:
            self._report.count_found(*extent_of(found))
        if self._options.rules.use_records and self._open and not self._stopping:
            others = self._comparer.skip_unchanged(found, self._backlog.failed_before.names)
            self._seen += len(found) - len(others)
        else:
            others = [*objects_of(found)]
        self._backlog.add(others)

    def _stopped(self) -> None:
        self._list_finished = self._list_finished and self._scan_over
        self._scanner.stop()

    def _pump(self) -> None:
        """Submit as much as the pools take."""
        if self._stopping or not self._open:
            return
        self._feed_chores()
        room = self._room(big=False)
        if not self._copying.on:
            room = min(room, self._source_room())
        room = self._tasks.submit_again(room)
        backlog = self._backlog
        # Objects that failed before share the room with new ones.
        most = (room + 1) // 2 if backlog.found else room
        spare, room = room - most, most
        while backlog.described and room > 0 and not self._big_objects.full:
            submission = self._planner.plan_described(backlog.described.popleft())
            if submission:
                self._submit(*submission)
                room -= 1
        self._plan_backlog(room + spare)
        self._submit_parts()
        self._pools.flush()

    def _feed_chores(self) -> None:
        if self._streak.proven or not self._waiting:
            self._abandoned.feed()
        if self._chores:
            self._chores.feed(max(self._pools.room(big=True), self._probes.pending))

    def _plan_backlog(self, room: int) -> None:
        """Plan what the scan has found, until `room` small transfers are submitted."""
        backlog, planner = self._backlog, self._planner
        found, tried = backlog.found, backlog.failed_before.names
        # Asking the source needs no proof that COS takes what comes of it.
        pool = self._pools.room(big=False)
        looks = 0
        if len(backlog.described) < _DESCRIBED_MOST:
            looks = min(pool, self._source_room())
        if backlog.failed_before and looks > 0:
            asked = self._plan_failed_before(looks)
            looks -= asked
            pool -= asked
        while found and not self._big_objects.full:
            item = found[0]
            unknown = isinstance(item, SourceObject) and planner.is_unknown(item)
            if pool <= 0 or (looks if unknown else room) <= 0:
                break
            backlog.pop()
            if isinstance(item, Compared):
                submission = planner.plan(item.obj, item.decision)
            elif isinstance(item, SourceObject) and not (item.page and item.name in tried):
                submission = planner.plan(item)
            else:
                self._settle_found(item)
                continue
            self._seen += 1
            if submission:
                self._submit(*submission)
                pool -= 1
                looks -= 1
                room -= not unknown

    def _plan_failed_before(self, room: int) -> int:
        """Plan objects that failed in an earlier run; return how many, up to `room`."""
        backlog = self._backlog
        alone = self._scan_over and not backlog.found
        asked = sum(
            kind == HEAD_SOURCE and not transfer.obj.page
            for (_, kind, _), transfer, _ in self._tasks.under_way.values()
        )
        objects = backlog.failed_before.take(room, self._pools.small_threads, asked, alone=alone)
        for obj in objects:
            self._seen += 1
            submission = self._planner.plan(obj)
            if submission:
                self._submit(*submission)
        return len(objects)

    def _settle_found(self, item: SourceObject | Rejected | Note) -> None:
        """Settle an item of the scan that needs no plan."""
        if isinstance(item, Note):
            (self._report.warn if item.warning else self._report.note)(item.line)
        elif item.page and item.name in self._backlog.failed_before.names:
            # It was tried in this run before the listing came to it.
            self._committer.listed_again(item)
        elif isinstance(item, Rejected):
            self._seen += 1
            self._list_finished = self._list_finished and not item.unlisted
            self._planner.reject(item)

    def _tick(self) -> None:
        self._report.set_bytes_under_way(self._big_objects.sent)
        if isinstance(self._scanner, ProcessScanner):
            for line in self._scanner.watch():
                self._report.warn(line)
