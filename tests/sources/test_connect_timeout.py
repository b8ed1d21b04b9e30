"""`srcConnectTimeout`: a server that takes no connection is not waited for."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cos_migrate.config.options import REQUIRED, declared_options
from cos_migrate.config.values import Secret
from cos_migrate.errors import MigrateError
from cos_migrate.model import Target
from cos_migrate.sources import registry
from cos_migrate.sources.http_source import HttpSource
from cos_migrate.sources.registry import SECTIONS

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/")
ADDRESSES = ("end_point", "rs_host", "rsf_host", "uc_host")
TYPES = [
    name
    for name in registry.source_types()
    if any(one.option.key == "srcConnectTimeout" for one in declared_options(SECTIONS[name]))
]


@pytest.fixture(name="full")
def _full() -> Iterator[int]:
    """The port of a server whose queue is full: Linux then lets a connection wait."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def config_of(name: str, port: int) -> Any:
    section: Any = SECTIONS[name]
    values: dict[str, Any] = {}
    for one in declared_options(section):
        if one.name in ADDRESSES:
            values[one.name] = f"127.0.0.1:{port}"
        elif one.default is REQUIRED:
            values[one.name] = Secret("secret") if one.option.secret else "bucket"
    made = section(**values, src_connect_timeout=200, src_socket_timeout=20_000)
    assert dataclasses.is_dataclass(made)
    return made


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses")
@pytest.mark.parametrize("name", TYPES)
def test_a_server_that_takes_no_connection(name: str, full: int) -> None:
    kind = registry.find(name)
    source = kind(config_of(name, full), TARGET)
    assert isinstance(source, HttpSource)
    begun = time.monotonic()
    with pytest.raises(MigrateError) as caught:
        source.list_page(source.ranges()[0], "")
    assert time.monotonic() - begun < 19
    assert caught.value.code == "Timeout"
    assert caught.value.retryable
