"""What the tests of records start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

# Written by the Java tool itself: see tests/data/make_java_data.py.
[JAVA_DB] = (Path(__file__).parents[2] / "data").glob("java_db/db/*/*/*")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A database that the Java tool has written."""
    return Path(shutil.copytree(JAVA_DB, tmp_path / "db"))
