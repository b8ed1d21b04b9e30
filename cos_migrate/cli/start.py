"""Starts a run: what takes time to load is loaded side by side."""

from __future__ import annotations

import gc
import os

from cos_migrate.cli.arguments import CommandLine
from cos_migrate.config.common import worker_count
from cos_migrate.config.loader import Config, load
from cos_migrate.pools.launcher import SCAN, WORKER, Launcher, has_folder
from cos_migrate.report.console import Console
from cos_migrate.safe_files import PRIVATE_UMASK, PUBLIC_FILE
from cos_migrate.scan.walk_process import ScanProcesses
from cos_migrate.sources import registry
from cos_migrate.sources.recipe import ScanJob
from cos_migrate.sources.registry import SECTIONS

_COLLECT_AFTER = 20_000
"""New objects after which garbage is looked for: hardly any of what flows is in a cycle."""


def start(line: CommandLine, launcher: Launcher) -> int:
    """Run what the command line asks for; return the exit code.

    `launcher` may have a process that is needed already. Raises ConfigError and StateError.
    """
    console = Console(quiet=line.quiet, progress=line.progress)
    console.announce(f"cos migrate tool config path:{line.config_path}")
    loaded = load(line.config_path, line.overrides, SECTIONS, environ=os.environ)
    scans = ScanProcesses(launcher)
    # LevelDB and RocksDB make their files with what the umask allows.
    umask = os.umask(PRIVATE_UMASK)
    try:
        if not os.environ.get("RUN_MODE"):
            _begin(launcher, scans, loaded.config)
        from cos_migrate.cli.session import Session  # noqa: PLC0415 - the processes load beside it

        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER)
        gc.enable()
        mode = PUBLIC_FILE & ~umask
        return Session(line, loaded, console, launcher, scans, file_mode=mode).run()
    finally:
        os.umask(umask)
        scans.close()


def _begin(launcher: Launcher, scans: ScanProcesses, config: Config) -> None:
    """Start the processes that will be needed, as far as that is known already."""
    common, source = config.common, registry.find(config.migrate_type)
    workers = worker_count(common)
    # Where a job of this folder has run before there may be nothing to send.
    if not (source.reads_at_once and has_folder("db")):
        launcher.keep(WORKER, workers)
    if source.scans_apart and workers:
        scans.begin(ScanJob.of(source, config.source, common))
    launcher.keep(SCAN, 0)
