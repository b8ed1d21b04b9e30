"""A file of keys: what is named twice is migrated once, wherever the listing begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.errors import SourceError
from cos_migrate.model import Fingerprint, Found, Note, SourceObject
from cos_migrate.sources.list_files import KeyFile


def parse(line: str, _: int) -> Found | None:
    return SourceObject(line, line, Fingerprint(-1)) if line else None


def names(found: list[Found]) -> list[str]:
    return [item.name for item in found if isinstance(item, SourceObject)]


def test_each_key_once_over_all_pages(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    lines = [f"k{number % 1500}" for number in range(3200)]
    path.write_text("\n".join(lines), encoding="utf-8")
    keys = KeyFile(parse)
    found, notes, markers, marker = [], 0, [], ""
    while True:
        page = keys.page(str(path), marker)
        found += names(page.found)
        notes += sum(isinstance(item, Note) for item in page.found)
        marker = page.next
        if not marker:
            break
        markers.append(marker)
    assert found == lines[:1500]
    assert notes == 1700
    # One that goes on has to know what came before; a page that is asked for again is the same.
    later = KeyFile(parse)
    for _ in range(2):
        assert names(later.page(str(path), markers[0]).found) == lines[1000:1500]
        assert names(later.page(str(path), markers[1]).found) == []


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    for marker in ("", "10:1"):
        with pytest.raises(SourceError, match="cannot be read"):
            KeyFile(parse).page(str(tmp_path / "none"), marker)
