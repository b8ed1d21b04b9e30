"""Temporary keys that end in a run, and secrets in no place."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes import oss_server
from tests.fakes.issued_keys import IssuedKeys, Issuer
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool, noise, stored
from tests.functional.temporary_keys import MIB, assert_hidden, assert_sent_once, fill, on_cos
from tests.functional.tool import end
from tests.functional.waiting import HeldCos, wait_until


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


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_no_process_shows_a_secret(from_s3: CloudTool, s3: S3Server, cos: HeldCos) -> None:
    issuer = on_cos(cos)
    keys, target = s3.issuer.issue(), issuer.issue()
    for number in range(20):
        s3.put(f"{number}", b"x")
    from_s3.cloud |= {"accessKeyId": "${S3_ID}", "accessKeySecret": "${S3_SECRET}"}
    from_s3.cloud["sessionToken"] = "${S3_TOKEN}"
    from_s3.common |= {"secretId": "", "secretKey": "", "workerProcessNum": "2"}
    environ = {
        "S3_ID": keys.key_id,
        "S3_SECRET": keys.secret,
        "S3_TOKEN": keys.token,
        "COS_SECRETID": target.key_id,
        "COS_SECRETKEY": target.secret,
        "COS_TOKEN": target.token,
    }
    cos.hold(1)
    process = from_s3.start(environ=environ)
    wait_until(lambda: cos.held > 0, lambda: process.poll() is None)
    workers = children_of(process.pid)
    assert workers
    for pid in workers:
        place = Path(f"/proc/{pid}")
        shown = (place / "environ").read_bytes() + (place / "cmdline").read_bytes()
        assert b"PYTHONPATH" in shown
        for secret in environ.values():
            assert secret.encode() not in shown
    cos.release()
    ended = end(process)
    assert ended.code == 0, ended.err
    assert_hidden(from_s3, ended, [s3.issuer, issuer])


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return found
