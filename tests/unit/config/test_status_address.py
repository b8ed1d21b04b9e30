"""The values of statusAddress."""

from __future__ import annotations

import pytest

from cos_migrate.config.watching import StatusAddress


@pytest.mark.parametrize(
    ("text", "host", "port", "is_loopback"),
    [
        ("127.0.0.1:8089", "127.0.0.1", 8089, True),
        ("127.8.0.1:0", "127.8.0.1", 0, True),
        ("LOCALHOST:80", "localhost", 80, True),
        ("[::1]:65535", "::1", 65535, True),
        ("0.0.0.0:8089", "0.0.0.0", 8089, False),
        ("[::]:8089", "::", 8089, False),
        ("localhost.example:1", "localhost.example", 1, False),
    ],
)
def test_an_address(text: str, host: str, port: int, is_loopback: bool) -> None:
    address = StatusAddress.parse(text)
    assert address == (host, port)
    assert str(address) == text.lower()
    assert address.is_loopback is is_loopback


@pytest.mark.parametrize(
    "text",
    ["8089", ":8089", "127.0.0.1", "127.0.0.1:65536", "::1:80", "[127.0.0.1]:80", "http://a:80"],
)
def test_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no "):
        StatusAddress.parse(text)
