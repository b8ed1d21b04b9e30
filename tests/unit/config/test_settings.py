"""The types of values in the configuration."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.config import values
from cos_migrate.config.values import Secret, TimeWindow


def test_a_secret_tells_itself_only_when_asked() -> None:
    hidden = Secret("hush")
    assert f"{hidden} {hidden!r} {hidden!s} {[hidden]}" == "*** *** *** [***]"
    assert hidden.reveal() == "hush"
    assert hidden == Secret("hush")
    assert hidden != Secret("other")
    assert hidden != "hush"
    assert {hidden} == {Secret("hush")}
    assert hidden
    assert not Secret("")
    assert pickle.loads(pickle.dumps(hidden)) == hidden


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        (TimeWindow(0, 1440), [0, 720, 1439], []),
        (TimeWindow(210, 1260), [210, 1260], [209, 1261, 0, 1439]),
        (TimeWindow(1320, 360), [1320, 1439, 0, 360], [361, 1319]),
        (TimeWindow(300, 300), [300], [299, 301]),
    ],
)
def test_time_window(window: TimeWindow, inside: list[int], outside: list[int]) -> None:
    assert all(window.contains(minute) for minute in inside)
    assert not any(window.contains(minute) for minute in outside)


@given(st.integers(0, 1439), st.integers(0, 1440))
def test_a_time_window_reads_what_it_writes(begin: int, end: int) -> None:
    window = TimeWindow(begin, end)
    assert TimeWindow.parse(str(window)) == window


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_cos_folder_is_normal(text: str) -> None:
    parse = values.cos_folder("{} is invalid")
    try:
        folder = parse("/" + text)
    except ValueError:
        return
    assert folder.startswith("/")
    assert folder.endswith("/")
    assert "//" not in folder
    assert parse(folder) == folder
