"""The entry point: runs the command that the arguments name, and ends with its exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from cos_migrate.cli import streams
from cos_migrate.cli.flags import COMMAND_WORDS, HOMELESS_WORDS, command_of, print_version
from cos_migrate.cli.home import Home, current_home, enter_package_home, is_package
from cos_migrate.cli.languages import language_of_error, language_of_line
from cos_migrate.descriptors import raise_limit
from cos_migrate.errors import ConfigError, CredentialsError, MigrateError, StateError
from cos_migrate.exit_codes import INCOMPLETE, INTERRUPTED, MISUSE, UNUSABLE
from cos_migrate.language import Say
from cos_migrate.text import masked, printable_lines

if TYPE_CHECKING:
    from cos_migrate.processes.launcher import Launcher


def run_process(*, as_module: bool = False) -> NoReturn:
    """Run the tool and end this process with its exit code.

    Broken standard streams and running threads do not change the code. `as_module`: as in
    `home.is_package`.
    """
    _use_utf8()
    streams.replace_standard_streams()
    try:
        code = main(as_package=is_package(as_module=as_module))
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else INCOMPLETE
    streams.flush()
    os._exit(code)


def _use_utf8() -> None:
    """Start this process anew where Python decodes names and words by a locale without UTF-8.

    Objects would get the keys of other names.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"  # for the processes that this one starts
        again = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execv(sys.executable, again)  # noqa: S606 - itself


def main(words: Sequence[str] | None = None, *, as_package: bool = False) -> int:
    """Run the tool; return its exit code. `as_package`: in the home of an installed package."""
    words = sys.argv[1:] if words is None else words
    try:
        if list(words) == ["--version"]:
            code = print_version()
        else:
            code = _run(words, _home_for(words, as_package=as_package))
        sys.stdout.flush()
    except KeyboardInterrupt:
        # Ctrl-C before a run began.
        return INTERRUPTED
    except MigrateError as error:
        return _explain(error, language_of_error(error, words, os.environ).say)
    except OSError as error:
        if error.filename is not None:
            raise
        return _give_up_stdout(error)
    return code


def _explain(error: MigrateError, say: Say) -> int:
    """Print an error; return its exit code."""
    if isinstance(error, ConfigError):
        for problem in error.problems:
            print(printable_lines(say(problem)), file=sys.stderr)
        return MISUSE
    print(printable_lines(say(masked(str(error)))), file=sys.stderr)
    if isinstance(error, CredentialsError):
        return MISUSE
    return UNUSABLE if isinstance(error, StateError) else INCOMPLETE


def _give_up_stdout(error: OSError) -> int:
    """Return the exit code when the output of --help, --demo or a query cannot be written."""
    if not isinstance(error, BrokenPipeError):
        from cos_migrate.report.console import unwritable_stdout  # noqa: PLC0415 - rarely used

        print(unwritable_stdout(error), file=sys.stderr)
    return INCOMPLETE


def _home_for(words: Sequence[str], *, as_package: bool) -> Home:
    """Change into the home of a package, unless the words only ask for a text."""
    if not as_package or not HOMELESS_WORDS.isdisjoint(words):
        return current_home()
    return enter_package_home()


def _run(words: Sequence[str], home: Home) -> int:
    from cos_migrate.cli.environment import environment_without_secrets  # noqa: PLC0415 - as below
    from cos_migrate.processes.launcher import Launcher  # noqa: PLC0415 - not for `--version`

    raise_limit()
    launcher = Launcher(environment_without_secrets(words, home.started_in))
    try:
        if not os.environ.get("RUN_MODE") and COMMAND_WORDS.isdisjoint(words):
            _start_ahead(launcher)
        return _run_command(words, home, launcher)
    finally:
        gc.enable()
        launcher.close()


def _start_ahead(launcher: Launcher) -> None:
    """Start the process that a run needs first, so that both processes load at once."""
    from cos_migrate.cli.earlier_runs import earlier_records_exist  # noqa: PLC0415 - as above
    from cos_migrate.pools import WORKER_PROGRAM  # noqa: PLC0415 - as above
    from cos_migrate.scan import WALK_PROGRAM  # noqa: PLC0415 - as above

    if earlier_records_exist("migrate_from_local"):
        launcher.keep(WALK_PROGRAM, 1)  # a local folder is likely to be walked again
    elif not earlier_records_exist():
        launcher.keep(WORKER_PROGRAM, 1)


def _run_command(words: Sequence[str], home: Home, launcher: Launcher) -> int:
    from cos_migrate.cli.arguments import parse  # noqa: PLC0415 - while the process loads

    line = home.completed(parse(words))
    if home.is_package:
        say = language_of_line(line, os.environ).say
        for notice in home.notices():
            print(printable_lines(say(notice)), file=sys.stderr)
    command = command_of(line)
    if command:
        return command(line)
    gc.disable()  # modules are no garbage, and collecting takes a tenth of the start
    from cos_migrate.cli.start import start  # noqa: PLC0415 - as above

    return start(line, launcher)
