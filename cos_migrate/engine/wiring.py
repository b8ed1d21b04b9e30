"""Builds a run from a loaded configuration and executes it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cos_migrate import __version__, descriptors
from cos_migrate.config.common import Common, transfers_most, worker_count
from cos_migrate.config.live import LiveConfig, LiveValues
from cos_migrate.config.loader import Config
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.cos.settings import CosSettings
from cos_migrate.engine.credential_keeper import CredentialKeeper
from cos_migrate.engine.exposure import exposed_records
from cos_migrate.engine.limits import RunLimits
from cos_migrate.engine.loop import Loop
from cos_migrate.engine.migrate import Migration
from cos_migrate.engine.options import NO_WORDS, MigrationOptions, RunWords
from cos_migrate.engine.settings import (
    JobPlace,
    auto_pools,
    cos_settings,
    least_billed,
    migration_options,
)
from cos_migrate.engine.spot_check import SpotCheck, SpotCheckResult
from cos_migrate.errors import Side
from cos_migrate.filters import Filters
from cos_migrate.http.pacing import ThreadPace
from cos_migrate.pools import WORKER_PROGRAM
from cos_migrate.pools.job import Job
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.pools.worker_handles import WorkerLost, WorkerResults
from cos_migrate.processes.launcher import Launcher
from cos_migrate.processes.liveness import DEFAULT_WAIT_LIMITS, WaitLimits
from cos_migrate.report.console import Console
from cos_migrate.report.logs import Logs
from cos_migrate.report.report import Report
from cos_migrate.report.summary import ReportedJob, Summary
from cos_migrate.safe_files import PUBLIC_FILE
from cos_migrate.scan.base import Scan, ScanEnded, Scanned
from cos_migrate.scan.walk import WalkThread
from cos_migrate.scan.walk_process import WalkProcess
from cos_migrate.scan.walk_starter import WalkStarter
from cos_migrate.sources.base import Source
from cos_migrate.sources.recipe import SourceRecipe
from cos_migrate.state.opening import open_store
from cos_migrate.state.store import RecordStore, note_run

if TYPE_CHECKING:
    from cos_migrate.engine.dry_run import DryRun
    from cos_migrate.engine.retry import Retry
    from cos_migrate.report.status.board import Board


class Run:
    """One run of a configuration: it migrates, and then compares where `check` is on."""

    def __init__(
        self,
        config: Config,
        source_type: type[Source],
        *,
        folder: Path,
        console: Console,
        logs: Logs,
        header: Sequence[str],
        launcher: Launcher,
        walk_starter: WalkStarter,
        credentials: CredentialKeeper,
        words: RunWords = NO_WORDS,
        encryption: EncryptionSettings | None = None,
        task: str = "",
        file_mode: int = PUBLIC_FILE,
        limits: WaitLimits = DEFAULT_WAIT_LIMITS,
        board: Board | None = None,
        live: LiveConfig | None = None,
    ) -> None:
        """`folder` is the tool's; `header` are the log lines that a run begins with.

        `launcher` starts worker processes, `walk_starter` the processes that scan. `words`: of the
        command line.
        `task` distinguishes runs of the same job within one start; empty: there is only one.
        `file_mode`: mode of new files without secrets; `limits`: how long to wait for processes.
        `board`: of the status page, if there is one. `live`: the values that may change, if any.
        """
        self._live = live or LiveConfig(LiveValues.of(config.common))
        common = self._live.applied_to(config.common)
        self._config = config._replace(common=common)
        self._folder = folder
        self._header = header
        self._launcher = launcher
        self._walk_starter = walk_starter
        self._credentials = credentials
        recipe = SourceRecipe.of(source_type, config.source, common)
        self._recipe = recipe.with_credentials(credentials.current(Side.SOURCE))
        self._source = self._recipe.build()
        credentials.gate.supply(Side.SOURCE, self._source)
        self._filters = _filters_of(self._recipe, self._source)
        self._place = JobPlace.of(folder, self._source, task)
        self._console = console
        self._logs = logs
        self._board = board
        self._file_mode = file_mode
        self._dry_run = _dry_run_of(self._source, common) if words.dry_run else None
        self._report = self._make_report(common.output_finished_file_folder)
        self._options = migration_options(
            common, self._source, encryption, credentials, self._make_spot_check
        )
        if board:
            self._options = self._options._replace(is_paused=lambda: board.paused)
        self._make_pass: Callable[..., Migration] = partial(Migration, make_scan=self._make_scan)
        if words.retry_failed:
            self._options, self._make_pass = _for_failed(self._options)
        if self._dry_run:
            self._options = self._dry_run.options(self._options)
        self._spool = TempFiles(Path(common.tmp_folder), self._place.name)
        self._limits = limits
        self._rate_limits = RunLimits(self._live)
        self._running: Loop | None = None
        self._warned_of_few_files = False
        self._interrupted = 0
        """Exit code of the signal that ends the run early; 0: none."""

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
        with self._open_state() as state:
            self._source.java_records = state.taken_over
            if not self._dry_run:
                note_run(self._place.database, self._source.job_text())
            self._report.begin_run(self._header)
            for line in self._credentials.describe():
                self._report.announce(line)
            for notice in state.notices:
                self._report.warn(notice)
            if not (self._source.is_local or self._dry_run):
                self._spool.open()
            try:
                migration = self._make_pass(
                    options=self._options,
                    source=self._source,
                    filters=self._filters,
                    state=state,
                    report=self._report,
                    make_pools=self._make_pools,
                    spool=self._spool,
                    limits=self._limit_pass(),
                )
                summaries = [self._run_pass(migration)]
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
        if not self._dry_run:
            return open_store(where, max_open_files=files, notify=notify)
        tmp_folder = Path(common.tmp_folder)
        return self._dry_run.open_state(
            where, tmp_folder, self._place.name, max_open_files=files, notify=notify
        )

    def _verify(self, state: RecordStore) -> Summary:
        """Compare the records with COS."""
        from cos_migrate.engine.verify import Verification  # noqa: PLC0415 - for check=on only

        report = self._make_report("")
        report.begin_check(self._header)
        options, limits = self._options, self._limit_pass()
        return self._run_pass(
            Verification(
                window=options.watch_window(),
                credentials=options.credentials,
                source=self._source,
                state=state,
                report=report,
                make_pools=self._make_pools,
                auto=auto_pools(self._config.common),
                limits=limits,
            )
        )

    def _limit_pass(self) -> RunLimits:
        """Return the limits of the next pass, which this process keeps too."""
        self._config = self._config._replace(common=self._live.applied_to(self._config.common))
        limits = self._rate_limits = RunLimits(self._live)
        self._source.pace_by(ThreadPace(limits.own_pace.source(big=False)))
        return limits

    def _run_pass(self, loop: Loop) -> Summary:
        """Run one pass, which signals then reach."""
        self._running = loop
        if self._interrupted:
            loop.interrupt(self._interrupted)
        return loop.run()

    def _make_report(self, finished_folder: str) -> Report:
        return Report(
            console=self._console,
            logs=self._logs,
            folder=self._folder,
            job=ReportedJob(
                self._place.name,
                self._config.migrate_type,
                self._config.common.bucket_name,
                self._config.common.cos_path,
                self._source.place(),
            ),
            finished_folder=finished_folder,
            log_skipped=self._config.common.log_skipped,
            heartbeat=self._config.common.heartbeat,
            file_mode=self._file_mode,
            estimate=self._dry_run.estimate if self._dry_run else None,
            board=self._board,
            reads_cloud=not (self._source.is_local or self._source.copied_by_cos),
        )

    def _settings(self) -> CosSettings:
        """Return the settings of a client of the target bucket, with the present credentials."""
        return cos_settings(self._config.common, self._credentials.current(Side.COS))

    def _make_spot_check(
        self, paths: Sequence[str], post: Callable[[SpotCheckResult], None]
    ) -> SpotCheck:
        pace = self._rate_limits.own_pace.cos(big=False)
        return SpotCheck(self._settings(), paths, post, self._credentials.gate, pace)

    def _make_pools(self, post: Callable[[WorkerResults | WorkerLost], None]) -> Pools:
        common = self._config.common
        room = self._fitting_room()
        recipe = self._recipe.with_credentials(self._credentials.current(Side.SOURCE))
        job = Job(
            cos=self._worker_settings(),
            source=self._recipe.source,
            source_config=self._recipe.config,
            target=self._recipe.target,
            small_transfers=room.small,
            big_transfers=room.big,
            attach_md5=common.entire_file_md5_attached,
            memory=common.buffer_memory,
            small_below=common.small_file_threshold,
            spool_folder=str(self._spool.folder),
            source_options=recipe.options,
            encryption=self._options.upload.encryption,
            counts_requests=self._board is not None,
        )
        launch = partial(self._launcher.take, WORKER_PROGRAM)
        limiter = self._rate_limits.limiter
        if self._dry_run:
            return self._dry_run.make_pools(
                job, room.processes, post, launch, self._limits, limiter
            )
        return Pools(job, room.processes, post, launch, self._limits, limiter)

    def _worker_settings(self) -> CosSettings:
        """Return the settings of the workers' clients."""
        if self._recipe.options.storage_classes:
            # The headers of each object name its class.
            return self._settings()._replace(storage_class="STANDARD")
        return self._settings()

    def _fitting_room(self) -> descriptors.TransferCounts:
        """Return how many transfers run at once, at most as many as there are descriptors for."""
        common = self._config.common
        wanted = descriptors.TransferCounts(worker_count(common), *transfers_most(common))
        most = descriptors.limit()
        room = descriptors.fit_to_limit(wanted, most)
        asked = common.small_file_executor_num > room.small or (
            common.big_file_executor_num > room.big
        )
        if asked and not self._warned_of_few_files:
            self._warned_of_few_files = True
            self._report.warn(
                f"a process may have {most} open files: {room.small} small and {room.big} big "
                f"transfers are made at once instead of {wanted.small} and {wanted.big} "
                f"(worker processes: {room.processes}); for more, raise the limit (ulimit -n)"
            )
        return room

    def _make_scan(self, post: Callable[[Scanned | ScanEnded], None]) -> Scan:
        source = self._source
        if source.scans_in_own_process and worker_count(self._config.common):
            with contextlib.suppress(OSError, RuntimeError):  # no more processes: a thread scans
                return WalkProcess(self._walk_starter, self._recipe, post, self._limits)
        return WalkThread(partial(source.scan_rows, self._filters.reason_against_folder), post)


def _for_failed(options: MigrationOptions) -> tuple[MigrationOptions, type[Retry]]:
    """Return what --retry-failed replaces: the options, and the pass that migrates."""
    from cos_migrate.engine.retry import Retry  # noqa: PLC0415 - for --retry-failed only
    from cos_migrate.engine.retry_committer import RetryCommitter  # noqa: PLC0415 - as above

    options = options._replace(retry_failed=True, make_committer=RetryCommitter, spot_check=None)
    return options, Retry


def _dry_run_of(source: Source, common: Common) -> DryRun:
    from cos_migrate.engine.dry_run import DryRun  # noqa: PLC0415 - for --dry-run only

    return DryRun(source, least_billed(common))


def _filters_of(recipe: SourceRecipe, source: Source) -> Filters:
    return Filters(recipe.filters, source.is_empty, describes_first=source.describes_first)


def header_of(config_path: str, shown: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the first log lines of a run: versions, and the configuration in force."""
    lines = [
        f"cos-migrate {__version__}, Python {sys.version.split()[0]}, {sys.platform}",
        f"config {config_path}, process {os.getpid()}",
    ]
    return lines + [f"[{section}] {key}={value}" for section, key, value in shown]
