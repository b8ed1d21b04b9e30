"""The display on a terminal: progress, rates, and bars of big objects, below the printed lines."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TextIO

from cos_migrate.language import Say
from cos_migrate.report.rates import Rates
from cos_migrate.report.sinks import Progress, Unfinished
from cos_migrate.report.spelling import padded, spell_seconds, spell_size, width_of
from cos_migrate.text import printable

_TALL = 30
"""Lines of a terminal from which big objects have bars of their own."""
_NARROW = 60
"""Columns below which lines are shorter."""
_NAMES_BYTES = 80
"""Columns from which the bytes are named besides the objects."""
_BARS_MOST = 8
_NAME_SHARE = 0.5
"""Share of a line for the name of an object."""
_BAR_LEAST = 9
"""Columns that a bar has at least, with its frame."""
_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"
RED, GREEN, YELLOW, _NORMAL = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


class TerminalSize(NamedTuple):
    """The size of a terminal."""

    columns: int
    lines: int


def terminal_size() -> TerminalSize:
    """Return the size of this process's terminal."""
    return TerminalSize(*shutil.get_terminal_size())


def has_colours(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a terminal may get colours (https://no-color.org)."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def in_colour(colour: str, text: str, *, colours: bool) -> str:
    """Return a text in a colour, if there are `colours`."""
    return f"{colour}{text}{_NORMAL}" if colours else text


class Display:
    """Some lines at the bottom of a terminal, with bars by tqdm."""

    def __init__(
        self,
        stream: TextIO,
        say: Say = str,
        *,
        size: Callable[[], TerminalSize] = terminal_size,
        colours: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`stream` is a terminal, whose texts `say` translates; `colours`: it may get some."""
        self._stream = stream
        self._say = say
        self._size = size
        self._colours = colours
        self._clock = clock
        self._began = clock()
        self._rates = Rates()
        self._drawn = False
        self._frame = ""

    def show(self, progress: Progress) -> None:
        """Draw the state of a run."""
        now = self._clock()
        self._rates.note(now, progress)
        columns, lines = self._size()
        rows = [
            self._progress_row(progress, columns),
            self._rate_row(progress, now - self._began, columns),
        ]
        if progress.waiting:
            waiting = self._say(f"waiting: {progress.waiting}")
            rows.append(_Row(in_colour(YELLOW, waiting, colours=self._colours)))
        if lines >= _TALL:
            rows += self._object_rows(progress.unfinished, columns)
        self._draw(rows, columns)

    def clear(self) -> None:
        """Remove the display until it is drawn again, so that a line can be printed."""
        if self._drawn:
            self._drawn = False
            self._write(f"\r{_ERASE_BELOW}")

    def draw_again(self) -> None:
        """Draw what was shown last, below the lines that were printed since."""
        if self._frame and not self._drawn:
            self._drawn = True
            self._write(self._frame)

    def _progress_row(self, progress: Progress, columns: int) -> _Row:
        say, total = self._say, progress.total
        done, known = f"{progress.done:,}", f"{progress.known:,}"
        if total is None and columns < _NARROW:
            return _Row(say(f"{done} of {known} so far"))
        if total is None:
            return _Row(say(f"{done} objects done, {known} listed so far"))
        share = _share_done(progress, total)
        left = self._rates.seconds_left(progress)
        ends = left is not None and progress.done < total
        rest = [say(f"{spell_seconds(left)} left")] if left is not None and ends else []
        percent = f"{100 * share:3.0f} %"
        if columns < _NARROW:
            return _Row(_joined([percent, say(f"{done} of {total:,}"), *rest], columns - 1))
        size = progress.bytes_total
        if size and columns >= _NAMES_BYTES:
            size_done = spell_size(min(progress.bytes_done, size))
            rest.insert(0, say(f"{size_done} of {spell_size(size)}"))
        return _Row(percent, share, ", ".join([say(f"{done} of {total:,} objects"), *rest]))

    def _rate_row(self, progress: Progress, elapsed: float, columns: int) -> _Row:
        rates, say = self._rates, self._say
        objects, size = f"{rates.sent:,.0f}", spell_size(rates.bytes_sent)
        failed = [say(f"{progress.failed:,} failed")] if progress.failed else []
        failed = [in_colour(RED, text, colours=self._colours) for text in failed]
        time_ = say(f"{spell_seconds(elapsed)} elapsed")
        if columns < _NARROW:
            parts = [*failed, say(f"{objects} objects/s"), f"{size}/s", time_]
            return _Row(_joined(parts, columns - 1))
        return _Row(", ".join([say(f"sent {objects} objects/s, {size}/s"), *failed, time_]))

    def _object_rows(self, unfinished: Sequence[Unfinished], columns: int) -> list[_Row]:
        """Return a line for each of the big objects that take longest."""
        room = int(columns * _NAME_SHARE)
        names = [
            fitted(printable(each.cos_path), room, keep_end=True)
            for each in unfinished[:_BARS_MOST]
        ]
        wide = max(map(width_of, names), default=0)
        rows = []
        for name, each in zip(names, unfinished, strict=False):
            share = each.sent / each.size if each.size else 0.0
            done = f"{100 * share:.0f} %"
            if columns >= _NARROW:
                done = self._say(f"{done} of {spell_size(each.size)}")
            rows.append(_Row(padded(name, wide), share, done))
        most = max((width_of(row.behind) for row in rows), default=0)
        return [
            row._replace(behind=" " * (most - width_of(row.behind)) + row.behind) for row in rows
        ]

    def _draw(self, rows: Sequence[_Row], columns: int) -> None:
        """Draw all lines with one write, and leave the cursor at the start of the first."""
        lines = [_drawn(row, columns - 1) + _ERASE_LINE for row in rows]
        below = f"{_ERASE_BELOW}\r" + (f"\x1b[{len(rows) - 1}A" if len(rows) > 1 else "")
        self._drawn = True
        self._frame = "\r" + "\n".join(lines) + below
        self._write(self._frame)

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone
            self._stream.write(text)
            self._stream.flush()


class _Row(NamedTuple):
    """A line of the display."""

    text: str
    share: float | None = None
    """What a bar behind the text shows, 0 to 1; None: there is no bar."""
    behind: str = ""
    """Text behind the bar."""


def _drawn(row: _Row, columns: int) -> str:
    """Return a line of the display that fits into columns."""
    if row.share is None:
        return fitted(row.text, columns)
    from tqdm import tqdm  # noqa: PLC0415 - only a terminal needs it

    behind = fitted(row.behind, max(0, columns - len(row.text) - _BAR_LEAST))
    form = f"{_escaped(row.text)} |{{bar}}| {_escaped(behind)}"
    return str(tqdm.format_meter(row.share, 1.0, 0.0, ncols=columns, bar_format=form))


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _share_done(progress: Progress, total: int) -> float:
    """Return the share of a run that is done, 0 to 1: of bytes or of objects, the smaller one."""
    shares = [
        done / known
        for done, known in (
            (progress.done, total),
            (progress.bytes_done, progress.bytes_total),
        )
        if known
    ]
    return min(1.0, *shares) if shares else 1.0


def _joined(parts: Sequence[str], columns: int) -> str:
    """Join the first of some parts, as many as fit into columns; the very first in any case."""
    text = parts[0]
    for part in parts[1:]:
        if width_of(_without_colours(f"{text}, {part}")) > columns:
            break
        text = f"{text}, {part}"
    return text


def _without_colours(text: str) -> str:
    for colour in (RED, GREEN, YELLOW, _NORMAL):
        text = text.replace(colour, "")
    return text


def fitted(text: str, columns: int, *, keep_end: bool = False) -> str:
    """Cut a text so that it fits into `columns`; `keep_end`: cut its front, not its end.

    Colours take no room; a text in colour that is cut loses them.
    """
    bare = _without_colours(text)
    widths = [width_of(char) for char in bare]
    if sum(widths) <= columns:
        return text
    kept: list[str] = []
    room = columns - 3
    pairs = list(zip(bare, widths, strict=True))
    for char, width in reversed(pairs) if keep_end else pairs:
        room -= width
        if room < 0:
            break
        kept.append(char)
    return "..." + "".join(reversed(kept)) if keep_end else "".join(kept) + "..."
