"""The pass that migrates: scan, plan, submit, collect, commit.

One thread owns the records and makes every decision, so that nothing needs a lock. Results are
collected before new tasks are submitted, and nothing is recorded before COS has answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from cos_migrate.engine.abandoned_uploads import AbandonedUploads
from cos_migrate.engine.backlog import Backlog
from cos_migrate.engine.big_objects import BigObjects
from cos_migrate.engine.loop import Loop, PassParts
from cos_migrate.engine.options import MigrationOptions
from cos_migrate.engine.own_items import OwnItems
from cos_migrate.engine.retry_queue import RetryQueue
from cos_migrate.engine.spot_check import missing_warning
from cos_migrate.engine.stages import Stages
from cos_migrate.engine.transfer import Transfer
from cos_migrate.engine.unchanged import RecordComparer
from cos_migrate.filters import Filters
from cos_migrate.model import Note, SourceObject, count_and_size, objects_of
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.report.report import Report
from cos_migrate.scan.base import Scan, ScanEnded, Scanned
from cos_migrate.scan.positions import Positions, start_listing
from cos_migrate.state.store import RecordStore
from cos_migrate.text import printable

if TYPE_CHECKING:
    from cos_migrate.sources.paged import PagedSource

ScanMaker = Callable[[Callable[[Scanned | ScanEnded], None]], Scan]
"""Makes the scan of a source, given the function that takes its events."""


def _paged_listing(
    paged: PagedSource, state: RecordStore, options: MigrationOptions, report: Report
) -> tuple[ScanMaker, Positions]:
    """Return the maker of a listing by pages, and its positions."""
    from cos_migrate.scan.listing import Lister  # noqa: PLC0415 - not for a local source

    starts, positions = start_listing(paged, state, resume=options.resume)
    if positions.resumed:
        report.note(f"the listing goes on where it was left, in {len(starts)} ranges")
    return partial(
        Lister,
        paged,
        starts,
        options.list_parallel,
        options.tries,
        gate=options.credentials.gate,
    ), positions


class Migration(Loop):
    """The pass that migrates the objects of one source."""

    def __init__(
        self,
        parts: PassParts,
        *,
        options: MigrationOptions,
        filters: Filters,
        make_scan: ScanMaker,
        spool: TempFiles,
    ) -> None:
        """`make_scan` is called where the source is not listed by pages."""
        super().__init__(parts)
        source, state, report = parts.source, parts.state, parts.report
        paged, positions = source.paged, None
        if paged and not options.retry_failed:
            make_scan, positions = _paged_listing(paged, state, options, report)
        self._options = options
        self._filters = filters
        self._own = OwnItems(options.shard, source) if options.shard else None
        self.resumed = positions is not None and positions.resumed
        self._lists_where_it_reads = paged is not None and paged.listing_proves_access
        self._expects_work = state.was_empty or not source.is_local
        self._scan = make_scan(self._inbox.put)
        self._scan_over = False
        self._list_complete = True
        """False once the scan has ended early."""
        self._skipped = 0
        """Objects that were skipped as soon as they were found."""
        self._committer = options.make_committer(source, state, report, positions)
        self._comparer = RecordComparer(
            source,
            state,
            self._committer,
            use_records=options.plan.use_records,
            one_by_one=report.names_each_object,
        )
        self._backlog = Backlog(self._scan.allow_more)
        self._big_objects = BigObjects(
            options=options.upload,
            copies=options.copies,
            at_once=self._tuning.big_at_once,
            committer=self._committer,
            spool=spool,
            report=report,
        )
        self._probes = self._make_probes(self._known_paths, self._committer.uploads.abandon_unsaved)
        self._admission = self._make_admission(self._probes)
        stages = Stages(
            options=options,
            source=source,
            filters=filters,
            state=state,
            committer=self._committer,
            comparer=self._comparer,
            backlog=self._backlog,
            big_objects=self._big_objects,
            probes=self._probes,
            admission=self._admission,
            streak=self._streak,
            tasks=self._tasks,
            pools=self._pools,
            tuning=self._tuning,
            spool=spool,
            report=report,
        )
        self._restores, self._planner = stages.restores, stages.planner
        self._collector, self._submitter = stages.collector, stages.submitter
        self._feeder = stages.feeder
        self._abandoned = AbandonedUploads(
            uploads=self._committer.uploads,
            comparer=self._comparer,
            source=source,
            chores=self._chores,
            report=report,
        )

    def _begin(self) -> None:
        if self._expects_work:
            self._pools.start()  # while the listing begins
        self._backlog.retries = RetryQueue(self._objects_to_retry())
        self._scan.start()

    def _commit(self) -> None:
        self._committer.commit()

    def _finish(self) -> None:
        complete = self._list_complete and not self._stopping
        self._committer.end(is_complete=complete, has_seen_all=complete and self._list_finished)
        self._warn_of_filters()
        if self._list_finished and not self._stopping:
            self._committer.note_listing_complete()
            self._check_plausibility()

    def _look_ahead(self) -> None:
        """Take over what is counted ahead of the walk."""
        totals, ahead = self._report.totals, self._options.count_ahead
        if ahead:
            counted = ahead.look(self._seen, is_listed=self._scan_over)
            if counted.is_complete:
                totals.objects_ahead, totals.bytes_ahead = counted.objects, counted.size

    def _close(self) -> None:
        if self._options.count_ahead:
            self._options.count_ahead.close()
        self._note_work()
        self._scan.stop()

    def _is_complete(self) -> bool:
        found, settled = self._seen, self._committer.settled
        if not self._stopping and found != settled:
            self._report.error(
                f"internal error: {found} objects were found, {settled} accounted for"
            )
        return self._list_finished and not self._backlog.found and found == settled

    def _objects_to_retry(self) -> Iterator[SourceObject]:
        """Yield the objects of a listing that failed before and are not left out by their names."""
        for obj in self._failed_before():
            if self._source.paged and not self._filters.line_against_name(obj):
                yield obj

    def _failed_before(self) -> Iterable[SourceObject]:
        """Return the objects that failed in earlier runs."""
        failed = self._committer.failures.load()
        # A dry run may read the database of the whole job.
        return failed if self._own is None else self._own.objects(failed)

    def _warn_of_filters(self) -> None:
        for line in self._filters.take_warnings():
            self._report.warn(line)

    def _check_plausibility(self) -> None:
        """Warn if a complete scan has found nothing, or COS lacks objects that were skipped."""
        committer, report = self._committer, self._report
        if not self.resumed:
            report.found_before = committer.note_scan_complete(self._seen)
        make, skipped = self._options.spot_check, committer.skipped_objects
        if make and skipped.count and not self._streak.proven and not report.failures:
            missing = self._spot_check(make, skipped.paths(self._source.target.cos_path))
            self._list_complete = not self._stopping
            if missing:
                report.warn_at_end(missing_warning(missing, skipped.count, committer.folder))

    def _is_over(self) -> bool:
        if self._pools.under_way:
            return False
        if self._stopping:
            return True
        abandoned = self._committer.uploads.abandoned
        if not self._scan_over or self._waiting or self._chores or abandoned:
            return False
        if self._list_finished and self._seen:
            self._abandoned.sweep()
        return not self._chores and not abandoned

    @property
    def _waiting(self) -> bool:
        """Whether any object waits to be planned or sent."""
        return self._waits_to_be_sent or bool(self._restores)

    @property
    def _waits_to_be_sent(self) -> bool:
        """Whether any object that can be read waits to be planned or sent."""
        return bool(self._backlog or self._tasks.given_back or self._big_objects)

    @property
    def _seen(self) -> int:
        """Objects that were found and must be settled."""
        return self._skipped + self._feeder.seen

    @property
    def _list_finished(self) -> bool:
        return self._list_complete and self._feeder.all_folders_listed

    def _handle_scan_event(self, event: object) -> None:
        if isinstance(event, Scanned):
            self._add_batch(event)
        elif isinstance(event, ScanEnded):
            self._scan_over = True
            self._report.totals.final = True
            self._list_complete &= not (event.failure or self._stopping)
            if event.failure:
                self._report.error(f"the list is not complete: {printable(event.failure.message)}")

    def _add_batch(self, event: Scanned) -> None:
        """Leave out what the filters reject, settle what is unchanged, and queue the rest."""
        found = event.found if self._own is None else self._own.of(event.found)
        if self._filters:
            found = self._filters.replace_rejected(found)
        if event.position:
            objects = sum(not isinstance(item, Note) for item in found)
            self._committer.note_page(event.position, objects)
            if self._lists_where_it_reads:
                self._streak.note_accepted_listing()
        self._report.totals.add_found(*count_and_size(found))
        if self._options.plan.use_records and self._window.is_open and not self._stopping:
            others = self._comparer.skip_unchanged(found, self._backlog.retries.names)
            self._skipped += len(found) - len(others)
        else:
            others = [*objects_of(found)]
        self._backlog.add(others)

    def _on_stop(self) -> None:
        self._list_complete = self._list_complete and self._scan_over
        self._scan.stop()

    def _submit_tasks(self) -> None:
        """Submit as much as the pools take."""
        if self._stopping or not self._window.is_open:
            return
        self._feed_chores()
        if self._restores is not None:
            room = self._admission.source_requests()
            self._restores.feed(room, others=self._waits_to_be_sent, scan_over=self._scan_over)
        self._feeder.feed(scan_over=self._scan_over)
        for transfer, failure in self._big_objects.begin(copying=self._planner.copying.on):
            self._collector.fail(transfer, failure)
        self._submitter.submit_big()
        self._pools.flush()

    def _feed_chores(self) -> None:
        if self._streak.proven or not self._waiting:
            self._abandoned.queue_aborts()
        if self._chores:
            self._chores.submit(max(self._pools.room(big=True), self._probes.pending))

    def _known_paths(self) -> tuple[Iterable[str], bool]:
        """Return the target paths of the objects known and not settled; whether these are all."""
        entries = (*self._tasks.under_way.values(), *self._tasks.given_back)
        known = [subject.cos_path for _, subject, _ in entries if isinstance(subject, Transfer)]
        known += self._backlog.cos_paths(self._source.target)
        return known + self._big_objects.cos_paths(), self._scan_over

    def _note_work(self) -> None:
        small, parts, big = self._tuning.small, self._tuning.big, self._big_objects
        size = small.size + parts.size + big.bytes_on_their_way
        self._report.totals.set_work(small.objects, size, big.unfinished())

    def _tick(self) -> None:
        self._note_work()
        if self._restores is not None:
            self._restores.note_progress()
        self._warn_of_filters()
        self._look_ahead()
        for line in self._scan.watch():
            self._report.warn(line)
