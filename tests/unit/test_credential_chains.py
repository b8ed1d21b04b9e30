"""Each way to credentials, against the services that issue them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.credentials.instance_role import AUTO, CVM, ECS, InstanceRole
from cos_migrate.credentials.provider import Found
from cos_migrate.credentials.tencent import tencent_chain
from cos_migrate.errors import CredentialsError
from cos_migrate.model import Credentials
from cos_migrate.sources.oss.chain import alibaba_chain
from cos_migrate.sources.s3.chain import AssumedRole, AwsChain
from tests.fakes.faults import Fault
from tests.fakes.issued_keys import IssuedKeys, Issuer
from tests.fakes.messages import Answer
from tests.fakes.metadata_server import CONTAINER_TOKEN, ROLE, MetadataServer

NO_ROLE = AssumedRole("", "cos-migrate", "")
ARN = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture
def metadata() -> Iterator[MetadataServer]:
    with MetadataServer(Issuer("ISSUED")) as server:
        yield server


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, metadata: MetadataServer) -> None:
    """Leave nothing of this machine, and a proxy in the environment that leads nowhere."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", metadata.url)


def aws(profile: str = "", role: AssumedRole = NO_ROLE, proxy: str = "") -> AwsChain:
    return AwsChain("migrateAws", profile, role, "us-east-1", proxy)


def assert_is(found: Found | str, keys: IssuedKeys, origin: str) -> None:
    assert isinstance(found, Found)
    assert found.origin == origin
    assert found.credentials[:3] == (keys.key_id, keys.secret, keys.token)
    assert found.credentials.until == int(keys.until)


@pytest.mark.parametrize("role", [ROLE, AUTO])
def test_the_role_of_a_machine(metadata: MetadataServer, role: str) -> None:
    for service, url, kind in ((CVM, metadata.cvm, "CAM"), (ECS, metadata.ecs, "RAM")):
        found = InstanceRole(service, role, url).find()
        assert_is(found, metadata.issuer.issued[-1], f"{kind} role {ROLE}")
    assert not any(seen.proxied for seen in metadata.seen)


def test_a_service_without_hardened_mode(metadata: MetadataServer) -> None:
    metadata.faults.append(Fault("status", "GetSession", times=-1, status=404))
    metadata.hardened = False
    found = InstanceRole(ECS, AUTO, metadata.ecs).find()
    assert isinstance(found, Found)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"Code": "Failed"}',
        b'{"TmpSecretId": "i", "TmpSecretKey": "hush-hush", "Token": "t", "Expiration": "soon"}',
        b'{"TmpSecretId": "i", "TmpSecretKey": "", "Token": "t", "Code": "Success"}',
        b'{"TmpSecretId": ["i"], "TmpSecretKey": "hush-hush", "Token": "t"}',
    ],
)
def test_answers_that_are_no_credentials(metadata: MetadataServer, body: bytes) -> None:
    metadata.faults.append(Fault("status", answer=Answer(200, {}, body)))
    found = InstanceRole(CVM, ROLE, metadata.cvm).find()
    assert isinstance(found, str)
    assert found.startswith(f"CAM role {ROLE} at {metadata.cvm} (its answer ")
    assert "hush-hush" not in found


