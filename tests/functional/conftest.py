"""What every functional test starts from: an embedded COS and the tool beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool
from tests.functional.copies import two_buckets
from tests.functional.more_sites import CopySite
from tests.functional.sites import oss_section, s3_section
from tests.functional.tool import Tool
from tests.functional.waiting import HeldCos


@pytest.fixture
def cos(tmp_path: Path) -> Iterator[HeldCos]:
    """A COS with the target bucket, and the bucket `SOURCE` of another account."""
    with two_buckets(tmp_path) as server:
        yield server


@pytest.fixture
def tool(tmp_path: Path, cos: EmbeddedCos) -> Tool:
    return Tool(tmp_path / "tool with blanks", cos.port)


@pytest.fixture
def from_s3(tmp_path: Path, cos: EmbeddedCos, s3: S3Server) -> CloudTool:
    """The tool that migrates from the S3 server."""
    return CloudTool(
        tmp_path / "tool", cos.port, migrate_type="migrateAws", cloud=s3_section(s3.port)
    )


@pytest.fixture
def from_oss(tmp_path: Path, cos: EmbeddedCos, oss: OssServer) -> CloudTool:
    """The tool that migrates from the OSS server."""
    return CloudTool(
        tmp_path / "tool", cos.port, migrate_type="migrateAli", cloud=oss_section(oss.port)
    )


@pytest.fixture
def copy_site(tmp_path: Path, cos: EmbeddedCos) -> Iterator[CopySite]:
    """The bucket `SOURCE` and the tool that copies it."""
    site = CopySite(tmp_path, cos)
    with site.server:
        yield site
