"""Temporary keys, and where the tool finds keys that the configuration does not hold."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator.signature import Account
from tests.fakes import oss_server
from tests.fakes.issued_keys import Accounts, IssuedKeys, Issuer
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


def on_cos(cos: HeldCos) -> Issuer:
    """Return an issuer whose keys COS accepts."""
    issuer = Issuer("COSTEMPORARY")

    def account(keys: IssuedKeys, ended: bool) -> Account:
        return Account(keys.key_id, keys.secret, keys.token, expired=ended)

    cos.accounts = Accounts(cos.accounts, issuer, account)
    return issuer


def assert_sent_once(cos: HeldCos) -> None:
    """Assert that no object and no part was stored twice."""
    sent = collections.Counter(
        (seen.key, seen.params)
        for seen in cos.requests
        if seen.operation in {"PutObject", "UploadPart", "CompleteMultipartUpload"}
        and seen.status == 200
    )
    assert set(sent.values()) == {1}


def fill(tool: CloudTool, server: S3Server | OssServer) -> dict[str, bytes]:
    """Place small objects and two in parts, on many pages; return their content."""
    server.page_size = 7
    tool.common |= {"bigFileUploadPartSize": str(MIB), "listParallel": "2"}
    bodies = {f"{number:03}": noise(100, number) for number in range(100)}
    bodies |= {f"{number:03}-big": noise(9 * MIB + number, number) for number in range(2)}
    for key, body in bodies.items():
        server.put(key, body)
    return bodies


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


class RotatedFile:
    """Keys in a configuration, which is written anew when a server refuses them."""

    _lock = threading.Lock()

    def __init__(
        self, tool: CloudTool, issuer: Issuer, use: Callable[[IssuedKeys], None], uses: int
    ) -> None:
        """`use` sets keys in the tool's settings."""
        self._tool = tool
        self._issuer = issuer
        self._use = use
        issuer.uses = uses
        use(issuer.issue())
        issuer.on_refusal = self._rotate

    def _rotate(self) -> None:
        with self._lock:
            if self._issuer.issued[-1].uses > 0:
                return
            self._use(self._issuer.issue())
            self._tool.write_config()


@pytest.mark.parametrize("processes", ["0", "2"])
@pytest.mark.parametrize("cloud", ["s3", "oss"])
def test_keys_that_end_in_a_run_are_read_again(
    cloud: str, processes: str, request: pytest.FixtureRequest, cos: HeldCos
) -> None:
    server: S3Server | OssServer = request.getfixturevalue(cloud)
    tool: CloudTool = request.getfixturevalue(f"from_{cloud}")
    token = {"s3": "sessionToken", "oss": "securityToken"}[cloud]
    bodies = fill(tool, server)
    tool.common["workerProcessNum"] = processes

    def use_source(keys: IssuedKeys) -> None:
        tool.cloud |= {"accessKeyId": keys.key_id, "accessKeySecret": keys.secret}
        tool.cloud[token] = keys.token

    def use_cos(keys: IssuedKeys) -> None:
        tool.common |= {"secretId": keys.key_id, "secretKey": keys.secret, "token": keys.token}

    issuer = on_cos(cos)
    RotatedFile(tool, server.issuer, use_source, 37)
    RotatedFile(tool, issuer, use_cos, 41)
    ended = tool.run()
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.out + ended.err
    assert stored(cos) == bodies
    assert_sent_once(cos)
    for used in (server.issuer, issuer):
        assert len(used.issued) >= 3
        assert used.refusals
    assert_hidden(tool, ended, [server.issuer, issuer])
    assert "the credentials of [common] were read again" in tool.log("info.log")
