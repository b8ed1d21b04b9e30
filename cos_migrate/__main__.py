"""`python -m cos_migrate`."""

import os
import signal
import sys
from types import FrameType


def _end(number: int, _frame: FrameType | None) -> None:
    """End at once: there is nothing yet, or nothing any more, that would have to be finished."""
    os._exit(128 + number)


for _name in ("SIGINT", "SIGTERM", "SIGHUP"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) != signal.SIG_IGN:  # as nohup has it
        signal.signal(_number, _end)

from cos_migrate.cli import main  # noqa: E402 - signals may come while it is loaded

sys.exit(main())
