"""Runs of the tool in a pseudo-terminal."""

from __future__ import annotations

import os
import struct
import subprocess
import sys

from tests.functional.tool import Tool


def start_in_terminal(
    tool: Tool, *words: str, columns: int = 0
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the tool in a terminal of so many columns; return it and our end of the terminal."""
    import fcntl  # noqa: PLC0415 - none of these is on every system
    import pty  # noqa: PLC0415
    import termios  # noqa: PLC0415

    ours, theirs = pty.openpty()
    if columns:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "cos_migrate", *words],
        cwd=tool.folder,
        env=tool.environ({"TERM": "xterm"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    return process, ours
