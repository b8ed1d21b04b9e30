"""Set-up of a process that the coordinator has started: signals, and pipes for frames."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from cos_migrate import signals

BEAT = 1.0
"""Seconds without a frame after which a process sends an empty one, its heartbeat."""


def pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return where frames come in and where they leave."""
    # Ctrl-C and service managers may signal all processes. The coordinator handles it, and lets
    # workers finish what is in flight; without it this process ends anyway.
    signals.ignore()
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not get between the frames
    return incoming, outgoing
