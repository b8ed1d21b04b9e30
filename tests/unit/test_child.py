"""What is left of a process that was started for the coordinator: nothing."""

from __future__ import annotations

import gc
import queue
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.child import Child

ECHO = """
from cos_migrate import parent, wire
incoming, outgoing = parent.pipes()
try:
    while True:
        wire.send(outgoing, wire.receive(incoming))
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
        children = [Child(started(), heard.put, heard.put) for _ in range(3)]
        for child in children:
            child.write("word")
            assert heard.get(timeout=30) == "word"
        for child in children:
            child.kill()
            if closed:
                child.close()
        for child in children:
            child._listener.join(30)
            child._errors.join(30)
        assert len(list(DESCRIPTORS.iterdir())) == before
    finally:
        gc.enable()
    assert heard.empty()
