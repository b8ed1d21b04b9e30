"""Looks for records of earlier runs before the configuration is loaded."""

from __future__ import annotations

import os


def earlier_records_exist(kind: str = "") -> bool:
    """Return whether there are records; `kind`: those of one type of migration, as its folder."""
    try:
        with os.scandir(os.path.join("db", kind)) as entries:
            return any(entry.is_dir() for entry in entries)
    except OSError:
        return False
