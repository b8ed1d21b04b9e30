"""Builds a run from a loaded configuration and executes it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from cos_migrate import __version__
from cos_migrate.engine.exposure import exposed_records
from cos_migrate.engine.loop import Loop
from cos_migrate.engine.migrate import Migration
from cos_migrate.engine.run_parts import RunParts
from cos_migrate.engine.settings import JobPlace, job_text_of
from cos_migrate.report.deletion import DeletionEnd
from cos_migrate.report.summary import Summary
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import RecordStore, note_run


class Run(RunParts):
    """One run of a configuration: it migrates, and then compares where `check` is on."""

    def interrupt(self, exit_code: int) -> None:
        """End the run early, for the signal of an exit code; safe in a signal handler."""
        self._interrupted = exit_code
        if self._running:
            self._running.interrupt(exit_code)

    def execute(self) -> list[Summary]:
        """Migrate all objects, then compare them with COS where `check` is on.

        Return a summary for each of the two. Raises StateError.
        """
        common = self._config.common
        self._began = time.monotonic()
        with self._open_state() as state:
            self._source.java_records = state.taken_over
            if not (self._dry_run or self._words.compare):
                note_run(self._place.database, job_text_of(self._source, common.shard))
            self._report.begin_run(self._header)
            for line in self._credentials.describe():
                self._report.announce(line)
            for notice in state.notices:
                self._report.warn(notice)
            if self._words.compare:
                return [self._compare(state)]
            if not (self._source.is_local or self._dry_run):
                self._spool.open()
            try:
                migration = self._make_pass(
                    self._pass_parts(state),
                    options=self._options,
                    filters=self._filters,
                    spool=self._spool,
                )
                delete = partial(self._delete_extra, state, migration)
                summaries = [self._run_pass(migration, delete)]
                if not self._dry_run:
                    for warning in exposed_records(self._source, self._folder / "db"):
                        self._report.warn(warning)
            finally:
                self._spool.close()
            if common.check and not (
                self._interrupted or self._dry_run or self._options.retry_failed
            ):
                summaries.append(self._verify(state))
            return summaries

    def _open_state(self) -> AbstractContextManager[RecordStore]:
        """Open the records. Raises StateError."""
        common, notify = self._config.common, self._report.event
        where, files = self._place.database, common.rocks_max_open_file
        tmp_folder = Path(common.tmp_folder)
        if common.shard:
            from cos_migrate.engine.shard_start import ShardStart  # noqa: PLC0415 - rarely used

            whole = JobPlace.of(self._folder, self._source)
            root = self._source.target.cos_path
            start = ShardStart(common.shard, self._place, whole, root, tmp_folder, files, notify)
            if not self._dry_run:
                return start.open()
            where = start.readable
        if not self._dry_run:
            return open_store(where, max_open_files=files, notify=notify)
        return self._dry_run.open_state(
            where, tmp_folder, self._place.name, max_open_files=files, notify=notify
        )

    def _compare(self, state: RecordStore) -> Summary:
        """Compare the source with COS."""
        from cos_migrate.engine.compare_wiring import make_comparison  # noqa: PLC0415 - for it only

        self._spool.open()
        try:
            of_pass = self._pass_parts(state)
            return self._run_pass(make_comparison(self._words, of_pass, self._sides_parts()))
        finally:
            self._spool.close()

    def _verify(self, state: RecordStore) -> Summary:
        """Compare the records with COS."""
        from cos_migrate.engine.verify import Verification  # noqa: PLC0415 - for check=on only

        report = self._make_report("")
        report.begin_check(self._header)
        return self._run_pass(Verification(self._pass_parts(state, report)))

    def _run_pass(self, loop: Loop, before_end: Callable[[bool], int] = lambda _: 0) -> Summary:
        """Run one pass, which signals then reach."""
        self._reach(loop)
        return loop.run(before_end)

    def _reach(self, loop: Loop) -> None:
        self._running = loop
        if self._interrupted:
            loop.interrupt(self._interrupted)

    def _delete_extra(self, state: RecordStore, migration: Migration, complete: bool) -> int:  # noqa: FBT001 - called by `run`
        """Remove what the source no longer has, as deleteExtra says; return the code of a signal.

        Nothing is removed behind a run that has failed in any way.
        """
        if self._config.common.delete_extra == "off" or self._words.retry_failed:
            return 0
        from cos_migrate.engine import compare_wiring as wiring  # noqa: PLC0415 - rarely used

        report = self._report
        report.deletion = DeletionEnd()
        complete = complete and not self._interrupted
        problem = wiring.reason_against_deletes(
            report, complete=complete, resumed=migration.resumed
        )
        if problem:
            report.warn(f"deleteExtra: nothing is removed, since {problem}")
            return 0
        if self._source.is_local or self._dry_run:
            self._spool.open()
        is_dry = self._dry_run is not None
        of_pass = self._pass_parts(state, tunes=False)
        parts = self._sides_parts()
        deletion = wiring.make_deletion(of_pass, parts, began=self._began, is_dry=is_dry)
        self._reach(deletion)
        deletion.work()
        report.deletion = report.deletion._replace(has_failed=deletion.has_failed)
        return deletion.ended_by


def header_of(config_path: str, shown: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the first log lines of a run: versions, and the configuration in force."""
    lines = [
        f"cos-migrate {__version__}, Python {sys.version.split()[0]}, {sys.platform}",
        f"config {config_path}, process {os.getpid()}",
    ]
    return lines + [f"[{section}] {key}={value}" for section, key, value in shown]
