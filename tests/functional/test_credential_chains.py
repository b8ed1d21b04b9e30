"""Runs whose credentials are not in the configuration."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import s3_server
from tests.fakes.issued_keys import Issuer
from tests.fakes.metadata_server import ROLE, MetadataServer
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, stored
from tests.functional.sites import SOURCE, cos_section
from tests.functional.temporary_keys import assert_hidden, assert_sent_once, fill, on_cos
from tests.functional.tool import SECRET_ID, SECRET_KEY, Ended, end
from tests.functional.waiting import HeldCos, wait_until


@pytest.fixture
def metadata() -> Iterator[MetadataServer]:
    with MetadataServer(Issuer("METADATA")) as server:
        yield server


def for_aws(metadata: MetadataServer, tmp_path: Path) -> dict[str, str]:
    """Return variables by which AWS's chain finds the metadata server, and nothing else."""
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "aws-credentials"),
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url,
        "AWS_ENDPOINT_URL_STS": metadata.url,
    }


def without_keys(tool: CloudTool) -> None:
    tool.cloud |= {"accessKeyId": "", "accessKeySecret": ""}


def assert_renewed(ended: Ended, issuer: Issuer, found: str) -> None:
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.out + ended.err
    assert len(ended.lines(f"credentials: {found}, until ")) == 1
    assert len(issuer.issued) >= 3
    assert issuer.refusals


@pytest.mark.parametrize("role", ["auto", ROLE])
def test_the_role_of_an_ecs_instance(
    from_oss: CloudTool, oss: OssServer, cos: HeldCos, role: str
) -> None:
    bodies = fill(from_oss, oss)
    from_oss.common["workerProcessNum"] = "2"
    oss.issuer.uses = 40
    without_keys(from_oss)
    with MetadataServer(oss.issuer) as metadata:
        from_oss.cloud |= {"ramRole": role, "ramRoleUrl": metadata.ecs}
        ended = from_oss.run()
    assert_renewed(ended, oss.issuer, f"[migrateAli] RAM role {ROLE}")
    assert stored(cos) == bodies
    assert_sent_once(cos)
    assert_hidden(from_oss, ended, [oss.issuer])


def test_the_cam_role_of_a_cvm(from_s3: CloudTool, s3: S3Server, cos: HeldCos) -> None:
    bodies = fill(from_s3, s3)
    from_s3.common |= {"workerProcessNum": "2", "skipSamePath": "true", "check": "on"}
    issuer = on_cos(cos)
    issuer.uses = 70
    from_s3.common |= {"secretId": "", "secretKey": ""}
    with MetadataServer(issuer) as metadata:
        from_s3.common |= {"camRole": "auto", "camRoleUrl": metadata.cvm}
        ended = from_s3.run()
    assert_renewed(ended, issuer, f"[common] CAM role {ROLE}")
    assert stored(cos) == bodies
    assert_sent_once(cos)
    assert_hidden(from_s3, ended, [issuer])


def test_the_role_of_an_ec2_instance(
    from_s3: CloudTool, s3: S3Server, cos: HeldCos, tmp_path: Path
) -> None:
    bodies = fill(from_s3, s3)
    s3.issuer.uses = 40
    without_keys(from_s3)
    with MetadataServer(s3.issuer) as metadata:
        ended = from_s3.run(environ=for_aws(metadata, tmp_path))
    assert_renewed(ended, s3.issuer, "[migrateAws] instance metadata")
    assert stored(cos) == bodies
    assert_sent_once(cos)


def test_an_assumed_role(from_s3: CloudTool, s3: S3Server, cos: HeldCos, tmp_path: Path) -> None:
    bodies = fill(from_s3, s3)
    s3.issuer.uses = 40
    arn = "arn:aws:iam::123456789012:role/reader"
    without_keys(from_s3)
    from_s3.cloud |= {"profile": "backup", "roleArn": arn, "roleSessionName": "nightly"}
    from_s3.cloud["externalId"] = "${EXTERNAL}"
    (tmp_path / "aws-config").write_text(
        "[profile backup]\naws_access_key_id=base\naws_secret_access_key=base-secret\n"
    )
    with MetadataServer(s3.issuer) as metadata:
        metadata.external_id = "the-external-id"
        environ = {**for_aws(metadata, tmp_path), "EXTERNAL": "the-external-id"}
        ended = from_s3.run(environ=environ)
        refused = from_s3.run(environ={**environ, "EXTERNAL": "another"})
    assert_renewed(ended, s3.issuer, f"[migrateAws] role {arn}")
    assert stored(cos) == bodies
    assert {(words["RoleArn"], words["RoleSessionName"]) for words in metadata.assumed} == {
        (arn, "nightly")
    }
    assert refused.code == 2
    assert "AccessDenied" in refused.err
    assert "base-secret" not in ended.out + ended.err + from_s3.log("info.log")


