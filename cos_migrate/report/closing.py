"""The end of a run as a terminal shows it: on one screen, with colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cos_migrate.language import Say
from cos_migrate.model import Status
from cos_migrate.report.display import GREEN, RED, YELLOW, TerminalSize, fitted, in_colour
from cos_migrate.report.sinks import Cause, RunEnd
from cos_migrate.report.spelling import spell_seconds, spell_size, wrapped

_WIDE = 100
"""Columns from which the advice stands in the line of its cause."""
_OTHER_LINES = 14
"""Lines of the summary, of the rates, of the report's name and of the prompt."""
_CAUSES_LEAST = 2
_FIRST_SIGNAL = 128
"""Exit codes above belong to signals."""
_COLOURS = {"ALL_OK": GREEN, "PART_OK": YELLOW, "ALL_FAIL": RED}


def closing_lines(
    end: RunEnd, size: TerminalSize, say: Say = str, *, colours: bool
) -> Iterator[str]:
    """Yield the lines of the end of a run; those of the summary stay as scripts know them."""
    summary = end.summary
    if _ended_at_once(end):
        line = say(f"nothing was migrated: {end.by_cause[0].advice}; log/error.log has more")
        yield in_colour(RED, line, colours=colours)
        yield from map(say, end.gaps)
        return
    status = f"status:{summary.status}"
    shown = in_colour(_COLOURS[summary.status], status, colours=colours)
    yield summary.text.replace(status, shown, 1)
    progress = end.progress
    if progress.sent:
        seconds = max(summary.lasted, 1e-3)
        sent = say(
            f"sent {spell_size(progress.bytes_passed)} in {spell_seconds(seconds)}: "
            f"{spell_size(progress.bytes_passed / seconds)}/s, "
            f"{progress.sent / seconds:,.1f} objects/s"
        )
        yield from wrapped(sent, size.columns)
    if end.by_cause:
        step = wrapped(say(end.next_step), size.columns)
        room = size.lines - _OTHER_LINES - len(step) - len(end.gaps)
        yield from _causes(end.by_cause, size.columns, room, say, colours=colours)
        yield from step
    yield from map(say, end.gaps)
    if summary.ended_by > _FIRST_SIGNAL:
        yield say("stopped: start the same command again to go on")
    elif progress.sent and summary.status == "ALL_OK" and summary.mode == "run":
        yield say("next: --compare shows whether source and COS agree")


def _ended_at_once(end: RunEnd) -> bool:
    """Return whether a run ended for one cause that no object escapes, before any was done."""
    summary = end.summary
    if summary.mode != "run" or summary.list_finished or len(end.by_cause) != 1:
        return False
    _, failure = end.by_cause[0].samples[0]
    return failure.fatal and summary.scanned == summary.counts[Status.FAIL]


def _causes(
    causes: Sequence[Cause], columns: int, room: int, say: Say, *, colours: bool
) -> Iterator[str]:
    """Yield the most frequent causes that fit into some lines of the screen."""
    blocks = list(_blocks(causes, columns, say, colours=colours))
    lines, shown = sum(map(len, blocks)), len(blocks)
    while shown > _CAUSES_LEAST and lines + (shown < len(blocks)) > room:
        shown -= 1
        lines -= len(blocks[shown])
    for block in _blocks(causes[:shown], columns, say, colours=colours):
        yield from block
    if shown < len(blocks):
        rest = sum(cause.objects for cause in causes[shown:])
        others = len(causes) - shown
        yield from wrapped(
            say(f"{rest:,} objects for {others} other causes: see log/error.log"), columns
        )


def _blocks(
    causes: Sequence[Cause], columns: int, say: Say, *, colours: bool
) -> Iterator[Sequence[str]]:
    """Yield the lines of each cause."""
    wide = columns >= _WIDE
    names = [f"{cause.status} {cause.code}" if cause.status else cause.code for cause in causes]
    count_width = max(len(f"{cause.objects:,}") for cause in causes)
    name_width = max(map(len, names))
    folder_width = min(max(len(cause.folder) for cause in causes), columns // 3)
    indent = " " * (count_width + 2)
    for cause, name in zip(causes, names, strict=True):
        count = in_colour(RED, f"{cause.objects:{count_width},}", colours=colours)
        folder = fitted(cause.folder, folder_width, keep_end=True)
        head = f"{count}  {name:{name_width}}  {folder:{folder_width}}"
        advice = say(cause.advice)
        if wide:
            yield (f"{head}  {advice}",)
        else:
            yield (
                head.rstrip(),
                *(f"{indent}{line}" for line in wrapped(advice, columns - len(indent))),
            )
