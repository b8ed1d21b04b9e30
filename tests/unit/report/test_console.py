"""What a terminal shows of single objects."""

from __future__ import annotations

import io

import pytest

from cos_migrate.report.console import Console


class Screen(io.BytesIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


class ErrorScreen(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


class Shown:
    """A console on a terminal at a time of its own."""

    def __init__(self, *, progress: bool = True, terminal: bool = True) -> None:
        self.now = 100.0
        self._out = Screen() if terminal else io.BytesIO()
        err = ErrorScreen() if terminal else io.StringIO()
        self.console = Console(
            stdout=self._out, stderr=err, progress=progress, clock=lambda: self.now
        )

    def print_lines(self, count: int, notable: str = "") -> int:
        """Print `count` routine lines; return how many appear, with the notable ones."""
        before = self._out.tell()
        self.console.print_lines("line\n" * count, notable)
        return self._out.getvalue()[before:].count(b"line\n")

    def text(self) -> str:
        return self._out.getvalue().decode()


def test_lines_that_nobody_can_follow_are_left_out() -> None:
    shown = Shown()
    assert shown.print_lines(6) == 6
    assert shown.print_lines(6) == 4
    for _ in range(3):  # as long as more than that keep coming
        shown.now += 1
        assert shown.print_lines(500) == 0
    shown.now += 1
    assert shown.print_lines(3) == 0
    shown.now += 1
    assert shown.print_lines(3) == 3
    assert shown.text().count("log/info.log has all of them") == 1


def test_failures_are_never_left_out() -> None:
    shown = Shown()
    for _ in range(3):
        shown.now += 1
        shown.print_lines(500, "[fail] line\n" * 50)
    assert shown.text().count("[fail]") == 150


@pytest.mark.parametrize(
    ("console", "expected"),
    [
        (Shown(), ""),
        (Shown(progress=False), "[UploadInProgress]\n"),
        (Shown(terminal=False), "[UploadInProgress]\n"),
    ],
    ids=["display", "no display", "pipe"],
)
def test_a_display_takes_the_place_of_progress_lines(console: Shown, expected: str) -> None:
    console.console.event("[UploadInProgress]")
    assert console.text() == expected
