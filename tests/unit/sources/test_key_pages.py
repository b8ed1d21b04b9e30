"""Pages that show what was not asked for."""

from __future__ import annotations

import pytest

from cos_migrate.errors import SourceError
from cos_migrate.model import Fingerprint, ListRange, SourceObject
from cos_migrate.sources.key_pages import OUTSIDE, KeyPage, find_middle, verify_page


def page_of(*names: str, truncated: bool = False) -> KeyPage:
    objects = [SourceObject(name, name, Fingerprint(1)) for name in names]
    return KeyPage(objects, [], truncated)


@pytest.mark.parametrize(
    ("names", "kept", "following"),
    [
        (("a", "in/1", "in/2"), ["in/1", "in/2"], "in/2"),
        (("in/1", "in/2", "z"), ["in/1", "in/2"], ""),
        (("a", "b"), [], "b"),
        (("in/1", "z", "in/2"), ["in/1", "in/2"], "in/2"),
        (("in/2", "a", "in/3"), ["in/2", "in/3"], "in/3"),
        (("in", "in/1"), ["in/1"], "in/1"),
    ],
)
def test_names_outside_are_left_and_named(
    names: tuple[str, ...], kept: list[str], following: str
) -> None:
    page = verify_page(page_of(*names, truncated=True), ListRange("in/"), "")
    assert ([item.name for item in page.found if isinstance(item, SourceObject)]) == kept
    assert page.next == following
    assert page.problem is not None
    assert page.problem.code == OUTSIDE
    outside = next(name for name in names if not name.startswith("in/"))
    assert f"lists {outside}:" in page.problem.message


def test_another_order_is_no_listing_with_or_without_names_outside() -> None:
    for names in (("in/2", "in/1"), ("a", "in/2", "in/1")):
        with pytest.raises(SourceError, match="out of order: in/1 came behind in/2"):
            verify_page(page_of(*names), ListRange("in/"), "")


def test_a_key_with_line_breaks_takes_one_line() -> None:
    page = page_of("in/2", "in/1\r\n[ERROR] all is lost")
    with pytest.raises(
        SourceError, match=r"out of order: in/1\\x0d\\x0a\[ERROR\] all is lost came"
    ):
        verify_page(page, ListRange("in/"), "")


def test_folded_prefixes_outside() -> None:
    page = KeyPage([], ["in/a/", "other/"], truncated=False)
    with pytest.raises(SourceError, match="lists other/") as caught:
        find_middle(page, "in/", "", "")
    assert caught.value.code == OUTSIDE
    assert find_middle(page._replace(folders=["in/a/", "in/b/"]), "in/", "", "") == "in/b/"
