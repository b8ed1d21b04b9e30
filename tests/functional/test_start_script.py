"""start_migrate.sh as a user starts it, with environments made of nothing: no network is needed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
PACKAGE = """
import os, sys, time
if "wait" in sys.argv:
    print("waiting", flush=True)
    time.sleep(60)
print(sys.argv[1:], os.getcwd(), sys.prefix)
sys.exit(int(os.environ.get("CODE", "0")))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tool's folder, with a package that only tells how it was started."""
    tool = tmp_path / "tool with blanks"
    (tool / "conf").mkdir(parents=True)
    (tool / "cos_migrate").mkdir()
    shutil.copy(ROOT / "start_migrate.sh", tool)
    shutil.copy(ROOT / "conf" / "environment.sh", tool / "conf")
    (tool / "conf" / "requirements.lock").write_text("# nothing\n")
    (tool / "cos_migrate" / "__init__.py").touch()
    (tool / "cos_migrate" / "__main__.py").write_text(PACKAGE)
    return tool


def programs(tmp_path: Path, **scripts: str) -> dict[str, str]:
    """Return an environment whose PATH has the system's tools and only these Pythons."""
    shims = tmp_path / "bin"
    shims.mkdir(exist_ok=True)
    for name in ("sh", "awk", "cat", "cmp", "cp", "date", "dirname", "grep", "mkdir", "mv"):
        link(shims, name)
    for name in ("readlink", "rm", "sleep", "tr", "uname", "id", "env"):
        link(shims, name)
    for name, text in scripts.items():
        path = shims / name.replace("_", ".")
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return {"PATH": str(shims), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}


def link(folder: Path, name: str) -> None:
    found = shutil.which(name)
    if found and not (folder / name).exists():
        (folder / name).symlink_to(found)


def real(tmp_path: Path, **more: str) -> dict[str, str]:
    version = f"python3_{sys.version_info.minor}"
    base = Path(sys.executable).resolve()
    return programs(tmp_path, **{version: f'exec "{base}" "$@"'}, **more)


