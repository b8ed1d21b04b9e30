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


CHART_WIDTH = 760
CHART_HEIGHT = 260
MARGIN = 60
TICKS = 5


@dataclass(frozen=True, slots=True)
class Course:
    """The course of one run: objects/s and the limit of transfers, over seconds."""

    title: str
    rates: tuple[float, ...]
    every: float  # seconds of each rate
    limits: tuple[tuple[float, int], ...]  # from when on, and how many
    events: tuple[tuple[float, str], ...]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return len(self.rates) * self.every


def draw_course(course: Course) -> str:
    """Return the picture of a run."""
    most = max(course.rates, default=0.0) or 1.0
    highest = max((limit for _, limit in course.limits), default=0) or 1
    right, bottom = MARGIN + CHART_WIDTH, TITLE + CHART_HEIGHT

    def x(seconds: float) -> float:
        return MARGIN + seconds / (course.seconds or 1.0) * CHART_WIDTH

    def y(share: float) -> float:
        return bottom - share * CHART_HEIGHT

    rates = [(x((i + 0.5) * course.every), y(rate / most)) for i, rate in enumerate(course.rates)]
    steps: list[tuple[float, float]] = []
    for number, (begin, limit) in enumerate(course.limits):
        later = course.limits[number + 1][0] if number + 1 < len(course.limits) else course.seconds
        steps += [(x(begin), y(limit / highest)), (x(later), y(limit / highest))]
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{right + MARGIN}" '
            f'height="{bottom + 40}" font-family="sans-serif" font-size="12">'
        ),
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="16" font-weight="bold">{escape(course.title)}</text>',
        (
            f'<rect x="{MARGIN}" y="{TITLE}" width="{CHART_WIDTH}" height="{CHART_HEIGHT}" '
            'fill="none" stroke="#d0d7de"/>'
        ),
        _line(rates, COLOURS[0]),
        _line(steps, FAILED),
    ]
    for tick in range(TICKS + 1):
        share = tick / TICKS
        parts += [
            _text(MARGIN - 6, y(share) + 4, f"{share * most:,.0f}", COLOURS[0], "end"),
            _text(right + 6, y(share) + 4, f"{share * highest:,.0f}", FAILED, "start"),
            _text(x(share * course.seconds), bottom + 16, f"{share * course.seconds:.0f} s"),
        ]
    for at, text in course.events:
        parts.append(_line([(x(at), TITLE), (x(at), bottom)], COLOURS[1]))
        parts.append(_text(x(at) + 4, bottom - 6, text, COLOURS[1], "start"))
    parts.append(_text(MARGIN, bottom + 34, "objects a second", COLOURS[0], "start"))
    parts.append(_text(right, bottom + 34, "transfers at once, from log/info.log", FAILED, "end"))
    return "\n".join([*parts, "</svg>", ""])


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _text(x: float, y: float, text: str, colour: str = "#000000", anchor: str = "middle") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"
