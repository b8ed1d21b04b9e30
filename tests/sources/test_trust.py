"""A private authority is trusted besides the public ones: target and source need not share it."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest
import requests.adapters

from cos_migrate.sources.base import SourceOptions
from tests.fakes.certificates import issue
from tests.fakes.s3_server import S3Server
from tests.sources.clouds import AwsCloud
from tests.sources.contract import content, only


def test_the_public_authorities_count_beside_a_private_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = tmp_path / "public.pem", tmp_path / "private.pem"
    context = issue(public, "127.0.0.1")
    issue(private, "127.0.0.1")
    monkeypatch.setattr(certifi, "where", lambda: str(public))
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(public))
    with S3Server(tls=context) as server:
        server.put("a", b"content")
        source = AwsCloud(server).source(SourceOptions(ca_file=str(private)), src_https=True)
        assert content(source, only(source)) == b"content"
