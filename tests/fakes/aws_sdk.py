"""AWS's own SDK as a client of the test clouds: one session, which reads its models once."""

from __future__ import annotations

import functools
from typing import Any

import boto3
from botocore.config import Config


def sdk_client(
    service: str,
    url: str,
    key_id: str,
    key: str,
    *,
    region: str = "us-east-1",
    token: str | None = None,
    **config: Any,
) -> Any:
    """Return a client that tries once and uses no proxy; `config`: settings of its `Config`."""
    return _session().client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key_id,
        aws_secret_access_key=key,
        aws_session_token=token,
        config=Config(**{"retries": {"max_attempts": 0}, "proxies": {}, **config}),
    )


@functools.cache
def _session() -> Any:
    return boto3.session.Session()
