"""From a private cloud to COS with the whole tool: as from S3, and with ACLs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.s3_server import BUCKET, S3Server
from tests.functional.cloud_tool import CloudTool, counted, noise, stored
from tests.functional.contract import (
    AccessContract,
    DownloadContract,
    PagesContract,
    SlashesContract,
)
from tests.functional.sites import CspSite
from tests.functional.tool import BUCKET as TARGET
from tests.functional.tool import records

MIB = 1 << 20
FRIEND = "qcs::cam::uin/100000000002:uin/100000000002"


class TestCsp(AccessContract, DownloadContract, PagesContract, SlashesContract):
    wrong_access = (
        ({"accessKeyId": "nobody"}, "[migrateCsp] accessKeyId"),
        ({"accessKeySecret": "guessed"}, "[migrateCsp] accessKeySecret"),
        ({"bucket": "none"}, "[migrateCsp] bucket"),
    )
    refused = ((403, "AccessDenied"),)


@pytest.fixture(name="site")
def _site(tmp_path: Path, cos: EmbeddedCos, s3: S3Server) -> CspSite:
    return CspSite(tmp_path, cos, s3)


@pytest.fixture(name="tool")
def _tool(site: CspSite) -> CloudTool:
    site.tool.cloud["prefix"] = "data/"
    return site.tool


def test_objects_keep_their_acl(tool: CloudTool, s3: S3Server, cos: EmbeddedCos) -> None:
    s3.put("data/open", b"1", acl="public-read")
    s3.put("data/closed", b"2", headers={"x-amz-meta-a": "b"})
    s3.put("data/shared", b"3", grants=(("READ", FRIEND),))
    s3.put("data/odd", b"4", grants=(("READ", "somebody"),))
    s3.put("data/big", noise(6 * MIB), acl="public-read")
    s3.put("data/folder/", b"", acl="public-read")
    tool.cloud["migrateSlashEndObjectAcl"] = "false"
    ended = tool.run()
    assert (ended.code, ended.counts()) == (0, counted(new=6)), ended.err
    assert {key: cos.object_head(TARGET, key).acl for key in cos.keys(TARGET)} == {
        "open": "public-read",
        "closed": "private",
        "shared": f"READ {FRIEND}",
        "odd": "private",
        "big": "public-read",
        "folder/": "",
    }
    assert "READ for somebody" in tool.log("warn.log")
    told = cos.object_head(TARGET, "closed").headers
    assert told["x-cos-meta-csp-etag"] == hashlib.md5(b"2").hexdigest()
    assert told["x-cos-meta-a"] == "b"
    assert "data/folder/" not in [seen.key for seen in s3.asked("GetObjectAcl")]
    record = f"[taskType: migrateCsp] [bucket: {TARGET}] [cosPath: /open]"
    value = f"[fileSize: 1] [etag: {hashlib.md5(b'1').hexdigest()}]"
    assert records(tool.database)[record] == value
    place = f"[destCosFolder: /], [endPoint: 127.0.0.1:{s3.port}], [srcBucket: {BUCKET}]"
    text = f"{place}, [srcPrefix: data/]"
    assert tool.database.name == hashlib.md5(text.encode()).hexdigest()
    assert tool.database.parents[1].name == "migrate_copy_csp"
    before = stored(cos)
    s3.seen.clear()
    assert tool.run().counts() == counted(skip=6)
    assert set(s3.operations()) == {"ListObjectsV2"}
    assert stored(cos) == before


def test_an_acl_that_cannot_be_read_fails_the_object(
    tool: CloudTool, s3: S3Server, cos: EmbeddedCos
) -> None:
    s3.put("data/f", b"1")
    s3.denied.add("GetObjectAcl")
    ended = tool.run()
    assert (ended.code, ended.counts()) == (1, counted(fail=1)), ended.out
    assert "[migrateCsp] accessKeyId" in tool.log("error.log")
    assert cos.keys(TARGET) == []
