"""Starts a run: what takes time to load is loaded side by side."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from cos_migrate.command_line import CommandLine
from cos_migrate.config import Config, load
from cos_migrate.console import Console
from cos_migrate.launcher import SCAN, WORKER, Launcher, worker_count
from cos_migrate.sources import registry
from cos_migrate.sources.sections import SECTIONS

_COLLECT_AFTER = 20_000
"""New objects after which garbage is looked for: hardly any of what flows is in a cycle."""


def start(line: CommandLine) -> int:
    """Run what the command line asks for; return the exit code.

    Raises ConfigError and StateError.
    """
    console = Console(quiet=line.quiet, progress=line.progress)
    console.say(f"cos migrate tool config path:{line.config_path}")
    loaded = load(line.config_path, line.overrides, SECTIONS, environ=os.environ)
    launcher = Launcher()
    try:
        if not os.environ.get("RUN_MODE"):
            _begin(launcher, loaded.config)
        from cos_migrate.session import Session  # noqa: PLC0415 - the processes load beside it

        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER)
        return Session(line, loaded, console, launcher).run()
    finally:
        launcher.close()


def _begin(launcher: Launcher, config: Config) -> None:
    """Start the processes that will be needed, as far as that is known already."""
    source, workers = registry.find(config.migrate_type), worker_count(config.common)
    if source.scans_apart and workers:
        launcher.begin(SCAN)
    if not (source.reads_at_once and _has_records(Path("db"))):
        launcher.begin(WORKER, workers)


def _has_records(folder: Path) -> bool:
    """Return whether any job of this folder has run before: then there may be nothing to send."""
    try:
        return any(path.is_dir() for path in folder.iterdir())
    except OSError:
        return False
