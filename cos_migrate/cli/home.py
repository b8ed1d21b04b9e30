"""The home of the tool: the folder that holds its conf, db, log and tmp.

Started by its script the tool lives in its own folder, into which the script changes. Installed as
a package it lives in `COS_MIGRATE_HOME`, else in a fixed folder of the user; never in the folder
where it happens to be started, since a run without its records would send everything again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cos_migrate.cli.command_line import DEFAULT_CONFIG, CommandLine
from cos_migrate.errors import ConfigError

VARIABLE = "COS_MIGRATE_HOME"
PACKAGE_PROGRAM = "cos-migrate"
_FOLDERS = ("conf", "db", "log", "tmp")
_PRIVATE = 0o700


class Home(NamedTuple):
    """The folder in which this process works, and the folder in which it was started."""

    folder: str
    """Absolute; the current folder of this process."""
    started_in: str
    """The current folder before; words of the command line are relative to it."""
    is_package: bool
    """Whether the tool is installed as a package; otherwise its start script runs it."""

    def completed(self, line: CommandLine) -> CommandLine:
        """Return a command line with its paths made to hold in this home."""
        if not self.is_package:
            return line
        path, here = line.config_path, self.started_in
        decrypt, folders = line.decrypt, line.merge_reports
        return line._replace(
            config_path=os.path.join(self.folder if path == DEFAULT_CONFIG else here, path),
            decrypt=decrypt and (decrypt[0], os.path.join(here, decrypt[1])),
            merge_reports=folders and tuple(os.path.join(here, each) for each in folders),
            program=PACKAGE_PROGRAM,
        )

    def notices(self) -> Iterator[str]:
        """Yield the lines that name the home of a package, and say what it lacks."""
        yield f"home: {self.folder} (conf, db, log and tmp; {VARIABLE} names another)"
        if not os.path.exists(DEFAULT_CONFIG):
            yield f"it has no {DEFAULT_CONFIG} yet: {PACKAGE_PROGRAM} --init makes one"


def is_package(*, as_module: bool) -> bool:
    """Return whether this process runs an installed package.

    `as_module`: it was started as `python -m cos_migrate`, which the scripts do in their folder.
    """
    beside = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return not (as_module and os.path.exists(os.path.join(beside, "start_migrate.sh")))


def current_home() -> Home:
    """Return the home of a tool that its script has started: the current folder."""
    folder = _current_folder()
    return Home(folder, folder, is_package=False)


def enter_package_home(environ: Mapping[str, str] = os.environ) -> Home:
    """Make the home of an installed package, and change into it. Raises ConfigError."""
    started_in = _current_folder()
    folder = _package_folder(environ)
    try:
        os.makedirs(folder, mode=_PRIVATE, exist_ok=True)
        for name in _FOLDERS:
            os.makedirs(os.path.join(folder, name), mode=_PRIVATE, exist_ok=True)
        os.chdir(folder)
    except OSError as error:
        problem = (
            f"the home {folder} cannot be used ({error.strerror or error}): set {VARIABLE} to the "
            "absolute path of a folder that you may write to"
        )
        raise ConfigError([problem]) from error
    return Home(folder, started_in, is_package=True)


def _current_folder() -> str:
    """Return the current folder; empty: it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _package_folder(environ: Mapping[str, str]) -> str:
    given = environ.get(VARIABLE, "")
    if not given:
        from platformdirs import user_data_dir  # noqa: PLC0415 - where the variable is not set

        return user_data_dir(PACKAGE_PROGRAM, appauthor=False)
    folder = os.path.expanduser(given)
    if not os.path.isabs(folder):
        problem = (
            f"{VARIABLE}={given} is not an absolute path: name a folder that is the same wherever "
            "the tool is started, such as /srv/cos-migrate"
        )
        raise ConfigError([problem])
    return os.path.normpath(folder)
