"""From the words of the command line to an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from cos_migrate import __version__
from cos_migrate.cli import streams
from cos_migrate.descriptors import raise_limit
from cos_migrate.errors import ConfigError, MigrateError, StateError
from cos_migrate.text import masked, printable_lines

if TYPE_CHECKING:
    from cos_migrate.pools.launcher import Launcher

OK, INCOMPLETE, MISUSE, UNUSABLE, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: all well; something failed; configuration or usage; the database; Ctrl-C."""
_OTHER_USES = frozenset({"--help", "-h", "--version", "--demo", "--decrypt"})
"""Words that ask for something else than a run."""


def run_process() -> NoReturn:
    """Be the whole process: run the tool and end with its exit code.

    No state of the standard streams, of the environment or of other threads changes the code.
    """
    streams.take_over()
    try:
        code = main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else INCOMPLETE
    streams.flush()
    os._exit(code)


def main(words: Sequence[str] | None = None) -> int:
    """Run the tool; return its exit code."""
    words = sys.argv[1:] if words is None else words
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
    if not isinstance(error, BrokenPipeError):
        print(f"stdout cannot be written ({error.strerror})", file=sys.stderr)
    return INCOMPLETE


def _print_version() -> int:
    print(f"cos-migrate {__version__}")
    return OK


def _run(words: Sequence[str]) -> int:
    from cos_migrate.pools.launcher import Launcher  # noqa: PLC0415 - `--version` answers at once

    raise_limit()
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
    from cos_migrate.pools.launcher import SCAN, WORKER, has_folder  # noqa: PLC0415 - as above

    if has_folder("db/migrate_from_local"):
        launcher.keep(SCAN, 1)  # files are looked through again, in all likelihood
    elif not has_folder("db"):
        launcher.keep(WORKER, 1)


def _obey(words: Sequence[str], launcher: Launcher) -> int:
    from cos_migrate.cli import arguments as command_line  # noqa: PLC0415 - processes load beside it

    line = command_line.parse(words)
    if line.help:
        print(command_line.usage())
        return OK
    if line.version:
        return _print_version()
    if line.demo:
        from pathlib import Path  # noqa: PLC0415 - only the demo needs them

        from cos_migrate.cli.demo import run_demo  # noqa: PLC0415

        return run_demo(Path.cwd())
    if line.decrypt:
        from cos_migrate.cli.decrypt import run_decrypt  # noqa: PLC0415 - only this command needs it

        return run_decrypt(line, *line.decrypt)
    gc.disable()  # what is loaded is no garbage, and looking for it takes a tenth of the start
    from cos_migrate.cli.start import start  # noqa: PLC0415 - as above

    return start(line, launcher)
