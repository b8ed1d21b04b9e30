"""The shape of the code: who imports what, what loads when, what the project says."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("shape")  # the package is parsed once
ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "cos_migrate").rglob("*.py"))
SDKS = {
    "boto3",
    "botocore",
    "cryptography",
    "oss2",
    "qiniu",
    "upyun",
    "qcloud_cos",
    "requests",
    "tqdm",
}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return frozenset(found)


def test_the_rooms() -> None:
    answer = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert answer.returncode == 0, answer.stdout


ROOMS_OF_LIBRARIES = {
    "plyvel": {"leveldb"},
    "rocksdict": {"rocksdb"},
    "boto3": {"sdk"},
    "oss2": {"sdk"},
    "qiniu": {"sdk"},
    "upyun": {"sdk"},
    "qcloud_cos": {"control"},
    "tqdm": {"display"},
    "prometheus_client": {"metrics"},
    "httptools": {"parser"},
    "subprocess": {
        "child",
        "launcher",
        "worker_team",
        "workers",
        "worker_handles",
        "walk_starter",
        "demo",
        "finish_command",
        "install_extra",
    },
    "ssl": {"tls", "server", "connection"},
    "cryptography": {"crypto"},
    "multiprocessing": set(),
}


def test_each_library_has_its_room() -> None:
    found = {
        library: {path.stem for path in MODULES if library in imports(path)}
        for library in ROOMS_OF_LIBRARIES
    }
    assert found == ROOMS_OF_LIBRARIES


MODULE_OF = {
    "prometheus-client": "prometheus_client",
    "cos-python-sdk-v5": "qcloud_cos",
    "plyvel-ci": "plyvel",
}


def test_each_declared_dependency_is_used() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = project.partition("\ndependencies = [\n")[2].partition("\n]\n")[0]
    names = re.findall(r'^ *"([A-Za-z0-9_.-]+)', listed, re.MULTILINE)
    imported = set().union(*map(imports, MODULES))
    assert len(names) > 10
    assert not {MODULE_OF.get(name, name) for name in names} - imported


def test_the_extra_for_inventories_is_used() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '\ninventory = ["pyarrow"]\n' in project
    assert "pyarrow" in set().union(*map(imports, MODULES))


@pytest.mark.parametrize(
    ("module", "modules"),
    [
        ("pools.worker.worker", {"xml.parsers.expat", "cos_migrate.http.lenient_parser"}),
        ("pools.worker.worker", {"ssl", "cos_migrate.engine", "cos_migrate.http.tls"}),
        ("cli.session", {"xml.parsers.expat", "ssl", "httptools", "cos_migrate.http.connection"}),
        ("cli.session", {"cos_migrate.engine.verify", "cos_migrate.scan.listing"}),
        ("cli.session", {"cos_migrate.sources.paged", "cos_migrate.sources.list_files"}),
    ],
)
def test_what_a_plain_run_does_not_need_is_not_loaded(module: str, modules: set[str]) -> None:
    assert not loaded_by(f"import cos_migrate.{module}") & modules


@functools.cache
def loaded_by(statement: str) -> set[str]:
    """Return the names of the modules that are loaded behind a statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(answer.stdout.split())


@pytest.mark.parametrize(
    "module",
    ["cli.main", "cli.session", "pools.worker.__main__", "sources.local.source", "cli.arguments"],
)
def test_no_sdk_is_loaded_before_it_is_needed(module: str) -> None:
    assert not loaded_by(f"import cos_migrate.{module}") & SDKS


def test_a_configuration_loads_its_own_source_only(tmp_path: Path) -> None:
    config = tmp_path / "config.ini"
    config.write_text(
        "[migrateType]\ntype=migrateLocal\n[common]\nsecretId=a\nsecretKey=b\n"
        f"bucketName=b-1250000000\nregion=ap-guangzhou\ntmpFolder={tmp_path}\n"
        f"[migrateLocal]\nlocalPath={tmp_path}\n",
        encoding="utf-8",
    )
    code = (
        "from cos_migrate.config.loader import load\n"
        "from cos_migrate.sources.registry import SECTIONS\n"
        f"load({str(config)!r}, (), SECTIONS, environ={{}})"
    )
    assert "cos_migrate.sources.s3.bucket" not in loaded_by(code)


def test_only_the_rooms_that_talk_print() -> None:
    # connection: of the embedded COS, which says on stderr that it cannot carry out a request
    talkers = {
        "main",
        "flags",
        "request_ids",
        "demo",
        "decrypt",
        "append_file",
        "check_config",
        "completion",
        "init_config",
        "install_extra",
        "merge_reports",
        "server",
        "connection",
        "__main__",
    }
    for path in MODULES:
        calls = [
            node
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ]
        assert not calls or path.stem in talkers, f"{path} prints: report it, or name it here"


def test_no_room_is_too_large() -> None:
    tests = (path for path in (ROOT / "tests").rglob("*.py") if ".venv" not in path.parts)
    for path in (*MODULES, *tests):
        lines = path.read_text(encoding="utf-8").count("\n")
        assert lines <= 400, f"{path} has {lines} lines"


def test_no_class_is_too_long() -> None:
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                assert lines <= 250, f"{path}: {node.name} has {lines} lines"


def test_the_documented_way_of_a_file_exists() -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    section = page.partition("\nThe way of a small local file")[2].partition("\n## ")[0]
    places = re.findall(r"`([a-z0-9_/]+):([A-Za-z0-9_.]+)`", section)
    assert len(places) > 15
    for module, name in places:
        tree = tree_of(ROOT / "cos_migrate" / f"{module}.py")
        body: list[ast.stmt] = tree.body
        for part in name.split("."):
            found = [
                node
                for node in body
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == part
            ]
            assert found, f"docs/design.md: {module} has no {name}"
            body = found[0].body
