"""The pass of `--compare`: both sides are listed, merged and compared; nothing is transferred."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from cos_migrate.engine.both_sides import SidesMaker
from cos_migrate.engine.compare_rules import (
    EXTRA,
    MISSING,
    UNVERIFIED,
    Recorded,
    Verdict,
    decide,
    is_lost,
    judge_content,
    undecided,
)
from cos_migrate.engine.key_merge import Both, Pair
from cos_migrate.engine.loop import Loop, PassParts
from cos_migrate.filters import Filters
from cos_migrate.model import Failure, Fingerprint, SourceObject
from cos_migrate.pools.results import INTERIM, UNSTARTED, Comparison, Content, SourceHead
from cos_migrate.pools.tasks import CompareObject, HeadSource, NumberedTask, Task
from cos_migrate.report.comparison import (
    Compared,
    CompareResult,
    ComparisonEnd,
    SamePaths,
    uncompared,
)
from cos_migrate.sources.base import Source
from cos_migrate.state import formats
from cos_migrate.state.companions import CompanionRecords, key_of
from cos_migrate.state.store import RecordStore

_WAITING_MOST = 2_000
"""Objects that may wait for a request; more pairs are not taken meanwhile."""
_GO_ON = "go on"
"""Event of the inbox: there are more pairs."""
_Get = Callable[[bytes], "bytes | None"]


class CompareOptions(NamedTuple):
    """What a comparison does besides comparing listings and records."""

    content: bool = False
    """Whether checksums decide what listings and records cannot."""
    forget: bool = False
    """Whether the records of objects are removed that COS lost or changed."""
    encrypted: bool = False
    """Whether objects are encrypted before they are sent."""


class _Object(NamedTuple):
    """An object that both sides have."""

    cos_path: str
    obj: SourceObject
    cos: Fingerprint
    record_key: str
    recorded: Recorded | None


class CompareRecords:
    """Reads the records of objects, for comparison with the source as it is now."""

    def __init__(self, source: Source, state: RecordStore) -> None:
        self._source = source
        self.companions = CompanionRecords(state, source)

    def find(self, obj: SourceObject, cos_path: str, key: str, get: _Get) -> Recorded | None:
        """Return what is recorded of an object; None: nothing. Raises StateError."""
        value = get(key.encode("utf-8", "surrogatepass"))
        if value is None:
            return None
        text, companions = value.decode("utf-8", "replace"), self.companions
        if obj.weak:
            unchanged = companions.is_unchanged(obj, cos_path, key, text, get)
        else:
            unchanged = self._source.is_unchanged(obj, text)
        found = companions.find(cos_path, key, get)
        if found is None:
            return Recorded(unchanged)
        by_content = not (obj.weak or self._source.is_local or self._source.weak_by_time)
        ours = by_content or found.mark in {"", companions.mark}
        return Recorded(unchanged, found.etag, found.crc64, ours)


class Compare(Loop):
    """The pass that compares the source with COS."""

    def __init__(
        self,
        parts: PassParts,
        *,
        options: CompareOptions,
        filters: Filters,
        make_sides: SidesMaker,
    ) -> None:
        super().__init__(parts)
        self._options = options
        self._filters = filters
        self._records = CompareRecords(parts.source, parts.state)
        self._sides = make_sides(self._inbox.put)
        self._probes = self._make_probes()
        self._admission = self._make_admission(self._probes)
        self._waiting: collections.deque[_Object] = collections.deque()
        self._compared: list[Compared] = []
        self._same: list[str] = []
        """Target paths that are the same, of objects that were compared by columns."""
        self._counts: collections.Counter[CompareResult] = collections.Counter()
        self._puts: list[tuple[bytes, bytes]] = []
        self._deletes: list[bytes] = []
        self._problems = self._forgotten = 0

    def _begin(self) -> None:
        self._sides.start()

    def _close(self) -> None:
        self._sides.close()

    def _on_stop(self) -> None:
        self._sides.stop()

    def _handle_scan_event(self, event: object) -> None:
        self._sides.handle(event)

    def _tick(self) -> None:
        for line in (*self._sides.watch(), *self._filters.take_warnings()):
            self._report.warn(line)

    def _is_over(self) -> bool:
        if self._pools.under_way:
            return False
        return self._stopping or (
            self._sides.is_over and not (self._waiting or self._tasks or self._chores)
        )

    def _is_complete(self) -> bool:
        return self._sides.is_complete and self._sides.is_over and not self._stopping

    def _finish(self) -> None:
        self._commit()
        self._report.comparison = ComparisonEnd(
            self._counts,
            self._problems + self._sides.problems,
            self._forgotten if self._options.forget else -1,
        )

    def _submit_tasks(self) -> None:
        """Take pairs, and submit what listings and records do not decide."""
        if self._stopping or not self._window.is_open:
            return
        self._chores.submit(1)
        if len(self._waiting) < _WAITING_MOST:
            pairs, both = self._sides.step()
            if pairs or both:
                self._inbox.put(_GO_ON)
            if both:
                pairs += self._compare_columns(both)
            if pairs:
                with self._state.ascending_reads() as get:
                    for pair in pairs:
                        self._compare(pair, get)
        self._report.totals.final = self._sides.is_over
        room = min(self._admission.transfers(big=False), self._admission.source_requests())
        room = self._tasks.submit_again(room)
        while room > 0 and self._waiting:
            room -= 1
            self._submit(self._waiting.popleft())
        self._pools.flush()

    def _compare_columns(self, both: Both) -> list[Pair]:
        """Note the objects that sizes and ETags show to be the same; return the others."""
        if self._options.encrypted:
            others: Sequence[int] = range(len(both.paths))
        else:
            others = undecided(both.source, both.cos)
        same = both.paths
        if others:
            rest = set(others)
            same = [path for number, path in enumerate(same) if number not in rest]
        self._counts[CompareResult.SAME] += len(same)
        self._same += same
        return [self._sides.pair_of(both, number) for number in others]

    def _compare(self, pair: Pair, get: _Get) -> None:
        """Compare a pair, or keep it until a request decides. Raises StateError."""
        cos_path, entry, cos = pair
        if entry is None or entry.obj is None:
            self._settle(EXTRA, cos_path)
            return
        obj = entry.obj
        key = self._source.record_key(obj, cos_path)
        if cos is None:
            if self._options.forget:
                self._forget_if_lost(
                    MISSING, cos_path, key, self._records.find(obj, cos_path, key, get)
                )
            self._settle(MISSING, cos_path)
            return
        if obj.fingerprint.size < 0:
            self._waiting.append(_Object(cos_path, obj, cos, key, None))
            return
        self._decide(_Object(cos_path, obj, cos, key, self._records.find(obj, cos_path, key, get)))

    def _decide(self, one: _Object) -> None:
        """Compare an object of known size."""
        obj, options = one.obj, self._options
        verdict = decide(
            obj.fingerprint,
            one.cos,
            one.recorded,
            is_local=self._source.is_local,
            etag_is_md5=not obj.weak,
            encrypted=options.encrypted,
        )
        if verdict is UNVERIFIED and options.content and not options.encrypted:
            self._waiting.append(one)
            return
        self._conclude(one, verdict)

    def _conclude(self, one: _Object, verdict: Verdict) -> None:
        if self._options.forget:
            self._forget_if_lost(verdict, one.cos_path, one.record_key, one.recorded)
        self._settle(verdict, one.cos_path)

    def _submit(self, one: _Object) -> None:
        task: Task
        if one.obj.fingerprint.size < 0:
            task = HeadSource(one.obj)
            self._tasks.submit(task, one, self._collect_described)
        else:
            recorded = one.recorded
            known = recorded and recorded.is_unchanged and recorded.crc64 >= 0
            asks = self._source.is_local or not known
            task = CompareObject(one.obj, one.cos_path, asks)
            self._tasks.submit(task, one, self._collect_compared)
        self._admission.spend(task)

    def _collect_described(
        self, one: _Object, task: NumberedTask, kind: int, content: Content
    ) -> None:
        """Compare an object whose size was not listed."""
        if kind in INTERIM:
            return
        if kind == UNSTARTED:
            self._tasks.give_back(task, one, self._collect_described)
        elif isinstance(content, Failure):
            self._fail(one, content)
        else:
            self._streak.note_source_success()
            fingerprint, storage_class = cast("SourceHead", content)
            obj = one.obj._replace(
                fingerprint=fingerprint,
                storage_class=storage_class,
                weak=self._source.is_weak(fingerprint),
            )
            if self._filters.line_against_object(obj):
                return
            key = self._source.record_key(obj, one.cos_path)
            recorded = self._records.find(obj, one.cos_path, key, self._state.get)
            self._decide(one._replace(obj=obj, record_key=key, recorded=recorded))

    def _collect_compared(
        self, one: _Object, task: NumberedTask, kind: int, content: Content
    ) -> None:
        if kind in INTERIM:
            return
        if kind == UNSTARTED:
            self._tasks.give_back(task, one, self._collect_compared)
        elif isinstance(content, Failure):
            self._fail(one, content)
        elif isinstance(content, Comparison):
            self._streak.note_success(read=True)
            self._tuning.small.objects += 1
            verdict = judge_content(content, one.recorded, one.obj.fingerprint.size)
            if verdict.result is CompareResult.SAME and content.cos_etag and one.recorded:
                self._note_verified(one, content)
            self._conclude(one, verdict)

    def _fail(self, one: _Object, failure: Failure) -> None:
        """Report an object that a refused request leaves undecided."""
        self._probes.note_failure(failure, one.cos_path)
        self._problems += 1
        self._report.error(uncompared(one.cos_path, failure))
        self._settle(UNVERIFIED, one.cos_path)

    def _note_verified(self, one: _Object, found: Comparison) -> None:
        pair = self._records.companions.verified_pair(
            one.cos_path,
            one.record_key,
            found.cos_etag,
            found.cos_crc64,
            by_source=found.source_crc64 >= 0,
        )
        if pair:
            self._puts.append(pair)

    def _forget_if_lost(
        self, verdict: Verdict, cos_path: str, key: str, recorded: Recorded | None
    ) -> None:
        if is_lost(verdict, recorded):
            self._forgotten += 1
            self._deletes += [key.encode("utf-8", "surrogatepass"), key_of(cos_path)]
            self._deletes.append(formats.crc64_key(key))

    def _settle(self, verdict: Verdict, cos_path: str) -> None:
        self._counts[verdict.result] += 1
        self._compared.append(Compared(verdict.result, cos_path, verdict.why))

    def _commit(self) -> None:
        if self._puts or self._deletes:
            self._state.write(self._puts, self._deletes)
            self._puts, self._deletes = [], []
        if self._compared:
            self._report.add_compared(self._compared)
            self._compared = []
        if self._same:
            self._report.add_compared(SamePaths(self._same))
            self._same = []
