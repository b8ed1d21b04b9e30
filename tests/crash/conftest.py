"""What every test of kills starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.conftest import cos
from tests.functional.tool import Tool

__all__ = ["cos"]


@pytest.fixture
def tool(tmp_path: Path, cos: EmbeddedCos) -> Tool:
    return Tool(tmp_path / "tool with blanks", cos.port, {"workerProcessNum": "2"})
