"""The S3 server of the tests, driven by AWS's own SDK."""

from __future__ import annotations

import datetime as dt
import http.client
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ResponseStreamingError

from tests.fakes.aws_sdk import sdk_client
from tests.fakes.s3_server import ALL_USERS, BUCKET, KEY, KEY_ID, Fault, S3Server


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


def client(server: S3Server, *, key_id: str = KEY_ID, key: str = KEY, **more: Any) -> Any:
    return sdk_client("s3", more.pop("url", server.url), key_id, key, **more)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_tags(s3: S3Server) -> None:
    sdk = client(s3)
    sdk.put_object(Bucket=BUCKET, Key="a", Body=b"x", Tagging="group=IT%20%2F&empty=")
    assert sdk.get_object(Bucket=BUCKET, Key="a")["TagCount"] == 2
    found = sdk.get_object_tagging(Bucket=BUCKET, Key="a")["TagSet"]
    assert found == [{"Key": "group", "Value": "IT /"}, {"Key": "empty", "Value": ""}]
    sdk.put_object(Bucket=BUCKET, Key="b", Body=b"x")
    assert "TagCount" not in sdk.get_object(Bucket=BUCKET, Key="b")


def test_temporary_keys_want_their_token_and_end(s3: S3Server) -> None:
    s3.issuer.uses = 2
    keys = s3.issuer.issue()
    for token, code in ((None, "InvalidAccessKeyId"), ("another", "InvalidToken")):
        with pytest.raises(ClientError) as raised:
            client(s3, key_id=keys.key_id, key=keys.secret, token=token).list_objects_v2(
                Bucket=BUCKET
            )
        assert code_of(raised) == code
    sdk = client(s3, key_id=keys.key_id, key=keys.secret, token=keys.token)
    for _ in range(2):
        sdk.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    with pytest.raises(ClientError) as raised:
        sdk.get_object(Bucket=BUCKET, Key="k")
    assert code_of(raised) == "ExpiredToken"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert s3.issuer.refusals == 1


def test_what_is_put_comes_back(s3: S3Server) -> None:
    sdk = client(s3)
    for key in ("a/b.txt", "a b+c%20?&=#", "\u00fc/\U0001f600", "double//slash", "end/"):
        sdk.put_object(
            Bucket=BUCKET,
            Key=key,
            Body=key.encode(),
            ContentType="text/plain",
            Metadata={"some": "thing"},
            ACL="public-read",
        )
        got = sdk.get_object(Bucket=BUCKET, Key=key)
        assert got["Body"].read() == key.encode()
        assert got["ContentType"] == "text/plain"
        assert got["Metadata"] == {"some": "thing"}
        assert sdk.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == len(key.encode())
        grants = sdk.get_object_acl(Bucket=BUCKET, Key=key)["Grants"]
        assert grants[1]["Grantee"]["URI"] == ALL_USERS
        assert grants[1]["Permission"] == "READ"
    assert s3.operations()[:4] == ["PutObject", "GetObject", "HeadObject", "GetObjectAcl"]
    sdk.delete_object(Bucket=BUCKET, Key="end/")
    with pytest.raises(ClientError) as caught:
        sdk.head_object(Bucket=BUCKET, Key="end/")
    assert code_of(caught) == "404"


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
def test_listings(s3: S3Server, operation: str) -> None:
    sdk = client(s3)
    keys = sorted(f"{a}/{b:03} +%\u00fc" for a in "xy" for b in range(30))
    keys = ["top", *keys]
    for key in keys:
        s3.put(key, key.encode())
    pages = list(
        sdk.get_paginator(operation).paginate(Bucket=BUCKET, PaginationConfig={"PageSize": 7})
    )
    assert [item["Key"] for page in pages for item in page["Contents"]] == keys
    assert {len(page["Contents"]) for page in pages} == {7, 5}
    assert pages[0]["Contents"][0]["Size"] == len(keys[0].encode())
    folded = getattr(sdk, operation)(Bucket=BUCKET, Delimiter="/")
    assert [each["Prefix"] for each in folded["CommonPrefixes"]] == ["x/", "y/"]
    assert [each["Key"] for each in folded["Contents"]] == ["top"]
    below = getattr(sdk, operation)(Bucket=BUCKET, Prefix="y/", MaxKeys=2)
    assert [each["Key"] for each in below["Contents"]] == keys[31:33]