def test_a_profile(from_s3: CloudTool, s3: S3Server, cos: HeldCos, tmp_path: Path) -> None:
    s3.put("a", b"a")
    without_keys(from_s3)
    from_s3.cloud["profile"] = "backup"
    (tmp_path / "aws-credentials").write_text(
        f"[backup]\naws_access_key_id={s3_server.KEY_ID}\naws_secret_access_key={s3_server.KEY}\n"
    )
    with MetadataServer(Issuer("UNUSED")) as metadata:
        ended = from_s3.run(environ=for_aws(metadata, tmp_path))
    assert ended.code == 0, ended.err
    assert ended.lines("credentials:") == ["credentials: [migrateAws] profile backup"]
    assert stored(cos) == {"a": b"a"}


def test_the_role_that_reads_another_bucket(tmp_path: Path) -> None:
    tool_folder = tmp_path / "tool"
    with (
        HeldCos(tmp_path / "cos", secret_id=SECRET_ID, secret_key=SECRET_KEY) as cos,
        MetadataServer(on_cos(cos)) as metadata,
    ):
        section = cos_section(cos.port)
        section |= {"srcSecretId": "", "srcSecretKey": ""}
        section |= {"srcCamRole": "auto", "srcCamRoleUrl": metadata.cvm}
        tool = CloudTool(tool_folder, cos.port, migrate_type="migrateBucketCopy", cloud=section)
        metadata.issuer.uses = 3
        for number in range(40):
            cos.store.put(SOURCE, f"{number:02}", cos.store.receive([b"content"]), {}, acl="")
        tool.common["listParallel"] = "4"
        ended = tool.run()
        assert ended.code == 0, ended.err
        assert ended.lines("credentials: [migrateBucketCopy] CAM role")
        assert len(stored(cos)) == 40


def test_keys_of_the_environment(from_oss: CloudTool, oss: OssServer, cos: HeldCos) -> None:
    oss.put("a", b"a")
    issuer = on_cos(cos)
    keys, target = oss.issuer.issue(), issuer.issue()
    without_keys(from_oss)
    from_oss.common |= {"secretId": "", "secretKey": "", "workerProcessNum": "2"}
    environ = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": keys.key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": keys.secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": keys.token,
        "TENCENTCLOUD_SECRET_ID": target.key_id,
        "TENCENTCLOUD_SECRET_KEY": target.secret,
        "TENCENTCLOUD_TOKEN": target.token,
    }
    ended = from_oss.run(environ=environ)
    assert ended.code == 0, ended.err
    assert ended.lines("credentials:") == [
        "credentials: [common] environment variable TENCENTCLOUD_SECRET_ID",
        "credentials: [migrateAli] environment variable ALIBABA_CLOUD_ACCESS_KEY_ID",
    ]
    assert stored(cos) == {"a": b"a"}
    del environ["TENCENTCLOUD_SECRET_KEY"]
    ended = from_oss.run(environ=environ)
    assert ended.code == 2
    assert "TENCENTCLOUD_SECRET_KEY (not set)" in ended.err


def test_what_was_looked_at_is_named(from_s3: CloudTool, s3: S3Server, tmp_path: Path) -> None:
    without_keys(from_s3)
    with MetadataServer(s3.issuer) as metadata:
        metadata.down = True
        environ = for_aws(metadata, tmp_path)
        ended = from_s3.run(environ=environ)
        assert ended.code == 2
        for text in ("[migrateAws]", "profile default", "aws-config", metadata.url):
            assert text in ended.err
    from_s3.common |= {"secretId": "", "secretKey": "", "cosPath": "x"}
    ended = from_s3.run(environ=environ)
    assert ended.code == 2
    for text in ("key: secretId", "TENCENTCLOUD_SECRET_ID; camRole", "cospath must start"):
        assert text in ended.err  # all at once


def test_a_pause_says_so_and_is_ended_by_a_signal(
    from_oss: CloudTool, oss: OssServer, cos: HeldCos
) -> None:
    fill(from_oss, oss)
    oss.issuer.uses = 20
    without_keys(from_oss)
    with MetadataServer(oss.issuer) as metadata:
        oss.issuer.on_refusal = lambda: setattr(metadata, "down", True)
        from_oss.cloud |= {"ramRole": "auto", "ramRoleUrl": metadata.ecs}
        process = from_oss.start("--quiet")
        wait_until(lambda: "the run pauses" in from_oss.log("warn.log"))
        process.send_signal(signal.SIGTERM)
        ended = end(process)
    assert ended.code == 143
    assert ended.counts()["fail"] == 0
    assert "it answered 503" in from_oss.log("warn.log")
    assert stored(cos)
