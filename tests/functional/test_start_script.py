"""start_migrate.sh as a user starts it; no network is needed.

Most environments are made by stand-ins for Python that take no time; some by real ones, from
packages made here.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.functional.start_scripts import (
    assert_one_message,
    begin,
    complete,
    programs,
    quick,
    real,
    setup_log,
    stand_in,
    start,
    tool_folder,
    wheel,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tool_folder(tmp_path)


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
    ("name", "plain", "temporary"),
    [
        *((f"a{sign}b", False, "") for sign in "$%:;&#[{\"'\\\n"),
        ("a$b", False, "odd $x"),
        *(("a b-c_d.e+f@g,h=ü", True, temporary) for temporary in ("", "odd $x")),
    ],
)
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
