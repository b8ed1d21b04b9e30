"""What is left of a process that was started for the coordinator: nothing."""

from __future__ import annotations

import gc
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.processes.child import Child

ECHO = """
from cos_migrate.processes import coordinator_pipes
from cos_migrate.processes.frames import FrameReader, FrameWriter
incoming, outgoing = coordinator_pipes.take_over()
try:
    while True:
        FrameWriter(outgoing).write(FrameReader(incoming).read())
except EOFError:
    pass
"""
DESCRIPTORS = Path("/proc/self/fd")


def started() -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", ECHO], stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="needs /proc")
@pytest.mark.parametrize("closed", [False, True])
def test_a_process_that_has_ended_leaves_no_pipe_open(closed: bool) -> None:
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    before = len(list(DESCRIPTORS.iterdir()))
    gc.disable()
    try:
        children: list[Child[str, Any]] = [Child(started(), heard.put, heard.put) for _ in range(3)]
        for child in children:
            child.write("word")
            assert heard.get(timeout=30) == "word"
        for child in children:
            child.kill()
            if closed:
                child.close(time.monotonic() + 30)
        for child in children:
            child._reader.join(30)
            child._errors.join(30)
        assert len(list(DESCRIPTORS.iterdir())) == before
    finally:
        gc.enable()
    assert heard.empty()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_stopped_process_is_not_waited_for() -> None:
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    process = started()
    child: Child[Any, Any] = Child(process, heard.put, heard.put)
    process.send_signal(signal.SIGSTOP)
    words = [f"{number}" * 10_000 for number in range(50)]  # more than a pipe holds
    for word in words:
        child.write(word)
    process.send_signal(signal.SIGCONT)
    assert [heard.get(timeout=30) for _ in words] == words
    assert child.heartbeats == len(words)
    process.send_signal(signal.SIGSTOP)
    for word in words:
        child.write(word)
    child.let_end()
    began = time.monotonic()
    child.close(began + 0.2)
    assert time.monotonic() - began < 10
    assert process.returncode == -signal.SIGKILL
