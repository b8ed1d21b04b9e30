"""Opens a database in a Python that lacks packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_OPENER = """
import sys
from pathlib import Path

for package in sys.argv[2:]:
    sys.modules[package] = None  # what an import of a missing package amounts to
from cos_migrate.errors import StateError
from cos_migrate.state.opening import open_store

try:
    with open_store(Path(sys.argv[1])) as state:
        print(state.engine, len(list(state.scan(b""))), *state.notices)
except StateError as error:
    print(error.code, error)
"""


def opened_without(folder: Path, *packages: str) -> str:
    """Return the engine, the number of pairs and the notices, or the error."""
    words = [sys.executable, "-c", _OPENER, str(folder), *packages]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(words, env=environment, check=True, capture_output=True)
    return done.stdout.decode()
