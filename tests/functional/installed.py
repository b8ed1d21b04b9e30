"""The package as an installer puts it into an environment, and its program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

from tests.functional.tool import ROOT, Ended, Tool, end

_BUILD = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"
_PROGRAM = """\
import sys
from {module} import {function}
if __name__ == "__main__":
    sys.exit({function}())
"""


@dataclass(frozen=True)
class Installed:
    """An installed package."""

    wheel: Path
    site: Path
    """Where its modules are."""
    program: Path
    """What the user starts."""

    def run(self, tool: Tool, *words: str, cwd: Path, **variables: str) -> Ended:
        """Run the program in a folder, with the tool's environment."""
        environ = {**tool.environ(), "PYTHONPATH": str(self.site), **variables}
        process = subprocess.Popen(
            [sys.executable, self.program, *words],
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        return end(process)


def install(place: Path) -> Installed:
    """Build the wheel from a copy of the sources, and install it without its dependencies."""
    sources = place / "sources"
    cleaned = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "cos_migrate", sources / "cos_migrate", ignore=cleaned)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, sources)
    subprocess.run(
        [sys.executable, "-c", _BUILD, str(place)],
        cwd=sources,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    [wheel] = place.glob("*.whl")
    site = place / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    [entries] = site.glob("*.dist-info/entry_points.txt")
    scripts = ConfigParser()
    scripts.read(entries, encoding="utf-8")
    [(name, target)] = scripts.items("console_scripts")
    module, _, function = target.partition(":")
    program = place / "bin" / name
    program.parent.mkdir()
    program.write_text(_PROGRAM.format(module=module, function=function), encoding="utf-8")
    return Installed(wheel, site, program)
