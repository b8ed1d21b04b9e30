"""Pairs the runs of two tools: the ratio of each pair, its median and interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from statistics import median

from bench.runner import Result
from bench.scenarios import PAIRS

CONFIDENCE = 0.95


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the narrowest interval of order statistics that holds the median with 95 %.

    Below six values there is none: then from the least to the greatest.
    """
    ordered, count = sorted(values), len(values)
    outside, cut = 0.0, 0
    while cut < count // 2:
        outside += 2 * comb(count, cut) / 2**count
        if outside > 1 - CONFIDENCE:
            break
        cut += 1
    cut = max(0, cut - 1)
    return ordered[cut], ordered[count - 1 - cut]


def table(results: Sequence[Result]) -> str:
    """Return a line for each figure of each pair of tools, with its ratio; empty without pairs."""
    good = [result for result in results if not result.failure and not result.first]
    runs = {name: [result for result in good if result.tool == name] for name in sum(PAIRS, ())}
    return "".join(_lines(runs[one], runs[other]) for one, other in PAIRS)


def _lines(ones: Sequence[Result], others: Sequence[Result]) -> str:
    pairs = list(zip(ones, others, strict=False))
    if not pairs:
        return ""
    figures = {
        "wall": [one.usage.wall / other.usage.wall for one, other in pairs],
        "CPU": [one.usage.cpu / other.usage.cpu for one, other in pairs],
        "memory": [one.usage.memory / other.usage.memory for one, other in pairs],
    }
    lines = [f"{ones[0].scenario}: {ones[0].tool} / {others[0].tool}, {len(pairs)} pairs"]
    for name, ratios in figures.items():
        low, high = interval(ratios)
        lines.append(f"  {name:8} {median(ratios):.3f}  [{low:.3f}, {high:.3f}]")
    return "\n".join(lines) + "\n\n"
