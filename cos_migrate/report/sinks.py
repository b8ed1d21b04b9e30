"""The interface of sinks, to which `Report` sends outcomes and messages, and its values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cos_migrate.model import Failure, Outcome
from cos_migrate.report.comparison import Compared
from cos_migrate.report.summary import ReportedJob, Summary
from cos_migrate.text import printable


class RunStart(NamedTuple):
    """What sinks are told when a run starts: its header, job, time and mode."""

    header: str
    """Lines with versions and the configuration."""
    job: ReportedJob
    time: float
    """Seconds since 1970."""
    mode: str = "run"
    """As in Summary."""


class Batch(NamedTuple):
    """Outcomes that are reported together, prepared once for all sinks."""

    outcomes: Sequence[Outcome]
    routine: str
    """The lines of new, updated and skipped objects."""
    notable: str
    """The lines of all others."""
    failed: Sequence[tuple[Outcome, Failure]]
    unverified: Sequence[Outcome]
    sent: Sequence[Outcome]
    """The objects that COS has confirmed."""


class Unfinished(NamedTuple):
    """A big object that is being sent: its target path, the bytes sent so far, and its size."""

    cos_path: str
    sent: int
    """Bytes."""
    size: int
    """Bytes."""


class Progress(NamedTuple):
    """The state of a run under way."""

    done: int
    """Objects that have their outcome."""
    known: int
    """Objects found so far."""
    bytes_done: int
    bytes_known: int
    failed: int
    complete: bool
    """Whether the listing is complete, so that `known` grows no more."""
    sent: int = 0
    """Objects that COS has confirmed."""
    bytes_sent: int = 0
    """Bytes of these, and of objects under way, that have been sent."""
    bytes_passed: int = 0
    """Bytes that this run has sent so far, those of objects that failed included."""
    unfinished: Sequence[Unfinished] = ()
    """Big objects under way, the one begun first at the front."""
    waiting: str = ""
    """Reason why less is sent than could be; empty: there is none."""
    objects_ahead: int = 0
    """Objects of the whole source, counted ahead of its listing; 0: not known."""
    bytes_ahead: int = 0

    @property
    def total(self) -> int | None:
        """All objects of the run; None: their number is not known yet."""
        if self.complete:
            return self.known
        return self.objects_ahead if self.objects_ahead >= self.known > 0 else None

    @property
    def bytes_total(self) -> int:
        """Bytes of all objects, where `total` is known."""
        return self.bytes_known if self.complete else max(self.bytes_ahead, self.bytes_known)


class Cause(NamedTuple):
    """A kind of failure: its code, its number of objects, an example, and advice."""

    status: int
    """HTTP status; 0: there was no answer."""
    code: str
    """The error's code, printable."""
    objects: int
    advice: str
    folder: str
    """The folder on COS with most of its objects, such as `/a/b/`; empty: none is known."""
    samples: Sequence[tuple[str, Failure]]
    """Names, printable, and failures of the first objects."""


class RunEnd(NamedTuple):
    """What sinks are told when a run ends: its summary, causes of failures, missing lines."""

    summary: Summary
    by_cause: Sequence[Cause]
    """The causes of failures, the most frequent first."""
    causes: str
    """Their table; empty without failures."""
    next_step: str
    """Advice on what to do after failures."""
    gaps: Sequence[str]
    """Sentences on lists that are not complete."""
    warnings: Sequence[str]
    """Warnings about the whole run, which are given behind its summary."""
    progress: Progress
    """Its last state."""


class Sink:
    """A destination of a report. Subclasses override the methods that concern them.

    Lines are shown as they are only in `add` and `event`; other texts may need escaping.
    """

    def begin_run(self, start: RunStart) -> None:
        """Prepare for a run."""

    def begin_check(self, start: RunStart) -> None:
        """Prepare for the comparison with COS that follows a run."""

    def add(self, batch: Batch) -> None:
        """Report outcomes."""

    def add_deleted(self, cos_paths: Sequence[str], *, is_dry: bool) -> None:
        """Report objects that were removed from COS; `is_dry`: that would be."""

    def add_compared(self, batch: Sequence[Compared]) -> None:
        """Report how objects compare."""

    def add_same(self, cos_paths: Sequence[str]) -> None:
        """Report objects that are the same; what `add_compared` does, for target paths alone."""

    def event(self, line: str) -> None:
        """Report a line on the progress of an object."""

    def note(self, line: str) -> None:
        """Report a detail, of interest only to readers of the log."""

    def notice(self, line: str) -> None:
        """Report a change in how the run works; it is no warning."""
        self.note(line)

    def announce(self, line: str) -> None:
        """Report a message on the whole run that is no warning."""

    def warn(self, line: str) -> None:
        """Report a warning."""

    def warn_of_object(self, cos_path: str, text: str) -> None:
        """Report a warning about an object; the text alone is the same for others of its kind."""
        self.warn(printable(f"{cos_path}: {text}"))

    def error(self, line: str) -> None:
        """Report an error that concerns the whole run."""

    def show_progress(self, progress: Progress) -> None:
        """Report the state of the run; called several times a second."""

    def finish_lists(self) -> Iterable[str]:
        """Close the lists of this run; return a sentence for each that lacks lines."""
        return ()

    def end_run(self, end: RunEnd) -> None:
        """Report the end of a run, after `finish_lists` of all sinks."""
