"""Entry points: `python -m cos_migrate`, and the program `cos-migrate` of the installed package."""

import os
from types import FrameType
from typing import NoReturn

from cos_migrate import signals


def _end(number: int, _frame: FrameType | None) -> None:
    """End at once: nothing that would have to be finished has begun, or all of it is over."""
    os._exit(signals.exit_code(number))


signals.install(_end)

from cos_migrate.cli.main import run_process  # noqa: E402 - signals may come while it is loaded


def run_package() -> NoReturn:
    """Run the program `cos-migrate`."""
    run_process()


if __name__ == "__main__":
    run_process(as_module=True)
