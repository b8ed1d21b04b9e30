"""The values of the report file that each run leaves behind, and their form as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cos_migrate.report.history import Rate, SizeClass, Slow
from cos_migrate.report.sinks import Cause

FORMAT = 1
"""Version of the JSON form; it grows when a reader has to change."""


class ObjectWarning(NamedTuple):
    """A warning that was given about some objects."""

    text: str
    objects: int
    sample: str
    """Target path of the first of them, printable."""


class RunReport(NamedTuple):
    """Everything that the report file of a run shows; no value holds a secret."""

    program: str
    """Name and version of this tool."""
    summary: Mapping[str, object]
    """The summary as data, as `--json` prints it."""
    summary_text: str
    """The block that is printed at the end of a run."""
    started: float
    """Seconds since 1970."""
    seconds: float
    """Duration of the run."""
    sent_bytes: int
    seconds_each: float
    """Length of an interval of `rates`."""
    rates: Sequence[Rate]
    size_classes: Sequence[SizeClass]
    slowest: Sequence[Slow]
    causes: Sequence[Cause]
    """The causes of failures, the most frequent first."""
    not_carried: Sequence[ObjectWarning]
    """Warnings about objects, such as lost metadata; the most frequent first."""
    warnings: Sequence[str]
    """Warnings about the whole run, each once."""
    more_warnings: int
    """Warnings that are in neither of both."""
    header: Sequence[str]
    """Versions, and the configuration in force, secrets masked; as in info.log."""

    def as_data(self) -> dict[str, object]:
        """Return the report as plain data for JSON."""
        return {
            "v": FORMAT,
            "program": self.program,
            "summary": dict(self.summary),
            "throughput": {
                "seconds_each": self.seconds_each,
                "objects_per_second": [round(rate.objects, 3) for rate in self.rates],
                "bytes_per_second": [round(rate.size) for rate in self.rates],
                "failed": [rate.failed for rate in self.rates],
            },
            "sizes": [
                {
                    "least": each.least,
                    "below": each.below or None,
                    "objects": each.objects,
                    "bytes": each.size,
                }
                for each in self.size_classes
            ],
            "slowest": [
                {"key": slow.cos_path, "size": slow.size, "seconds": round(slow.seconds, 3)}
                for slow in self.slowest
            ],
            "failures": [cause_as_data(cause) for cause in self.causes],
            "object_warnings": [
                {"message": each.text, "count": each.objects, "sample": each.sample}
                for each in self.not_carried
            ],
            "warnings": list(self.warnings),
            "more_warnings": self.more_warnings,
            "configuration": list(self.header),
        }


def cause_as_data(cause: Cause) -> dict[str, object]:
    """Return a cause of failures as plain data for JSON."""
    return {
        "status": cause.status,
        "code": cause.code,
        "count": cause.objects,
        "advice": cause.advice,
        "folder": cause.folder,
        "samples": [
            {"name": name, "message": failure.message, "request_id": failure.request_id}
            for name, failure in cause.samples
        ],
    }
