"""What every functional test starts from: an embedded COS and the tool beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import SECRET_ID, SECRET_KEY, Tool
from tests.functional.waiting import HeldCos


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[HeldCos]:
    folder = tmp_path / "cos"
    folder.mkdir()
    with HeldCos(folder, secret_id=SECRET_ID, secret_key=SECRET_KEY) as server:
        yield server


@pytest.fixture
def tool(tmp_path: Path, cos: EmbeddedCos) -> Tool:
    return Tool(tmp_path / "tool with blanks", cos.port)
