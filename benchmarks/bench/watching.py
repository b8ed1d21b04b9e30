"""Ours with all that shows a run to people, and with none of it, to measure what that costs."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from pathlib import Path

from bench.measure import Command
from bench.scenarios import BARE, WATCHED
from bench.tools import CosMigrate, Job

BARE_SCRIPT = Path(__file__).resolve().parent / "bare_run.py"
PATTERNS = 20


@dataclass(frozen=True, slots=True)
class Watched:
    """Ours in a terminal with its display, with the report, filters and a status page."""

    ours: CosMigrate
    name: str = WATCHED

    def version_command(self, folder: Path) -> Command:
        """Return the command that prints its version."""
        return self.ours.version_command(folder)

    def move_command(self, job: Job) -> Command:
        """Return the command that moves the job's tree."""
        command = self.ours.move_command(job)
        half = range(PATTERNS // 2)
        names = [f"*.left-out-{number}" for number in half]
        folders = [f"/folder-{number}/**/cache-[0-9]*/" for number in half]
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        words = (
            f"-Dcommon.exclude={';'.join(names + folders)}",
            f"-Dcommon.statusAddress={address}",
        )
        return replace(
            command,
            argv=(*command.argv, *words),
            environment={**command.environment, "TERM": "xterm"},
            terminal=True,
            page=f"http://{address}/status.json",
        )


@dataclass(frozen=True, slots=True)
class Bare:
    """Ours in a terminal, of which nothing but the summary is seen."""

    ours: CosMigrate
    name: str = BARE

    def version_command(self, folder: Path) -> Command:
        """Return the command that prints its version."""
        return self.ours.version_command(folder)

    def move_command(self, job: Job) -> Command:
        """Return the command that moves the job's tree."""
        command = self.ours.move_command(job)
        python, _, _, *words = command.argv
        return replace(
            command,
            argv=(python, str(BARE_SCRIPT), "--quiet", "--no-progress", *words),
            environment={**command.environment, "TERM": "xterm"},
            terminal=True,
        )
