"""Entry point of `python -m cos_migrate`."""

import os
from types import FrameType

from cos_migrate import signals


def _end(number: int, _frame: FrameType | None) -> None:
    """End at once: nothing that would have to be finished has begun, or all of it is over."""
    os._exit(signals.exit_code(number))


signals.install(_end)

from cos_migrate.cli.main import run_process  # noqa: E402 - signals may come while it is loaded

run_process()
