"""`--install` in a real environment, with a package made here; no network is needed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cos_migrate.cli.install_extra import EXTRAS, LOCKS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="a POSIX shell"),
    pytest.mark.xdist_group("install extra"),  # the environment is made once
]
INSTALLED = "the extra inventory is installed\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tool's folder with a complete environment that has no package but pip."""
    folder = tmp_path_factory.mktemp("made") / "tool"
    (folder / "conf").mkdir(parents=True)
    shutil.copytree(ROOT / "cos_migrate", folder / "cos_migrate")
    shutil.copy(ROOT / "start_migrate.sh", folder)
    shutil.copy(ROOT / "conf" / "environment.sh", folder / "conf")
    (folder / "conf" / "requirements.lock").write_text("# nothing\n", encoding="utf-8")
    (folder.parent / "empty").mkdir()
    ended = install(folder, "inventory")
    assert ended.returncode == 2, ended.stdout
    shutil.rmtree(folder / "tmp" / "cache", ignore_errors=True)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    place = tmp_path / "tool"
    shutil.copytree(made, place, symlinks=True)
    return place


def install(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    packages = folder.parent / "packages"
    packages.mkdir(exist_ok=True)
    return subprocess.run(
        ["sh", folder / "start_migrate.sh", "--install", *words],
        env={
            "PATH": f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin",
            "HOME": str(folder.parent),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": packages.as_uri(),
            "PIP_TARGET": str(folder.parent / "elsewhere"),
            **environ,
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def provide(folder: Path) -> None:
    """Put a package into the place of pyarrow, and its hash into the lock."""
    packages = folder.parent / "packages"
    packages.mkdir(exist_ok=True)
    path = packages / "pyarrow-1.0-py3-none-any.whl"
    info = "pyarrow-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pyarrow.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: pyarrow\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    lock(folder).write_text(f"pyarrow==1.0 --hash=sha256:{digest}\n", encoding="utf-8")


def lock(folder: Path) -> Path:
    return folder / LOCKS.relative_to(ROOT) / "inventory.lock"


def packages_of(folder: Path) -> list[str]:
    return [path.name for path in (folder / ".venv").glob("lib/*/site-packages/pyarrow.py")]


def test_an_extra_is_installed_once(folder: Path) -> None:
    provide(folder)
    first = install(folder, "inventory")
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.endswith(INSTALLED)
    assert packages_of(folder) == ["pyarrow.py"]
    assert not (folder.parent / "elsewhere").exists()
    second = install(folder, "inventory", PIP_FIND_LINKS="/nowhere")
    assert (second.returncode, second.stdout) == (0, "the extra inventory is installed already\n")


def test_an_environment_made_anew_gets_its_extras_again(folder: Path) -> None:
    provide(folder)
    assert install(folder, "inventory").returncode == 0
    assert (folder / "conf" / "extras").read_text(encoding="utf-8") == "inventory\n"
    (folder / "conf" / "requirements.lock").write_text("# something else\n", encoding="utf-8")
    ended = install(folder, "inventory")
    assert ended.returncode == 0, ended.stderr
    assert INSTALLED in ended.stderr
    assert ended.stdout == "the extra inventory is installed already\n"
    assert packages_of(folder) == ["pyarrow.py"]


def test_a_changed_lock_is_installed_anew(folder: Path) -> None:
    provide(folder)
    assert install(folder, "inventory").returncode == 0
    with lock(folder).open("a", encoding="utf-8") as file:
        file.write("# newer\n")
    assert install(folder, "inventory").stdout.endswith(INSTALLED)


def test_a_package_that_is_not_the_pinned_one(folder: Path) -> None:
    provide(folder)
    lock(folder).write_text(f"pyarrow==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    ended = install(folder, "inventory")
    assert ended.returncode == 2
    assert "a downloaded package is not the pinned one" in ended.stderr
    assert not packages_of(folder)


def test_no_index_is_explained(folder: Path) -> None:
    ended = install(folder, "inventory")
    assert ended.returncode == 2
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("error: the extra inventory cannot be installed: this machine needs")
    assert not (folder / "conf" / "extras").exists()


@pytest.mark.parametrize("words", [("nothing",), ()])
def test_an_extra_that_does_not_exist(folder: Path, words: tuple[str, ...]) -> None:
    ended = install(folder, *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "inventory" in ended.stderr


def test_each_extra_has_a_lock_with_hashes_and_a_line_of_the_project() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    base = (ROOT / "conf" / "requirements.lock").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0] for line in base.splitlines() if "==" in line}
    assert {path.stem for path in LOCKS.iterdir()} == set(EXTRAS)
    for name in EXTRAS:
        assert f"\n{name} = [" in project
        lines = (LOCKS / f"{name}.lock").read_text(encoding="utf-8").splitlines()
        packages = [line for line in lines if "==" in line and not line.startswith(" ")]
        assert packages
        assert all(line.endswith("\\") for line in packages), "a package without hashes"
        assert not {line.partition("==")[0] for line in packages} & pinned, "pinned by the base"
