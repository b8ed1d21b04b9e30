"""From the words of the command line to an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cos_migrate import __version__
from cos_migrate.errors import ConfigError, MigrateError, StateError
from cos_migrate.keys import printable_lines
from cos_migrate.masking import masked

if TYPE_CHECKING:
    from cos_migrate.launcher import Launcher

OK, INCOMPLETE, MISUSE, UNUSABLE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: all well; something failed; configuration or usage; the database; Ctrl-C."""
_STANDARD_ERROR = 2
_OTHER_USES = frozenset({"--help", "-h", "--version", "--demo", "--decrypt"})
"""Words that ask for something else than a run."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the tool; return its exit code."""
    words = sys.argv[1:] if words is None else words
    _hold_streams()
    try:
        code = _print_version() if list(words) == ["--version"] else _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        # Ctrl-C before there was anything to finish.
        return INTERRUPTED
    except MigrateError as error:
        return _explain(error)
    except OSError as error:
        if error.filename is not None:
            raise
        return _give_up_stdout(error)
    return code


def _explain(error: MigrateError) -> int:
    """Tell what went wrong; return the exit code for it."""
    if isinstance(error, ConfigError):
        for problem in error.problems:
            print(printable_lines(problem), file=sys.stderr)
        return MISUSE
    print(printable_lines(masked(str(error))), file=sys.stderr)
    return UNUSABLE if isinstance(error, StateError) else INCOMPLETE


def _give_up_stdout(error: OSError) -> int:
    """Go without what --help, --demo or a query has to tell: nobody reads it, or a disk is full."""
    # What is left in the buffer must not fail again when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        print(f"stdout cannot be written ({error.strerror})", file=sys.stderr)
    return INCOMPLETE


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
    from cos_migrate.launcher import Launcher  # noqa: PLC0415 - `--version` answers at once

    launcher = Launcher()
    try:
        if not os.environ.get("RUN_MODE") and _OTHER_USES.isdisjoint(words):
            _start_ahead(launcher)
        return _obey(words, launcher)
    finally:
        gc.enable()
        launcher.close()


def _start_ahead(launcher: Launcher) -> None:
    """Start what an ordinary run needs first: it loads its code while we load ours."""
    from cos_migrate.launcher import SCAN, WORKER, has_folder  # noqa: PLC0415 - as above

    if has_folder("db/migrate_from_local"):
        launcher.keep(SCAN, 1)  # files are looked through again, in all likelihood
    elif not has_folder("db"):
        launcher.keep(WORKER, 1)


def _obey(words: Sequence[str], launcher: Launcher) -> int:
    from cos_migrate import command_line  # noqa: PLC0415 - processes load beside it

    line = command_line.parse(words)
    if line.help:
        print(command_line.usage())
        return OK
    if line.version:
        return _print_version()
    if line.demo:
        from pathlib import Path  # noqa: PLC0415 - only the demo needs them

        from cos_migrate.demo import run_demo  # noqa: PLC0415

        return run_demo(Path.cwd())
    if line.decrypt:
        from cos_migrate.decrypt import run_decrypt  # noqa: PLC0415 - only this command needs it

        return run_decrypt(line, *line.decrypt)
    gc.disable()  # what is loaded is no garbage, and looking for it takes a tenth of the start
    from cos_migrate.start import start  # noqa: PLC0415 - as above

    return start(line, launcher)
