"""Settings for all tests (no network; Hypothesis repeats itself), and the clouds."""

from __future__ import annotations

import os
import signal

# pytest imports it when the collector finds a forgotten socket, which may be in that import.
import tracemalloc  # noqa: F401
from collections.abc import Iterator

import pytest
import pytest_socket
from hypothesis import settings

from tests.fakes.oss_server import OssServer
from tests.fakes.qiniu_server import QiniuServer
from tests.fakes.s3_server import S3Server
from tests.fakes.upyun_server import UpyunServer
from tests.fakes.web_server import WebServer

settings.register_profile("ours", derandomize=True, deadline=None)
settings.load_profile("ours")

# Shells ignore Ctrl-C for background jobs and `nohup` ignores hang-ups; tests would inherit both.
for _name in ("SIGINT", "SIGTERM", "SIGHUP"):
    _number = getattr(signal, _name, None)  # Windows has no SIGHUP
    if _number is not None and signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(
            _number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL
        )


# What is compared is English, whatever the language of this machine is.
os.environ.pop("LC_ALL", None)
os.environ["LC_MESSAGES"] = "C"


def pytest_runtest_setup() -> None:
    pytest_socket.socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture
def oss() -> Iterator[OssServer]:
    with OssServer() as server:
        yield server


@pytest.fixture
def upyun() -> Iterator[UpyunServer]:
    with UpyunServer() as server:
        yield server


@pytest.fixture
def qiniu() -> Iterator[QiniuServer]:
    with QiniuServer() as server:
        yield server


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture(params=["leveldb", "rocksdb"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of a database engine; the tests of one that is not installed are skipped."""
    pytest.importorskip({"leveldb": "plyvel", "rocksdb": "rocksdict"}[request.param])
    return str(request.param)
