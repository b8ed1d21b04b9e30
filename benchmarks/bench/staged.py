"""Download-then-upload: the cost of moving from a cloud with tools that only handle files."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from bench.measure import Command
from bench.scenarios import Source
from bench.tools import Job, S5cmd, Tool


@dataclass(frozen=True, slots=True)
class Staged:
    """One tool downloads into a scratch folder, then another uploads that: timed as one whole.

    The download speaks S3 for every source: the server's bytes are the same.
    Removing the scratch folder is not counted.
    """

    name: str
    download: S5cmd
    upload: Tool

    def version_command(self, folder: Path) -> Command:
        """Return the uploading tool's."""
        return self.upload.version_command(folder)

    def move_command(self, job: Job) -> Command:
        """Return the shell that runs the two, the second only when the first went well."""
        stage = job.folder / "stage"
        first = self.download.download_command(job, stage)
        as_files = replace(job.scenario, source=Source.LOCAL)
        second = self.upload.move_command(replace(job, scenario=as_files, data=stage))
        script = f"{shlex.join(first.argv)} && {shlex.join(second.argv)}"
        return Command(
            argv=("sh", "-c", script),
            folder=job.folder,
            environment={**second.environment, **first.environment},
        )


def programs(tool: Tool) -> tuple[Tool, ...]:
    """Return the tools that a tool runs: itself, or those of its two steps."""
    return (tool.download, tool.upload) if isinstance(tool, Staged) else (tool,)
