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


FILES: dict[str, str] = {
    name: text
    for name, _, text in re.findall(
        r"^`(\S+)`\n\n(```+)\w+\n(.*?)^\2$", PAGE, re.DOTALL | re.MULTILINE
    )
}
"""The files that the page adds, by their paths."""


def module(path: str) -> types.ModuleType:
    """Return the module that a file of the page is."""
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    made = types.ModuleType(name)
    sys.modules[name] = made
    exec(compile(FILES[path], f"docs/adding-a-source.md: {path}", "exec"), made.__dict__)
    return made


_MODULES = {path: module(path) for path in FILES if path.endswith(".py")}
_TEST = _MODULES["tests/sources/test_index.py"]
IndexServer = _TEST.IndexServer
TestIndex = _TEST.TestIndex


# The copy is made once.
in_one_process = pytest.mark.xdist_group("example source")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, changed as the page says."""
    folder = tmp_path_factory.mktemp("project")
    unwanted = shutil.ignore_patterns(".venv", "*.egg-info")
    for name in ("cos_migrate", "conf", "docs", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    for page in (ROOT / "pyproject.toml", *ROOT.glob("start_migrate.*"), *ROOT.glob("*.md")):
        shutil.copy(page, folder)
    (folder / "tmp").mkdir()
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    run(folder, sys.executable, "-m", "tests.key_documents")
    return folder


@pytest.fixture
def server() -> Iterator[Any]:
    with IndexServer() as server:
        yield server


@in_one_process
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


@in_one_process
def test_it_fits_into_the_project(project: Path) -> None:
    """No test fails that looks at all sources, their keys, or the documents."""
    files = [
        str(path.relative_to(project))
        for path in sorted((project / "tests").rglob("test_*.py"))
        if re.search(
            r"registry\.(source_types|SECTIONS)|\*\*SECTIONS|SECTIONS\."
            r'|\(ROOT / "README|lint-imports',
            path.read_text(encoding="utf-8"),
        )
        if path.name != Path(__file__).name
    ]
    assert len(files) > 5
    python = Path(sys.executable)
    run(project, str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *files)
    for words in (["check"], ["format", "--check"]):
        added = [path for path in FILES if path.endswith(".py")]
        run(project, str(python.with_name("ruff")), *words, "--no-cache", *added)
