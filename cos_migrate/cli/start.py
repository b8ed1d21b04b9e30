"""Starts the processes that a run needs, and loads the rest of the tool while they load."""

from __future__ import annotations

import gc
import os

from cos_migrate.cli.cluster import cluster_of
from cos_migrate.cli.command_line import CommandLine
from cos_migrate.cli.earlier_runs import earlier_records_exist
from cos_migrate.cli.flags import RUN_OPTIONS, belongs_to_run, default_of, field_of
from cos_migrate.cli.languages import errors_in, language_of_config
from cos_migrate.config.common import worker_count
from cos_migrate.config.live import stamp_of
from cos_migrate.config.loader import Config, load
from cos_migrate.errors import ConfigError
from cos_migrate.pools import WORKER_PROGRAM
from cos_migrate.processes.launcher import Launcher
from cos_migrate.report.console import Console
from cos_migrate.safe_files import PRIVATE_UMASK, PUBLIC_FILE
from cos_migrate.scan import WALK_PROGRAM
from cos_migrate.scan.walk_starter import WalkStarter
from cos_migrate.sources import registry
from cos_migrate.sources.recipe import SourceRecipe
from cos_migrate.sources.registry import SECTIONS

_GC_THRESHOLD = 20_000
"""New objects between two garbage collections: almost no object of a run is in a cycle."""


def start(line: CommandLine, launcher: Launcher) -> int:
    """Run a configuration, or the query named by `RUN_MODE`; return the exit code.

    `launcher` may have started a process. Raises ConfigError and StateError.
    """
    _refuse_combinations(line)
    console = _console_of(line)
    console.announce_config(line.config_path)
    stamp = stamp_of(line.config_path)
    loaded = load(line.config_path, line.overrides, SECTIONS, environ=os.environ)
    console.language = language_of_config(loaded.config.common, os.environ)
    walk_starter = WalkStarter(launcher)
    uses_cluster = loaded.config.common.cluster is not None and not line.dry_run
    # LevelDB and RocksDB create their files with the modes that the umask allows.
    umask = os.umask(PRIVATE_UMASK)
    file_mode = PUBLIC_FILE & ~umask
    mode = os.environ.get("RUN_MODE", "").upper()
    try:
        if mode in {"DUMP_REQUESTID", "QUERY_REQUESTID"}:
            from cos_migrate.cli.request_ids import query_request_ids  # noqa: PLC0415 - rarely used

            _refuse_options(line, mode)

            gc.enable()
            return query_request_ids(mode, loaded.config, os.environ, file_mode)
        if not mode:
            walk_source = None if line.retry_failed else walk_starter
            _start_processes(launcher, walk_source, loaded.config, uses_cluster=uses_cluster)
        from cos_migrate.cli.session import Session  # noqa: PLC0415 - while the processes load

        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD)
        gc.enable()
        common = loaded.config.common
        with cluster_of(common, launcher, is_used=uses_cluster) as cluster:
            session = Session(
                line,
                loaded,
                console,
                launcher,
                walk_starter,
                file_mode=file_mode,
                stamp=stamp,
                cluster=cluster,
            )
            with errors_in(console.language):
                return session.run()
    finally:
        os.umask(umask)
        walk_starter.close()


def _refuse_combinations(line: CommandLine) -> None:
    """Raise ConfigError for options that have no meaning together, or alone."""
    problems = []
    if line.forget and not line.compares:
        problems.append("--forget belongs to a comparison, write --compare --forget")
    others = {"--dry-run": line.dry_run, "--retry-failed": line.retry_failed}
    problems += [
        f"--compare transfers nothing and cannot be combined with {word}"
        for word, is_given in others.items()
        if is_given and line.compares
    ]
    if problems:
        raise ConfigError(problems)


def _refuse_options(line: CommandLine, mode: str) -> None:
    """Raise ConfigError for options that a query of `RUN_MODE` does not have."""
    problems = [
        belongs_to_run(flag, f"RUN_MODE={mode}")
        for flag in RUN_OPTIONS
        if getattr(line, field_of(flag)) != default_of(flag)
    ]
    if problems:
        raise ConfigError(problems)


def _console_of(line: CommandLine) -> Console:
    if line.json:
        from cos_migrate.report.json_console import JsonConsole  # noqa: PLC0415 - rarely used

        return JsonConsole(quiet=line.quiet, progress=line.progress)
    return Console(quiet=line.quiet, progress=line.progress)


def _start_processes(
    launcher: Launcher, walk_starter: WalkStarter | None, config: Config, *, uses_cluster: bool
) -> None:
    """Start the processes that a run is likely to need; `walk_starter`: None: it walks nothing.

    `uses_cluster`: whether the workers are not processes of the tool's own.
    """
    common, source = config.common, registry.find(config.migrate_type)
    workers = worker_count(common)
    if not (common.small_file_executor_num and common.big_file_executor_num):
        workers = min(workers, 2)  # one in use, and one that waits; others are started on demand
    # Where a job of this folder has run before, there may be nothing to send.
    if uses_cluster:
        launcher.keep(WORKER_PROGRAM, 0)
    elif not (source.is_local and earlier_records_exist()):
        launcher.keep(WORKER_PROGRAM, workers)
    if walk_starter and source.scans_in_own_process and workers:
        walk_starter.begin(SourceRecipe.of(source, config.source, common))
    launcher.keep(WALK_PROGRAM, 0)
