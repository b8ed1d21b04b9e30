"""What README.md and docs/ say of keys, examples and files is so."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.cli import flags
from cos_migrate.config import loader as config
from cos_migrate.config.common import Common, MigrateType
from cos_migrate.config.credential_keys import ACCESS_KEYS
from cos_migrate.config.given_values import Override
from cos_migrate.config.options import REQUIRED, DeclaredOption, declared_options
from cos_migrate.config.values import NO_SECRET
from cos_migrate.sources.registry import SECTIONS
from tests.key_documents import (
    CONFIG,
    KEYS,
    READMES,
    complete_config,
    complete_keys,
    complete_readme,
)

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OVERVIEW = ROOT / "docs" / "sources" / "README.md"
SOURCES = sorted(set(OVERVIEW.parent.glob("*.md")) - {OVERVIEW})
PAGES = sorted(
    {
        *READMES,
        *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md")),
        *(ROOT / "docs").rglob("*.md"),
    }
)
CONFIGS: dict[str, type[Any]] = {"migrateType": MigrateType, "common": Common, **SECTIONS}
EXAMPLES = [
    *(
        textwrap.dedent(text)
        for text in re.findall(r"```ini\n( *\[migrateType\].*?)```", README, re.DOTALL)
    ),
    *(page.read_text("utf-8").partition("```ini\n")[2].partition("```")[0] for page in SOURCES),
]


def tables() -> dict[str, dict[str, str]]:
    """Return key -> default of each section's table."""
    found: dict[str, dict[str, str]] = {}
    for block in KEYS.read_text(encoding="utf-8").split("\n## ")[1:]:
        heading, _, rest = block.partition("\n")
        rows = re.findall(r"^\| `(\w+)` \| ([^|]*)\|", rest, re.MULTILINE)
        for section in re.findall(r"\[(\w+)\]", heading):
            assert len({key for key, _ in rows}) == len(rows), heading
            found[section] = {key: default.strip() for key, default in rows}
    return found


def test_the_tables_name_every_key_and_no_other() -> None:
    told = tables()
    assert set(told) == set(CONFIGS)
    clouds = {
        name: {one.option.key for one in declared_options(section)}
        for name, section in SECTIONS.items()
    }
    for name, section in CONFIGS.items():
        keys = {one.option.key for one in declared_options(section)}
        assert keys <= set(told[name]), name
        # The clouds share a table: each of its keys must be one of some cloud.
        sharing = [other for other in told if told[other] == told[name]]
        known = set().union(*(clouds.get(other, keys) for other in sharing))
        assert set(told[name]) == known, name


def test_the_table_of_arguments_names_every_option() -> None:
    options = set(re.findall(r"^ *(--[a-z-]+)", flags.usage(), re.MULTILINE)) | {"--help"}
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    section = page.partition("\n## Starting\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`-.*?) \|", section, re.MULTILINE)
    assert options == {word for row in rows for word in re.findall("--[a-z-]+", row)}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_tables_tell_the_defaults(name: str) -> None:
    told = tables()[name]
    for one in declared_options(CONFIGS[name]):
        assert one.option.key in told, f"docs/keys.md lacks a row for [{name}] {one.option.key}"
        assert_default(one, told[one.option.key], name)


def assert_default(one: DeclaredOption, text: str, section: str) -> None:
    if section == "migrateUpyun" and one.option.key == "endPoint":
        assert text == "required; Upyun: the public cloud"
        assert one.default == ""
    elif section in {"migrateAws", "migrateAli"} and one.option.key in ACCESS_KEYS:
        assert text.startswith("required; S3, OSS: found")
        assert one.default == NO_SECRET
    elif one.default is REQUIRED:
        assert text.split(";", maxsplit=1)[0] == "required", one.option.key
    elif text and one.option.key != "workerProcessNum":
        assert one.option.parse(text) == one.default, one.option.key
    else:
        assert one.default in ("", (), 0, -1, None) or str(one.default) == "***", one.option.key


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_example_is_a_whole_configuration(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    Path("config.ini").write_text(text, encoding="utf-8")
    source = text.partition("type=")[2].partition("\n")[0]
    paths = {"migrateLocal": "localPath", "migrateUrl": "urllistPath"}
    words = [Override(source, paths[source], str(tmp_path))] if source in paths else []
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "secret")
    loaded = config.load("config.ini", words, SECTIONS, environ=environ)
    assert loaded.config.migrate_type == source
    assert loaded.warnings == ()


def test_there_is_an_example_of_every_source() -> None:
    assert set(re.findall(r"(?:^|\n)type=(\w+)", "".join(EXAMPLES))) == set(SECTIONS)
    rows = dict(re.findall(r"^\| `(migrate\w+)` \|.*\((.*)\) \|$", README, re.MULTILINE))
    assert set(rows) == set(SECTIONS)
    for name, page in rows.items():
        assert f"\ntype={name}\n" in (ROOT / page).read_text(encoding="utf-8"), page


def test_the_readme_is_for_five_minutes() -> None:
    assert len(README.splitlines()) <= 250


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / link).resolve()
        for link in re.findall(r"\]\(([^)#\s]+)", index.read_text(encoding="utf-8"))
    }
    pages = set((ROOT / "docs").glob("*.md")) | {OVERVIEW}
    assert pages - linked == {index}


def test_the_documents_name_every_source_and_key() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in (*READMES, KEYS, CONFIG)}
    assert all(complete_readme(texts[path]) == texts[path] for path in READMES)
    assert complete_keys(texts[KEYS]) == texts[KEYS]
    assert complete_config(texts[CONFIG]) == texts[CONFIG]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        there = (page.parent / target) if target else page
        assert there.exists(), link
        if anchor:
            headings = re.findall("^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {
                re.sub("[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in headings
            }
            assert anchor in anchors, link
