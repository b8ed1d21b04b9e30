"""The start script in a folder of its own, and stand-ins for Python that take no time."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.polling import wait_until

ROOT = Path(__file__).resolve().parents[2]
BASE = Path(sys.executable).resolve()
VERSION = f"python3_{sys.version_info.minor}"
PACKAGE = """
import os, sys, threading
if "wait" in sys.argv:
    print("waiting", flush=True)
    threading.Event().wait(60)
print(sys.argv[1:], os.getcwd(), sys.prefix)
sys.exit(int(os.environ.get("CODE", "0")))
"""
# Makes an environment in no time; what "installs" there sleeps PIP_SLEEPS seconds, waits for the
# file PIP_WAITS_FOR, says PIP_SAYS and ends with PIP_CODE.
STAND_IN = f"""
case "$*" in
    *"-m venv "*)
        mkdir -p "$3/bin"
        cp "$0" "$3/bin/python"
        ;;
    *"-m pip "*)
        echo "in $TMPDIR by $0"
        sleep "${{PIP_SLEEPS:-0}}"
        until [ -z "$PIP_WAITS_FOR" ] || [ -e "$PIP_WAITS_FOR" ]; do sleep 0.1; done
        [ -z "$PIP_SAYS" ] || echo "$PIP_SAYS"
        exit "${{PIP_CODE:-0}}"
        ;;
    *realpath*) command -v {VERSION.replace("_", ".")} ;;
    *) exec '{BASE}' "$@" ;;
esac
"""


def tool_folder(tmp_path: Path) -> Path:
    """Make the tool's folder, with a package that only tells how it was started."""
    tool = tmp_path / "tool with blanks"
    (tool / "conf").mkdir(parents=True)
    (tool / "cos_migrate").mkdir()
    shutil.copy(ROOT / "start_migrate.sh", tool)
    shutil.copy(ROOT / "conf" / "environment.sh", tool / "conf")
    (tool / "conf" / "requirements.lock").write_text("# nothing\n", encoding="utf-8")
    (tool / "cos_migrate" / "__init__.py").touch()
    (tool / "cos_migrate" / "__main__.py").write_text(PACKAGE, encoding="utf-8")
    return tool


def programs(tmp_path: Path, **scripts: str) -> dict[str, str]:
    """Return an environment whose PATH has the system's tools and only these programs."""
    shims = tmp_path / "bin"
    shims.mkdir(exist_ok=True)
    tools = (
        "sh awk cat cmp cp date dirname env grep ln mkdir mv ps readlink rm rmdir sleep tr uname"
    )
    for name in tools.split():
        found = shutil.which(name)
        if found and not (shims / name).exists():
            (shims / name).symlink_to(found)
    for name, text in scripts.items():
        path = shims / name.replace("_", ".")
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
    return {"PATH": str(shims), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}


def real(tmp_path: Path, **more: str) -> dict[str, str]:
    return programs(tmp_path, **{VERSION: f"exec '{BASE}' \"$@\""}, **more)


def quick(tmp_path: Path, **more: str) -> dict[str, str]:
    return programs(tmp_path, **{VERSION: STAND_IN}, **more)


def stand_in(tmp_path: Path) -> Path:
    """Return a Python that is not on PATH."""
    path = tmp_path / "elsewhere" / "python"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{STAND_IN}", encoding="utf-8")
    path.chmod(0o755)
    return path


def complete(folder: Path) -> None:
    """Give the folder a complete environment."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to(BASE)
    shutil.copy(folder / "conf" / "requirements.lock", folder / ".venv" / ".complete")


def start(
    script: Path, *words: str, environ: dict[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", script, *words],
        env=environ,
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def begin(folder: Path, *words: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["sh", folder / "start_migrate.sh", *words],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )


def wait_for(path: Path) -> None:
    wait_until(path.exists)


def setup_log(folder: Path) -> str:
    return (folder / "log" / "setup.log").read_text(encoding="utf-8")


def wheel(place: Path) -> str:
    """Make the package `pinned` 1.0; return its hash."""
    info = "pinned-1.0.dist-info"
    path = place / "pinned-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pinned.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: pinned\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def assert_one_message(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ended.stderr
    assert len(ended.stderr.splitlines()) <= 2, ended.stderr
    for word in words:
        assert word in errors[0]
