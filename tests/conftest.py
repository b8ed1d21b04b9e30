"""Settings for all tests: nothing leaves this machine, and Hypothesis gives the same each time."""

from __future__ import annotations

# pytest imports it when the collector finds a forgotten socket, which may be in that import.
import tracemalloc  # noqa: F401

import pytest_socket
from hypothesis import settings

settings.register_profile("ours", derandomize=True, deadline=None)
settings.load_profile("ours")


def pytest_runtest_setup() -> None:
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)
