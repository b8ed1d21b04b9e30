"""The keys that may change while a run goes on, read again from the file when it has changed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from cos_migrate.config.common import Common
from cos_migrate.config.limit_keys import BandwidthLimit, spell_requests
from cos_migrate.config.values import AUTO
from cos_migrate.errors import ConfigError

_LOOK_EVERY = 0.5
"""Seconds between two looks at the file's time and size."""
_REST = 1.0
"""Seconds for which a file must stay as it is: it may be written in several steps."""

Stamp = tuple[int, ...] | None
"""What changes with a file; None: there is none."""


def stamp_of(path: str) -> Stamp:
    """Return time, size and inode of a file, which change when it is written; None: it is gone."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class LiveValues(NamedTuple):
    """The values of the keys that may change, by their attributes in `Common`."""

    bandwidth_limit: BandwidthLimit = BandwidthLimit()
    requests_per_second: int = 0
    src_requests_per_second: int = 0
    small_file_executor_num: int = AUTO
    big_file_executor_num: int = AUTO

    @classmethod
    def of(cls, common: Common) -> LiveValues:
        """Return the values of `[common]`."""
        return cls(*(getattr(common, name) for name in cls._fields))

    def spelled(self) -> Iterator[tuple[str, str]]:
        """Yield each key with its value as it is spelled in the file."""
        yield "bandwidthLimit", str(self.bandwidth_limit)
        yield "requestsPerSecond", spell_requests(self.requests_per_second)
        yield "srcRequestsPerSecond", spell_requests(self.src_requests_per_second)
        yield "smallFileExecutorNum", _spell_number(self.small_file_executor_num)
        yield "bigFileExecutorNum", _spell_number(self.big_file_executor_num)


def _spell_number(number: int) -> str:
    return "auto" if number == AUTO else str(number)


class News(NamedTuple):
    """The lines to report about a changed configuration file."""

    notices: tuple[str, ...] = ()
    """One for each key with another value."""
    warnings: tuple[str, ...] = ()


NO_NEWS = News()


class LiveConfig:
    """The values that may change during a run, kept up to date with the file."""

    def __init__(
        self,
        values: LiveValues,
        path: str = "",
        read: Callable[[], Common] | None = None,
        stamp: Stamp = None,
    ) -> None:
        """`read` loads the file at `path` again, and raises ConfigError; None: nothing changes.

        `stamp`: of the file that `values` are from.
        """
        self.values = values
        self._path = path
        self._read = read
        self._judged = self._seen = stamp
        self._since = self._next = 0.0
        self._refused: set[bytes] = set()

    def applied_to(self, common: Common) -> Common:
        """Return `[common]` with the values in force."""
        return dataclasses.replace(common, **self.values._asdict())

    def look(self, now: float) -> News:
        """Take the values of a file that has changed and has been left alone since.

        `now` is a reading of `time.monotonic`. A file that cannot be used changes nothing.
        """
        if now < self._next or self._read is None:
            return NO_NEWS
        self._next = now + _LOOK_EVERY
        stamp = stamp_of(self._path)
        if stamp != self._seen:
            self._seen, self._since = stamp, now
        if stamp == self._judged or now - self._since < _REST:
            return NO_NEWS
        self._judged = stamp
        try:
            fresh = LiveValues.of(self._read())
        except ConfigError as error:
            return self._refuse(error)
        changes = [
            f"{key}: {old} -> {new} ({self._path} has changed)"
            for (key, old), (_, new) in zip(self.values.spelled(), fresh.spelled(), strict=True)
            if old != new
        ]
        self.values = fresh
        return News(notices=tuple(changes))

    def _refuse(self, error: ConfigError) -> News:
        """Return the warning about a file that cannot be used, once for each content."""
        content = b""
        with contextlib.suppress(OSError):
            content = Path(self._path).read_bytes()
        if content in self._refused:
            return NO_NEWS
        self._refused.add(content)
        text = (
            f"{self._path} has changed and cannot be used, so that limits and numbers of transfers "
            f"stay as they are: {error.problems[0]}"
        )
        return News(warnings=(text,))
