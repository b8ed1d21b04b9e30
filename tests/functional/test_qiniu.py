"""From Qiniu to COS with the whole tool, as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.qiniu_server import QiniuServer
from tests.functional.cloud_tool import CloudTool
from tests.functional.contract import AccessContract, DownloadContract, PagesContract
from tests.functional.sites import QiniuSite
from tests.functional.tool import BUCKET as TARGET

MIB = 1 << 20


class TestQiniu(AccessContract, DownloadContract, PagesContract):
    wrong_access = (
        ({"accessKeySecret": "guessed"}, "[migrateQiniu] accessKeyId and accessKeySecret"),
        ({"bucket": "none"}, "[migrateQiniu] bucket"),
    )
    requests_of_wrong_access = 2
    refused = ((400, "refused"), (403, "refused"))


@pytest.fixture(name="site")
def _site(tmp_path: Path, cos: EmbeddedCos, qiniu: QiniuServer) -> QiniuSite:
    return QiniuSite(tmp_path, cos, qiniu)


@pytest.fixture(name="tool")
def _tool(site: QiniuSite) -> CloudTool:
    return site.tool


@pytest.mark.parametrize("how", ["domain", "no list"])
def test_a_bucket_that_cannot_be_read(
    tool: CloudTool, qiniu: QiniuServer, cos: EmbeddedCos, how: str
) -> None:
    for number in range(100):
        qiniu.put(f"{number:03}", b"x")
    if how == "domain":
        qiniu.domain_bucket, words = "other", "[migrateQiniu] endPoint"
    else:
        qiniu.may_list, words = False, "[migrateQiniu] accessKeyId: it must be allowed to list"
    ended = tool.run()
    assert ended.code == 1
    assert words in ended.out + ended.err
    assert cos.keys(TARGET) == []
    assert len(qiniu.asked("GetObject")) <= 1
