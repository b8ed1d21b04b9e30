"""What the tests of configurations start from."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder with what a good configuration names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_bytes(b"not an AES key")
