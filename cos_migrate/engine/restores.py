"""Restores archived objects at the source before they are sent.

Each is looked at first (HEAD); a restore is requested where none is pending or valid, but not for
more objects than can be moved while they are readable. Objects that are being restored are looked
at again: some of them at short intervals, and when one of these has become readable, the others.
"""

from __future__ import annotations

import collections
import heapq
import itertools
import time
from collections.abc import Callable

from cos_migrate.engine.backlog import Backlog
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.options import RestoreOptions
from cos_migrate.engine.restore_pace import RestorePace
from cos_migrate.engine.streak import FailureStreak
from cos_migrate.engine.task_table import TaskTable
from cos_migrate.engine.transfer import Transfer
from cos_migrate.errors import Side
from cos_migrate.model import Failure, RestoreState
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.results import INTERIM, UNSTARTED, Content
from cos_migrate.pools.tasks import LookAtRestore, NumberedTask, RestoreObject
from cos_migrate.report.report import Report
from cos_migrate.state import formats
from cos_migrate.state.store import RecordStore

RESTORING = "Restoring"
"""Code of an object that is still being restored when a run ends."""
_TIERS = ("Expedited", "Standard", "Bulk")
_HELD_MOST = 100_000
"""Objects that wait here before the scan is held up."""
_SENTINELS = 16
"""Objects that are looked at at short intervals."""
_WOKEN = 2
"""Objects that are looked at because another one has become readable."""
_TAKEN_MOST = 3
"""How often an object is restored that proves archived again."""
_VISIBLE_AFTER = 60.0
"""Seconds in which a requested restore may not be stated yet."""


class _Restore:
    """An object that has to be readable before it can be sent."""

    __slots__ = ("asked", "is_sentinel", "next_look", "storage_class", "transfer", "under_way")

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.storage_class = ""
        self.asked = 0.0
        """When its restore was requested, seconds since 1970; 0: it has not been."""
        self.next_look = 0.0
        self.is_sentinel = self.under_way = False


class _Looks:
    """When objects that are being restored are looked at again."""

    def __init__(self) -> None:
        self._times: list[tuple[float, int, _Restore]] = []
        """A heap; an entry counts as long as it has the time in `next_look`."""
        self._order = itertools.count()
        self._sentinels = 0

    def put(self, restore: _Restore, at: float) -> None:
        """Look at an object at time.monotonic() `at`."""
        restore.next_look = at
        heapq.heappush(self._times, (at, next(self._order), restore))

    def put_next(self, restore: _Restore) -> None:
        """Look again after a share of the time for which the restore has been pending."""
        if not restore.is_sentinel and self._sentinels < _SENTINELS:
            restore.is_sentinel = True
            self._sentinels += 1
        age = max(0.0, time.time() - restore.asked)
        if restore.is_sentinel:
            seconds = min(max(age / 20, 1.0), 300.0)
        else:
            seconds = min(max(age / 2, 60.0), 3600.0)
        self.put(restore, time.monotonic() + seconds)

    def pop_due(self, now: float) -> _Restore | None:
        """Remove and return an object to look at now; None: there is none."""
        while self._times and self._times[0][0] <= now:
            at, _, restore = heapq.heappop(self._times)
            if at == restore.next_look and not restore.under_way:
                return restore
        return None

    def forget(self, restore: _Restore) -> None:
        """Look at an object no more."""
        restore.next_look = 0.0
        if restore.is_sentinel:
            restore.is_sentinel = False
            self._sentinels -= 1


