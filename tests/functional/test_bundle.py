"""conf/bundle.sh: an archive with which a machine without a package index starts the tool."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.functional.start_scripts import PACKAGE, ROOT, VERSION, programs, real, start, wheel

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="a POSIX shell"),
    pytest.mark.xdist_group("bundle"),  # which is made once
]
MORE = ("find", "gzip", "tar")
"""Programs that making a bundle needs besides those of a start."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a tool with a single package, made in a folder that is gone since."""
    tmp_path = tmp_path_factory.mktemp("bundle")
    place = tmp_path / "maker"
    for name in ("cos_migrate/config", "conf", "docs"):
        (place / name).mkdir(parents=True)
    for name in ("start_migrate.sh", "start_migrate.bat", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, place)
    shutil.copy(ROOT / "pyproject.toml", place)
    for path in (ROOT / "conf").iterdir():
        if path.suffix in {".sh", ".py"}:
            shutil.copy(path, place / "conf")
    (place / "conf" / "config.ini").write_text("secretKey=mine\n", encoding="utf-8")
    (place / "cos_migrate" / "config" / "shipped.ini").write_text("shipped", encoding="utf-8")
    (place / "cos_migrate" / "__init__.py").write_text('__version__ = "7.1"\n', encoding="utf-8")
    (place / "cos_migrate" / "__main__.py").write_text(PACKAGE, encoding="utf-8")
    packages = tmp_path / "index"
    packages.mkdir()
    (place / "conf" / "requirements.lock").write_text(
        f"pinned==1.0 \\\n    --hash=sha256:{wheel(packages)}\n", encoding="utf-8"
    )
    environ = real(tmp_path, **{name: f'exec {shutil.which(name)} "$@"' for name in MORE})
    environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": packages.as_uri()}
    made = start(place / "conf" / "bundle.sh", "out", environ=environ, cwd=tmp_path)
    assert made.returncode == 0, made.stderr + (place / "log" / "setup.log").read_text("utf-8")
    [archive] = (tmp_path / "out").iterdir()
    assert made.stdout == f"{archive}\n"
    assert archive.name.startswith("cos-migrate-7.1-python3.")
    assert {path.name for path in (place / "tmp").iterdir()} <= {"cache"}
    shutil.rmtree(place)
    shutil.rmtree(packages)
    return archive


def unpacked(archive: Path, place: Path) -> Path:
    with tarfile.open(archive) as opened:
        opened.extractall(place, filter="data")
    [folder] = place.iterdir()
    return folder


def test_it_starts_without_a_network_and_holds_no_secret(bundle: Path, tmp_path: Path) -> None:
    folder = unpacked(bundle, tmp_path / "far away")
    assert (folder / "conf" / "config.ini").read_text(encoding="utf-8") == "shipped"
    environ = real(tmp_path) | {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    ended = subprocess.run(
        [*alone(), "sh", folder / "start_migrate.sh", "x"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == f"['x'] {folder} {folder}/.venv\n", ended.stderr
    assert list((folder / ".venv").glob("lib/*/site-packages/pinned.py"))
    again = start(folder / "start_migrate.sh", environ=programs(tmp_path))
    assert (again.returncode, again.stderr) == (0, "")


def alone() -> list[str]:
    """Return the beginning of a command that has no network, where the system allows that."""
    unshare = shutil.which("unshare")
    if sys.platform != "linux" or not unshare:
        return []
    words = [unshare, "--net", "--map-root-user"]
    return [] if subprocess.run([*words, "true"], check=False).returncode else words


@pytest.mark.parametrize("made_for", ["3.4 Linux x86_64", f"{VERSION[6:].replace('_', '.')} Plan9"])
def test_another_python_or_system_is_refused(bundle: Path, tmp_path: Path, made_for: str) -> None:
    folder = unpacked(bundle, tmp_path / "far away")
    (folder / "conf" / "packages" / "made-for").write_text(f"{made_for}\n", encoding="utf-8")
    ended = start(folder / "start_migrate.sh", environ=real(tmp_path))
    assert (ended.returncode, ended.stdout) == (2, "")
    version, _, system = made_for.partition(" ")
    assert f"packages for Python {version} on {system} alone" in ended.stderr
    assert "sh conf/bundle.sh" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_later_lock_is_not_installed_from_an_older_bundle(bundle: Path, tmp_path: Path) -> None:
    folder = unpacked(bundle, tmp_path / "far away")
    lock = folder / "conf" / "requirements.lock"
    lock.write_text(lock.read_text(encoding="utf-8") + "# later\n", encoding="utf-8")
    environ = real(tmp_path) | {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    ended = start(folder / "start_migrate.sh", environ=environ)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "package index" in ended.stderr
