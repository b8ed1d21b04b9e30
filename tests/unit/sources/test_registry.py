"""The folders of sources: which they are, and what they import."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cos_migrate.sources import registry

ROOT = Path(registry.__file__).parent
FOLDERS = sorted(path.parent for path in ROOT.glob("*/__init__.py"))


def imported(file: Path) -> set[str]:
    """Return the folders of sources from which a module imports."""
    found = {
        node.module
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    parts = [name.split(".") for name in found if name.startswith("cos_migrate.sources.")]
    return {names[2] for names in parts} & {folder.name for folder in FOLDERS}


def test_a_type_is_found_with_its_section() -> None:
    assert len(registry.source_types()) >= 8
    for name in registry.source_types():
        source = registry.find(name)
        assert (source.migrate_type, source.Config) == (name, registry.SECTIONS[name])
    with pytest.raises(KeyError):
        registry.find("migrateNothing")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_sources_do_not_import_each_other(folder: Path) -> None:
    for file in folder.rglob("*.py"):
        assert imported(file) <= {folder.name}, file


def test_what_sources_share_imports_none_of_them() -> None:
    shared = sorted(ROOT.glob("*.py"))
    assert shared
    for file in shared:
        assert not imported(file), file
