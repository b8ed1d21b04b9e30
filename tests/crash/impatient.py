"""The tool with shorter limits of waiting than it has."""

from __future__ import annotations

from typing import Any

from cos_migrate.cli import main as cli
from cos_migrate.cli import session
from cos_migrate.engine.wiring import Run
from cos_migrate.processes.liveness import WaitLimits

LIMITS = WaitLimits(warn=2.5, replace=4.0, stop=2.0, close=1.0)


class ImpatientRun(Run):
    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options, limits=LIMITS)


if __name__ == "__main__":
    vars(session)["Run"] = ImpatientRun
    cli.run_process(as_module=True)
