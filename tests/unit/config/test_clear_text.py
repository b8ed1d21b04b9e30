"""Which hosts content may be sent to in clear text without a warning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cos_migrate.config.clear_text import clear_text_warnings, is_public
from cos_migrate.config.common import Common
from cos_migrate.config.values import Secret
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.s3.aws import AwsSource


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("", False),
        ("localhost:8080", False),
        ("bucket.localhost", False),
        ("127.0.0.1:80", False),
        ("10.1.2.3", False),
        ("192.168.0.1:9000", False),
        ("[::1]:80", False),
        ("[fd00::1]", False),
        ("storage", False),
        ("minio.lan:9000", False),
        ("8.8.8.8", True),
        ("[2001:4860:4860::8888]:80", True),
        ("s3.amazonaws.com", True),
        ("cos.example.com:443", True),
    ],
)
def test_hosts(address: str, public: bool) -> None:
    assert is_public(address) == public


def common(**changes: object) -> Common:
    made = Common(
        secret_id=Secret("x"), secret_key=Secret("y"), bucket_name="b-1", region="ap-guangzhou"
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("https", "end_point", "src_https", "named"),
    [
        (True, "s3.amazonaws.com", True, []),
        (True, "https://s3.amazonaws.com", False, []),
        (False, "s3.amazonaws.com", True, ["[common] https"]),
        (True, "s3.amazonaws.com", False, ["[migrateAws] srcHttps"]),
        (True, "http://s3.amazonaws.com", True, ["[migrateAws] srcHttps"]),
        (False, "s3.amazonaws.com", False, ["[common] https", "[migrateAws] srcHttps"]),
        (False, "127.0.0.1:9000", False, ["[common] https"]),
    ],
)
def test_one_warning_names_the_keys(
    https: bool, end_point: str, src_https: bool, named: list[str]
) -> None:
    section = AwsSource.Config(
        bucket="b",
        access_key_id=Secret("x"),
        access_key_secret=Secret("y"),
        end_point=end_point,
        src_https=src_https,
    )
    warnings = list(clear_text_warnings(common(https=https), "migrateAws", section))
    assert len(warnings) == bool(named)
    for key in ("[common] https", "[migrateAws] srcHttps"):
        assert (key in "".join(warnings)) == (key in named)


def test_a_private_endpoint_needs_none() -> None:
    section = LocalConfig(local_path="/data/")
    private = common(https=False, end_point_suffix="cos.internal:8080")
    assert not list(clear_text_warnings(private, "migrateLocal", section))
    assert len(list(clear_text_warnings(common(https=False), "migrateLocal", section))) == 1
