"""Temporary keys, and where the tool finds keys that the configuration does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.fakes import oss_server
from tests.fakes.issued_keys import Issuer
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, noise, stored
from tests.functional.sites import oss_section
from tests.functional.tool import Ended
from tests.functional.waiting import HeldCos

MIB = 1 << 20


@pytest.fixture
def oss() -> Iterator[OssServer]:
    with OssServer() as server:
        yield server


@pytest.fixture
def from_oss(tmp_path: Path, cos: HeldCos, oss: OssServer) -> CloudTool:
    return CloudTool(
        tmp_path / "tool", cos.port, migrate_type="migrateAli", cloud=oss_section(oss.port)
    )


def assert_hidden(tool: CloudTool, ended: Ended, issuers: Iterable[Issuer]) -> None:
    """Look for what was issued in all that a run has written."""
    places = [ended.out, ended.err]
    places += [
        path.read_bytes().decode("latin-1")
        for name in ("log", "db", "tmp", "result")
        for path in (tool.folder / name).rglob("*")
        if path.is_file()
    ]
    for secret in [text for issuer in issuers for text in issuer.secrets()]:
        assert not any(secret in text for text in places), secret


def test_a_session_token_of_s3(from_s3: CloudTool, s3: S3Server, cos: HeldCos) -> None:
    keys = s3.issuer.issue()
    bodies = {"a": b"small", "b": noise(6 * MIB)}
    for key, body in bodies.items():
        s3.put(key, body)
    from_s3.cloud |= {"accessKeyId": keys.key_id, "accessKeySecret": keys.secret}
    refused = from_s3.run()
    assert refused.code == 1
    assert "look at [migrateAws] accessKeyId" in refused.err
    from_s3.cloud["sessionToken"] = "another"
    refused = from_s3.run()
    assert refused.code == 1
    assert "look at [migrateAws] sessionToken" in refused.err
    from_s3.cloud["sessionToken"] = keys.token
    ended = from_s3.run()
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.err
    assert stored(cos) == bodies
    assert_hidden(from_s3, ended, [s3.issuer])


def test_a_security_token_of_oss(from_oss: CloudTool, oss: OssServer, cos: HeldCos) -> None:
    keys = oss.issuer.issue()
    bodies = {"a": b"small", "b": noise(6 * MIB)}
    for key, body in bodies.items():
        oss.put(key, body, acl="private")
    from_oss.common["copyAcl"] = "on"  # the SDK asks for it
    from_oss.cloud |= {"accessKeyId": keys.key_id, "accessKeySecret": keys.secret}
    refused = from_oss.run()
    assert refused.code == 1
    assert "look at [migrateAli] securityToken" in refused.err
    from_oss.cloud["securityToken"] = keys.token
    ended = from_oss.run()
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.err
    assert stored(cos) == bodies
    assert len(oss.asked("GetObjectACL")) == 2
    assert {seen.notes["code"] for seen in oss.asked("GetObjectACL")} == {""}
    assert_hidden(from_oss, ended, [oss.issuer])
    assert oss_server.SECRET not in ended.out
