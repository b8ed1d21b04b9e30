"""What other users of the machine may read, and what they cannot turn against this one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.fakes.web_server import WebServer
from tests.functional.cloud_tool import CloudTool
from tests.functional.tool import ROOT, Tool

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither modes nor umask")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def url_tool(tmp_path: Path, cos: EmbeddedCos, *urls: str) -> CloudTool:
    listed = tmp_path / "urls.txt"
    listed.write_text("\n".join(urls) + "\n", encoding="utf-8")
    return CloudTool(
        tmp_path / "tool", cos.port, migrate_type="migrateUrl", cloud={"urllistPath": str(listed)}
    )


def test_records_and_lists_are_for_this_user_alone(tool: Tool, tmp_path: Path) -> None:
    for name in ("db", "log"):
        (tool.folder / name).rmdir()
    result = tmp_path / "result"
    result.mkdir()
    tool.common["outputFinishedFileFolder"] = str(result)
    tool.put("a")
    tool.put("bad\udcff".encode(errors="surrogateescape").decode(errors="surrogateescape"))
    assert tool.run().code == 1
    assert (mode(tool.folder / "db"), mode(tool.folder / "log")) == (0o700, 0o700)
    for path in (tool.folder / "db").rglob("*"):
        if path.name in {"result.out", "result.jsonl"}:
            assert mode(path) == 0o644
        else:
            assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    [failed] = (tool.folder / "log").glob("failed-*.jsonl")
    assert mode(failed) == 0o600
    [finished] = result.iterdir()
    assert mode(finished) == 0o644


def test_files_of_an_earlier_version_become_private(tool: Tool) -> None:
    tool.put("a")
    assert tool.run().code == 0
    database = tool.database
    for path in database.iterdir():
        path.chmod(0o644)
    database.chmod(0o755)
    assert tool.run().counts()["skip"] == 1
    assert {mode(path) for path in database.iterdir()} == {0o600}
    assert mode(database) == 0o755


def test_a_mode_that_is_there_is_kept(tool: Tool) -> None:
    (tool.folder / "db").chmod(0o750)
    tool.put("a")
    ended = tool.run()
    assert mode(tool.folder / "db") == 0o750
    assert "chmod" not in ended.err


@pytest.mark.parametrize("how", ["user:hidden@", "?signature=hidden", ""])
def test_records_with_credentials_that_others_may_read(
    tmp_path: Path, cos: EmbeddedCos, how: str
) -> None:
    with WebServer() as web:
        web.put("/a", b"a")
        url = f"{web.url}/a"
        url = url.replace("//", f"//{how}") if how.endswith("@") else url + how
        tool = url_tool(tmp_path, cos, url)
        ended = tool.run()
        assert ended.code == 0
        assert ended.err.count(f"chmod 700 {tool.folder / 'db'}\n") == bool(how)
        assert "hidden" not in ended.err
        (tool.folder / "db").chmod(0o700)
        assert "chmod" not in tool.run().err


def test_a_configuration_that_others_may_read(tool: Tool) -> None:
    tool.put("a")
    path = tool.write_config()
    assert "chmod" not in tool.run().err
    words = ["-m", "cos_migrate"]

    def run(config: str, **environ: str) -> str:
        path.write_text(config, encoding="utf-8")
        path.chmod(0o644)
        ended = subprocess.run(
            [sys.executable, *words],
            cwd=tool.folder,
            env=tool.environ(environ),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stderr

    text = path.read_text(encoding="utf-8")
    told = run(text)
    assert told.count("holds secrets") == 1
    assert "chmod 600 conf/config.ini" in told
    assert "chmod 600" in tool.log("warn.log")
    key = next(line for line in text.splitlines() if line.startswith("secretKey="))
    ident = next(line for line in text.splitlines() if line.startswith("secretId="))
    secret = {"A": ident.partition("=")[2], "B": key.partition("=")[2]}
    open_text = text.replace(key, "secretKey=${B}").replace(ident, "secretId=${A}")
    assert "chmod" not in run(open_text, **secret)


def test_links_in_the_temporary_folder(tmp_path: Path, cos: EmbeddedCos) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    for name in ("1", "precious"):
        (victim / name).write_bytes(b"precious")
    with WebServer() as web:
        web.put("/a", b"a")
        tool = url_tool(tmp_path, cos, f"{web.url}/a")
        tmp = tool.folder / "tmp"
        tmp.chmod(0o1777)
        assert tool.run().code == 0
        name = f"spool-migrateUrl-examplebucket-1250000000-{tool.database.name[:8]}"
        (tmp / name).symlink_to(victim)
        ended = tool.run()
        assert ended.code == 3
        assert f"{Path('tmp') / name}: it is a symbolic link: remove it" in ended.err
        assert {path.read_bytes() for path in victim.iterdir()} == {b"precious"}
        assert len(list(victim.iterdir())) == 2
        (tmp / name).unlink()
        assert tool.run().code == 0


def test_links_in_the_places_of_whole_folders_stay_legal(tool: Tool, tmp_path: Path) -> None:
    for name in ("db", "log", "tmp"):
        (tool.folder / name).rmdir()
        (tmp_path / f"real-{name}").mkdir()
        (tool.folder / name).symlink_to(tmp_path / f"real-{name}")
    tool.put("a")
    assert tool.run().code == 0
    assert tool.run().counts()["skip"] == 1
    assert (tmp_path / "real-log" / "info.log").exists()


def test_a_dump_of_request_ids_keeps_the_umask_and_follows_no_link(
    tool: Tool, tmp_path: Path
) -> None:
    tool.put("a")
    assert tool.run().code == 0
    dump = tmp_path / "ids.txt"
    environ = {"RUN_MODE": "DUMP_REQUESTID", "DUMP_REQUESTID_FILE": str(dump)}
    assert tool.run(environ=environ).code == 0
    assert mode(dump) == 0o644
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "ids.txt").symlink_to(ROOT / "none" / "precious")
    environ["DUMP_REQUESTID_FILE"] = str(shared / "ids.txt")
    ended = tool.run(environ=environ)
    assert ended.code
    assert "symbolic link" in ended.err
