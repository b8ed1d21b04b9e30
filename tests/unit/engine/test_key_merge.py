"""Sorting on disk and merging: every key of either side comes once, in the order of its bytes."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.engine.key_merge import (
    CosPage,
    CosPages,
    KeyMerge,
    Pair,
    SourceColumns,
    SourcePages,
)
from cos_migrate.engine.key_sort import KeySort, SourceEntry
from cos_migrate.model import Fingerprint, KeyColumns, SourceObject
from cos_migrate.pools.temp_files import TempFiles

keys = st.lists(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=4), unique=True, max_size=30
)


def entry_of(key: str) -> SourceEntry:
    return SourceEntry(key, SourceObject(f"name of {key}", key, Fingerprint(1, 2, "e")))


def test_sorting_many_runs(tmp_path: Path) -> None:
    random.seed(7)
    names = [f"{random.random()}" for _ in range(3_000)] + ["\U0001f600", "\uffff", "é"]
    random.shuffle(names)
    files = TempFiles(tmp_path, "job")
    files.open()
    sort = KeySort(files, run=4)
    entries = [entry_of(name) for name in names]
    entries.append(SourceEntry("left out", None))
    odd = SourceObject("n", "k", Fingerprint(-1), is_folder=True, storage_class="IA", weak=True)
    entries.append(SourceEntry("odd", odd))
    for entry in entries:
        sort.add([entry])
    most = len(list(files.folder.iterdir()))
    assert 1 < most < 100, "runs are merged on the way"
    found = [entry for block in sort.merged() for entry in block]
    assert found == sorted(entries, key=lambda entry: entry.cos_path.encode())
    assert [path.name for path in files.folder.iterdir()] == [".lock"]
    files.close()


def columns_of(names: list[str]) -> KeyColumns:
    count = len(names)
    return KeyColumns(names, [1] * count, ["e"] * count, [""] * count, [])


def merge_of(source: SourcePages, cos: CosPages) -> KeyMerge:
    return KeyMerge(source, cos, lambda page: list(map(entry_of, page.paths)))


def step_of(merge: KeyMerge) -> list[Pair]:
    """Return the pairs of a step, those of columns too."""
    pairs, both = merge.step()
    if both:
        assert both.paths == both.source.names == both.cos.names
        pairs += [Pair(path, entry_of(path), Fingerprint(1)) for path in both.paths]
        pairs.sort(key=lambda pair: pair.cos_path)
    return pairs


@given(keys, keys, keys, st.integers(1, 7), st.randoms(use_true_random=False))
def test_merging(
    paged: list[str], on_disk: list[str], on_cos: list[str], size: int, rng: random.Random
) -> None:
    on_disk = [key for key in on_disk if key not in paged]
    source, cos = SourcePages(lambda: None), CosPages(lambda: None)
    merge = merge_of(source, cos)
    if on_disk:
        source.add_sorted(iter([[entry_of(key)] for key in sorted(on_disk)]))
    pages = [sorted(paged)[at : at + size] for at in range(0, len(paged), size)]
    cos_pages = [sorted(on_cos)[at : at + size] for at in range(0, len(on_cos), size)]
    pairs: list[Pair] = []
    while not merge.is_over:
        if pages and (rng.random() < 0.5 or not cos_pages):
            names = pages.pop(0)
            if on_disk or rng.random() < 0.3:
                source.add(list(map(entry_of, names)))
            else:
                source.add(SourceColumns(names, columns_of(names)))
        elif cos_pages:
            names = cos_pages.pop(0)
            cos.add(CosPage(names, columns_of(names)))
        source.ended, cos.ended = not pages, not cos_pages
        pairs += step_of(merge)
    mine, theirs = {*paged, *on_disk}, set(on_cos)
    assert [pair.cos_path for pair in pairs] == sorted(mine | theirs)
    assert {pair.cos_path for pair in pairs if pair.entry} == mine
    assert {pair.cos_path for pair in pairs if pair.cos} == theirs


def test_two_objects_of_one_target_meet_the_same_object() -> None:
    source, cos = SourcePages(lambda: None), CosPages(lambda: None)
    source.add([entry_of("a")])
    source.add([entry_of("a"), entry_of("b")])
    cos.add(CosPage(["a", "b"], columns_of(["a", "b"])))
    source.ended = cos.ended = True
    merge = merge_of(source, cos)
    pairs: list[Pair] = []
    while not merge.is_over:
        pairs += step_of(merge)
    assert [(pair.cos_path, bool(pair.entry), bool(pair.cos)) for pair in pairs] == [
        ("a", True, True),
        ("a", True, True),
        ("b", True, True),
    ]
