"""The other end of `child`: what a process does first that the coordinator has started."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from cos_migrate import signals

BEAT = 1.0
"""Seconds after which a process that has sent nothing sends a sign of life, whatever it does."""


def pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return where frames come in and where they leave."""
    # Ctrl-C, and a service manager's end, may reach all processes: the coordinator answers, which
    # waits for what is in flight, and without which this process ends.
    signals.ignore()
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the frames
    return incoming, outgoing
