"""Runs whose credentials of AWS come from a person's sign-in, or from a web identity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.fakes.faults import Fault
from tests.fakes.issued_keys import Issuer
from tests.fakes.messages import Answer
from tests.fakes.metadata_server import MetadataServer
from tests.fakes.s3_server import S3Server
from tests.fakes.sso_server import SsoServer, profile
from tests.functional.cloud_tool import CloudTool, stored
from tests.functional.temporary_keys import assert_hidden, assert_sent_once, fill
from tests.functional.tool import end
from tests.functional.waiting import HeldCos, wait_until

POD = "arn:aws:iam::123456789012:role/pod"


@pytest.fixture
def sso(s3: S3Server) -> Iterator[SsoServer]:
    with SsoServer(s3.issuer) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home, for AWS's files."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def environ_of(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    return {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        **more,
    }


def with_profile(tool: CloudTool, home: Path, *, session: str = "") -> None:
    (home / "config").write_text(profile("work", session=session))
    tool.cloud |= {"accessKeyId": "", "accessKeySecret": "", "profile": "work"}


@pytest.mark.parametrize("session", ["", "corp"])
def test_a_profile_that_signs_in(
    from_s3: CloudTool, s3: S3Server, cos: HeldCos, sso: SsoServer, home: Path, session: str
) -> None:
    """The access token of a session is refreshed, that of an older profile is used as it is."""
    bodies = fill(from_s3, s3)
    s3.issuer.uses = 40
    from_s3.common["workerProcessNum"] = "2"
    with_profile(from_s3, home, session=session)
    sso.sign_in(home, session=session, lasting=60)
    ended = from_s3.run(environ=environ_of(home, sso.environ))
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.out + ended.err
    assert len(ended.lines("credentials: [migrateAws] profile work, until ")) == 1
    assert len(s3.issuer.issued) >= 3
    assert bool(sso.asked("CreateToken")) == bool(session)
    assert stored(cos) == bodies
    assert_sent_once(cos)
    assert_hidden(from_s3, ended, [s3.issuer], *sso.secrets)


def test_one_that_is_not_signed_in(
    from_s3: CloudTool, s3: S3Server, sso: SsoServer, home: Path
) -> None:
    s3.put("a", b"a")
    with_profile(from_s3, home)
    environ = environ_of(home, sso.environ)
    for _ in range(2):
        ended = from_s3.run(environ=environ)
        assert ended.code == 2
        assert "[migrateAws]" in ended.err
        assert "sign in by aws sso login --profile work" in ended.err
        assert "Traceback" not in ended.err
        sso.sign_in(home)
        sso.sign_out()


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"roleCredentials": {"accessKeyId": "a"}}'])
def test_a_portal_that_answers_nonsense(
    from_s3: CloudTool, sso: SsoServer, home: Path, body: bytes
) -> None:
    with_profile(from_s3, home)
    sso.sign_in(home)
    nonsense = Answer(200, {"Content-Type": "application/json"}, body)
    sso.faults.append(Fault("status", "GetRoleCredentials", times=-1, answer=nonsense))
    ended = from_s3.run(environ=environ_of(home, sso.environ))
    assert ended.code == 2
    assert "credentials of [migrateAws] (profile work) cannot be fetched" in ended.err
    assert "Traceback" not in ended.err


def test_a_run_pauses_until_its_user_has_signed_in_again(
    from_s3: CloudTool, s3: S3Server, cos: HeldCos, sso: SsoServer, home: Path
) -> None:
    bodies = fill(from_s3, s3)
    s3.issuer.uses = 20
    with_profile(from_s3, home)
    sso.sign_in(home)
    s3.issuer.on_refusal = sso.sign_out
    process = from_s3.start(environ=environ_of(home, sso.environ))
    wait_until(lambda: "the run pauses" in from_s3.log("warn.log"))
    s3.issuer.on_refusal = lambda: None
    s3.issuer.uses = 10_000
    sso.sign_in(home)
    ended = end(process)
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.out + ended.err
    assert "aws sso login" in from_s3.log("warn.log")
    assert "Traceback" not in ended.err
    assert stored(cos) == bodies
    assert_sent_once(cos)
    assert_hidden(from_s3, ended, [s3.issuer], *sso.secrets)


def test_a_web_identity_whose_token_is_replaced(
    from_s3: CloudTool, s3: S3Server, cos: HeldCos, home: Path
) -> None:
    """As in a pod: the cluster writes a new token into the file from time to time."""
    bodies = fill(from_s3, s3)
    s3.issuer.uses = 40
    from_s3.common["workerProcessNum"] = "2"
    from_s3.cloud |= {"accessKeyId": "", "accessKeySecret": ""}
    token = home / "token"
    with MetadataServer(s3.issuer) as sts:

        def replace() -> None:
            sts.web_identity = f"web-identity-{len(s3.issuer.issued)}"
            token.write_text(sts.web_identity)

        replace()
        s3.issuer.on_refusal = replace
        more = {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_ROLE_ARN": POD,
            "AWS_ROLE_SESSION_NAME": "nightly",
            "AWS_ENDPOINT_URL_STS": sts.url,
        }
        ended = from_s3.run(environ=environ_of(home, more))
        asked = [(words["RoleArn"], words["RoleSessionName"]) for words in sts.assumed]
        tokens = {words["WebIdentityToken"] for words in sts.assumed}
    assert (ended.code, ended.status) == (0, "ALL_OK"), ended.out + ended.err
    assert len(ended.lines("credentials: [migrateAws] web identity, until ")) == 1
    assert set(asked) == {(POD, "nightly")}
    assert len(tokens) >= 3
    assert stored(cos) == bodies
    assert_sent_once(cos)
    assert_hidden(from_s3, ended, [s3.issuer], *tokens)


def test_a_web_identity_that_is_refused(from_s3: CloudTool, s3: S3Server, home: Path) -> None:
    s3.put("a", b"a")
    from_s3.cloud |= {"accessKeyId": "", "accessKeySecret": ""}
    token = home / "token"
    token.write_text("an-unknown-identity")
    with MetadataServer(Issuer("STS")) as sts:
        sts.web_identity = "another"
        more = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": POD}
        ended = from_s3.run(environ=environ_of(home, {**more, "AWS_ENDPOINT_URL_STS": sts.url}))
    assert ended.code == 2
    assert "InvalidIdentityToken" in ended.err
    assert "an-unknown-identity" not in ended.err + from_s3.log("error.log")
