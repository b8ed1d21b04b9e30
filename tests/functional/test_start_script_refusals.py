"""The start scripts choose a Python, wait for each other, and say what is missing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.functional.start_scripts import (
    ROOT,
    assert_one_message,
    begin,
    programs,
    quick,
    real,
    setup_log,
    stand_in,
    start,
    tool_folder,
    wait_for,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tool_folder(tmp_path)


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3_10": "3.10", "python3": "3.13", "python3_13": "3.13"}, "python3.10"),
        ({"python3_12": None, "python3_11": "3.11"}, "python3.11"),
        ({"python3": "3.13", "python3_13": "3.13"}, "python3.13"),
        ({"python3": "3.9", "python3_14": "3.14"}, "python3.14"),
        ({"python": "3.12"}, "python"),
    ],
)
def test_which_python(
    folder: Path, tmp_path: Path, pythons: dict[str, str | None], chosen: str
) -> None:
    scripts = {
        name: "exit 127"
        if version is None
        else f'case "$1" in -c) echo {version};; esac; exit {int(version == "3.9")}'
        for name, version in pythons.items()
    }
    start(folder / "start_migrate.sh", environ=programs(tmp_path, **scripts))
    assert f"by {tmp_path}/bin/{chosen}\n" in setup_log(folder)


UV = """
[ -z "$UV_BROKEN" ] || exit 127
echo "$UV_PYTHON_DOWNLOADS $UV_CACHE_DIR $TMPDIR $*" >>uv_was_told
case "$*" in
    "python find "*3.11) echo "{python}" ;;
    "python find "*) exit 1 ;;
    "venv "*) mkdir -p .venv/bin; cp "{python}" .venv/bin/python ;;