def start(
    script: Path, *words: str, environ: dict[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", script, *words],
        env=environ,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_from_anywhere_with_any_words(folder: Path, tmp_path: Path) -> None:
    script = folder / "start_migrate.sh"
    environ = real(tmp_path)
    first = start(script, "-Da.b=c d", "x", environ=environ, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    expected = f"['-Da.b=c d', 'x'] {folder} {folder}/.venv\n"
    assert first.stdout == expected
    assert "setting up the Python environment" in first.stderr
    made = (folder / ".venv" / "pyvenv.cfg").stat().st_mtime_ns
    second = start(script, "-Da.b=c d", "x", environ={"PATH": environ["PATH"]}, cwd=Path("/"))
    assert (second.stdout, second.stderr) == (expected, "")
    assert (folder / ".venv" / "pyvenv.cfg").stat().st_mtime_ns == made
    link_to = tmp_path / "link.sh"
    link_to.symlink_to("tool with blanks/start_migrate.sh")
    assert start(link_to, environ=environ).stdout.split(" ", 1)[1] == expected.split("x'] ")[1]
    # Nothing outside the tool's folder was touched.
    assert {path.name for path in tmp_path.iterdir()} == {"tool with blanks", "bin", "link.sh"}
    code = start(script, environ={**environ, "CODE": "7"})
    assert code.returncode == 7


def test_an_environment_that_broke_off_or_is_outdated_is_made_anew(
    folder: Path, tmp_path: Path
) -> None:
    script, environ = folder / "start_migrate.sh", real(tmp_path)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "half").touch()
    assert start(script, environ=environ).returncode == 0
    assert not (folder / ".venv" / "half").exists()
    (folder / ".venv" / "old").touch()
    (folder / "conf" / "requirements.lock").write_text("# something else\n")
    assert start(script, environ=environ).returncode == 0
    assert not (folder / ".venv" / "old").exists()


def test_two_starts_at_once(folder: Path, tmp_path: Path) -> None:
    environ = real(tmp_path)
    both = [
        subprocess.Popen(
            ["sh", folder / "start_migrate.sh"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert sum("setting up the Python environment" in err for _, err in ended) == 1
    assert not list((folder / "tmp").glob(".setup-*"))


def test_a_lock_whose_owner_is_gone_is_taken_over(folder: Path, tmp_path: Path) -> None:
    lock = folder / "tmp" / ".setup-.venv"
    lock.mkdir(parents=True)
    process = subprocess.Popen(["sleep", "0"])
    process.wait()
    (lock / "pid").write_text(f"{process.pid}\n")
    assert start(folder / "start_migrate.sh", environ=real(tmp_path)).returncode == 0


def test_signals_reach_the_interpreter(folder: Path, tmp_path: Path) -> None:
    environ = real(tmp_path)
    assert start(folder / "start_migrate.sh", environ=environ).returncode == 0
    process = subprocess.Popen(
        ["sh", folder / "start_migrate.sh", "wait"],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGTERM
    process.stdout.close()


def assert_one_message(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    assert ended.returncode == 2
    assert ended.stdout == ""
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ended.stderr
    for word in words:
        assert word in errors[0]


def test_no_interpreter(folder: Path, tmp_path: Path) -> None:
    ended = start(folder / "start_migrate.sh", environ=programs(tmp_path))
    assert_one_message(ended, "no Python was found", "3.10 or newer")


def test_only_an_old_interpreter(folder: Path, tmp_path: Path) -> None:
    environ = programs(tmp_path, python3="echo 3.6; exit 1", python="exit 127")
    ended = start(folder / "start_migrate.sh", environ=environ)
    assert_one_message(ended, "3.10 or newer is needed", "found only 3.6")


def test_no_venv_module(folder: Path, tmp_path: Path) -> None:
    python = 'case "$*" in *venv*) echo "No module named venv" >&2; exit 1;; *) echo 3.12;; esac'
    ended = start(folder / "start_migrate.sh", environ=programs(tmp_path, python3_12=python))
    assert_one_message(ended, "no venv module", "python3-venv")


def test_no_network(folder: Path, tmp_path: Path) -> None:
    (folder / "conf" / "requirements.lock").write_text(
        "nothing-by-this-name==1.0 --hash=sha256:" + "0" * 64 + "\n"
    )
    environ = {
        **real(tmp_path),
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        "UV_HTTP_RETRIES": "0",
    }
    ended = start(folder / "start_migrate.sh", environ=environ)
    assert_one_message(ended, "cannot download the packages", "log/setup.log")
    assert (folder / "log" / "setup.log").read_text()
    assert not (folder / ".venv" / ".complete").exists()


def test_a_folder_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    (folder / "tmp").write_text("a file where a folder should be")
    ended = start(folder / "start_migrate.sh", environ=real(tmp_path))
    assert_one_message(ended, "cannot write to", "copy it to a place you may write to")


def test_the_warm_start_is_cheap(folder: Path, tmp_path: Path) -> None:
    """No interpreter is started to look at the environment: one exec, whatever it costs."""
    environ = real(tmp_path)
    start(folder / "start_migrate.sh", environ=environ)
    python = folder / ".venv" / "bin" / "python"
    counter = tmp_path / "count"
    python.unlink()
    python.write_text(f'#!/bin/sh\necho x >>"{counter}"\n')
    python.chmod(0o755)
    assert start(folder / "start_migrate.sh", environ=environ).returncode == 0
    assert counter.read_text() == "x\n"


def test_the_windows_script_has_windows_lines() -> None:
    data = (ROOT / "start_migrate.bat").read_bytes()
    assert data.isascii()
    attributes = (ROOT / ".gitattributes").read_text(encoding="utf-8")
    assert "*.bat text eol=crlf" in attributes
    assert b"%*" in data


def test_interrupted_set_up_is_not_taken_for_complete(folder: Path, tmp_path: Path) -> None:
    python = 'case "$*" in *venv*) mkdir -p .venv/bin; sleep 30;; *) echo 3.12;; esac'
    environ = programs(tmp_path, python3_12=python)
    process = subprocess.Popen(
        ["sh", folder / "start_migrate.sh"],
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (folder / ".venv").exists():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode in {130, -signal.SIGINT}
    assert not (folder / ".venv" / ".complete").exists()
    assert not list((folder / "tmp").glob(".setup-*"))
    (tmp_path / "bin" / "python3.12").unlink()
    assert start(folder / "start_migrate.sh", environ=real(tmp_path)).returncode == 0