def test_a_listing_behind_a_key(s3: S3Server) -> None:
    for key in ("a", "b/1", "b/2", "c"):
        s3.put(key, b"")
    behind = client(s3).list_objects_v2(Bucket=BUCKET, StartAfter="b/1")
    assert [each["Key"] for each in behind["Contents"]] == ["b/2", "c"]
    folded = client(s3).list_objects_v2(Bucket=BUCKET, StartAfter="b/1", Delimiter="/")
    assert "CommonPrefixes" not in folded


def test_ranges_and_conditions(s3: S3Server) -> None:
    kept = s3.put("f", bytes(range(100)))
    sdk = client(s3)
    part = sdk.get_object(Bucket=BUCKET, Key="f", Range="bytes=10-19", IfMatch=kept.etag)
    assert part["Body"].read() == bytes(range(10, 20))
    assert part["ContentRange"] == "bytes 10-19/100"
    for more, code in (
        ({"IfMatch": "other"}, "PreconditionFailed"),
        ({"Range": "bytes=100-"}, "InvalidRange"),
    ):
        with pytest.raises(ClientError) as caught:
            sdk.get_object(Bucket=BUCKET, Key="f", **more)
        assert code_of(caught) == code


def test_checksums_are_told_only_when_asked_for(s3: S3Server) -> None:
    client(s3).put_object(Bucket=BUCKET, Key="f", Body=b"content", ChecksumAlgorithm="CRC32")
    told = client(s3).get_object(Bucket=BUCKET, Key="f", ChecksumMode="ENABLED")
    assert told["Body"].read() == b"content"
    assert told["ChecksumCRC32"]
    quiet = client(s3, response_checksum_validation="when_required")
    assert "ChecksumCRC32" not in quiet.get_object(Bucket=BUCKET, Key="f")


