"""List positions: wherever a run is killed, what was not settled is listed again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cos_migrate.model import ListRange, SourceObject
from cos_migrate.scan import positions
from cos_migrate.scan.base import PagePosition
from cos_migrate.scan.positions import Positions
from tests.unit.keys_source import KeysSource, keys_of
from tests.unit.pairs_in_memory import PairsInMemory

MARK = "mark"


class Database(PairsInMemory):
    """What survives a kill."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: set[str] = set()


class Run:
    """A listing whose pages, cuts, outcomes and commits come in the order that a test draws."""

    def __init__(self, source: KeysSource, database: Database) -> None:
        self.source, self.database = source, database
        saved = positions.load(database, MARK)
        starts = [(part, "") for part in source.ranges()] if saved is None else saved
        if saved is None:
            for key in positions.stale_keys(database):
                database.pairs.pop(key, None)
        self.positions = Positions(starts, MARK, resumed=saved is not None)
        self.open = dict(enumerate(starts, start=1))
        self.numbers = len(starts)
        self.pages = 0
        self.waiting: list[tuple[int, str]] = []
        self.done: set[str] = set()

    def list_page(self, which: int, *, cut: bool) -> None:
        """Take the next page of an open range, cut when it is wanted and can be."""
        number = sorted(self.open)[which % len(self.open)]
        part, marker = self.open.pop(number)
        page = self.source.list_page(part, marker)
        self.pages += 1
        more: tuple[tuple[int, ListRange], ...] = ()
        if page.next:
            rest = sorted(keys_of(part, page.next, self.source.keys)) if cut else []
            if rest:
                middle = rest[len(rest) // 2]
                part, tail = part._replace(until=middle), part._replace(after=middle)
                self.numbers += 1
                more = ((self.numbers, tail),)
                self.open[self.numbers] = (tail, "")
            self.open[number] = (part, page.next)
        found = [item.name for item in page.found if isinstance(item, SourceObject)]
        self.positions.add_page(PagePosition(self.pages, number, part, page.next, more), len(found))
        self.waiting += [(self.pages, name) for name in found]

    def settle(self, which: int) -> None:
        page, name = self.waiting.pop(which % len(self.waiting))
        self.positions.count_outcome(page)
        self.done.add(name)

    def commit(self) -> None:
        self.database.write(*self.positions.take_changes())
        self.database.settled |= self.done

    def remaining(self) -> set[str]:
        """Return what a run that is resumed from the database would list."""
        saved = positions.load(self.database, MARK)
        starts = [(part, "") for part in self.source.ranges()] if saved is None else saved
        return {key for part, marker in starts for key in keys_of(part, marker, self.source.keys)}


steps = st.lists(
    st.tuples(st.sampled_from("llcsssk"), st.integers(0, 50)),
    max_size=120,
)
some_keys = st.sets(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map("/".join), max_size=40
)


@settings(deadline=None, max_examples=200)
@given(keys=some_keys, page=st.integers(1, 4), steps=steps)
def test_a_position_never_passes_what_is_not_settled(
    keys: set[str], page: int, steps: list[tuple[str, int]]
) -> None:
    """l: list a page, c: list it with a cut, s: settle an object, k: commit, and be killed."""
    source, database = KeysSource(keys, page), Database()
    run = Run(source, database)
    for step, which in steps:
        if step in "lc" and run.open:
            run.list_page(which, cut=step == "c")
        elif step == "s" and run.waiting:
            run.settle(which)
        elif step == "k":
            run.commit()
            assert run.remaining() >= keys - database.settled
            if which % 4 == 0:
                run = Run(source, database)
    # The next start goes on from what there is, and covers all that is left.
    assert run.remaining() >= keys - database.settled
    last = Run(source, database)
    while last.open or last.waiting:
        if last.open:
            last.list_page(0, cut=True)
        while last.waiting:
            last.settle(len(last.waiting) // 2)
        last.commit()
    assert database.settled == keys
    assert last.remaining() == set()
    assert list(database.scan(positions.PREFIX)) == []


def test_objects_settle_in_any_order_but_the_marker_keeps_theirs() -> None:
    database = Database()
    run = Run(KeysSource("abcdef", 2), database)
    for _ in range(3):
        run.list_page(0, cut=False)
    for name in "fcdb":
        run.settle([waiting for _, waiting in run.waiting].index(name))
        run.commit()
        assert run.remaining() == set("abcdef"), "a is not settled"
    run.settle([waiting for _, waiting in run.waiting].index("a"))
    run.commit()
    assert run.remaining() == {"e", "f"}
    run.settle(0)
    run.commit()
    assert positions.load(database, MARK) == []


def test_an_empty_page_moves_the_position() -> None:
    database = Database()
    kept = Positions([(ListRange("p/"), "")], MARK, resumed=False)
    kept.add_page(PagePosition(1, 1, ListRange("p/"), "m", ()), 0)
    database.write(*kept.take_changes())
    assert positions.load(database, MARK) == [(ListRange("p/"), "m")]


def test_behind_an_unreliable_page_the_position_stays() -> None:
    database = Database()
    kept = Positions([(ListRange("p/"), "")], MARK, resumed=False)
    for page, (marker, unreliable) in enumerate((("m", False), ("n", True), ("o", False)), start=1):
        kept.add_page(PagePosition(page, 1, ListRange("p/"), marker, (), unreliable), 0)
    database.write(*kept.take_changes())
    assert positions.load(database, MARK) == [(ListRange("p/"), "m")]


def test_without_changes_nothing_is_written() -> None:
    kept = Positions([(ListRange(), "")], MARK, resumed=False)
    kept.take_changes()
    assert kept.take_changes() == ([], [])


@pytest.mark.parametrize("name", ["", "a\nb", "\U0001f600", "\udc80", "]"])
def test_any_name_can_be_a_position(name: str) -> None:
    database = Database()
    part = ListRange(name, name, name)
    kept = Positions([(part, name)], MARK, resumed=False)
    database.write(*kept.take_changes())
    assert positions.load(database, MARK) == [(part, name)]


def test_positions_of_another_origin_or_none_at_all() -> None:
    database = Database()
    assert positions.load(database, MARK) is None
    database.write(*Positions([(ListRange(), "")], MARK, resumed=False).take_changes())
    assert positions.load(database, "other") is None
    assert positions.load(database, MARK) == [(ListRange(), "")]


def test_a_position_that_cannot_be_read_makes_all_of_no_use() -> None:
    database = Database()
    database.write(*Positions([(ListRange(), "")], MARK, resumed=False).take_changes())
    database.pairs[positions.PREFIX + b"nonsense"] = b""
    assert positions.load(database, MARK) is None
    database.write([], positions.stale_keys(database))
    assert not database.pairs


@pytest.mark.parametrize("value", [b'["a", "b"]', b'"abc"', b"5", b"null", b'{"a": 1}', b"\xff"])
def test_no_key_is_too_odd(value: bytes) -> None:
    database = Database()
    database.pairs = {positions.BEGUN: MARK.encode(), positions.PREFIX + value: b"m"}
    assert positions.load(database, MARK) is None
