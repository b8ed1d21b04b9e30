"""`RUN_MODE`: what the records say of request ids, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.folder_cloud import FolderTool
from tests.functional.tool import Ended, Tool

SHOWN = "cos migrate tool config path:conf/config.ini\n"


@pytest.fixture
def local(tmp_path: Path, cos: EmbeddedCos) -> Tool:
    """The tool, with files to migrate."""
    tool = Tool(tmp_path / "tool", cos.port)
    for name in ("a", "d/b c"):
        tool.put(name)
    return tool


@pytest.fixture(params=["local", "cloud"])
def filled(request: pytest.FixtureRequest, tmp_path: Path, cos: EmbeddedCos) -> Tool:
    """The tool, with objects to migrate from a source of each kind."""
    if request.param == "local":
        found: Tool = request.getfixturevalue("local")
        return found
    cloud = FolderTool(tmp_path / "cloud", cos.port)
    for name in ("a", "d/b c"):
        cloud.add(name)
    return cloud


def ids_of(ended: Ended) -> dict[str, str]:
    found = re.findall(r"\[requestid: (\S+)\], .*\[cosPath: ([^]]+)\]", ended.out)
    return {path: request_id for request_id, path in found}


def query(tool: Tool, key: str, mode: str = "QUERY_REQUESTID") -> Ended:
    return tool.run(environ={"RUN_MODE": mode, "QUERY_REQUESTID_KEY": key})


def test_a_query_in_any_case(cos: EmbeddedCos, filled: Tool) -> None:
    ids = ids_of(filled.run())
    assert set(ids) == {"/a", "/d/b c"}
    cos.reset()
    modes = {"/a": "query_requestid", "/d/b c": "Query_RequestId"}
    for path, request_id in ids.items():
        ended = query(filled, path, modes[path])
        said = f"query requestid, [key: {path}], [requestid: {request_id}]\n"
        assert (ended.code, ended.out, ended.err) == (0, SHOWN + said, "")
    assert not cos.requests


def test_what_is_not_recorded_is_null(local: Tool) -> None:
    local.run()
    for path in ("/none", "a", "/d"):
        ended = query(local, path)
        said = f"query requestid, [key: {path}], [requestid: Null]\n"
        assert (ended.code, ended.out) == (0, SHOWN + said)


def test_a_dump_holds_all_of_them_and_only_those(filled: Tool) -> None:
    ids = ids_of(filled.run())
    file = filled.folder / "ids.txt"
    file.write_text("something older\n" * 9, encoding="utf-8")
    ended = filled.run(environ={"RUN_MODE": "dump_requestid", "DUMP_REQUESTID_FILE": "ids.txt"})
    assert (ended.code, ended.out, ended.err) == (0, SHOWN, "")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines == [f"{path} \t {ids[path]}" for path in sorted(ids)]


@pytest.mark.parametrize(
    ("mode", "variable", "value"),
    [
        ("DUMP_REQUESTID", "DUMP_REQUESTID_FILE", None),
        ("query_requestid", "QUERY_REQUESTID_KEY", ""),
    ],
)
def test_a_missing_variable(tool: Tool, mode: str, variable: str, value: str | None) -> None:
    more = {} if value is None else {variable: value}
    ended = tool.run(environ={"RUN_MODE": mode, **more})
    assert (ended.code, ended.out) == (2, SHOWN)
    assert ended.err == f"env {variable} is null\n"
    assert not list((tool.folder / "db").iterdir())


def test_without_a_database_nothing_is_found_and_none_is_made(local: Tool) -> None:
    ended = query(local, "/a")
    assert ended.code == 0
    assert "query requestid, [key: /a], [requestid: Null]\n" in ended.out
    file = local.folder / "ids.txt"
    ended = local.run(environ={"RUN_MODE": "DUMP_REQUESTID", "DUMP_REQUESTID_FILE": str(file)})
    assert (ended.code, ended.err) == (0, "")
    assert file.read_bytes() == b""
    assert not list((local.folder / "db").iterdir())
    # Nor when a start has left no more than its lock.
    assert local.run().code == 0
    database = local.database
    for path in database.iterdir():
        path.unlink()
    database.rmdir()
    assert query(local, "/a").code == 0
    assert not database.exists()


def test_a_file_that_cannot_be_written(local: Tool) -> None:
    local.run()
    environ = {"RUN_MODE": "DUMP_REQUESTID", "DUMP_REQUESTID_FILE": "none/ids.txt"}
    ended = local.run(environ=environ)
    assert ended.code == 1
    assert "cannot write DUMP_REQUESTID_FILE none/ids.txt: No such file" in ended.err
    assert "Traceback" not in ended.err


def test_any_other_mode_migrates(local: Tool) -> None:
    assert local.run(environ={"RUN_MODE": "NORMAL"}).counts()["new"] == 2


def test_a_configuration_is_needed_all_the_same(local: Tool) -> None:
    local.common["cosPath"] = "nowhere"
    assert query(local, "/a").code == 2