class Restores:
    """The objects of a run that are being restored."""

    def __init__(
        self,
        options: RestoreOptions,
        *,
        state: RecordStore,
        committer: Committer,
        pools: Pools,
        tasks: TaskTable,
        backlog: Backlog,
        streak: FailureStreak,
        report: Report,
    ) -> None:
        self.fail: Callable[[Transfer, Failure], None] = lambda *_: None
        """Settles an object that cannot be restored."""
        self._options = options
        self._pools = pools
        self._state = state
        self._committer = committer
        self._tasks = tasks
        self._backlog = backlog
        self._streak = streak
        self._report = report
        self._pace = RestorePace(options.days)
        self._to_look: collections.deque[_Restore] = collections.deque()
        self._to_ask: collections.deque[_Restore] = collections.deque()
        self._pending: dict[_Restore, None] = {}
        """Objects whose restore is pending, those to look at first in front."""
        self._looks = _Looks()
        self._counted: dict[Transfer, int] = {}
        """Objects to be moved while they are readable, with their bytes."""
        self._warned: set[str] = set()
        self._under_way = 0
        """Tasks under way."""
        self._idle_since = 0.0

    def __bool__(self) -> bool:
        return bool(self._to_look or self._to_ask or self._pending or self._under_way)

    @property
    def is_full(self) -> bool:
        """Whether no more objects should be added for now."""
        return len(self._to_look) + len(self._to_ask) + len(self._pending) >= _HELD_MOST

    def takes(self, transfer: Transfer) -> bool:
        """Return whether an object has to be looked at, by the class that was listed."""
        return not transfer.restores and transfer.obj.storage_class.upper() in self._options.rules

    def retakes(self, transfer: Transfer, failure: Failure) -> bool:
        """Return whether a failure shows that an object is archived, which then is restored."""
        if (
            failure.code != "InvalidObjectState"
            or failure.operation == "RestoreObject"
            or transfer.restores >= _TAKEN_MOST
        ):
            return False
        self.add(transfer)
        return True

    def add(self, transfer: Transfer) -> None:
        """Take an object; it is put into `Backlog.restored` when it can be read."""
        transfer.restores += 1
        restore = _Restore(transfer)
        value = self._state.get(formats.restore_key(transfer.record_key))
        restore.asked = formats.restore_asked_at(value, transfer.obj.fingerprint.etag)
        self._to_look.append(restore)

    def note_progress(self) -> None:
        """Note how much has been sent so far; called some times a second."""
        totals, pending = self._report.totals, len(self._pending)
        totals.restoring = f"{pending} objects are being restored" if pending else ""
        sent = totals.progress()
        busy = self._pools.under_way > self._under_way
        self._pace.note_sent(time.monotonic(), sent.sent, sent.bytes_sent, busy=busy)

    def feed(self, source_room: int, *, others: bool, scan_over: bool) -> None:
        """Submit looks and requests beside transfers; settle what takes too long in the end.

        `source_room`: requests that the source may get now; `others`: whether objects that can be
        read wait to be sent.
        """
        alone = not others and self._pools.under_way == self._under_way
        allowed = self._pools.transfers_allowed(big=False)
        most = allowed if alone else max(1, allowed // 4)
        room = min(self._pools.room(big=False), source_room)
        self._submit_some(min(room, most - self._under_way))
        self._give_up(idle=alone and scan_over)

    def _submit_some(self, room: int) -> None:
        """Submit up to `room` looks and requests."""
        for transfer in self._committer.restored:
            self.uncount(transfer)
        self._committer.restored.clear()
        now = time.monotonic()
        while room > 0 and (due := self._looks.pop_due(now)):
            self._look(due)
            room -= 1
        while room > 0 and self._to_ask and self._pace.has_room(_size_of(self._to_ask[0])):
            self._ask(self._to_ask.popleft())
            room -= 1
        while room > 0 and self._to_look:
            self._look(self._to_look.popleft())
            room -= 1

    def _give_up(self, *, idle: bool) -> None:
        """Settle what is still being restored, once all else was done for long enough.

        `idle`: whether all else is done now.
        """
        can_ask = self._to_ask and self._pace.has_room(_size_of(self._to_ask[0]))
        if not idle or self._under_way or self._to_look or can_ask:
            return
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        if now - self._idle_since < self._options.wait:
            return
        for restore in self._pending:
            self._settle(restore, "it is being restored at the source")
        for restore in self._to_ask:
            text = "its restore is requested when fewer objects are being restored at once"
            self._settle(restore, text)
        self._pending.clear()
        self._to_ask.clear()
        self._looks = _Looks()

    def _settle(self, restore: _Restore, text: str) -> None:
        transfer = restore.transfer
        self._committer.settle_failed(
            transfer.obj,
            transfer.cos_path,
            transfer.record_key,
            Failure("RestoreObject", text, code=RESTORING, side=Side.SOURCE),
            listed_fingerprint=transfer.listed_fingerprint,
        )

    def _look(self, restore: _Restore) -> None:
        self._submit(LookAtRestore(restore.transfer.obj), restore)

    def _ask(self, restore: _Restore) -> None:
        self._count(restore.transfer)
        name, options = restore.storage_class, self._options
        rule = options.rules[name]
        tier = _nearest_tier(options.tier, rule.tiers)
        days = min(options.days, rule.days_most)
        if tier not in {"", options.tier}:
            self._warn(f"restoreArchived={options.tier} is not offered for {name}: {tier} is used")
        if 0 < days < options.days:
            self._warn(f"restoreDays={options.days} is not offered for {name}: {days} are used")
        self._submit(RestoreObject(restore.transfer.obj, name, tier, days), restore)

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._report.warn(text)

    def _submit(self, task: LookAtRestore | RestoreObject, restore: _Restore) -> None:
        restore.under_way = True
        self._under_way += 1
        self._tasks.submit(task, restore, self._collect)

    def _collect(
        self, restore: _Restore, numbered: NumberedTask, kind: int, content: Content
    ) -> None:
        if kind in INTERIM:
            return
        restore.under_way = False
        self._under_way -= 1
        _, _, task = numbered
        asked = isinstance(task, RestoreObject)
        if kind == UNSTARTED:
            self._put_back(restore, asked=asked)
        elif isinstance(content, RestoreState):
            self._streak.note_source_success()
            self._note_state(restore, content, asked=asked)
        elif isinstance(content, Failure):
            self._forget(restore)
            self.fail(restore.transfer, content)

    def _put_back(self, restore: _Restore, *, asked: bool) -> None:
        if asked:
            self._to_ask.appendleft(restore)
        elif restore in self._pending:
            self._looks.put(restore, time.monotonic())
        else:
            self._to_look.appendleft(restore)

    def _note_state(self, restore: _Restore, state: RestoreState, *, asked: bool) -> None:
        if state.readable:
            self._finish(restore)
            return
        restore.storage_class = state.storage_class
        if state.pending:
            self._note_pending(restore, asked=asked)
        elif restore in self._pending and time.time() - restore.asked < _VISIBLE_AFTER:
            self._looks.put_next(restore)
        else:
            self._forget(restore)  # it has expired, or was never requested
            self.uncount(restore.transfer)
            restore.asked = 0.0
            self._to_ask.append(restore)

    def _note_pending(self, restore: _Restore, *, asked: bool) -> None:
        transfer = restore.transfer
        if asked or not restore.asked:
            restore.asked = time.time()
        if asked:
            options, etag = self._options, transfer.obj.fingerprint.etag
            self._committer.batch.puts.append(
                formats.restore_pair(
                    transfer.record_key, etag, int(restore.asked), options.tier, options.days
                )
            )
        if restore not in self._pending:
            self._pending[restore] = None
            self._count(transfer)
        self._looks.put_next(restore)

    def _finish(self, restore: _Restore) -> None:
        """Hand an object on that can be read, and look at others."""
        waited = restore in self._pending
        self._forget(restore)
        self._backlog.restored.append(restore.transfer)
        if not waited:
            return
        now = time.monotonic()
        for other in list(itertools.islice(self._pending, _WOKEN)):
            del self._pending[other]
            self._pending[other] = None  # others are next
            if not other.under_way and other.next_look > now:
                self._looks.put(other, now)

    def _count(self, transfer: Transfer) -> None:
        """Count an object among those to be moved while they are readable."""
        if transfer not in self._counted:
            self._counted[transfer] = transfer.obj.fingerprint.size
            self._pace.add(transfer.obj.fingerprint.size)

    def uncount(self, transfer: Transfer) -> None:
        """Stop counting an object: it was sent, was skipped, has failed, or is asked for again."""
        if transfer in self._counted:
            self._pace.remove(self._counted.pop(transfer))

    def _forget(self, restore: _Restore) -> None:
        self._pending.pop(restore, None)
        self._looks.forget(restore)


def _size_of(restore: _Restore) -> int:
    return restore.transfer.obj.fingerprint.size


def _nearest_tier(wanted: str, offered: tuple[str, ...]) -> str:
    """Return the tier that is offered and nearest to the wanted one; empty: there is none."""
    if wanted in offered or not offered:
        return wanted if offered else ""
    place = _TIERS.index(wanted)
    return min(offered, key=lambda tier: abs(_TIERS.index(tier) - place))
