"""What is below a name that the source has is not extra, however many names there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.engine import seen_names
from cos_migrate.engine.seen_names import SeenNames

NAMES = st.lists(st.text("ab/-", min_size=1, max_size=6).map("/".__add__), unique=True, max_size=20)


def is_below(key: str, name: str) -> bool:
    folder = name.rstrip("/") + "/"
    return key.startswith(folder) or key == folder[:-1]


@given(NAMES, NAMES, st.integers(0, 5))
def test_names_and_keys_in_their_order(names: list[str], keys: list[str], most: int) -> None:
    seen = SeenNames()
    seen._most = most
    given_so_far: list[str] = []
    for word in sorted({*names, *keys}):
        if word in names:
            seen.add(word)
            given_so_far.append(word)
        if word in keys:
            assert seen.covers(word) == any(is_below(word, name) for name in given_so_far)


def test_a_million_names_take_little() -> None:
    seen = SeenNames()
    for number in range(100):
        seen.update([f"/{number:03}/{each:04}" for each in range(1_000)])
        assert seen.covers(f"/{number:03}/0500/x")
        seen.drop_passed(f"/{number:03}/0999")
    assert len(seen._folders) <= 2 * seen_names._MOST
