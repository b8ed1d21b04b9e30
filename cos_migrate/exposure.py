"""Warnings of secrets that other users of the machine may read."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from cos_migrate.config import Loaded
from cos_migrate.sources.base import Source

_READ_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH
_ENTERED_BY_OTHERS = _READ_BY_OTHERS | stat.S_IXGRP | stat.S_IXOTH


def exposed_files(config_path: str, loaded: Loaded) -> Iterator[str]:
    """Yield a warning for each file of a configuration that holds secrets and others may read."""
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
            yield (
                f"{what}, and other users of this machine may read it: "
                f"chmod 600 {shlex.quote(path)}"
            )


def exposed_records(source: Source, folder: Path, database: Path) -> Iterator[str]:
    """Yield a warning for each folder that shows others the credentials in recorded URLs.

    `folder` is the tool's.
    """
    if not source.records_secrets:
        return
    for path in (folder / "db", database):
        if _allows(str(path), _ENTERED_BY_OTHERS):
            yield (
                f"the records hold URLs with credentials, and other users of this machine may "
                f"read {path}: chmod 700 {shlex.quote(str(path))}"
            )


def _allows(path: str, modes: int) -> bool:
    """Return whether others have one of these rights to a file."""
    if sys.platform == "win32":
        return False
    try:
        return bool(os.stat(path).st_mode & modes)
    except OSError:
        return False
