"""Local files keep the contract of whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.contract import RunContract
from tests.functional.more_sites import LocalSite


class TestLocal(RunContract):
    """A folder of files."""


@pytest.fixture(name="site")
def _site(tmp_path: Path, cos: EmbeddedCos) -> LocalSite:
    return LocalSite(tmp_path, cos)
