"""Local files keep the contract of all sources."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from cos_migrate.model import Target
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.local.source import LocalSource
from tests.sources.contract import Put, Remove, SourceContract

_ELSEWHERE = frozenset(
    {"q?x=1&y=2", "quotes'\"", "tilde~^`|<>", "trailing blank ", "trailing dot."}
)
"""Names that Windows refuses."""
_COMPOSED = frozenset({"e\u0301 decomposed"})
"""Names that macOS may store in another normal form."""


class TestLocal(SourceContract):
    impossible: ClassVar[frozenset[str]] = (
        frozenset({"double//slash"})
        | (_ELSEWHERE if os.name == "nt" else frozenset())
        | (_COMPOSED if sys.platform == "darwin" else frozenset())
    )
    many: ClassVar[int] = 5_000
    sorted_by_key: ClassVar[bool] = False

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        root = tmp_path / "root"
        root.mkdir()
        return root

    @pytest.fixture
    def source(self, root: Path) -> LocalSource:
        target = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")
        return LocalSource(LocalConfig(local_path=str(root)), target)

    @pytest.fixture
    def put(self, root: Path) -> Put:
        def put(key: str, body: bytes) -> None:
            path = f"{root}/{key}"
            folder = os.path.dirname(path)
            if not os.path.isdir(folder):
                os.makedirs(folder)
            with open(path, "wb") as file:
                file.write(body)

        return put

    @pytest.fixture
    def remove(self, root: Path) -> Remove:
        return lambda key: (root / key).unlink()
