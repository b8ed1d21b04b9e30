"""Databases and records of every source are called what the Java tool calls them.

tests/data/java_records.json holds what the Java tool's own classes say of a few jobs and objects
of each source (see tests/data/make_java_data.py).
"""

from __future__ import annotations

import calendar
import email.utils
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config.loader import load
from cos_migrate.engine.rules import cos_path_of
from cos_migrate.engine.settings import JobPlace
from cos_migrate.model import Fingerprint, SourceObject, Target
from cos_migrate.sources import registry
from cos_migrate.sources.base import Source
from cos_migrate.sources.recipe import SourceRecipe
from cos_migrate.sources.registry import SECTIONS
from tests.functional.java_tool import write_config

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the jobs name paths below /proc/self/cwd"
)
JOBS: list[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[2] / "data" / "java_records.json").read_text("utf-8")
)


def name_of(job: dict[str, Any]) -> str:
    chosen = (*job["common"].values(), job["section"].get("prefix", ""))
    return " ".join((job["type"], *filter(None, chosen)))


@pytest.fixture(params=JOBS, ids=name_of)
def job(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


@pytest.fixture
def source(job: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "list.txt").touch()
    kind = registry.find(job["type"])
    if kind is None:
        pytest.skip(f"there is no {job['type']} yet")
    path = write_config(tmp_path, job["type"], job["common"], job["section"])
    config = load(str(path), (), SECTIONS, environ={}).config
    return SourceRecipe.of(kind, config.source, config.common).build()


def object_of(source: Source, one: dict[str, Any]) -> SourceObject:
    """Return an object as its source lists it."""
    name, mtime_ns, etag = one["key"], one["modified"] * 1_000_000, one["etag"]
    local: Any = source.config
    if source.migrate_type == "migrateLocal":
        name, etag = f"{local.local_path.rstrip('/')}/{name}", ""
    elif source.migrate_type == "migrateUrl":
        told = email.utils.parsedate(etag)
        mtime_ns, etag = (calendar.timegm(told) * 10**9, "") if told else (-1, "")
    elif source.migrate_type == "migrateUpyun":
        mtime_ns, etag = mtime_ns // 10**9 * 10**9, ""
    key = one["cosPath"].removeprefix(source.target.cos_path)
    fingerprint = Fingerprint(one["size"], mtime_ns, etag)
    return SourceObject(name, key, fingerprint, storage_class=one["storageClass"])


def test_the_folder_of_the_database(job: dict[str, Any], source: Source) -> None:
    assert JobPlace.of(Path(), source).database.as_posix() == job["folder"]


def test_keys_and_values(
    job: dict[str, Any], source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    for one in job["objects"]:
        obj = object_of(source, one)
        assert cos_path_of(source.target, obj) == one["cosPath"]
        assert source.record_key(obj, one["cosPath"]) == one["recordKey"]
        assert source.record_value(obj) == one["recordValue"]
        source.java_records = True
        assert source.is_unchanged(obj, one["recordValue"])


def test_every_source_of_the_java_tool_is_among_them() -> None:
    types = {job["type"] for job in JOBS}
    assert len(types) == 8
    assert types <= SECTIONS.keys()


@pytest.mark.parametrize(
    ("name", "key", "at_root", "below"),
    [
        ("a", "a", "/a", "/x/a"),
        ("/a", "/a", "/a", "/x/a"),  # its own slash is dropped
        ("//a", "//a", "/a", "/x//a"),
        ("p//a", "/a", "/a", "/x//a"),  # behind the prefix `p/` it is part of the name
        ("p///a", "//a", "/a", "/x///a"),
    ],
)
def test_slashes_that_keys_begin_with(name: str, key: str, at_root: str, below: str) -> None:
    obj = SourceObject(name, key, Fingerprint(1))
    assert cos_path_of(Target("b-1", "r", "/"), obj) == at_root
    assert cos_path_of(Target("b-1", "r", "/x/"), obj) == below
