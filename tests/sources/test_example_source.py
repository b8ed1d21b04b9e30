"""docs/adding-a-source.md does what it says: its files are taken from there and run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.emulator import EmbeddedCos
from tests.functional.cloud_tool import CloudTool, counted, stored
from tests.functional.tool import SECRET_ID, SECRET_KEY

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/adding-a-source.md").read_text(encoding="utf-8")


def blocks(language: str, file: str = "") -> list[str]:
    """Return the code of a language, or that of the file named right before it."""
    start = f"`{re.escape(file)}`\n\n" if file else ""
    return re.findall(f"{start}```{language}\n(.*?)```", PAGE, re.DOTALL)


def module(name: str, code: str) -> dict[str, Any]:
    """Return the names of a module made of code that stands on the page."""
    made = types.ModuleType(name)
    sys.modules[name] = made
    exec(compile(code, f"docs/adding-a-source.md: {name}", "exec"), made.__dict__)
    return made.__dict__


[SOURCE] = blocks("python", "cos_migrate/sources/index.py")
[TEST] = blocks("python", "tests/sources/test_index.py")
[SECTION] = blocks("ini")
_NAMES = (module("cos_migrate.sources.index", SOURCE), module("tests.sources.test_index", TEST))[1]
IndexServer = _NAMES["IndexServer"]
TestIndex = _NAMES["TestIndex"]


def apply(folder: Path) -> None:
    """Change a copy of the project as the page says."""
    (folder / "cos_migrate/sources/index.py").write_text(SOURCE, encoding="utf-8")
    with (folder / "conf/config.ini").open("a", encoding="utf-8", newline="\n") as file:
        file.write(f"\n\n{SECTION}")
    for found in re.finditer(r"in `(\S+)`:\n\n((?:```diff\n.*?```\n*)+)", PAGE, re.DOTALL):
        path = folder / found[1]
        text = path.read_text(encoding="utf-8")
        for change in re.findall("```diff\n(.*?)```", found[2], re.DOTALL):
            lines = change.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line.startswith(" "))
            assert text.count(before) == 1, before
            text = text.replace(before, "".join(line[1:] for line in lines))
        path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("cos_migrate", "conf"):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    (folder / "tmp").mkdir()
    (folder / "tests/unit").mkdir(parents=True)
    for name in ("pyproject.toml", "tests/unit/test_config_ini.py"):
        shutil.copy(ROOT / name, folder / name)
    apply(folder)
    return folder


@pytest.fixture
def server() -> Iterator[Any]:
    with IndexServer() as server:
        yield server


def test_the_whole_tool_migrates_from_it(project: Path, server: Any, tmp_path: Path) -> None:
    server.files |= {"a b.txt": b"hello", "big": bytes(range(256)) * 30_000, "empty": b""}
    address = f"http://127.0.0.1:{server.ports[0]}"
    cloud = {"indexUrl": f"{address}/index", "baseUrl": f"{address}/files/"}
    environ = {"PYTHONPATH": str(project)}
    (tmp_path / "cos").mkdir()
    with EmbeddedCos(tmp_path / "cos", secret_id=SECRET_ID, secret_key=SECRET_KEY) as cos:
        tool = CloudTool(tmp_path / "tool", cos.port, migrate_type="migrateIndex", cloud=cloud)
        ended = tool.run(environ=environ)
        assert (ended.code, ended.counts()) == (0, counted(new=3)), ended.out + ended.err
        assert stored(cos) == server.files
        server.seen.clear()
        assert tool.run(environ=environ).counts() == counted(skip=3)
        assert {entry.operation for entry in server.seen} == {"GetIndex"}


def run(project: Path, *words: str) -> None:
    answer = subprocess.run(
        words, cwd=project, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_it_fits_into_the_project(project: Path) -> None:
    python = Path(sys.executable)
    run(project, str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit")
    run(project, str(python.with_name("lint-imports")), "--no-cache")
    run(project, str(python.with_name("ruff")), "check", "--no-cache", "cos_migrate/sources")
    source = project / "cos_migrate/sources/index.py"
    run(project, str(python.with_name("ruff")), "format", "--no-cache", "--check", str(source))
