"""From the words of the command line to an exit code: the only room that knows all others."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from cos_migrate import __version__
from cos_migrate.errors import ConfigError, MigrateError, StateError

OK, INCOMPLETE, MISUSE, UNUSABLE = 0, 1, 2, 3
"""Exit codes: all well; something failed; configuration or usage; the database."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the tool; return its exit code."""
    words = sys.argv[1:] if words is None else words
    if list(words) == ["--version"]:
        print(f"cos-migrate {__version__}")
        return OK
    from cos_migrate import command_line  # noqa: PLC0415 - `--version` answers at once

    try:
        line = command_line.parse(words)
        if line.help:
            print(command_line.usage())
            return OK
        if line.version:
            print(f"cos-migrate {__version__}")
            return OK
        if line.demo:
            from cos_migrate.demo import run_demo  # noqa: PLC0415 - only the demo needs it

            return run_demo(Path.cwd())
        from cos_migrate.session import Session  # noqa: PLC0415 - after `--help`

        return Session(line).run()
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return MISUSE
    except StateError as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    except MigrateError as error:
        print(error, file=sys.stderr)
        return INCOMPLETE
