"""Turns results into medians, a table, JSON and a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

from bench.datasets import GIB, MIB
from bench.plot import Bar, Course, Panel, draw, draw_course
from bench.runner import Result
from bench.scenarios import OURS, Kind, Scenario

FIRST_RUN = " (first run)"
RATE_EVERY = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one tool in one scenario; seconds and MiB, `ratio` to our wall time."""

    tool: str
    runs: int
    wall: float
    fastest: float
    slowest: float
    files_per_second: float
    mib_per_second: float
    cpu: float
    cpu_per_1000: float
    cpu_per_gib: float
    server_cpu: float
    memory: float
    processes: int
    first_request: float | None
    connections: int
    requests: int
    bound_share: float | None
    ratio: float | None
    failures: tuple[str, ...]
    late_rate: float | None = None  # behind the first third
    settled_after: float | None = None  # seconds behind a change of latency
    refused_share: float | None = None  # of the requests


@dataclass(frozen=True, slots=True)
class Section:
    """One scenario's rows, under its name."""

    name: str
    rows: tuple[Row, ...]


def machine() -> dict[str, Any]:
    """Return the properties of the machine that the figures depend on; no names."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / (1 << 30), 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    named = (line for line in text.splitlines() if line.startswith("model name"))
    return next(named, ":").partition(":")[2].strip()


def course(scenario: Scenario, result: Result) -> str:
    """Return the picture of one run of ours."""
    slots = round(RATE_EVERY * 1e9 / result.stats.slot_ns)
    start = max(0, (result.usage.started_ns - result.stats.began_ns) // result.stats.slot_ns)
    ended = result.stats.ended[start:]
    rates = tuple(
        sum(ended[at : at + slots]) / RATE_EVERY for at in range(0, len(ended) - slots, slots)
    )
    events = ((0.0, f"{scenario.latency} ms"), *((at, f"{ms} ms") for at, ms in scenario.changes))
    title = f"{scenario.dataset.count:,} files of 4 KiB, latency changed in mid-run"
    return draw_course(Course(title, rates, RATE_EVERY, result.limits, events))


def sections(scenario: Scenario, results: Sequence[Result]) -> list[Section]:
    """Return the medians by tool: of the first runs a rescan needs, and of the measured ones."""
    found: list[Section] = []
    for first in (True, False):
        chosen = [result for result in results if result.first is first]
        if chosen:
            name = scenario.name + (FIRST_RUN if first else "")
            found.append(Section(name, _rows(scenario, chosen)))
    return found


def _rows(scenario: Scenario, results: Sequence[Result]) -> tuple[Row, ...]:
    by_tool: dict[str, list[Result]] = {}
    for result in results:
        by_tool.setdefault(result.tool, []).append(result)
    ours = [result.usage.wall for result in by_tool.get(OURS, []) if not result.failure]
    reference = median(ours) if ours else None
    return tuple(_row(scenario, runs, reference) for runs in by_tool.values())


def _row(scenario: Scenario, results: Sequence[Result], reference: float | None) -> Row:
    """Return the medians of the runs that succeeded, or of all runs when none did."""
    good = [result for result in results if not result.failure] or list(results)
    walls = [result.usage.wall for result in good]
    wall = median(walls)
    cpu = median(result.usage.cpu for result in good)
    moved = 0 if scenario.kind is Kind.VERSION else scenario.dataset.count
    return Row(
        tool=results[0].tool,
        runs=len(results),
        wall=wall,
        fastest=min(walls),
        slowest=max(walls),
        files_per_second=moved / wall,
        late_rate=_median(result.late_rate for result in good),
        settled_after=_median(result.settled_after(scenario.changes) for result in good),
        refused_share=median(
            result.stats.refused / max(1, result.stats.requests) for result in good
        ),
        mib_per_second=(scenario.dataset.size if moved else 0) / MIB / wall,
        cpu=cpu,
        cpu_per_1000=cpu * 1000 / moved if moved else 0.0,
        cpu_per_gib=cpu * GIB / scenario.dataset.size if moved else 0.0,
        server_cpu=median(result.server_cpu for result in good),
        memory=max(result.usage.memory for result in good) / MIB,
        processes=max(result.usage.processes for result in good),
        first_request=_median(result.to_first_request for result in good),
        connections=max(result.stats.max_concurrent for result in good),
        requests=max(result.stats.requests for result in good),
        bound_share=scenario.bound / wall if scenario.bound else None,
        ratio=wall / reference if reference else None,
        failures=tuple(result.failure for result in results if result.failure),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


COLUMNS = (
    "tool",
    "wall s",
    "x ours",
    "files/s",
    "last 2/3",
    "settled s",
    "refused",
    "MiB/s",
    "CPU s",
    "CPU s/1000 files",
    "CPU s/GiB",
    "peak MiB",
    "1st request s",
    "connections",
    "of bound",
)


def table(section: Section) -> str:
    """Return the section as a Markdown table, failures below it."""
    lines = [f"### {section.name}", "", _line(COLUMNS), _line(["---"] * len(COLUMNS))]
    lines += [_line(_cells(row)) for row in section.rows]
    lines += [
        f"\n{row.tool} failed {len(row.failures)} of {row.runs} runs: {row.failures[0]}"
        for row in section.rows
        if row.failures
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(row: Row) -> list[str]:
    return [
        row.tool + (" (failed)" if row.failures else ""),
        f"{row.wall:.2f}",
        f"{row.ratio:.2f}" if row.ratio else "",
        f"{row.files_per_second:,.0f}",
        f"{row.late_rate:,.0f}" if row.late_rate else "",
        f"{row.settled_after:.0f}" if row.settled_after else "",
        f"{row.refused_share:.1%}" if row.refused_share else "",
        f"{row.mib_per_second:,.0f}",
        f"{row.cpu:.2f}",
        f"{row.cpu_per_1000:.3f}",
        f"{row.cpu_per_gib:.2f}",
        f"{row.memory:.0f}",
        f"{row.first_request:.2f}" if row.first_request is not None else "none",
        str(row.connections),
        f"{row.bound_share:.0%}" if row.bound_share else "",
    ]


def write(folder: Path, new: Sequence[Section], context: Mapping[str, Any]) -> None:
    """Write results.json, .md and .svg; sections of earlier runs that are not new stay."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    kept = _earlier(path)
    for section in new:
        kept[section.name] = {**context, "rows": [asdict(row) for row in section.rows]}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    everything = [Section(name, _rows_of(section["rows"])) for name, section in kept.items()]
    pages = [f"{_caption(kept[section.name])}\n\n{table(section)}" for section in everything]
    text = "# Benchmark results\n\nMedians; the peak of memory is the highest of all rounds.\n\n"
    (folder / "results.md").write_text(text + "\n".join(pages), encoding="utf-8")
    panels = [
        Panel(
            section.name,
            tuple(Bar(row.tool, row.wall, failed=bool(row.failures)) for row in section.rows),
        )
        for section in everything
    ]
    (folder / "results.svg").write_text(draw(panels), encoding="utf-8")


def _earlier(path: Path) -> dict[str, Any]:
    """Return the sections of earlier runs; those with other columns than today's are dropped."""
    if not path.exists():
        return {}
    columns = {column.name for column in fields(Row) if column.default is MISSING}
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: section
        for name, section in kept.items()
        if all(columns <= set(row) for row in section["rows"])
    }


def _rows_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Row, ...]:
    return tuple(Row(**{**row, "failures": tuple(row["failures"])}) for row in rows)


def _caption(section: Mapping[str, Any]) -> str:
    where = section["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in section["versions"].items())
    return (
        f"{section['measured']}: {where['processor']}, {where['cores']} cores, "
        f"{where['memory_gib']} GiB, {where['kernel']}; {versions}"
    )
