"""Charts of a report as inline SVG, in the colours of the page's style sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_WIDTH, _HEIGHT = 480, 120
_LEFT, _BOTTOM, _TOP = 76, 18, 10
"""Room for labels, in the units of the drawing; those of a phone are larger, in these units."""


def area_chart(
    title: str,
    values: Sequence[float],
    spell_value: Callable[[float], str],
    spell_position: Callable[[int], str],
) -> str:
    """Return a chart of values at equal distances.

    `spell_value` labels the vertical axis, `spell_position` the place of a value on the horizontal
    one. Labels must contain no markup.
    """
    top = max(values, default=0.0) or 1.0
    wide, high = _WIDTH - _LEFT, _HEIGHT - _BOTTOM - _TOP
    step = wide / max(1, len(values))
    floor = _TOP + high
    points = [f"M{_LEFT} {floor}"]
    for index, value in enumerate(values):
        height = floor - high * value / top
        points.append(f"L{_LEFT + index * step:.1f} {height:.1f}H{_LEFT + (index + 1) * step:.1f}")
    points.append(f"L{_LEFT + wide} {floor}Z")
    lines = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">',
        f"<title>{title}</title>",
    ]
    for share in (0.0, 0.5, 1.0):
        height = floor - high * share
        line = f'x1="{_LEFT}" x2="{_WIDTH}" y1="{height:.1f}" y2="{height:.1f}"'
        label = f'x="{_LEFT - 6}" y="{height + 3:.1f}" text-anchor="end"'
        lines.append(f'<line class="grid" {line}/><text {label}>{spell_value(top * share)}</text>')
    lines.append(f'<path class="area" d="{"".join(points)}"/>')
    labels = ((0, "start"), (len(values) // 2, "middle"), (len(values), "end"))
    for index, anchor in labels:
        place = _LEFT + index * step
        lines.append(
            f'<text x="{place:.1f}" y="{_HEIGHT - 4}" text-anchor="{anchor}">'
            f"{spell_position(index)}</text>"
        )
    return "".join([*lines, "</svg>"])


def share_bar(share: float) -> str:
    """Return a horizontal bar; `share` is 0 to 1."""
    return (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="area" width="{100 * min(1.0, share):.1f}" height="8"/></svg>'
    )
