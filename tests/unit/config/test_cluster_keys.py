"""The keys of a Dask cluster: addresses, and what they need besides."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config.cluster_keys import ClusterAddress
from cos_migrate.config.common import Common
from cos_migrate.config.values import Secret

REQUIRED: dict[str, Any] = {
    "secret_id": Secret("AKIDexample"),
    "secret_key": Secret("hush"),
    "bucket_name": "examplebucket-1250000000",
    "region": "ap-guangzhou",
}


def keys(cluster: str, **more: Any) -> Common:
    address = ClusterAddress.parse(cluster) if cluster else None
    return Common(cluster=address, **REQUIRED, **more)


def messages(cluster: str, **more: Any) -> str:
    return "\n".join(f"{one.key}: {one.message}" for one in keys(cluster, **more).mistakes())


@pytest.mark.parametrize(
    "text",
    ["local:1", "local:64", "tcp://host:1", "tls://10.0.0.1:65535", "tls://[::1]:8786"],
)
def test_addresses(text: str) -> None:
    assert str(ClusterAddress.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("local", "local:0", "local:65", "local:-1", "host:8786", "http://host:80", "tcp://host"),
        *("tls://host:0", "tls://host:65536", "tls://user@host:1", "tls://host:1?a", "tls://:1"),
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is no address of a Dask cluster"):
        ClusterAddress.parse(text)


def test_a_scheduler_that_others_reach() -> None:
    refused = messages("tcp://10.0.0.1:8786")
    assert refused.startswith("cluster: cluster=tcp://10.0.0.1:8786 is not encrypted")
    assert messages("tcp://10.0.0.1:8786", cluster_insecure=True) == ""
    for host in ("127.0.0.1", "localhost", "127.1.2.3", "[::1]"):
        assert messages(f"tcp://{host}:8786") == ""
    assert messages("tcp://localhost.example.com:8786")


def test_certificates_are_needed_for_tls() -> None:
    missing = messages("tls://host:8786", cluster_cert="/a")
    assert "clusterKey is required for cluster=tls://host:8786" in missing
    assert "clusterCa is required" in missing
    assert "clusterCert is" not in missing
    files = {"cluster_cert": "/a", "cluster_key": "/b", "cluster_ca": "/c"}
    assert messages("tls://host:8786", **files) == ""


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert messages("") == ""
    [mistake] = keys("local:2").mistakes()
    assert "--install cluster" in mistake.legal


def test_a_cluster_of_this_machine_is_not_exposed(tmp_path: Path) -> None:
    assert messages("local:2", cluster_cert=str(tmp_path)) == ""
