"""What `Report` sends its outcomes and messages to: the interface of a sink, and its values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cos_migrate.model import Failure, Outcome, Status
from cos_migrate.report.summary import Summary

_SENT = frozenset({Status.NEW, Status.UPDATE})


class Batch(NamedTuple):
    """Outcomes that are reported together, prepared once for all sinks."""

    outcomes: Sequence[Outcome]
    routine: str
    """The lines of new, updated and skipped objects."""
    notable: str
    """The lines of all others."""
    failed: Sequence[tuple[Outcome, Failure]]
    unverified: Sequence[Outcome]

    @property
    def sent(self) -> list[Outcome]:
        """The objects that COS has confirmed."""
        return [outcome for outcome in self.outcomes if outcome.status in _SENT]


class Progress(NamedTuple):
    """How far a run is."""

    done: int
    """Objects that have their outcome."""
    known: int
    """Objects found so far."""
    bytes_done: int
    bytes_known: int
    failed: int
    complete: bool
    """Whether `known` is all there is."""


class Ending(NamedTuple):
    """What there is to report at the end of a run."""

    summary: Summary
    causes: str
    """The table of causes; empty without failures."""
    next_step: str
    """What to do after failures."""
    gaps: Sequence[str]
    """Sentences on lists that are not complete."""


class Sink:
    """A destination of a report. Subclasses override what they have a use for.

    Lines are shown as they are only in `add` and `event`; other texts may need escaping.
    """

    def begin(self, header: str) -> None:
        """Begin a run."""

    def add(self, batch: Batch) -> None:
        """Take outcomes."""

    def event(self, line: str) -> None:
        """Take a line on the progress of an object."""

    def note(self, line: str) -> None:
        """Take a detail that is of interest afterwards."""

    def announce(self, line: str) -> None:
        """Take a message on the whole run that is no warning."""

    def warn(self, line: str) -> None:
        """Take a warning."""

    def error(self, line: str) -> None:
        """Take an error that concerns the whole run."""

    def show_progress(self, progress: Progress) -> None:
        """Take the state of the run; called several times a second."""

    def finish(self) -> Iterable[str]:
        """Close what belongs to this run alone; return what is missing in it, in sentences."""
        return ()

    def end(self, ending: Ending) -> None:
        """End a run; every sink is finished."""
