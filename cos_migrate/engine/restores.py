"""Restores archived objects at the source before they are sent.

Each is looked at first (HEAD); a restore is requested where none is pending or valid, but not for
more objects than can be moved while they are readable. Objects that are being restored are looked
at again: some of them at short intervals, and when these have become readable, the others
(`restore_looks`).
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterator

from cos_migrate.engine.backlog import Backlog
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.options import RestoreOptions
from cos_migrate.engine.restore_looks import Restore, RestoreLooks
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
from cos_migrate.sources.restoring import RESTORE
from cos_migrate.state import formats
from cos_migrate.state.store import RecordStore

RESTORING = "Restoring"
"""Code of an object that is still being restored when a run ends."""
_HELD_MOST = 100_000
"""Objects that wait here before the scan is held up."""
_TAKEN_MOST = 3
"""How often an object is restored that proves archived again."""
_VISIBLE_AFTER = 60.0
"""Seconds in which a requested restore may not be stated yet."""


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
        self._to_look: collections.deque[Restore] = collections.deque()
        self._to_ask: collections.deque[Restore] = collections.deque()
        self._pending = RestoreLooks()
        self._unlooked: set[Transfer] = set()
        """Objects that are being sent without a look that has found them readable."""
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

    def retake(self, transfer: Transfer, failure: Failure) -> bool:
        """Take an object whose failure shows that it is archived; return whether it was taken."""
        if failure.code != "InvalidObjectState" or failure.operation == RESTORE:
            return False
        if transfer in self._unlooked:
            self._unlooked.remove(transfer)
            self._pending.distrust()
            transfer.restores -= 1
            self.add(transfer, needs_look=True)
            return True
        if transfer.restores >= _TAKEN_MOST:
            return False
        self.add(transfer)
        return True

    def add(self, transfer: Transfer, *, needs_look: bool = False) -> None:
        """Take an object; it is put into `Backlog.restored` when it can be read.

        `needs_look`: whether a look must find it readable.
        """
        transfer.restores += 1
        restore = Restore(transfer, needs_look=needs_look)
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
        for restore in self._pending.take_unlooked(len(self._unlooked)):
            self._unlooked.add(restore.transfer)
            self._backlog.restored.append(restore.transfer)
        while room > 0 and (due := self._pending.pop_due()):
            self._look(due)
            room -= 1
        while room > 0 and self._to_ask and self._pace.has_room(self._to_ask[0].size):
            self._ask(self._to_ask.popleft())
            room -= 1
        while room > 0 and self._to_look:
            restore = self._to_look.popleft()
            if self._pace.has_room(restore.size):
                self._ask(restore)
            else:
                self._look(restore)
            room -= 1

    def _give_up(self, *, idle: bool) -> None:
        """Settle what is still being restored, once all else was done for long enough.

        `idle`: whether all else is done now.
        """
        can_ask = self._to_ask and self._pace.has_room(self._to_ask[0].size)
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

    def _settle(self, restore: Restore, text: str) -> None:
        transfer = restore.transfer
        self._committer.settle_failed(
            transfer.obj,
            transfer.cos_path,
            transfer.record_key,
            Failure(RESTORE, text, code=RESTORING, side=Side.SOURCE),
            listed_fingerprint=transfer.listed_fingerprint,
        )

    def _look(self, restore: Restore) -> None:
        self._submit(LookAtRestore(restore.transfer.obj), restore)

    def _ask(self, restore: Restore) -> None:
        """Request a restore; of an object that was not looked at, only if a look shows no other."""
        self._count(restore.transfer)
        obj, options = restore.transfer.obj, self._options
        self._submit(RestoreObject(obj, restore.storage_class, options.tier, options.days), restore)

    def _warn_of_class(self, name: str) -> None:
        """Warn once where a class offers less than was asked for."""
        for text in _not_offered(name, self._options):
            if text not in self._warned:
                self._warned.add(text)
                self._report.warn(text)

    def _submit(self, task: LookAtRestore | RestoreObject, restore: Restore) -> None:
        restore.under_way = True
        self._under_way += 1
        self._tasks.submit(task, restore, self._collect)

    def _collect(
        self, restore: Restore, numbered: NumberedTask, kind: int, content: Content
    ) -> None:
        if kind in INTERIM:
            return
        restore.under_way = False
        self._under_way -= 1
        _, _, task = numbered
        if kind == UNSTARTED:
            self._put_back(restore, asked=isinstance(task, RestoreObject))
        elif isinstance(content, RestoreState):
            self._streak.note_source_success()
            self._note_state(restore, content)
        elif isinstance(content, Failure):
            self._pending.forget(restore)
            self.fail(restore.transfer, content)

    def _put_back(self, restore: Restore, *, asked: bool) -> None:
        if asked and restore.storage_class:
            self._to_ask.appendleft(restore)
        elif restore in self._pending:
            self._pending.put(restore, time.monotonic())
        else:
            self._to_look.appendleft(restore)

    def _note_state(self, restore: Restore, state: RestoreState) -> None:
        if state.requested and state.storage_class:
            self._warn_of_class(state.storage_class)
        if state.readable:
            self._finish(restore)
            return
        restore.storage_class = state.storage_class
        if state.pending:
            self._note_pending(restore, requested=state.requested)
        elif restore in self._pending and time.time() - restore.asked < _VISIBLE_AFTER:
            self._pending.note_pending(restore)
            self._pending.put_next(restore)
        else:
            self._pending.forget(restore)  # it has expired, or was never requested
            self.uncount(restore.transfer)
            restore.asked = 0.0
            self._to_ask.append(restore)

    def _note_pending(self, restore: Restore, *, requested: bool) -> None:
        transfer = restore.transfer
        if requested or not restore.asked:
            restore.asked = time.time()
        if requested:
            options, etag = self._options, transfer.obj.fingerprint.etag
            self._committer.batch.puts.append(
                formats.restore_pair(
                    transfer.record_key, etag, int(restore.asked), options.tier, options.days
                )
            )
        if restore in self._pending:
            self._pending.note_pending(restore)
        else:
            self._count(transfer)
        self._pending.put_next(restore)

    def _finish(self, restore: Restore) -> None:
        """Hand an object on that can be read, and look at others."""
        if restore in self._pending:
            self._pending.note_readable(restore, self._under_way)
        self._backlog.restored.append(restore.transfer)

    def _count(self, transfer: Transfer) -> None:
        """Count an object among those to be moved while they are readable."""
        if transfer not in self._counted:
            self._counted[transfer] = transfer.obj.fingerprint.size
            self._pace.add(transfer.obj.fingerprint.size)

    def uncount(self, transfer: Transfer) -> None:
        """Stop counting an object: it was sent, was skipped, has failed, or is asked for again."""
        if transfer in self._unlooked:
            self._unlooked.remove(transfer)
            self._pending.confirm()
        if transfer in self._counted:
            self._pace.remove(self._counted.pop(transfer))


def _not_offered(name: str, options: RestoreOptions) -> Iterator[str]:
    """Yield a warning for each option that a storage class does not offer."""
    rule = options.rules[name]
    tier, days = rule.nearest_tier(options.tier), min(options.days, rule.days_most)
    if tier not in {"", options.tier}:
        yield f"restoreArchived={options.tier} is not offered for {name}: {tier} is used"
    if 0 < days < options.days:
        yield f"restoreDays={options.days} is not offered for {name}: {days} are used"