@pytest.mark.parametrize("token", ["a\nx-evil: b", "\u4e2d", "two words"])
def test_values_that_no_request_can_carry(
    metadata: MetadataServer, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """Else each object would fail by them, one after the other."""
    fields = {"TmpSecretId": "i", "TmpSecretKey": "hush-hush", "Token": token}
    body = json.dumps({**fields, "Expiration": "2100-01-01T00:00:00Z"}).encode()
    metadata.faults.append(Fault("status", "GetCredentials", answer=Answer(200, {}, body)))
    with pytest.raises(CredentialsError) as raised:
        tencent_chain("common", "camRole", ROLE, metadata.cvm, {}).fetch()
    assert f"CAM role {ROLE} (it holds characters that no request can carry)" in str(raised.value)
    assert "hush-hush" not in str(raised.value)
    assert tencent_chain("common", "camRole", ROLE, metadata.cvm, {}).fetch()
    for name, value in (
        ("ACCESS_KEY_ID", "x"),
        ("SECRET_ACCESS_KEY", "hush"),
        ("SESSION_TOKEN", token),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    with pytest.raises(CredentialsError, match=r"AWS_ACCESS_KEY_ID \(it holds characters"):
        aws().fetch()


def test_a_machine_without_a_role(metadata: MetadataServer) -> None:
    metadata.faults.append(Fault("status", "ListRoles", answer=Answer(200, {}, b"")))
    found = InstanceRole(CVM, AUTO, metadata.cvm).find()
    assert found == f"CAM role at {metadata.cvm} (this machine has none)"


def test_the_environment_comes_before_the_machine(metadata: MetadataServer) -> None:
    prefixes = {"TENCENTCLOUD_SECRET_ID": "x", "TENCENTCLOUD_SECRET_KEY": "y"}
    chain = tencent_chain("common", "camRole", ROLE, metadata.cvm, prefixes)
    assert chain.fetch().credentials == Credentials("x", "y")
    more = {**prefixes, "TENCENTCLOUD_TOKEN": "z"}
    assert tencent_chain("common", "camRole", "", "", more).fetch().credentials.token == "z"
    keys = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "x", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "y"}
    chain = alibaba_chain("migrateAli", ROLE, metadata.ecs, keys)
    assert chain.fetch() == Found(
        Credentials("x", "y"), "environment variable ALIBABA_CLOUD_ACCESS_KEY_ID"
    )
    assert not metadata.seen


def test_what_was_looked_at_is_named(metadata: MetadataServer) -> None:
    metadata.down = True
    with pytest.raises(CredentialsError) as raised:
        tencent_chain("common", "camRole", ROLE, metadata.cvm, {}).fetch()
    assert str(raised.value) == (
        "no credentials of [common] were found; looked at: environment variable "
        f"TENCENTCLOUD_SECRET_ID (not set); CAM role {ROLE} at {metadata.cvm} (it answered 503)"
    )
    with pytest.raises(CredentialsError, match=r"ramRole \(not set\)"):
        alibaba_chain("migrateAli", "", "", {}).fetch()
    with pytest.raises(CredentialsError) as raised:
        aws().fetch()
    for text in ("AWS_ACCESS_KEY_ID", "profile default", "SSO", metadata.url):
        assert text in str(raised.value)


def test_aws_instance(metadata: MetadataServer) -> None:
    found = aws(proxy="127.0.0.1:1").fetch()
    assert_is(found, metadata.issuer.issued[-1], "instance metadata")
    assert metadata.asked("GetSession")
    assert not any(seen.proxied for seen in metadata.seen)


def test_aws_credentials_that_end_soon_are_believed(metadata: MetadataServer) -> None:
    """botocore itself would assume a later end."""
    metadata.issuer.life = 20
    assert_is(aws().fetch(), metadata.issuer.issued[-1], "instance metadata")


def test_aws_container(metadata: MetadataServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", metadata.container)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN)
    assert_is(aws().fetch(), metadata.issuer.issued[-1], "container")


def test_aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "z")
    assert aws().fetch() == Found(
        Credentials("x", "y", "z"), "environment variable AWS_ACCESS_KEY_ID"
    )


def test_aws_profile_read_again(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[backup]\naws_access_key_id=x\naws_secret_access_key=y\n")
    chain = aws("backup")
    assert chain.fetch() == Found(Credentials("x", "y"), "profile backup")
    file.write_text("[backup]\naws_access_key_id=x2\naws_secret_access_key=y2\n")
    assert chain.fetch().credentials == Credentials("x2", "y2")
    with pytest.raises(CredentialsError, match="none"):
        aws("none").fetch()


def test_aws_profile_that_assumes_a_role(metadata: MetadataServer, tmp_path: Path) -> None:
    metadata.external_id = "external"
    (tmp_path / "config").write_text(
        "[profile base]\naws_access_key_id=x\naws_secret_access_key=y\n"
        f"[profile backup]\nrole_arn={ARN}\nsource_profile=base\nexternal_id=external\n"
    )
    chain = aws("backup")
    assert_is(chain.fetch(), metadata.issuer.issued[-1], "profile backup")
    assert_is(chain.fetch(), metadata.issuer.issued[-1], "profile backup")
    assert len(metadata.issuer.issued) >= 2  # no old ones from a cache


def test_aws_role(metadata: MetadataServer, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata.external_id = "external"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    found = aws(role=AssumedRole(ARN, "nightly", "external")).fetch()
    assert_is(found, metadata.issuer.issued[-1], f"role {ARN}")
    [asked] = metadata.assumed
    assert (asked["RoleArn"], asked["RoleSessionName"]) == (ARN, "nightly")
    with pytest.raises(CredentialsError, match="AccessDenied"):
        aws(role=AssumedRole(ARN, "nightly", "")).fetch()


def test_sts_is_reached_by_the_proxy_of_the_section(
    metadata: MetadataServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.example.com")
    found = aws(role=AssumedRole(ARN, "nightly", ""), proxy=f"127.0.0.1:{metadata.port}").fetch()
    assert found.origin == f"role {ARN}"
    assert {seen.proxied for seen in metadata.asked("AssumeRole")} == {True}
    assert {seen.proxied for seen in metadata.asked("GetCredentials")} == {False}


def test_a_chain_can_be_asked_by_another_thread(metadata: MetadataServer) -> None:
    chain, found = aws(), []
    thread = threading.Thread(target=lambda: found.append(chain.fetch()))
    thread.start()
    thread.join(60)
    assert found
    assert metadata.seen
