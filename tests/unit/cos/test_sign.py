"""Signatures: the documentation's scheme, and the official SDK as the oracle."""

from __future__ import annotations

import hmac
from unittest import mock

import requests
from hypothesis import given
from hypothesis import strategies as st
from qcloud_cos import CosConfig
from qcloud_cos.cos_auth import CosS3Auth

from cos_migrate.cos.signature import authorization, signing_key

NOW = 1_700_000_000
KEY = "AKIDexample-secret-key"
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)


def sdk_signature(method: str, path: str, params: dict[str, str], headers: dict[str, str]) -> str:
    config = CosConfig(Region="ap-guangzhou", SecretId="AKID", SecretKey=KEY)
    request = requests.Request(method, "http://unused/", headers={}).prepare()
    request.headers = requests.structures.CaseInsensitiveDict(headers)
    with mock.patch("qcloud_cos.cos_auth.time.time", return_value=NOW):
        signed = CosS3Auth(config, path, params)(request)
    return str(signed.headers["Authorization"])


@given(
    st.sampled_from(["PUT", "GET", "POST", "HEAD"]),
    TEXT,
    st.dictionaries(NAMES, TEXT, max_size=3),
    st.dictionaries(NAMES.map(lambda name: f"x-cos-meta-{name}"), TEXT, max_size=3),
)
def test_it_is_the_official_sdks(
    method: str, path: str, params: dict[str, str], extra: dict[str, str]
) -> None:
    headers = {"host": "examplebucket-1250000000.cos.ap-guangzhou.myqcloud.com", **extra}
    ours = authorization(
        signing_key("AKID", KEY, NOW),
        method.lower(),
        "/" + path,
        sorted(params.items()),
        sorted(headers.items()),
    )
    assert ours == sdk_signature(method, "/" + path, params, headers)


def test_a_key_never_shows_its_secret() -> None:
    key = signing_key("AKID", KEY, NOW)
    assert KEY not in repr(key)
    assert hmac.digest(KEY.encode(), key.key_time.encode(), "sha1").hex() not in repr(key)
