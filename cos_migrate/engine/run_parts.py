"""The parts that the passes of a run are made of, built from its configuration."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cos_migrate import descriptors
from cos_migrate.config.common import Common, transfers_most, worker_count
from cos_migrate.config.live import LiveConfig, LiveValues
from cos_migrate.config.loader import Config
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.cos.settings import CosSettings
from cos_migrate.engine.cluster_checks import check_of_temp_files, make_checks
from cos_migrate.engine.credential_keeper import CredentialKeeper
from cos_migrate.engine.limits import RunLimits
from cos_migrate.engine.loop import Loop, PassParts
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
from cos_migrate.engine.tuning import NO_AUTO_POOLS
from cos_migrate.errors import Side
from cos_migrate.filters import Filters
from cos_migrate.http.pacing import ThreadPace
from cos_migrate.pools import WORKER_PROGRAM
from cos_migrate.pools.job import Job
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.pools.worker_handles import Post
from cos_migrate.processes.launcher import Launcher
from cos_migrate.processes.liveness import DEFAULT_WAIT_LIMITS, WaitLimits
from cos_migrate.report.console import Console
from cos_migrate.report.logs import Logs
from cos_migrate.report.report import Report
from cos_migrate.report.summary import ReportedJob
from cos_migrate.safe_files import PUBLIC_FILE
from cos_migrate.scan.ahead_count import AheadCount
from cos_migrate.scan.base import Scan, ScanEnded, Scanned
from cos_migrate.scan.walk import WalkThread
from cos_migrate.scan.walk_process import WalkProcess
from cos_migrate.scan.walk_starter import WalkStarter
from cos_migrate.sources.base import Source
from cos_migrate.sources.recipe import SourceRecipe
from cos_migrate.state.store import RecordStore

if TYPE_CHECKING:
    from cos_migrate.engine.compare_wiring import SidesParts
    from cos_migrate.engine.dry_run import DryRun
    from cos_migrate.engine.retry import Retry
    from cos_migrate.pools.cluster.members import Place
    from cos_migrate.report.status.board import Board


class RunParts:
    """The parts of one run: its source, report, options, pools and scans."""

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
        cluster: Place | None = None,
    ) -> None:
        """`folder` is the tool's; `header` are the log lines that a run begins with.

        `launcher` starts worker processes, `walk_starter` the processes that scan. `words`: of the
        command line.
        `task` distinguishes runs of the same job within one start; empty: there is only one.
        `file_mode`: mode of new files without secrets; `limits`: how long to wait for processes.
        `board`: of the status page, if there is one. `live`: the values that may change, if any.
        `cluster`: where the workers run; None: as processes of this machine.
        """
        self._cluster = cluster
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
        self._filters = Filters(
            self._recipe.filters,
            self._source.is_empty,
            describes_first=self._source.describes_first,
        )
        self._place = JobPlace.of(folder, self._source, task, common.shard)
        self._console = console
        self._logs = logs
        self._board = board
        self._file_mode = file_mode
        self._words = words
        self._dry_run = _dry_run_of(self._source, common) if words.dry_run else None
        self._report = self._make_report(common.output_finished_file_folder)
        self._options = migration_options(
            common, self._source, encryption, credentials, self._make_spot_check
        )
        if board:
            self._options = self._options._replace(is_paused=lambda: board.paused)
        self._make_pass: Callable[..., Migration] = partial(Migration, make_scan=self._make_scan)
        if self._shows_whole_walk():
            ahead = AheadCount(launcher, self._recipe)
            self._options = self._options._replace(count_ahead=ahead)
        if words.retry_failed:
            self._options, self._make_pass = _for_failed(self._options)
        if self._dry_run:
            self._options = self._dry_run.options(self._options)
        tmp_folder = Path(common.tmp_folder)
        if cluster:  # its workers may have another current folder
            tmp_folder = tmp_folder.absolute()
        self._spool = TempFiles(tmp_folder, self._place.name)
        self._limits = limits
        self._rate_limits = RunLimits(self._live)
        self._running: Loop | None = None
        self._warned_of_few_files = False
        self._began = 0.0
        """Monotonic time of the start."""
        self._interrupted = 0
        """Exit code of the signal that ends the run early; 0: none."""

    def _limit_pass(self) -> RunLimits:
        """Return the limits of the next pass, which this process keeps too."""
        self._config = self._config._replace(common=self._live.applied_to(self._config.common))
        limits = self._rate_limits = RunLimits(self._live)
        self._source.pace_by(ThreadPace(limits.own_pace.source(big=False)))
        return limits

    def _pass_parts(
        self, state: RecordStore, report: Report | None = None, *, tunes: bool = True
    ) -> PassParts:
        """Return what the next pass gets, and keep its limits from now on.

        `tunes`: whether pools whose number of transfers is not given find it.
        """
        options, limits = self._options, self._limit_pass()
        tunes = tunes and not self._dry_run
        return PassParts(
            options.watch_window(),
            options.credentials,
            self._source,
            state,
            report or self._report,
            self._make_pools,
            auto_pools(self._config.common) if tunes else NO_AUTO_POOLS,
            limits,
        )

    def _sides_parts(self) -> SidesParts:
        """Return what the listings of both sides get, under the limits of the last pass made."""
        from cos_migrate.engine.compare_wiring import SidesParts  # noqa: PLC0415 - rarely used

        return SidesParts(
            self._config.common,
            self._options,
            self._filters,
            self._settings(),
            self._make_scan,
            self._spool,
            self._rate_limits.own_pace,
        )

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
                str(self._config.common.shard or ""),
            ),
            finished_folder=finished_folder,
            log_skipped=self._config.common.log_skipped,
            heartbeat=self._config.common.heartbeat,
            file_mode=self._file_mode,
            estimate=self._dry_run.estimate if self._dry_run else None,
            board=self._board,
            reads_cloud=not (self._source.is_local or self._source.copied_by_cos),
            compares=self._words.compare,
        )

    def _settings(self) -> CosSettings:
        """Return the settings of a client of the target bucket, with the present credentials."""
        return cos_settings(self._config.common, self._credentials.current(Side.COS))

    def _make_spot_check(
        self, paths: Sequence[str], post: Callable[[SpotCheckResult], None]
    ) -> SpotCheck:
        pace = self._rate_limits.own_pace.cos(big=False)
        return SpotCheck(self._settings(), paths, post, self._credentials.gate, pace)

    def _make_pools(self, post: Post) -> Pools:
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
        if self._cluster:
            from cos_migrate.pools.cluster_pools import ClusterPools  # noqa: PLC0415 - an extra

            checks = partial(make_checks, recipe, check_of_temp_files(self._spool))
            return ClusterPools(job, self._cluster, checks, post, self._limits, limiter)
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
        if common.cluster and self._cluster:
            return descriptors.TransferCounts(common.cluster.most_workers, *transfers_most(common))
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

    def _shows_whole_walk(self) -> bool:
        """Return whether a terminal shows the progress of a walk over the whole job."""
        common = self._config.common
        return (
            self._console.has_display
            and self._source.scans_in_own_process
            and worker_count(common) > 0
            and not (any(self._words) or common.shard)
        )

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
