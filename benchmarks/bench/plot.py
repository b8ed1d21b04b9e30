"""Draws panels of horizontal bars as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 380
COLUMNS = 3
LABEL = 90
VALUE = 70
BAR = 16
GAP = 6
TITLE = 28
PADDING = 14
COLOURS = ("#1f6feb", "#8b949e")
FAILED = "#cf222e"


@dataclass(frozen=True, slots=True)
class Bar:
    """A label and its value in seconds."""

    label: str
    value: float
    failed: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """A titled group of bars on one scale; the first is drawn in the leading colour."""

    title: str
    bars: tuple[Bar, ...]


def draw(panels: Sequence[Panel]) -> str:
    """Return the picture of all panels, a few a row."""
    most = max((len(panel.bars) for panel in panels), default=0)
    height = TITLE + most * (BAR + GAP) + PADDING
    rows = -(-len(panels) // COLUMNS)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{COLUMNS * WIDTH}" '
            f'height="{rows * height + PADDING}" font-family="sans-serif" font-size="12">'
        ),
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        left = number % COLUMNS * WIDTH + PADDING
        top = number // COLUMNS * height + PADDING
        parts.append(f'<g transform="translate({left} {top})">{_panel(panel)}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> str:
    longest = max((bar.value for bar in panel.bars), default=0.0) or 1.0
    room = WIDTH - LABEL - VALUE - 2 * PADDING
    parts = [f'<text y="12" font-weight="bold">{escape(panel.title)}, seconds</text>']
    for number, bar in enumerate(panel.bars):
        top = TITLE + number * (BAR + GAP)
        length = max(1.0, bar.value / longest * room)
        colour = FAILED if bar.failed else COLOURS[min(number, 1)]
        value = f"{bar.value:.2f}" + (" failed" if bar.failed else "")
        parts.append(
            f'<text x="0" y="{top + BAR - 4}">{escape(bar.label)}</text>'
            f'<rect x="{LABEL}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
            f'<text x="{LABEL + length + 4:.1f}" y="{top + BAR - 4}">{value}</text>'
        )
    return "".join(parts)
