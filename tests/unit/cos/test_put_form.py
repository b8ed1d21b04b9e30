"""A form that is filled in is the head that is made piece by piece."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.cos.requests import Access, PutRequests
from cos_migrate.cos.settings import CosSettings
from cos_migrate.http.routes import Proxy
from cos_migrate.model import Credentials

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)
PATHS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
NOW = 1_700_000_000.0
MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def requests_of(**settings: object) -> PutRequests:
    credentials = Credentials("id", "key", str(settings.pop("token", "")))
    return PutRequests(Access(CosSettings("bucket-1250000000", "ap-x", credentials, **settings)))  # type: ignore[arg-type]


@given(
    PATHS,
    st.integers(0, 1 << 40),
    TEXT,
    st.sampled_from(["", MD5]),
    st.sampled_from(["", "to%ken%s"]),
    st.sampled_from(["STANDARD", "MAZ_STANDARD_IA"]),
    st.sampled_from([0, 819_200]),
    st.sampled_from([None, Proxy.of("proxy", 3128, "me", "secret%d")]),
    st.booleans(),
    st.sampled_from(["", "AES256"]),
    st.sampled_from(["", "example.com:8080", "cos.example.com"]),
)
def test_it_is_the_head_of_any_request(
    path: str,
    size: int,
    content_type: str,
    md5: str,
    token: str,
    storage_class: str,
    limit: int,
    proxy: Proxy | None,
    short: bool,
    encryption: str,
    suffix: str,
) -> None:
    with mock.patch("cos_migrate.cos.signature.time.time", return_value=NOW):
        requests = requests_of(
            token=token,
            storage_class=storage_class,
            traffic_limit=limit,
            proxy=proxy,
            short_connection=short,
            encryption=encryption,
            suffix=suffix,
        )
        headers = [("content-type", content_type), *([("x-cos-meta-md5", md5)] if md5 else [])]
        expected = requests.head(f"/{path}", size, headers)
        for _ in range(2):
            assert requests.small_file_head(f"/{path}", size, content_type, md5) == expected


def test_it_has_the_credentials_of_now() -> None:
    access = Access(CosSettings("bucket-1250000000", "ap-x", Credentials("old", "key")))
    requests = PutRequests(access)
    assert b"q-ak=old&" in requests.small_file_head("/a", 1, "text/plain", MD5)
    access.replace_credentials(Credentials("new", "key", "token"))
    head = requests.small_file_head("/a", 1, "text/plain", MD5)
    assert b"q-ak=new&" in head
    assert b"x-cos-security-token: token\r\n" in head


def test_it_has_a_signature_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cos_migrate.cos.signature.time.time", lambda: NOW)
    requests = requests_of()
    first = requests.small_file_head("/a", 1, "text/plain", MD5)
    monkeypatch.setattr("cos_migrate.cos.signature.time.time", lambda: NOW + 301)
    later = requests.small_file_head("/a", 1, "text/plain", MD5)
    assert b"q-sign-time=1699999940;" in first
    assert b"q-sign-time=1700000241;" in later


@pytest.mark.parametrize("years", [-20, 10], ids=["behind", "ahead"])
def test_a_key_of_a_wrong_clock_is_not_used_when_the_clock_is_set(
    monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    monkeypatch.setattr("cos_migrate.cos.signature.time.time", lambda: NOW + years * 31_536_000)
    requests = requests_of()
    requests.small_file_head("/a", 1, "text/plain", MD5)
    monkeypatch.setattr("cos_migrate.cos.signature.time.time", lambda: NOW)
    assert b"q-sign-time=1699999940;" in requests.small_file_head("/a", 1, "text/plain", MD5)
    assert b"q-sign-time=1699999940;" in requests.head("/a", 1, [])


def test_a_key_is_kept_while_the_clock_is_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cos_migrate.cos.signature.time.time", lambda: NOW)
    requests = requests_of()
    first = requests.small_file_head("/a", 1, "text/plain", MD5)
    monkeypatch.setattr("cos_migrate.cos.signature.time.time", lambda: NOW - 5)
    assert requests.small_file_head("/a", 1, "text/plain", MD5) == first
