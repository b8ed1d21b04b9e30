"""Looks for records of earlier runs before the configuration is loaded."""

from __future__ import annotations

import os


def earlier_records_exist(kind: str = "") -> bool:
    """Return whether records exist below `db`; `kind`: the folder of one type of migration."""
    try:
        with os.scandir(os.path.join("db", kind)) as entries:
            return any(entry.is_dir() for entry in entries)
    except OSError:
        return False
