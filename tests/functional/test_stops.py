"""Signals while the standard streams are closed, full, broken, gone or not read."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.tool import BUCKET, Tool, records
from tests.polling import Rest, wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FILES = 600
MOST_SECONDS = 20
"""Far below the limit after which a stop ends by force."""


class Streams:
    """Standard output and error of a run, and what spoils them while it goes on."""

    def __init__(self, kind: str) -> None:
        self.ours: list[int] = []
        self.theirs: int | IO[bytes]
        self.closed = kind == "closed"
        if kind == "closed":
            self.theirs = subprocess.DEVNULL
        elif kind == "full":
            self.theirs = open("/dev/full", "wb")  # noqa: SIM115
        elif kind == "terminal":
            ours, self.theirs = os.openpty()
            self.ours = [ours]
        else:
            ours, self.theirs = os.pipe()
            self.ours = [ours]
            if kind == "unread":
                shrink(ours)
        self.spoiled_by_closing = kind in {"terminal", "broken"}

    def started(self) -> None:
        if isinstance(self.theirs, int):
            if self.theirs >= 0:
                os.close(self.theirs)
        else:
            self.theirs.close()

    def spoil(self) -> None:
        if self.spoiled_by_closing:
            self.close()

    def close(self) -> None:
        while self.ours:
            os.close(self.ours.pop())


def shrink(pipe: int) -> None:
    import fcntl  # noqa: PLC0415 - POSIX only

    if not hasattr(fcntl, "F_SETPIPE_SZ"):
        pytest.skip("pipes have one size here")
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)


@contextlib.contextmanager
def started(tool: Tool, streams: Streams) -> Iterator[subprocess.Popen[bytes]]:
    tool.write_config()
    close = ">&- 2>&-" if streams.closed else ""
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$0" -m cos_migrate {close}', sys.executable],
        cwd=tool.folder,
        env=tool.environ({"TERM": "xterm"}),
        stdin=subprocess.DEVNULL,
        stdout=streams.theirs,
        stderr=streams.theirs,
        start_new_session=True,
    )
    streams.started()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        streams.close()


def assert_in_good_order(tool: Tool, cos: EmbeddedCos) -> None:
    """What is on COS is recorded and counted, and the summary stands where it is looked for."""
    sent = len(cos.keys(BUCKET))
    assert 0 < sent < FILES
    assert len([key for key in records(tool.database) if "taskType" in key]) == sent
    log = tool.log("info.log")
    assert f"migrate_new : {sent}\n" in log
    assert "list finished:false" in log
    assert f"migrate_new : {sent}\n" in (tool.folder / "db" / "result.out").read_text()


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        *(("closed", number) for number in SIGNALS),
        ("full", signal.SIGTERM),
        ("broken", signal.SIGINT),
        ("terminal", signal.SIGHUP),
    ],
)
def test_a_signal_without_streams(
    tool: Tool, cos: EmbeddedCos, kind: str, number: signal.Signals
) -> None:
    if kind == "full" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("this signal is ignored here, and so by the tool, as with nohup")
    for name in range(FILES):
        tool.put(f"{name}")
    cos.latency = 0.05
    tool.common |= {"smallFileExecutorNum": "4", "workerProcessNum": "1"}
    streams = Streams(kind)
    with started(tool, streams) as process:
        wait_until(lambda: len(cos.requests) > 8, lambda: process.poll() is None)
        streams.spoil()
        process.send_signal(number)
        assert process.wait(MOST_SECONDS) == 128 + number
    assert_in_good_order(tool, cos)


def test_a_signal_while_stdout_is_not_read(tool: Tool, cos: EmbeddedCos) -> None:
    for name in range(FILES):
        tool.put(f"{name}")
    cos.latency = 0.01
    tool.common |= {"smallFileExecutorNum": "2", "workerProcessNum": "1"}
    with started(tool, Streams("unread")) as process:
        wait_until(Rest(lambda: len(cos.requests)), lambda: process.poll() is None)
        assert len(cos.requests) < FILES
        process.send_signal(signal.SIGTERM)
        assert process.wait(MOST_SECONDS) == 128 + signal.SIGTERM
    assert_in_good_order(tool, cos)


def test_a_signal_while_a_terminal_is_not_read(tool: Tool) -> None:
    tool.put("a")
    for number in range(2_000):  # each has a line, and none of these is thinned
        (tool.data / f"gone{number:04d}").symlink_to("nowhere")
    streams = Streams("terminal")
    with started(tool, streams) as process:
        wait_until(Rest(lambda: len(tool.log("info.log"))), lambda: process.poll() is None)
        process.send_signal(signal.SIGINT)
        assert process.wait(MOST_SECONDS) == 128 + signal.SIGINT
    assert "migrate_new : " in tool.log("info.log")