def test_an_archived_object(s3: S3Server) -> None:
    s3.put("f", b"x", storage_class="GLACIER")
    assert client(s3).head_object(Bucket=BUCKET, Key="f")["StorageClass"] == "GLACIER"
    with pytest.raises(ClientError) as caught:
        client(s3).get_object(Bucket=BUCKET, Key="f")
    assert code_of(caught) == "InvalidObjectState"


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"key": "wrong"}, "SignatureDoesNotMatch"),
        ({"key_id": "nobody"}, "InvalidAccessKeyId"),
    ],
)
def test_who_is_refused(s3: S3Server, how: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        client(s3, **how).list_objects_v2(Bucket=BUCKET)
    assert code_of(caught) == code


def test_a_signature_for_another_region(s3: S3Server) -> None:
    """The SDK learns the right one from the refusal."""
    s3.put("f", b"x")
    found = client(s3, region="eu-west-1").list_objects_v2(Bucket=BUCKET)
    assert [each["Key"] for each in found["Contents"]] == ["f"]
    assert s3.seen[0].status == 400
    assert s3.seen[-1].status == 200


def test_a_clock_that_is_wrong(s3: S3Server) -> None:
    s3.clock_offset = dt.timedelta(hours=1)
    with pytest.raises(ClientError) as caught:
        client(s3).list_objects_v2(Bucket=BUCKET)
    assert code_of(caught) == "RequestTimeTooSkewed"


def test_what_is_not_there(s3: S3Server) -> None:
    with pytest.raises(ClientError) as caught:
        client(s3).list_objects_v2(Bucket="another")
    assert code_of(caught) == "NoSuchBucket"
    with pytest.raises(ClientError) as caught:
        client(s3).get_object(Bucket=BUCKET, Key="none")
    assert code_of(caught) == "NoSuchKey"
    s3.denied.add("ListObjectsV2")
    with pytest.raises(ClientError) as caught:
        client(s3).list_objects_v2(Bucket=BUCKET)
    assert code_of(caught) == "AccessDenied"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_virtual_hosted_style_and_regions(region: str) -> None:
    with S3Server(region) as s3:
        s3.put("a b", b"x")
        words: dict[str, Any] = {
            "url": f"http://s3.{region}.amazonaws.com",
            "proxies": {"http": s3.url},
        }
        sdk = client(s3, region=region, s3={"addressing_style": "virtual"}, **words)
        assert sdk.get_object(Bucket=BUCKET, Key="a b")["Body"].read() == b"x"
        assert s3.seen[0].host == f"{BUCKET}.s3.{region}.amazonaws.com"
        elsewhere: dict[str, Any] = {**words, "url": "http://s3.us-west-2.amazonaws.com"}
        path_style = client(s3, region="us-west-2", s3={"addressing_style": "path"}, **elsewhere)
        with pytest.raises(ClientError) as caught:
            path_style.get_object(Bucket=BUCKET, Key="a b")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 301
        assert caught.value.response["Error"]["Endpoint"] == f"s3.{region}.amazonaws.com"


def test_presigned_requests(s3: S3Server) -> None:
    s3.put("a b", b"content")
    url = client(s3, signature_version="s3v4").generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": "a b"}
    )
    path = url[len(s3.url) :]
    for target, status in (
        (path, 200),
        (path.replace("a%20b", "a%20c"), 403),
        (path[:-1] + "x", 403),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", s3.port)
        connection.request("GET", target)
        answer = connection.getresponse()
        assert (answer.status, target) == (status, target)
        assert (answer.read() == b"content") == (status == 200)
        connection.close()


def test_a_signature_covers_everything(s3: S3Server) -> None:
    """Nothing of a signed request can be changed: each change is refused."""
    s3.put("f", b"content")
    sdk = client(s3)
    sent: dict[str, Any] = {}

    def keep(request: Any, **_: Any) -> None:
        sent.update(request.headers)
        sent["path"] = request.url[len(s3.url) :]

    sdk.meta.events.register("before-send.s3.GetObject", keep)
    sdk.get_object(Bucket=BUCKET, Key="f", Range="bytes=0-3")
    good = {
        name: value.decode() if isinstance(value, bytes) else value for name, value in sent.items()
    }
    path = good.pop("path")

    def status(method: str, target: str, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", s3.port)
        connection.request(method, target, headers=headers)
        found = connection.getresponse().status
        connection.close()
        return found

    assert status("GET", path, good) == 206
    assert status("HEAD", path, good) == 403
    assert status("GET", f"{path}x", good) == 403
    assert status("GET", f"{path}?acl", good) == 403
    assert status("GET", path, {**good, "Range": "bytes=0-5"}) == 403
    assert status("GET", path, {**good, "x-amz-checksum-mode": "DISABLED"}) == 403
    assert status("GET", path, {**good, "x-amz-foo": "bar"}) == 403
    assert status("GET", path, {**good, "Authorization": good["Authorization"][:-1] + "g"}) == 400
    assert status("GET", path, {}) == 403


def test_faults(s3: S3Server) -> None:
    s3.put("f", b"x" * 1000)
    sdk = client(s3, response_checksum_validation="when_required")

    def read() -> bytes:
        body: bytes = sdk.get_object(Bucket=BUCKET, Key="f")["Body"].read()
        return body

    s3.faults.append(Fault("status", "GetObject", status=503, code="SlowDown"))
    with pytest.raises(ClientError) as caught:
        read()
    assert code_of(caught) == "SlowDown"
    s3.faults.append(Fault("reset", "GetObject"))
    with pytest.raises(ConnectionClosedError):
        read()
    with s3.cut(100), pytest.raises(ResponseStreamingError):
        read()
    s3.faults.append(Fault("flip"))
    assert sum(a != b for a, b in zip(read(), b"x" * 1000, strict=True)) == 1
    s3.faults.append(Fault("call", action=lambda: s3.change("f")))
    assert read() == b"x" * 1000 + b"!"
    for key in "abcdef":
        s3.put(key, b"")
    s3.faults += [Fault("shuffle"), Fault("repeat")]
    pages = [sdk.list_objects_v2(Bucket=BUCKET, StartAfter="c") for _ in range(3)]
    listed = [[each["Key"] for each in page["Contents"]] for page in pages]
    assert listed == [["f", "e", "d"], ["a", "b", "c", "d", "e", "f"], ["d", "e", "f"]]
