"""The sign-in services of the tests, driven by AWS's own SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider

from tests.fakes.aws_sdk import sdk_client
from tests.fakes.issued_keys import Issuer
from tests.fakes.metadata_server import MetadataServer
from tests.fakes.sso_server import ACCOUNT, ROLE, SsoServer, profile


@pytest.fixture
def sso() -> Iterator[SsoServer]:
    with SsoServer(Issuer("SIGNEDIN")) as server:
        yield server


def client(name: str, url: str) -> Any:
    return sdk_client(name, url, "unused", "unused")


def at_home(monkeypatch: pytest.MonkeyPatch, home: Path, sso: SsoServer, **session: str) -> None:
    for provider in (SSOProvider, SSOTokenProvider):  # read from HOME when they are loaded
        monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(home / ".aws" / "sso" / "cache"))
    for name, value in sso.environ.items():
        monkeypatch.setenv(name, value)
    config = home / "config"
    config.write_text(profile("work", **session))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "none"))


@pytest.mark.parametrize("session", ["", "corp"])
def test_a_profile_that_is_signed_in(
    sso: SsoServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, session: str
) -> None:
    at_home(monkeypatch, tmp_path, sso, session=session)
    sso.sign_in(tmp_path, session=session)
    keys = botocore.session.Session(profile="work").get_credentials().get_frozen_credentials()
    issued = sso.issuer.issued[0]
    assert keys == (issued.key_id, issued.secret, issued.token, ACCOUNT)
    assert sso.operations() == ["GetRoleCredentials"]
    sso.sign_out()
    credentials = botocore.session.Session(profile="work").get_credentials()
    with pytest.raises(botocore.exceptions.UnauthorizedSSOTokenError):
        credentials.get_frozen_credentials()


def test_a_session_that_is_refreshed(
    sso: SsoServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at_home(monkeypatch, tmp_path, sso, session="corp")
    sso.sign_in(tmp_path, session="corp", lasting=60)
    botocore.session.Session(profile="work").get_credentials().get_frozen_credentials()
    assert sso.operations() == ["CreateToken", "GetRoleCredentials"]
    [cached] = (tmp_path / ".aws/sso/cache").iterdir()
    assert json.loads(cached.read_text())["accessToken"] == "sso-access-2"


def test_what_is_refused(sso: SsoServer) -> None:
    asked = {"accountId": ACCOUNT, "roleName": ROLE}
    with pytest.raises(botocore.exceptions.ClientError, match="Unauthorized"):
        client("sso", sso.url).get_role_credentials(**asked, accessToken="unknown")
    sso.access_tokens.add("known")
    other = {**asked, "roleName": "Other", "accessToken": "known"}
    with pytest.raises(botocore.exceptions.ClientError, match="Forbidden"):
        client("sso", sso.url).get_role_credentials(**other)
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidGrant"):
        client("sso-oidc", sso.url).create_token(
            clientId="the-client",
            clientSecret="the-client-secret",
            grantType="refresh_token",
            refreshToken="unknown",
        )


def test_a_web_identity() -> None:
    with MetadataServer(Issuer("STS")) as sts:
        sts.web_identity = "identity"
        service = client("sts", sts.url)
        asked = {"RoleArn": "arn:aws:iam::123456789012:role/pod", "RoleSessionName": "nightly"}
        got = service.assume_role_with_web_identity(**asked, WebIdentityToken="identity")
        assert got["Credentials"]["SessionToken"] == sts.issuer.issued[0].token
        with pytest.raises(botocore.exceptions.ClientError, match="InvalidIdentityToken"):
            service.assume_role_with_web_identity(**asked, WebIdentityToken="another")
