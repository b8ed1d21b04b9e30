"""`--install EXTRA`: installs the packages of an extra into the environment that runs the tool.

`extras/<name>.lock` pins them by hashes, without those of the base, which conf/requirements.lock
pins. It is made like that lock, with `-c conf/requirements.lock`. uv installs where it is found (an
environment that it made has no pip), else pip.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from cos_migrate.cli.command_line import CommandLine
from cos_migrate.cli.languages import language_of_line
from cos_migrate.errors import ConfigError
from cos_migrate.exit_codes import OK
from cos_migrate.text import masked

LOCKS = Path(__file__).with_name("extras")
REMEMBERED = Path("conf/extras")
"""Names of the extras of the environment in .venv; start_migrate.sh installs them again when it has
made the environment anew."""
_SHOWN = 20
"""Last lines of an installer's output that are shown when it fails."""
_SETTINGS = {
    *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN", "PIP_CONSTRAINT"),
    *("PIP_ONLY_BINARY", "PIP_NO_BINARY", "PIP_REQUIRE_VIRTUALENV"),
    *("UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE_NEWER", "UV_SYSTEM_PYTHON"),
}
"""Variables that would change what is installed, or where."""


class Extra(NamedTuple):
    """Packages that only some keys need."""

    module: str
    """Can be imported when the extra is installed."""
    needed_for: str


EXTRAS = {
    "cluster": Extra("distributed", "jobs on a Dask cluster"),
    "inventory": Extra("pyarrow", "inventories in Parquet and ORC"),
}


def run_install(line: CommandLine) -> int:
    """Install the extra that the command line names; return the exit code.

    Raises ConfigError when it cannot be installed.
    """
    say = language_of_line(line, os.environ).say
    [name] = line.install or ("",)
    if name not in EXTRAS:
        raise ConfigError([f"--install {name}: there is no such extra; legal: {', '.join(EXTRAS)}"])
    lock = LOCKS / f"{name}.lock"
    marker = Path(sys.prefix) / f".extra-{name}"
    if _is_installed(name) and marker.is_file() and marker.read_bytes() == lock.read_bytes():
        print(say(f"the extra {name} is installed already"))
        return OK
    needed_for = EXTRAS[name].needed_for
    print(say(f"installing the extra {name} ({needed_for}) into {sys.prefix}"), flush=True)
    _install(name, lock)
    try:
        marker.write_bytes(lock.read_bytes())
        _remember(name)
    except OSError as error:
        text = f"cannot write to {error.filename}: {error.strerror}"
        raise ConfigError([_failure(name, text)]) from error
    print(say(f"the extra {name} is installed"))
    return OK


def _is_installed(name: str) -> bool:
    importlib.invalidate_caches()
    return importlib.util.find_spec(EXTRAS[name].module) is not None


def _install(name: str, lock: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if key not in _SETTINGS}
    environ |= {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_LINK_MODE": "copy"}
    words = ["--require-hashes", "--no-deps", "-r", str(lock)]
    try:
        ended = subprocess.run(
            [*_installer(), *words],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise ConfigError([_failure(name, f"{error.filename}: {error.strerror}")]) from error
    if ended.returncode or not _is_installed(name):
        last = [masked(line) for line in ended.stdout.splitlines() if line.strip()][-_SHOWN:]
        raise ConfigError([*last, _failure(name, _reason(ended.stdout))])


def _installer() -> list[str]:
    """Return the beginning of the command that installs into this environment."""
    uv = shutil.which("uv")
    if uv and not subprocess.run([uv, "--version"], capture_output=True, check=False).returncode:
        return [uv, "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--no-input"]


def _reason(output: str) -> str:
    """Return what to do after an installer's failure."""
    text = output.lower()
    if "no space left" in text:
        return "the disk is full: free some space and try again"
    if "hash" in text and ("mismatch" in text or "do not match" in text):
        return "a downloaded package is not the pinned one: look at your package mirror"
    if "no module named pip" in text:
        return "this environment has neither pip nor uv: install uv and try again"
    if "externally-managed" in text or "externally managed" in text:
        return "the system manages this Python: start the tool by start_migrate.sh"
    return "this machine needs access to a Python package index; pip's and uv's settings apply"


def _failure(name: str, reason: str) -> str:
    return f"error: the extra {name} cannot be installed: {reason}"


def _remember(name: str) -> None:
    """Note the extra, if this environment is that of the start script."""
    if Path(sys.prefix).resolve() != Path(".venv").resolve():
        return
    names = REMEMBERED.read_text(encoding="utf-8").split() if REMEMBERED.exists() else []
    if name not in names:
        REMEMBERED.write_text("".join(f"{each}\n" for each in [*names, name]), encoding="utf-8")
