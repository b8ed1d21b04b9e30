"""The metadata server of the tests, driven by OSS's own SDK; botocore drives it elsewhere."""

from __future__ import annotations

import time

import oss2
from oss2.credentials import EcsRamRoleCredentialsProvider

from tests.fakes.issued_keys import Issuer
from tests.fakes.metadata_server import ROLE, MetadataServer
from tests.fakes.oss_server import BUCKET, OssServer


def test_oss2_finds_the_role_of_an_instance() -> None:
    with OssServer() as oss, MetadataServer(oss.issuer) as metadata:
        metadata.hardened = False  # the SDK knows no other mode
        oss.put("k", b"content")
        provider = EcsRamRoleCredentialsProvider(metadata.ecs + ROLE)
        auth = oss2.ProviderAuth(provider)
        got = oss2.Bucket(auth, oss.url, BUCKET, is_path_style=True).get_object("k").read()
        assert got == b"content"
        assert provider.get_credentials().get_security_token() == oss.issuer.issued[0].token


def test_keys_are_issued_anew_before_and_after_their_end() -> None:
    now = time.time()
    issuer = Issuer("X", life=100, clock=lambda: now)
    first = issuer.current()
    assert issuer.current() is first
    issuer.early = 10
    now += 91
    second = issuer.current()
    assert second is not first
    assert not issuer.use(first.key_id)
    now += 10
    assert issuer.use(first.key_id)
    assert not issuer.use(second.key_id)
