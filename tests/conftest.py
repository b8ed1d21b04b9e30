"""Settings for all tests: nothing leaves this machine, and Hypothesis gives the same each time."""

from __future__ import annotations

import signal

# pytest imports it when the collector finds a forgotten socket, which may be in that import.
import tracemalloc  # noqa: F401

import pytest_socket
from hypothesis import settings

settings.register_profile("ours", derandomize=True, deadline=None)
settings.load_profile("ours")

# Shells ignore Ctrl-C for background jobs and `nohup` ignores hang-ups; tests would inherit both.
for _name in ("SIGINT", "SIGTERM", "SIGHUP"):
    _number = getattr(signal, _name, None)  # Windows has no SIGHUP
    if _number is not None and signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(
            _number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL
        )


def pytest_runtest_setup() -> None:
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)
