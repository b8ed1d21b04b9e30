"""What every functional test starts from: an embedded COS and the tool beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool
from tests.functional.sites import s3_section
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


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def from_s3(tmp_path: Path, cos: EmbeddedCos, s3: S3Server) -> CloudTool:
    """The tool that migrates from the S3 server."""
    return CloudTool(
        tmp_path / "tool", cos.port, migrate_type="migrateAws", cloud=s3_section(s3.port)
    )
