"""Tokens of 20 seconds through runs of three minutes, on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.cos.crc64 import crc64
from tests.fakes.metadata_server import MetadataServer
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, noise
from tests.functional.sites import oss_section, s3_section
from tests.functional.temporary_keys import assert_hidden, assert_sent_once, on_cos, watched
from tests.functional.tool import BUCKET, end
from tests.functional.waiting import HeldCos

LIFE = 20.0
SMALL, PAGES = 5000, 50
BIG = 1 << 30


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("early", [6.0, 0.0], ids=["renewed ahead", "renewed when refused"])
@pytest.mark.parametrize("cloud", ["s3", "oss"])
def test_nothing_fails_and_nothing_is_sent_twice(
    cloud: str, early: float, request: pytest.FixtureRequest, cos: HeldCos, tmp_path: Path
) -> None:
    source: S3Server | OssServer = request.getfixturevalue(cloud)
    target = on_cos(cos)
    for issuer in (source.issuer, target):
        issuer.life, issuer.early = LIFE, early
    for number in range(SMALL):
        source.put(f"{number:05}", b"%05d" % number)
    big = noise(1 << 24) * (BIG >> 24)
    if isinstance(source, OssServer):
        source.put("big", big, crc64=crc64(big))  # its own code would take minutes for that
    else:
        source.put("big", big)
    source.page_size = SMALL // PAGES
    source.latency, cos.latency = 0.1, 0.05
    section = (s3_section if cloud == "s3" else oss_section)(source.port)
    section |= {"accessKeyId": "", "accessKeySecret": ""}
    migrate_type = {"s3": "migrateAws", "oss": "migrateAli"}[cloud]
    tool = CloudTool(tmp_path / "tool", cos.port, migrate_type=migrate_type, cloud=section)
    tool.common |= {
        "secretId": "",
        "secretKey": "",
        "workerProcessNum": "2",
        "smallFileExecutorNum": "4",
        "bigFileExecutorNum": "2",
        "bigFileUploadPartSize": str(1 << 20),
    }
    with MetadataServer(source.issuer) as of_source, MetadataServer(target) as of_target:
        tool.common |= {"camRole": "auto", "camRoleUrl": of_target.cvm}
        if cloud == "oss":
            tool.cloud |= {"ramRole": "auto", "ramRoleUrl": of_source.ecs}
        environ = {
            "AWS_CONFIG_FILE": str(tmp_path / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": of_source.url,
        }
        process = tool.start(environ=environ)
        with watched(process) as shown:
            ended = end(process, seconds=900)
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.err
    assert ended.counts()["new"] == SMALL + 1
    assert len(cos.keys(BUCKET)) == SMALL + 1
    assert cos.object_bytes(BUCKET, "big") == big
    assert_sent_once(cos)
    assert_hidden(tool, ended, [source.issuer, target])
    assert any("cos_migrate.pools.worker" in text for text in shown)
    secrets = [text for issuer in (source.issuer, target) for text in issuer.secrets()]
    assert not [text for text in shown for secret in secrets if secret in text]
    assert len(source.asked(source.lists)) >= PAGES
    for issuer in (source.issuer, target):
        print(f"{issuer.name}: {len(issuer.issued)} tokens, {issuer.refusals} refused requests")
        assert len(issuer.issued) > 5
        if early:
            assert not issuer.refusals
    print(next(line for line in ended.out.splitlines() if "used_time" in line))
