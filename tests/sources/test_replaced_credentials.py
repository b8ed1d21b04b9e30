"""Credentials that are replaced while another thread replaces something else: none get lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from cos_migrate.model import Credentials
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.oss import sdk
from cos_migrate.sources.oss.source import AliyunSource
from cos_migrate.sources.s3 import requests
from cos_migrate.sources.s3.aws import AwsSource
from cos_migrate.sources.s3.signer import Signer
from cos_migrate.sources.source_errors import ErrorAnswer
from tests.fakes.oss_server import OssServer
from tests.fakes.s3_server import S3Server
from tests.sources.clouds import AwsCloud, OssCloud
from tests.sources.contract import only

NEW = Credentials("new", "new-secret", "new-token", number=1)
ELSEWHERE = ErrorAnswer(
    400,
    {b"x-amz-bucket-region": b"eu-west-1"},
    b"<Error><Code>AuthorizationHeaderMalformed</Code></Error>",
)


def test_s3_learns_its_region_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    with S3Server() as server:
        source = AwsCloud(server).source()
    assert isinstance(source, AwsSource)
    replacing = threading.Thread(target=source.replace_credentials, args=(NEW,))

    def slowly(credentials: Credentials, region: str) -> Signer:
        if region == "eu-west-1" and not replacing.ident:
            replacing.start()
            replacing.join(0.5)  # it waits, or else its credentials are overwritten now
        return Signer(credentials, region)

    monkeypatch.setattr(requests, "Signer", slowly)
    assert source.error_details(ELSEWHERE).code == "RegionLearnt"
    replacing.join()
    assert source.credentials is NEW
    assert source.error_details(ELSEWHERE).code == "RegionLearnt"
    headers = dict(source.sign_request("GET", "/", {}).headers)
    assert "Credential=new/" in headers["Authorization"]
    assert "/eu-west-1/s3/" in headers["Authorization"]


def test_oss_loads_its_sdk_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    with OssServer() as server:
        server.put("a", b"a", acl="public-read")
        keys = server.issuer.issue()
        fresh = Credentials(keys.key_id, keys.secret, keys.token, number=1)
        source = OssCloud(server).source(SourceOptions(copy_acl=True))
        assert isinstance(source, AliyunSource)

        def replaced(*given: Any) -> sdk.ObjectAcls:
            source.replace_credentials(fresh)
            return made(*given)

        made = sdk.ObjectAcls
        monkeypatch.setattr(sdk, "ObjectAcls", replaced)
        obj = only(source)
        source.describe(obj)
        assert source.describe(obj).headers["x-cos-acl"] == "public-read"
        first, second = server.asked("GetObjectACL")
        assert "x-oss-security-token" not in first.headers
        assert second.headers["x-oss-security-token"] == keys.token
