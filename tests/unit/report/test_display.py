"""The lines that a terminal shows while a run goes on."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from cos_migrate.report.display import Display, TerminalSize, fitted, has_colours
from cos_migrate.report.sinks import Progress, Unfinished

MIB = 1 << 20


class Terminal:
    """A display of a given size, and what it shows."""

    def __init__(self, columns: int = 80, lines: int = 24, *, colours: bool = False) -> None:
        self.now = 100.0
        self.stream = io.StringIO()
        self.display = Display(
            self.stream,
            size=lambda: TerminalSize(columns, lines),
            colours=colours,
            clock=lambda: self.now,
        )

    def show(self, progress: Progress, seconds: float = 1.0) -> list[str]:
        """Draw after some seconds; return the lines."""
        self.now += seconds
        self.stream.seek(0)
        self.stream.truncate()
        self.display.show(progress)
        frame = self.stream.getvalue()
        lines = [re.sub(r"\x1b\[[0-9]*[KJA]|\r", "", line) for line in frame.split("\n")]
        if len(lines) > 1:
            assert f"\x1b[{len(lines) - 1}A" in frame, "the cursor goes back to the first line"
        return lines


def progress(done: int, known: int, **fields: Any) -> Progress:
    size = 10 * MIB
    complete = bool(fields.pop("complete", True))
    made = Progress(done, known, done * size, known * size, 0, complete)
    return made._replace(**fields)


def test_no_share_and_no_time_before_the_end_is_known() -> None:
    terminal = Terminal()
    lines = terminal.show(progress(43_000, 100_000, complete=False))
    assert lines[0] == "43,000 objects done, 100,000 listed so far"
    assert "%" not in "".join(lines)
    assert "left" not in "".join(lines)


def test_a_count_ahead_of_the_listing_gives_share_and_time() -> None:
    terminal = Terminal()
    ahead = {"complete": False, "objects_ahead": 1000, "bytes_ahead": 10_000 * MIB}
    terminal.show(progress(0, 10, **ahead))
    lines = terminal.show(progress(50, 60, **ahead))
    assert lines[0].startswith("  5 % |")
    assert lines[0].endswith("| 50 of 1,000 objects, 500.0 MiB of 9.8 GiB, 19 s left")
    lines = terminal.show(progress(1001, 1002, **ahead))  # the tree has grown since
    assert lines[0] == "1,001 objects done, 1,002 listed so far"


def test_share_and_time_left_by_the_rate_of_the_last_seconds() -> None:
    terminal = Terminal()
    for second in range(20):  # slow at first, which no longer counts
        terminal.show(progress(second, 1000))
    for second in range(9):
        terminal.show(progress(20 + second * 10, 1000))
    lines = terminal.show(progress(110, 1000))
    assert lines[0].startswith(" 11 % |")
    assert lines[0].endswith("| 110 of 1,000 objects, 1.1 GiB of 9.8 GiB, 1 min 29 s left")
    assert len(lines[0]) == 79


def test_the_rate_counts_what_was_sent_and_not_what_was_skipped() -> None:
    terminal = Terminal()
    terminal.show(progress(0, 1000))
    lines = terminal.show(progress(900, 1000, sent=5, bytes_passed=10 * MIB, failed=3), 5)
    assert lines[1] == "sent 1 objects/s, 2.0 MiB/s, 3 failed, 6.0 s elapsed"


def test_nothing_moves_and_nothing_is_promised() -> None:
    terminal = Terminal()
    for _ in range(20):
        terminal.show(progress(5, 10))
    lines = terminal.show(progress(5, 10))
    assert lines[0].endswith("| 5 of 10 objects, 50.0 MiB of 100.0 MiB")
    assert lines[1].startswith("sent 0 objects/s, 0 B/s")


def test_the_reason_of_a_wait_is_shown() -> None:
    lines = Terminal().show(progress(5, 10, waiting="time window [03:30, 21:00]"))
    assert lines[2] == "waiting: time window [03:30, 21:00]"


@pytest.mark.parametrize(("height", "bars"), [(24, 0), (29, 0), (30, 8)])
def test_big_objects_have_bars_on_tall_terminals(height: int, bars: int) -> None:
    unfinished = [
        Unfinished(f"/to/a-long-folder/another-folder/video-{number}.mkv", 5 * MIB, 20 * MIB)
        for number in range(12)
    ]
    lines = Terminal(lines=height).show(progress(5, 10, unfinished=unfinished))[2:]
    assert len(lines) == bars
    for number, line in enumerate(lines):
        assert f"video-{number}.mkv |" in line
        assert line.endswith("| 25 % of 20.0 MiB")
        assert len(line) <= 79


def test_bars_of_big_objects_stand_below_each_other() -> None:
    unfinished = [Unfinished("/a", MIB, MIB), Unfinished("/목록/b", 0, 9 * MIB)]
    first, second = Terminal(lines=50).show(progress(5, 10, unfinished=unfinished))[2:]
    assert first.index("|") == len("/목록/b ") + 2
    assert second.index("|") == len("/목록/b ")
    assert first.endswith("| 100 % of 1.0 MiB")
    assert second.endswith("|   0 % of 9.0 MiB")


@pytest.mark.parametrize("columns", [20, 40, 59, 60, 80, 200])
def test_every_line_fits(columns: int) -> None:
    unfinished = [Unfinished("/to/" + "목록" * 80 + "{0}.mkv", MIB, 20 * MIB)]
    terminal = Terminal(columns, 50, colours=True)
    state = progress(
        123_456, 9_999_999, failed=12_345, unfinished=unfinished, waiting="a reason " * 20
    )
    terminal.show(state)
    for line in terminal.show(state._replace(done=200_000)):
        bare = re.sub(r"\x1b\[[0-9]*m", "", line)
        wide = sum("\uac00" <= char <= "\ud7a3" for char in bare)
        assert len(bare) + wide < columns
        assert line.count("\x1b[31m") + line.count("\x1b[33m") == line.count("\x1b[0m")


def test_a_narrow_terminal_names_fewer_numbers_and_cuts_none() -> None:
    terminal = Terminal(40, colours=True)
    terminal.show(progress(0, 6028))
    lines = terminal.show(progress(2900, 6028, sent=2900, bytes_passed=9 * MIB, failed=261))
    assert lines[0] == " 48 %, 2,900 of 6,028, 1.1 s left"
    assert lines[1] == "\x1b[31m261 failed\x1b[0m, 2,900 objects/s, 9.0 MiB/s"
    lines = terminal.show(progress(1_234_567, 9_999_999, complete=False))
    assert lines[0] == "1,234,567 of 9,999,999 so far"


def test_colours_only_where_they_are_wanted() -> None:
    state = progress(5, 10, failed=1, waiting="x")
    assert "\x1b[31m1 failed\x1b[0m" in Terminal(colours=True).show(state)[1]
    assert not re.search(r"\x1b\[\d+m", "".join(Terminal().show(state)))
    assert has_colours({"TERM": "xterm"})
    assert not has_colours({"TERM": "xterm", "NO_COLOR": "1"})
    assert not has_colours({"TERM": "dumb"})


def test_it_is_removed_before_a_line_is_printed() -> None:
    terminal = Terminal()
    terminal.display.clear()
    assert not terminal.stream.getvalue()
    terminal.show(progress(1, 2))
    before = len(terminal.stream.getvalue())
    terminal.display.clear()
    terminal.display.clear()
    assert terminal.stream.getvalue()[before:] == "\r\x1b[J"
    terminal.display.draw_again()
    terminal.display.draw_again()
    drawn = terminal.stream.getvalue()[:before]
    assert terminal.stream.getvalue() == f"{drawn}\r\x1b[J{drawn}"


def test_a_terminal_that_is_gone_is_no_error() -> None:
    terminal = Terminal()
    terminal.stream.close()
    terminal.display.show(progress(1, 2))
    terminal.display.clear()


def test_the_end_of_a_name_is_kept() -> None:
    assert fitted("/a/b/c/name.txt", 11, keep_end=True) == "...name.txt"
    assert fitted("short", 11, keep_end=True) == "short"
    assert fitted("a long text", 8) == "a lon..."
