"""From the words of the command line to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cos_migrate import __version__
from cos_migrate.errors import ConfigError, MigrateError, StateError

OK, INCOMPLETE, MISUSE, UNUSABLE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: all well; something failed; configuration or usage; the database; Ctrl-C."""
_STANDARD_ERROR = 2


def main(words: Sequence[str] | None = None) -> int:
    """Run the tool; return its exit code."""
    words = sys.argv[1:] if words is None else words
    _hold_streams()
    if list(words) == ["--version"]:
        return _print_version()
    try:
        return _run(words)
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
    except BrokenPipeError:
        # Nobody reads what --help or --demo tell; what is left must not fail again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INCOMPLETE
    except KeyboardInterrupt:
        # Ctrl-C before there was anything to finish.
        return INTERRUPTED


def _hold_streams() -> None:
    """Have all three standard streams, even when this was started with some of them closed.

    What is opened next, such as the record database, would else take their numbers, and get what
    libraries and other processes write there.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    # Open as long as the process is.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _print_version() -> int:
    print(f"cos-migrate {__version__}")
    return OK


def _run(words: Sequence[str]) -> int:
    from cos_migrate import command_line  # noqa: PLC0415 - `--version` answers at once

    line = command_line.parse(words)
    if line.help:
        print(command_line.usage())
        return OK
    if line.version:
        return _print_version()
    if line.demo:
        from cos_migrate.demo import run_demo  # noqa: PLC0415 - only the demo needs it

        return run_demo(Path.cwd())
    if line.decrypt:
        from cos_migrate.decrypt import run_decrypt  # noqa: PLC0415 - only this command needs it

        return run_decrypt(line, *line.decrypt)
    from cos_migrate.launcher import SCAN, Launcher, has_folder  # noqa: PLC0415 - as above

    launcher = Launcher()
    try:
        if has_folder(Path("db", "migrate_from_local")):
            launcher.keep(SCAN, 1)  # files are looked through again, in all likelihood
        from cos_migrate.start import start  # noqa: PLC0415 - it loads beside this

        return start(line, launcher)
    finally:
        launcher.close()
