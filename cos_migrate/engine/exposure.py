"""Warns of files with secrets that other users of the machine may read."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from cos_migrate.config.loader import Loaded
from cos_migrate.sources.base import Source

_READ_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH
_ENTERED_BY_OTHERS = _READ_BY_OTHERS | stat.S_IXGRP | stat.S_IXOTH


def exposed_files(config_path: str, loaded: Loaded) -> Iterator[str]:
    """Yield a warning for each file of a configuration with secrets that others may read."""
    common = loaded.config.common
    files = (
        (config_path if loaded.holds_secrets else "", f"config {config_path} holds secrets"),
        (common.batch_task_path, f"batchTaskPath {common.batch_task_path} holds secrets"),
        (
            common.key_path if common.client_encryption else "",
            f"keyPath {common.key_path} holds the key of clientEncryption",
        ),
    )
    for path, what in files:
        if path and _allows(path, _READ_BY_OTHERS):
            yield f"{what}, and other users of this machine may read it: chmod 600 {_quoted(path)}"


def exposed_records(source: Source, database_folder: Path) -> Iterator[str]:
    """Yield a warning if records hold credentials and other users may read their folder."""
    if source.records_secrets and _allows(str(database_folder), _ENTERED_BY_OTHERS):
        yield (
            "the records hold URLs with credentials, and other users of this machine may read "
            f"{database_folder}: chmod 700 {_quoted(str(database_folder))}"
        )


def _quoted(path: str) -> str:
    """Return a path as a shell takes it."""
    import shlex  # noqa: PLC0415 - only for a warning

    return shlex.quote(path)


def _allows(path: str, modes: int) -> bool:
    """Return whether others have one of these rights to a file."""
    if sys.platform == "win32":
        return False
    try:
        return bool(os.stat(path).st_mode & modes)
    except OSError:
        return False
