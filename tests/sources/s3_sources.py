"""Sources over the S3 server of the tests."""

from __future__ import annotations

from typing import Any

from cos_migrate.config.values import Secret
from cos_migrate.model import Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.s3.aws import AwsConfig, AwsSource
from tests.fakes.s3_server import BUCKET, KEY, KEY_ID, S3Server
from tests.sources.contract import Put

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")


def config_for(port: int, **more: Any) -> AwsConfig:
    fields = {
        "bucket": BUCKET,
        "access_key_id": Secret(KEY_ID),
        "access_key_secret": Secret(KEY),
        "end_point": f"127.0.0.1:{port}",
        **more,
    }
    return AwsConfig(**fields)


def source_of(
    s3: S3Server, *, copy_acl: bool = False, target: Target = TARGET, **more: Any
) -> AwsSource:
    return AwsSource(config_for(s3.port, **more), target, SourceOptions(copy_acl=copy_acl))


def putting(s3: S3Server) -> Put:
    def put(key: str, body: bytes) -> None:
        s3.put(key, body)

    return put