esac
"""


def test_uv_where_there_is_one(folder: Path, tmp_path: Path) -> None:
    environ = programs(tmp_path, uv=UV.format(python=stand_in(tmp_path)))
    ended = start(folder / "start_migrate.sh", "x", environ=environ)
    assert ended.stdout.startswith("['x']"), ended.stderr
    told = (folder / "uv_was_told").read_text(encoding="utf-8").splitlines()
    calls = [line for line in told if not line.endswith("--version")]
    assert all(line.startswith(f"never {folder}/tmp/cache/uv ") for line in calls), calls
    assert f" {folder}/tmp/setup-.venv " in calls[-1]
    assert calls[-1].endswith(
        "pip install --python .venv/bin/python --require-hashes --no-deps --no-build-isolation"
        " -r conf/requirements.lock"
    )


def test_a_uv_that_does_not_run_is_none(folder: Path, tmp_path: Path) -> None:
    environ = quick(tmp_path, uv=UV) | {"UV_BROKEN": "1"}
    ended = start(folder / "start_migrate.sh", "x", environ=environ)
    assert ended.stdout.startswith("['x']"), ended.stderr


@pytest.mark.parametrize("stale", [False, True])
def test_several_starts_at_once(folder: Path, tmp_path: Path, stale: bool) -> None:
    if stale:
        leave_lock(folder, dead_process())
    environ = quick(tmp_path) | {"PIP_SLEEPS": "1"}
    starts = [begin(folder, environ=environ) for _ in range(5)]
    ended = [process.communicate(timeout=120) for process in starts]
    assert [process.returncode for process in starts] == [0] * 5, ended
    assert sum("setting up the Python environment" in err for _, err in ended) == 1
    assert not list((folder / "tmp").glob(".setup-*"))


def leave_lock(folder: Path, owner: int | None) -> Path:
    lock = folder / "tmp" / ".setup-.venv"
    lock.mkdir(parents=True)
    if owner is not None:
        (lock / "pid").write_text(f"{owner}\n", encoding="utf-8")
    return lock


def dead_process() -> int:
    process = subprocess.Popen(["sleep", "0"])
    process.wait()
    return process.pid


def test_a_lock_that_nobody_owns_is_taken_over(folder: Path, tmp_path: Path) -> None:
    leave_lock(folder, None)
    assert start(folder / "start_migrate.sh", environ=quick(tmp_path)).returncode == 0


def test_a_lock_with_our_own_number_is_an_older_one(folder: Path, tmp_path: Path) -> None:
    """In a container started again every process has the number it had before."""
    lock = leave_lock(folder, None)
    ended = subprocess.run(
        ["sh", "-c", 'echo "$$" >"$1/pid"; exec sh "$2"', "sh", lock, folder / "start_migrate.sh"],
        env=quick(tmp_path),
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0


def test_a_lock_whose_owner_s_number_is_another_process_now(folder: Path, tmp_path: Path) -> None:
    """As after a restart of the machine in the middle of a set-up."""
    (leave_lock(folder, None) / "pid").write_text(f"{os.getpid()} 1\n", encoding="utf-8")
    ended = start(folder / "start_migrate.sh", environ=quick(tmp_path))
    assert ended.returncode == 0
    assert "waiting" not in ended.stderr


def test_a_living_owner_is_waited_for(folder: Path, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    first = begin(folder, environ=quick(tmp_path) | {"PIP_WAITS_FOR": str(go_on)})
    wait_for(folder / ".venv" / "bin" / "python")
    owner = (folder / "tmp" / ".setup-.venv" / "pid").read_text(encoding="utf-8")
    assert re.fullmatch(rf"{first.pid} \S.*\n", owner)
    second = begin(folder, environ=quick(tmp_path))
    assert second.stderr
    assert "waiting for it" in second.stderr.readline()
    go_on.touch()
    for process in (first, second):
        process.communicate(timeout=120)
        assert process.returncode == 0


def test_ctrl_c_while_waiting_leaves_the_lock_to_its_owner(folder: Path, tmp_path: Path) -> None:
    lock = leave_lock(folder, os.getpid())
    process = begin(folder, environ=quick(tmp_path))
    assert process.stderr
    assert f"remove the folder tmp/{lock.name}" in process.stderr.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode in {130, -signal.SIGINT}
    assert (lock / "pid").exists()


def test_two_environments_at_once(folder: Path, tmp_path: Path) -> None:
    """As when somebody starts the tool while its tests are set up."""
    (folder / "tests").mkdir()
    make = '. ./conf/environment.sh; make_environment "$1" conf/requirements.lock'
    both = [
        subprocess.Popen(
            ["sh", "-c", make, "sh", name],
            cwd=folder,
            env=quick(tmp_path) | {"PIP_SLEEPS": pause},
        )
        for name, pause in ((".venv", "0"), ("tests/.venv", "0.5"))
    ]
    assert [process.wait(240) for process in both] == [0, 0]
    assert (folder / ".venv" / ".complete").exists()
    assert (folder / "tests" / ".venv" / ".complete").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_set_up_that_breaks_off_is_not_taken_for_complete(
    folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    python = 'case "$*" in *venv*) mkdir -p .venv/bin; exec sleep 30;; *) echo 3.12;; esac'
    process = begin(folder, environ=programs(tmp_path, python3_12=python))
    wait_for(folder / ".venv")
    os.killpg(process.pid, number)
    process.communicate(timeout=120)
    assert process.returncode in {130, -number}
    assert not (folder / ".venv" / ".complete").exists()
    (tmp_path / "bin" / "python3.12").unlink()
    ended = start(folder / "start_migrate.sh", "x", environ=quick(tmp_path))
    assert ended.stdout.startswith("['x']"), ended.stderr
    assert "waiting" not in ended.stderr


def test_no_interpreter(folder: Path, tmp_path: Path) -> None:
    ended = start(folder / "start_migrate.sh", environ=programs(tmp_path))
    assert_one_message(ended, "no Python was found", "3.10 or newer")


def test_only_old_interpreters(folder: Path, tmp_path: Path) -> None:
    old = "echo 3.6; exit 1"
    environ = programs(tmp_path, python3=old, python=old, python3_11="exit 127")
    ended = start(folder / "start_migrate.sh", environ=environ)
    assert_one_message(ended, "3.10 or newer is needed", "found only 3.6:")


def test_no_venv_module(folder: Path, tmp_path: Path) -> None:
    python = 'case "$*" in *venv*) echo "No module named venv" >&2; exit 1;; *) echo 3.12;; esac'
    ended = start(folder / "start_migrate.sh", environ=programs(tmp_path, python3_12=python))
    assert_one_message(ended, "no venv module", "python3-venv")


def test_no_network(folder: Path, tmp_path: Path) -> None:
    (folder / "conf" / "requirements.lock").write_text(
        "nothing-by-this-name==1.0 --hash=sha256:" + "0" * 64 + "\n", encoding="utf-8"
    )
    environ = real(tmp_path) | {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "1",
    }
    ended = start(folder / "start_migrate.sh", environ=environ)
    assert_one_message(ended, "cannot download the packages", "log/setup.log")
    assert setup_log(folder)
    assert not (folder / ".venv" / ".complete").exists()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("Resolved 3 packages in 1s\nerror: command 'gcc' failed", "cannot be made: look at"),
        ("error: Failed to fetch: dns error", "cannot download"),
        ("ERROR: No matching distribution found for rocksdict==1", "no package for"),
        ("Hash mismatch for `oss2==1`", "not the pinned one"),
        ("error: [Errno 13] Permission denied: '.venv/x'", "cannot write to"),
    ],
)
def test_a_failed_installation_is_explained(
    folder: Path, tmp_path: Path, said: str, message: str
) -> None:
    environ = quick(tmp_path) | {"PIP_SAYS": said, "PIP_CODE": "1"}
    assert_one_message(start(folder / "start_migrate.sh", environ=environ), message)
    assert said in setup_log(folder)
    assert start(folder / "start_migrate.sh", environ=quick(tmp_path)).returncode == 0


@pytest.mark.parametrize("name", ["tmp", "log"])
def test_a_folder_that_cannot_be_written(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).write_text("a file where a folder should be", encoding="utf-8")
    ended = start(folder / "start_migrate.sh", environ=quick(tmp_path))
    assert_one_message(ended, "cannot write to", "copy it to a place you may write to")


def test_the_windows_script() -> None:
    """What can be seen without Windows: plain text, its line ends, no jump into nowhere."""
    data = (ROOT / "start_migrate.bat").read_bytes()
    assert data.isascii()
    attributes = (ROOT / ".gitattributes").read_text(encoding="utf-8")
    assert "*.bat text eol=crlf" in attributes
    text = data.decode("ascii").replace("\r\n", "\n")
    assert ".venv\\Scripts\\python.exe -m cos_migrate %*" in text
    # A path may hold ! and %: nothing that contains it is expanded twice.
    first, _, rest = text.partition("\nsetlocal EnableExtensions DisableDelayedExpansion\n")
    assert "setlocal" not in first
    delayed = rest.partition("setlocal EnableDelayedExpansion\n")[2].partition("endlocal\n")[0]
    assert "%" not in delayed
    # A block ends at the first bracket that is not quoted, also at one of a value.
    for line in text.splitlines():
        if line.lstrip().startswith(("if ", "for ", "(")):
            unquoted = re.sub('"[^"]*"', "", line)
            expanded = re.search("%(cd|scraps|python|found|self)%", unquoted)
            assert not ("(" in unquoted and expanded), line
    labels = re.findall(r"^:(\w+)$", text, re.MULTILINE)
    assert len(labels) == len(set(labels))
    jumps = set(re.findall(r"(?:goto |call :)(\w+)", text))
    outcomes = set(re.findall(r'"(?:outcome|why)=(\w+)"', text)) - {"ok", "busy"}
    assert jumps | outcomes == set(labels)
