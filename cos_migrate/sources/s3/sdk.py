"""AWS's own SDK, for requests made once: the region of a bucket, and the endpoint of a region.

Its requests go over the client of the source, so that proxy, certificates, limits and time-outs are
those of all its requests, and are tried once. What belongs to each object stays with the lean
client, ACLs and errors too: the SDK takes ten times the CPU for an ACL, and every worker that loads
it 0.3 s and 40 MiB.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cos_migrate.errors import TransportError
from cos_migrate.http.client import Fetcher, Request
from cos_migrate.model import Credentials

_MAX_ANSWER = 64 << 10
_NOT_SENT = frozenset({"user-agent"})
_UNUSED = Credentials("unused", "unused")
"""Without keys the SDK would search for some, also at the metadata service of a machine."""


def regional_host(region: str) -> str:
    """Return the endpoint of S3 in a region."""
    try:
        return str(_client(region, _UNUSED).meta.endpoint_url).partition("://")[2]
    except (BotoCoreError, ValueError):  # no name of a region
        return f"s3.{region}.amazonaws.com"


def bucket_region(
    bucket: str, credentials: Credentials, region: str, *, tls: bool, fetcher: Fetcher
) -> str:
    """Return the region of a bucket; empty where it is not found.

    `region`: one in the same partition, which is asked.
    """

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        headers = tuple(
            (name, value.decode("latin-1") if isinstance(value, bytes) else str(value))
            for name, value in request.headers.items()
            if name.lower() not in _NOT_SENT
        )
        with fetcher.send(Request(request.method, request.url, headers)) as incoming:
            body = incoming.read_all(_MAX_ANSWER)
        sent = {name.decode("latin-1"): incoming.header(name) for name in incoming.headers}
        return AWSResponse(request.url, incoming.status, sent, _Body(body))

    try:
        client = _client(region, credentials, tls=tls)
        client.meta.events.register("before-send.s3", send)
        answer = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        answer = error.response
    except (BotoCoreError, TransportError, ValueError):
        return ""
    headers: dict[str, str] = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return headers.get("x-amz-bucket-region", "")


def _client(region: str, credentials: Credentials, *, tls: bool = True) -> Any:
    """Return a client that tries once; the machine's environment and files name no endpoint."""
    return boto3.session.Session().client(
        "s3",
        region_name=region,
        use_ssl=tls,
        aws_access_key_id=credentials.secret_id,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token or None,
        config=Config(
            retries={"total_max_attempts": 1},
            ignore_configured_endpoint_urls=True,
            s3={"us_east_1_regional_endpoint": "regional"},
        ),
    )


class _Body:
    """The body of an answer, as botocore reads it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self) -> Iterator[bytes]:
        """Yield the body."""
        yield self._data
