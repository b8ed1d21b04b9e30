"""The tool on a machine where folders named `closed` cannot be listed while CLOSED is set."""

from __future__ import annotations

import errno
import os
from typing import Any

from cos_migrate.cli.main import run_process

_scandir = os.scandir


def scandir(path: Any = ".") -> Any:
    if os.environ.get("CLOSED") and os.path.basename(str(path).rstrip("/")) == "closed":
        raise PermissionError(errno.EACCES, "Permission denied", path)
    return _scandir(path)


if __name__ == "__main__":
    os.scandir = scandir
    run_process(as_module=True)
