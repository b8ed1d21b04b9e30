"""Renews the credentials of one side: before they end, and when a server refuses them.

A provider is asked in a thread of its own, since it may wait for a network. All else is done by the
thread that calls `look`.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from cos_migrate.credentials.provider import Found, Provider
from cos_migrate.errors import CredentialsError, Side
from cos_migrate.model import Credentials
from cos_migrate.text import describe_error, printable

_EARLIEST = 300.0
"""Seconds before their end at which long-lived credentials are renewed."""
_SHARE = 4
"""Short-lived ones are renewed in the last quarter of their life."""
_LEAST_PAUSE, _MOST_PAUSE, _MOST_PAUSE_ENDED = 1.0, 60.0, 10.0
"""Seconds between two requests to a provider that has no new credentials."""
_SAME_MOST = 3
"""How often a provider may return refused credentials that have not ended."""
_TELL_EVERY = 60.0


class RenewalStep(NamedTuple):
    """The result of one look at the credentials of a side: new ones, a refusal, lines to report."""

    credentials: Credentials | None = None
    """New ones."""
    refused: bool = False
    """Whether the provider has only the credentials that a server has refused."""
    note: str = ""
    """For info.log."""
    warning: str = ""


class Renewal:
    """Keeps the credentials of one side valid: renews them before they end, or when refused."""

    def __init__(
        self,
        side: Side,
        provider: Provider,
        found: Found,
        *,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """`found`: the first credentials. `clock` has the time of day, `timer` measures pauses."""
        self.side = side
        self.wake: Callable[[], None] = lambda: None
        """Is called in another thread when there is something to `look` at."""
        self._provider = provider
        self._clock, self._timer = clock, timer
        self._found = found
        self._fetched_at = clock()
        self._answers: queue.SimpleQueue[Found | str] = queue.SimpleQueue()
        self._fetching = self._refused = False
        self._same = self._failed = 0
        self._next_fetch = self._next_warning = -math.inf

    @property
    def current(self) -> Credentials:
        """The present credentials."""
        return self._found.credentials

    def describe(self) -> str:
        """Return a line that tells where the credentials come from; empty: from the section."""
        return describe_found(self._provider.section, self._found) if self._found.origin else ""

    def ask(self, number: int) -> None:
        """Note that a server has refused the credentials of this number."""
        if number == self.current.number and not self._refused:
            self._refused = True
            self._next_fetch = -math.inf

    def look(self) -> RenewalStep | None:
        """Fetch new credentials when it is time; return what has changed."""
        now = self._clock()
        try:
            answer = self._answers.get_nowait()
        except queue.Empty:
            idle = not self._fetching and self._timer() >= self._next_fetch
            if idle and self._is_due(now):
                self._fetching = True
                threading.Thread(target=self._fetch, name="credentials", daemon=True).start()
            return None
        self._fetching = False
        if isinstance(answer, str):
            return self._failed_step(answer, now)
        if answer.credentials.same_keys(self.current):
            return self._same_step(now)
        return self._renewed_step(answer, now)

    def _is_due(self, now: float) -> bool:
        until = self.current.until
        early = min((until - self._fetched_at) / _SHARE, _EARLIEST) if until < math.inf else 0.0
        return self._refused or now >= until - early

    def _fetch(self) -> None:
        answer: Found | str
        try:
            answer = self._provider.fetch()
        except CredentialsError as error:
            answer = str(error)
        except Exception as error:  # of a library: the same to the run
            answer = describe_error(error)
        self._answers.put(answer)
        self.wake()

    def _renewed_step(self, found: Found, now: float) -> RenewalStep:
        fresh = found.credentials._replace(number=self.current.number + 1)
        self._found, self._fetched_at = found._replace(credentials=fresh), now
        self._refused = False
        self._same = self._failed = 0
        self._next_fetch = self._next_warning = -math.inf
        section = self._provider.section
        note = self.describe() or f"the credentials of [{section}] were read again"
        return RenewalStep(fresh, note=note)

    def _same_step(self, now: float) -> RenewalStep | None:
        """Wait for a provider that returns the same credentials, or give it up."""
        until = self.current.until
        if self._refused and now < until:
            self._same += 1
            if until == math.inf or self._same >= _SAME_MOST:
                self._refused, self._same = False, 0
                return RenewalStep(refused=True)
        # Many services issue new ones only minutes before the end.
        return self._failed_step("its provider still returns the same ones", now, expected=True)

    def _failed_step(
        self, reason: str, now: float, *, expected: bool = False
    ) -> RenewalStep | None:
        """`expected`: warn only when the credentials have ended."""
        self._failed += 1
        until = self.current.until
        ended = self._refused or now >= until
        pause = _LEAST_PAUSE * 2 ** min(self._failed - 1, 10)
        most = _MOST_PAUSE_ENDED if ended else min(_MOST_PAUSE, (until - now) / _SHARE)
        timer = self._timer()
        self._next_fetch = timer + max(_LEAST_PAUSE, min(pause, most))
        if timer < self._next_warning or (not ended and (expected or self._failed == 1)):
            return None
        self._next_warning = timer + _TELL_EVERY
        section = self._provider.section
        if self._refused:
            text = f"the run pauses: the credentials of [{section}] have ended"
        else:
            text = (
                f"the credentials of [{section}], which end at {_time_of(until)}, cannot be renewed"
            )
        return RenewalStep(warning=printable(f"{text}: {reason}; the next try follows"))


def describe_found(section: str, found: Found) -> str:
    """Return a line that tells where credentials come from, without secrets."""
    until = found.credentials.until
    end = f", until {_time_of(until)}" if until < math.inf else ""
    return printable(f"credentials: [{section}] {found.origin}{end}")


def _time_of(moment: float) -> str:
    """Return the local time of day, with the date where it is not today."""
    local, now = time.localtime(moment), time.localtime()
    day = "" if local[:3] == now[:3] else "%Y-%m-%d "
    return time.strftime(f"{day}%H:%M:%S", local)
