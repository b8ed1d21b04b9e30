"""The README in Chinese and in Korean says the same as the English one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config.common import Common
from cos_migrate.config.options import declared_options
from cos_migrate.sources.registry import SECTIONS

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
OTHERS = ("README.zh-CN.md", "README.ko.md")
CONFIGS: tuple[type[Any], ...] = (Common, *SECTIONS.values())
KEYS = {one.option.key for section in CONFIGS for one in declared_options(section)}
_BLOCK = re.compile(r"^( *)```.*?\n\1```$", re.MULTILINE | re.DOTALL)


def levels(text: str) -> list[int]:
    bare = _BLOCK.sub("", text)
    return [len(marks) for marks in re.findall(r"^(#+) ", bare, re.MULTILINE)]


def words(text: str) -> list[str]:
    """Return the keys, options, paths and variables in code, sorted: languages order them anew."""
    return sorted(re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text)))


@pytest.fixture(params=OTHERS)
def other(request: pytest.FixtureRequest) -> str:
    return (ROOT / str(request.param)).read_text(encoding="utf-8")


def test_the_headings_have_the_same_levels(other: str) -> None:
    assert levels(other) == levels(ENGLISH)
    assert len(levels(ENGLISH)) > 8


def test_the_code_blocks_are_the_same(other: str) -> None:
    blocks = [match[0] for match in _BLOCK.finditer(ENGLISH)]
    assert [match[0] for match in _BLOCK.finditer(other)] == blocks
    assert len(blocks) > 10


def test_the_keys_and_all_other_code_are_the_same(other: str) -> None:
    assert words(other) == words(ENGLISH)
    assert KEYS & set(words(ENGLISH)), "some keys are named"


def test_the_links_lead_to_the_same_pages(other: str) -> None:
    def pages(text: str) -> list[str]:
        found = re.findall(r"\]\(([^)\s]+)\)", text)
        return sorted(link for link in found if "://" not in link and not link.startswith("README"))

    assert pages(other) == pages(ENGLISH)


def test_each_leads_to_the_others(other: str) -> None:
    names = ("README.md", *OTHERS)
    for text in (other, ENGLISH):
        assert sum(f"({name})" in text.partition("\n## ")[0] for name in names) == 2
