"""Draws the screen of a terminal, as `tmux capture-pane -e` prints it, as SVG."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

_CELL_WIDTH, _CELL_HEIGHT, _MARGIN = 8.4, 18, 14
_BACKGROUND, _FOREGROUND = "#16181d", "#d7dae0"
_COLOURS = ("#5c6370", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d7dae0")
_FIRST_COLOURS = (30, 90)
"""First of the eight codes of each set of foreground colours."""


class Style(NamedTuple):
    """How some text looks."""

    colour: str = _FOREGROUND
    bold: bool = False
    dim: bool = False

    def after(self, codes: str) -> Style:
        """Return the style behind an escape sequence of these codes."""
        style = self
        for code in map(int, filter(None, codes.split(";") if codes else ["0"])):
            if code == 0:
                style = Style()
            elif code in (1, 2):
                style = style._replace(bold=code == 1, dim=code == 2)
            elif code == 39:
                style = style._replace(colour=_FOREGROUND)
            else:
                for first in _FIRST_COLOURS:
                    if first <= code < first + len(_COLOURS):
                        style = style._replace(colour=_COLOURS[code - first])
        return style


def svg_of(screen: str, columns: int, rows: int, title: str) -> str:
    """Return a picture of a screen of `columns` and `rows`."""
    width = columns * _CELL_WIDTH + 2 * _MARGIN
    height = rows * _CELL_HEIGHT + 2 * _MARGIN
    lines = screen.split("\n")[:rows]
    style = Style()
    drawn: list[str] = []
    for number, line in enumerate(lines):
        y = _MARGIN + number * _CELL_HEIGHT + 13
        column = 0
        for text, style in _runs(line, style):  # noqa: B020 - a style lasts over lines
            drawn += _words(text, column, y, style)
            column += _columns_of(text)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img">\n<title>{escape(title)}</title>\n'
        f'<rect width="100%" height="100%" rx="8" fill="{_BACKGROUND}"/>\n'
        f"<g font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" "
        f'font-size="14" fill="{_FOREGROUND}">\n' + "\n".join(drawn) + "\n</g>\n</svg>\n"
    )


def _runs(line: str, style: Style) -> Iterator[tuple[str, Style]]:
    """Yield the texts of a line with their styles; at last an empty one with the last style."""
    first, *others = re.split(r"\x1b\[([0-9;]*)m", line)
    yield first, style
    for codes, text in zip(others[::2], others[1::2], strict=True):
        style = style.after(codes)
        yield text, style


def _words(text: str, column: int, y: int, style: Style) -> Iterator[str]:
    """Yield the words of a text; several blanks are none in SVG, so they divide it."""
    looks = "" if style.colour == _FOREGROUND else f' fill="{style.colour}"'
    looks += ' font-weight="bold"' * style.bold + ' opacity="0.6"' * style.dim
    for found in re.finditer(r"\S+( \S+)*", text):
        x = _MARGIN + (column + _columns_of(text[: found.start()])) * _CELL_WIDTH
        length = _columns_of(found[0]) * _CELL_WIDTH
        yield (
            f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}" '
            f'lengthAdjust="spacingAndGlyphs"{looks}>{escape(found[0])}</text>'
        )


def _columns_of(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
