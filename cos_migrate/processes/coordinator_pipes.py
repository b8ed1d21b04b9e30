"""Inside a started process: the pipes that carry frames from and to the coordinator."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from cos_migrate import signals

HEARTBEAT_SECONDS = 1.0
"""Seconds without a frame after which a process sends an empty one, its heartbeat."""


def take_over() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for frames; return the pipes where they come in and leave.

    From now on the process ignores signals, and what it prints goes to stderr.
    """
    # Ctrl-C and service managers may signal all processes. The coordinator handles it, and lets
    # workers finish what is in flight; without it this process ends anyway.
    signals.ignore()
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not get between the frames
    return incoming, outgoing
