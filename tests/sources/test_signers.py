"""The lean signers of S3 and OSS say what the official SDKs say."""

from __future__ import annotations

import time
from urllib.parse import quote

import oss2
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st
from oss2.http import Request as OssRequest

from cos_migrate.model import Credentials
from cos_migrate.sources.oss.signer import Signer as OssSigner
from cos_migrate.sources.s3.signer import Signer as S3Signer

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
PERMANENT = Credentials("AKIDEXAMPLE", SECRET)
TEMPORARY = PERMANENT._replace(token="FwoGZXIvYXdzEXAMPLE/token+of==")
EITHER = st.sampled_from((PERMANENT, TEMPORARY))
KEYS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)
BASES = ("http://127.0.0.1:99/b", "https://b.s3.us-east-1.amazonaws.com", "http://x.y:80")
QUERIES = ("", "?acl", "?acl=", "?list-type=2&prefix=%2Fa&start-after=x%20y")


@settings(max_examples=50, deadline=None)
@given(KEYS, st.sampled_from(BASES), st.sampled_from(QUERIES), st.booleans(), EITHER)
def test_s3(key: str, base: str, query: str, ranged: bool, credentials: Credentials) -> None:
    headers = {"If-Match": '"abc"', "x-amz-checksum-mode": "ENABLED"}
    if ranged:
        headers["Range"] = "bytes=0-1"
    url = f"{base}/{quote(key, safe='/-_.~')}{query}"
    official = AWSRequest(method="GET", url=url, headers=dict(headers))
    account = ReadOnlyCredentials(*credentials[:2], credentials.token or None)
    S3SigV4Auth(account, "s3", "us-east-1").add_auth(official)
    then = official.headers["X-Amz-Date"]
    now = time.mktime(time.strptime(then, "%Y%m%dT%H%M%SZ")) - time.timezone
    ours = dict(S3Signer(credentials, "us-east-1").signed("GET", url, headers, now))
    assert ours["x-amz-date"] == then
    assert ours["Authorization"] == official.headers["Authorization"]
    assert ours.get("x-amz-security-token", "") == credentials.token
    assert "host" not in ours


@pytest.mark.parametrize("region", ["", "cn-hangzhou"])
@settings(max_examples=50, deadline=None)
@given(
    KEYS,
    st.sampled_from(
        (
            {},
            {"acl": ""},
            {"tagging": ""},
            {"restore": ""},
            {"prefix": "a/ b", "marker": "", "encoding-type": "url"},
        ),
    ),
    EITHER,
)
def test_oss(region: str, key: str, params: dict[str, str], credentials: Credentials) -> None:
    headers = {"If-Match": '"abc"', "x-oss-range-behavior": "standard"}
    official = OssRequest(
        "GET", "", params=dict(params), headers=dict(headers), region=region, product="oss"
    )
    version = oss2.AUTH_VERSION_4 if region else oss2.AUTH_VERSION_1
    auth = oss2.StsAuth(*credentials[:3], version)
    if not credentials.token:
        auth = oss2.make_auth(*credentials[:2], version)
    auth._sign_request(official, "bucket", key)
    if region:
        then = official.headers["x-oss-date"]
        moment = time.strptime(then, "%Y%m%dT%H%M%SZ")
    else:
        moment = time.strptime(official.headers["date"], "%a, %d %b %Y %H:%M:%S GMT")
    now = time.mktime(moment) - time.timezone
    signer = OssSigner("bucket", credentials, region)
    ours = {name.lower(): value for name, value in signer.headers("GET", key, params, headers, now)}
    assert ours["authorization"] == official.headers["authorization"]
    assert ours.get("x-oss-security-token", "") == credentials.token


def test_no_secret_is_shown() -> None:
    for signer in (S3Signer(TEMPORARY, "r"), OssSigner("b", TEMPORARY, "r")):
        assert SECRET not in repr(vars(signer))
        assert TEMPORARY.token not in repr(vars(signer))


@pytest.mark.parametrize("wrong", [0.0, 2_000_000_000.0], ids=["behind", "ahead"])
def test_a_key_of_a_wrong_clock_is_not_used_when_the_clock_is_set(wrong: float) -> None:
    now = 1_790_000_000.0
    s3, oss = S3Signer(PERMANENT, "r"), OssSigner("b", PERMANENT, "r")
    s3.signed("GET", "http://b/k", {}, wrong)
    oss.headers("GET", "k", {}, {}, wrong)
    fresh = S3Signer(PERMANENT, "r").signed("GET", "http://b/k", {}, now)
    assert s3.signed("GET", "http://b/k", {}, now) == fresh
    fresh = OssSigner("b", PERMANENT, "r").headers("GET", "k", {}, {}, now)
    assert oss.headers("GET", "k", {}, {}, now) == fresh
