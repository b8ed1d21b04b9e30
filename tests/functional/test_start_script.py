"""start_migrate.sh as a user starts it; no network is needed.

Most environments are made by stand-ins for Python that take no time; some by real ones, from
packages made here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BASE = Path(sys.executable).resolve()
VERSION = f"python3_{sys.version_info.minor}"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
PACKAGE = """
import os, sys, time
if "wait" in sys.argv:
    print("waiting", flush=True)
    time.sleep(60)
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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tool's folder, with a package that only tells how it was started."""
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
    until = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.01)


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


def test_a_first_and_a_second_start(folder: Path, tmp_path: Path) -> None:
    """With a real environment, a real package, and from anywhere."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (folder / "conf" / "requirements.lock").write_text(
        f"pinned==1.0 \\\n    --hash=sha256:{wheel(packages)}\n", encoding="utf-8"
    )
    script = folder / "start_migrate.sh"
    environ = real(tmp_path)
    mirror = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": packages.as_uri()}
    mirror |= {"PIP_USER": "1", "PIP_DRY_RUN": "1", "PIP_CONSTRAINT": "/nowhere"}
    first = start(script, "-Da.b=c d", "x", environ=environ | mirror, cwd=tmp_path)
    assert first.returncode == 0, first.stderr + setup_log(folder)
    expected = f"['-Da.b=c d', 'x'] {folder} {folder}/.venv\n"
    assert first.stdout == expected
    assert first.stderr.count("\n") == 1
    assert "setting up the Python environment" in first.stderr
    assert list((folder / ".venv").glob("lib/*/site-packages/pinned.py"))
    made = (folder / ".venv" / "pyvenv.cfg").stat().st_mtime_ns
    second = start(script, "-Da.b=c d", "x", environ=environ, cwd=Path("/"))
    assert (second.stdout, second.stderr) == (expected, "")
    assert (folder / ".venv" / "pyvenv.cfg").stat().st_mtime_ns == made
    # Nothing outside the tool's folder was touched, and no scraps are left in it.
    assert {path.name for path in tmp_path.iterdir()} == {"tool with blanks", "bin", "packages"}
    assert {path.name for path in (folder / "tmp").iterdir()} <= {"cache"}


def test_a_package_that_is_not_the_pinned_one(folder: Path, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    wheel(packages)
    (folder / "conf" / "requirements.lock").write_text(
        "pinned==1.0 --hash=sha256:" + "0" * 64 + "\n", encoding="utf-8"
    )
    mirror = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": packages.as_uri()}
    ended = start(folder / "start_migrate.sh", environ=real(tmp_path) | mirror)
    assert_one_message(ended, "not the pinned one", "log/setup.log")
    assert not (folder / ".venv" / ".complete").exists()


def test_from_a_link_of_a_link(folder: Path, tmp_path: Path) -> None:
    complete(folder)
    (tmp_path / "near").symlink_to("tool with blanks/start_migrate.sh")
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "link").symlink_to("../near")
    environ = programs(tmp_path)
    ended = start(Path("link"), "x", environ=environ, cwd=tmp_path / "far")
    assert ended.stdout.startswith(f"['x'] {folder} "), ended.stderr
    ended = start(tmp_path / "far" / "link", environ=environ)
    assert ended.stdout.startswith(f"[] {folder} "), ended.stderr


def test_nothing_in_the_environment_breaks_a_start(folder: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    (foreign / "tool with blanks").mkdir(parents=True)
    (foreign / "cos_migrate.py").write_text("raise SystemExit('foreign')", encoding="utf-8")
    hostile = {
        "PYTHONPATH": str(foreign),
        "PYTHONHOME": "/nowhere",
        "PYTHONSAFEPATH": "1",
        "CDPATH": str(foreign),
        "LC_ALL": "C",
    }
    script = Path("tool with blanks/start_migrate.sh")
    ended = start(script, "é", environ=quick(tmp_path) | hostile, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"['é'] {folder} ")


ODD = "x $HOME ${y} \"q\" 'r' ;&|<>%#[]{z}:`b`\\t*?()!~^\nn ü -"
"""Means something to a shell, to make, to setuptools, to venv or to a file of settings."""


def in_an_odd_place(folder: Path) -> Path:
    place = folder.with_name(ODD)
    folder.rename(place)
    return place


def test_no_character_of_the_folder_s_name_breaks_a_first_start(
    folder: Path, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    (folder / "conf" / "requirements.lock").write_text(
        f"pinned==1.0 \\\n    --hash=sha256:{wheel(packages)}\n", encoding="utf-8"
    )
    folder = in_an_odd_place(folder)
    mirror = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": packages.as_uri()}
    for _ in range(2):
        ended = start(folder / "start_migrate.sh", "x", environ=real(tmp_path) | mirror)
        assert ended.returncode == 0, ended.stderr + setup_log(folder)
        assert ended.stdout == f"['x'] {folder} {folder}/.venv\n"
        mirror = {}
    assert list((folder / ".venv").glob("lib/*/site-packages/pinned.py"))
    assert {path.name for path in (folder / "tmp").iterdir()} <= {"cache"}


@pytest.mark.parametrize(
    ("name", "plain"),
    [*((f"a{sign}b", False) for sign in "$%:;&#[{\"'\\\n"), ("a b-c_d.e+f@g,h=ü", True)],
)
@pytest.mark.parametrize("temporary", ["", "odd $x"])
def test_packages_are_built_where_every_program_can(
    folder: Path, tmp_path: Path, name: str, plain: bool, temporary: str
) -> None:
    place = folder.with_name(name)
    folder.rename(place)
    environ = quick(tmp_path)
    if temporary:
        (tmp_path / temporary).mkdir()
        environ["TMPDIR"] = str(tmp_path / temporary)
    ended = start(place / "start_migrate.sh", environ=environ)
    assert ended.returncode == 0, ended.stderr
    [(workshop, python)] = re.findall(r"^in (.*) by (.*)$", setup_log(place), re.MULTILINE)
    if plain:
        assert (workshop, python) == (f"{place}/tmp/setup-.venv", ".venv/bin/python")
    else:
        assert re.fullmatch(r"[\w/.-]+", workshop)
        assert python == f"{workshop}/tool/.venv/bin/python"
        assert not Path(workshop).exists()


def test_no_variable_changes_how_python_behaves(folder: Path, tmp_path: Path) -> None:
    complete(folder)
    main = folder / "cos_migrate" / "__main__.py"
    main.write_text(
        "import os\nprint(sorted(name for name in os.environ if 'PY' in name))\n",
        encoding="utf-8",
    )
    hostile = {
        "PYTHONINSPECT": "1",
        "PYTHONVERBOSE": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONIOENCODING": "ascii",
        "PYTHONOPTIMIZE": "2",
        "PYTHON_GIL": "1",
        "PYTHONOFTHEFUTURE": "a\nPYTHON NOT A NAME=1\nb",
        "__PYVENV_LAUNCHER__": "/nowhere",
    }
    environ = programs(tmp_path) | hostile
    ended = start(folder / "start_migrate.sh", environ=environ)
    assert (ended.stdout, ended.stderr) == ("['PYTHONUTF8']\n", "")


def test_a_folder_whose_name_begins_with_a_dash(folder: Path, tmp_path: Path) -> None:
    complete(folder)
    place = folder.with_name("-x")
    folder.rename(place)
    ended = subprocess.run(
        ["sh", "--", "-x/start_migrate.sh", "y"],
        cwd=tmp_path,
        env=programs(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.startswith(f"['y'] {place} "), ended.stderr


def test_an_exit_code_passes(folder: Path, tmp_path: Path) -> None:
    complete(folder)
    ended = start(folder / "start_migrate.sh", environ={**programs(tmp_path), "CODE": "7"})
    assert ended.returncode == 7


def test_signals_reach_the_interpreter(folder: Path, tmp_path: Path) -> None:
    complete(folder)
    process = begin(folder, "wait", environ=programs(tmp_path))
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGTERM


def test_the_warm_start_is_cheap(folder: Path, tmp_path: Path) -> None:
    """No interpreter is started to look at the environment: one exec, whatever it costs."""
    complete(folder)
    python = folder / ".venv" / "bin" / "python"
    counter = tmp_path / "count"
    python.unlink()
    python.write_text(f'#!/bin/sh\necho x >>"{counter}"\n', encoding="utf-8")
    python.chmod(0o755)
    assert start(folder / "start_migrate.sh", environ=programs(tmp_path)).returncode == 0
    assert counter.read_text(encoding="utf-8") == "x\n"


def test_an_environment_that_broke_off_or_is_outdated_is_made_anew(
    folder: Path, tmp_path: Path
) -> None:
    script, environ = folder / "start_migrate.sh", quick(tmp_path)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    (folder / ".venv" / "half").touch()
    assert start(script, environ=environ).returncode == 0
    assert not (folder / ".venv" / "half").exists()
    (folder / ".venv" / "old").touch()
    (folder / "conf" / "requirements.lock").write_text("# something else\n", encoding="utf-8")
    assert start(script, environ=environ).returncode == 0
    assert not (folder / ".venv" / "old").exists()
    assert start(script, environ=environ).stderr == ""


def test_a_working_environment_keeps_its_python(folder: Path, tmp_path: Path) -> None:
    """A record database belongs to the library that this Python has."""
    kept = stand_in(tmp_path)
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "{kept}"\n', encoding="utf-8")
    python.chmod(0o755)
    ended = start(folder / "start_migrate.sh", environ=quick(tmp_path))
    assert f"by {kept}\n" in setup_log(folder), ended.stderr


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


def assert_one_message(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ended.stderr
    assert len(ended.stderr.splitlines()) <= 2, ended.stderr
    for word in words:
        assert word in errors[0]


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
    labels = re.findall(r"^:(\w+)$", text, re.MULTILINE)
    assert len(labels) == len(set(labels))
    jumps = set(re.findall(r"(?:goto |call :)(\w+)", text))
    outcomes = set(re.findall(r'"(?:outcome|why)=(\w+)"', text)) - {"ok", "busy"}
    assert jumps | outcomes == set(labels)
