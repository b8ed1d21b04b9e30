"""The standard streams: what is dropped when a process is to end, and what is not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from cos_migrate import signals
from cos_migrate.cli.streams import StandardStream, write_without_waiting
from cos_migrate.processes.liveness import DEFAULT_WAIT_LIMITS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass


def read_all(descriptor: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(descriptor, size)
    return data


def test_a_slow_reader_is_waited_for(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    output = StandardStream(writing)
    data = os.urandom(300_000)
    writer = threading.Thread(target=output.write, args=(data,))
    writer.start()
    assert read_all(reading, len(data)) == data
    writer.join()


def test_a_reader_that_does_not_read_holds_up_a_hurried_process_once(
    pipe: tuple[int, int],
) -> None:
    output = StandardStream(pipe[1], patience=0.2)
    output.waits_limited = True
    began = time.monotonic()
    for _ in range(5):
        assert output.write(b"x" * 200_000) == 200_000
    assert 0.2 <= time.monotonic() - began < 5


def test_a_line_that_was_cut_ends_before_the_next(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    output = StandardStream(writing, patience=0.0)
    output.waits_limited = True
    output.write(b"a" * 1_000_000)
    output.write(b"dropped\n")
    taken = os.read(reading, 1_000_000)
    assert set(taken) == {ord("a")}
    output.write(b"the summary\n")
    assert os.read(reading, 1_000_000) == b"\nthe summary\n"


def test_a_pipe_that_does_not_block_is_waited_for_too(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    output = StandardStream(writing)
    writer = threading.Thread(target=output.write, args=(b"y" * 200_000,))
    writer.start()
    assert read_all(reading, 200_000) == b"y" * 200_000
    writer.join()


def test_one_that_says_ready_and_takes_nothing_is_given_up_too(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.set_blocking(pipe[1], False)
    output = StandardStream(pipe[1], patience=0.1)
    output.waits_limited = True
    monkeypatch.setattr(StandardStream, "_is_ready", lambda _: True)
    output.write(b"x" * 1_000_000)


@pytest.mark.parametrize("forgiving", [False, True])
def test_a_reader_that_is_gone(pipe: tuple[int, int], forgiving: bool) -> None:
    os.close(pipe[0])
    output = StandardStream(pipe[1], forgiving=forgiving)
    if forgiving:
        assert output.write(b"x") == 1
    else:
        with pytest.raises(BrokenPipeError):
            output.write(b"x")
    write_without_waiting(pipe[1], b"raises nothing")


def test_what_would_have_to_wait_is_not_written_at_once(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    try:
        while True:
            os.write(pipe[1], b"z" * 4096)
    except BlockingIOError:
        os.set_blocking(pipe[1], True)
    write_without_waiting(pipe[1], b"x")


HARD_LIMIT = """
import sys, time
from cos_migrate.signals import HardLimit
limit = HardLimit(0.1)
if "begin" in sys.argv:
    limit.begin(143)
if "cancel" in sys.argv:
    limit.cancel()
time.sleep(1000 if "stuck" in sys.argv else 0.5)
"""


@pytest.mark.parametrize(
    ("words", "code"), [(["begin", "stuck"], 143), (["begin", "cancel"], 0), (["cancel"], 0)]
)
def test_a_stop_that_takes_too_long_ends_by_force(words: list[str], code: int) -> None:
    done = subprocess.run([sys.executable, "-c", HARD_LIMIT, *words], check=False, timeout=60)
    assert done.returncode == code


def test_the_limits_of_a_stop_lie_below_those_of_service_managers() -> None:
    assert DEFAULT_WAIT_LIMITS.stop == 25
    assert DEFAULT_WAIT_LIMITS.stop + DEFAULT_WAIT_LIMITS.close < signals.HARD_LIMIT < 30
