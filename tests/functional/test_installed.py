"""The tool installed as a package: its program, its home, and what the package holds."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.installed import Installed, install
from tests.functional.tool import BUCKET, ROOT, Tool

pytestmark = pytest.mark.xdist_group("installed")  # the package is built once


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def test_the_package_holds_every_file_of_the_sources(installed: Installed) -> None:
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "cos_migrate").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".po"
    }
    with zipfile.ZipFile(installed.wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("cos_migrate/")}
    assert sources == packed


def test_runs_from_anywhere_share_the_records_of_one_home(
    installed: Installed, tool: Tool, cos: EmbeddedCos, elsewhere: Path, tmp_path: Path
) -> None:
    tool.put("a.txt")
    config = tool.write_config()
    home = tmp_path / "home of the tool"
    first = installed.run(tool, cwd=elsewhere, COS_MIGRATE_HOME=str(home))
    assert first.code == 2
    assert first.err.splitlines()[:2] == [
        f"home: {home} (conf, db, log and tmp; COS_MIGRATE_HOME names another)",
        "it has no conf/config.ini yet: cos-migrate --init makes one",
    ]
    assert f"config {home}/conf/config.ini not exist or readable!" in first.err
    (home / "conf" / "config.ini").write_bytes(config.read_bytes())
    second = installed.run(tool, cwd=elsewhere, COS_MIGRATE_HOME=str(home))
    assert second.code == 0, second.err
    assert second.out.startswith(f"cos migrate tool config path:{home}/conf/config.ini\n")
    assert second.counts()["new"] == 1
    third = installed.run(tool, cwd=tmp_path, COS_MIGRATE_HOME=str(home))
    assert third.counts()["skip"] == 1
    assert third.err.splitlines()[0].startswith(f"home: {home} (")
    assert cos.keys(BUCKET) == ["a.txt"]
    assert list(elsewhere.iterdir()) == []
    assert {path.name for path in home.iterdir()} == {"conf", "db", "log", "tmp"}
    assert home.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(sys.platform != "linux", reason="each system has a place of its own")
def test_without_the_variable_the_home_is_a_fixed_folder_of_the_user(
    installed: Installed, tool: Tool, elsewhere: Path, tmp_path: Path
) -> None:
    user = tmp_path / "user"
    environ = {"HOME": str(user), "XDG_DATA_HOME": "", "COS_MIGRATE_HOME": ""}
    for word in ("--version", "--help"):
        assert installed.run(tool, word, cwd=elsewhere, **environ).code == 0
        assert not user.exists()
    ended = installed.run(tool, cwd=elsewhere, **environ)
    assert ended.err.startswith(f"home: {user}/.local/share/cos-migrate (")
    assert (user / ".local/share/cos-migrate/db").is_dir()


def test_paths_of_the_command_line_are_relative_to_the_current_folder(
    installed: Installed, tool: Tool, cos: EmbeddedCos, elsewhere: Path, tmp_path: Path
) -> None:
    tool.put("a.txt")
    secret = (
        tool.write_config()
        .read_text(encoding="utf-8")
        .replace("testsecretkey0123456789", "${SECRET_OF_TEST}")
    )
    (elsewhere / "my.ini").write_text(secret, encoding="utf-8")
    (elsewhere / "my.ini").chmod(0o600)
    ended = installed.run(
        tool,
        "-DmigrateLocal.localPath=relative",
        "my.ini",
        cwd=elsewhere,
        COS_MIGRATE_HOME=str(tmp_path / "home"),
        SECRET_OF_TEST="testsecretkey0123456789",
    )
    assert ended.code == 2  # paths of the configuration are relative to the home
    (tmp_path / "home" / "relative").mkdir()
    (tmp_path / "home" / "relative" / "b.txt").write_text("b", encoding="utf-8")
    ended = installed.run(
        tool,
        "-DmigrateLocal.localPath=relative",
        "my.ini",
        cwd=elsewhere,
        COS_MIGRATE_HOME=str(tmp_path / "home"),
        SECRET_OF_TEST="testsecretkey0123456789",
    )
    assert ended.code == 0, ended.err
    assert ended.out.startswith(f"cos migrate tool config path:{elsewhere / 'my.ini'}\n")
    assert cos.keys(BUCKET) == ["b.txt"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("here", ["COS_MIGRATE_HOME=here is not an absolute path"]),
        ("/dev/null/x", ["the home /dev/null/x cannot be used", "COS_MIGRATE_HOME"]),
    ],
)
def test_a_home_that_is_none(
    installed: Installed, tool: Tool, elsewhere: Path, name: str, words: list[str]
) -> None:
    ended = installed.run(tool, cwd=elsewhere, COS_MIGRATE_HOME=name)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    for word in words:
        assert word in ended.err
    assert list(elsewhere.iterdir()) == []


@pytest.mark.usefixtures("cos")
def test_the_script_s_folder_wins_over_the_variable(tool: Tool) -> None:
    tool.put("a.txt")
    ended = tool.run(environ={"COS_MIGRATE_HOME": os.devnull})
    assert ended.code == 0, ended.err
    assert "home:" not in ended.err


def test_the_demo_names_what_it_leaves_by_paths_that_hold_anywhere(
    installed: Installed, tool: Tool, elsewhere: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    ended = installed.run(tool, "--demo", cwd=elsewhere, COS_MIGRATE_HOME=str(home))
    assert ended.code == 0, ended.err
    assert f"Remove   rm -r {home}/tmp/demo " in ended.out
    assert ended.out.splitlines()[-1].startswith("Next     cos-migrate --init ")
    assert list(elsewhere.iterdir()) == []
