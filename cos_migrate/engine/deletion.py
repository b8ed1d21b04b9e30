"""The pass of `deleteExtra`: removes objects from COS that the source no longer has.

Both sides are listed and merged once more. Nothing goes before all is listed and counted, and each
object is looked at on both sides right before it goes. In doubt, it stays.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import NamedTuple

from cos_migrate.config.delete_keys import MaxDelete
from cos_migrate.engine.both_sides import SidesMaker
from cos_migrate.engine.delete_rules import reason_to_keep
from cos_migrate.engine.key_sort import KeySort, SourceEntry
from cos_migrate.engine.loop import Loop, PassParts
from cos_migrate.engine.removal import Extra, Removal
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.cos_bucket.target import TargetListing
from cos_migrate.state.companions import CompanionRecords, key_of, parse

_GO_ON = "go on"


class DeleteOptions(NamedTuple):
    """Which objects are removed from COS, and how many at most."""

    recorded_only: bool
    """Whether only what was sent from this source, and is unchanged on COS, is removed."""
    most: MaxDelete
    is_dry: bool
    """Whether the objects are only named."""
    began: float
    """Monotonic time at which the run began."""


class Deletion(Loop):
    """The pass that removes objects from COS."""

    def __init__(
        self,
        parts: PassParts,
        *,
        options: DeleteOptions,
        target: TargetListing,
        make_sides: SidesMaker,
        extras: KeySort,
    ) -> None:
        """`extras` sorts on disk what goes."""
        super().__init__(parts)
        self._options = options
        self._target = target
        self._mark = CompanionRecords(parts.state, parts.source).mark
        self._sides = make_sides(self._inbox.put)
        self._probes = self._make_probes()
        self._removal = Removal(
            source=parts.source,
            state=parts.state,
            report=parts.report,
            tasks=self._tasks,
            admission=self._make_admission(self._probes),
            streak=self._streak,
            probes=self._probes,
        )
        self._extras = extras
        self._extra_count = 0
        self._kept: collections.Counter[str] = collections.Counter()
        self._going: Iterator[Extra] | None = None
        """The objects that are removed; None: not all are listed yet."""

    @property
    def has_failed(self) -> bool:
        """Whether objects stay that should go, or it is not known which should go."""
        return self._removal.has_failed

    @property
    def ended_by(self) -> int:
        """Exit code of the signal that interrupted it; 0: none."""
        return self._ended_by

    def _begin(self) -> None:
        self._sides.start()

    def _close(self) -> None:
        self._sides.close()
        self._extras.close()

    def _on_stop(self) -> None:
        self._sides.stop()

    def _handle_scan_event(self, event: object) -> None:
        self._sides.handle(event)

    def _tick(self) -> None:
        for line in self._sides.watch():
            self._report.warn(line)

    def _is_over(self) -> bool:
        if self._pools.under_way:
            return False
        is_done = self._removal.all_taken and not (self._removal or self._tasks or self._chores)
        return self._stopping or is_done

    def _is_complete(self) -> bool:
        return self._removal.all_taken and not self._stopping

    def _finish(self) -> None:
        self._commit()
        if self._stopping:
            self._removal.fail("objects stay, since the run was ended early")
        for reason, count in self._kept.items():
            self._report.announce(f"deleteExtra: {count} extra objects stay on COS: {reason}")

    def _submit_tasks(self) -> None:
        if self._stopping or not self._window.is_open:
            return
        self._chores.submit(1)
        if self._going is None:
            self._list()
        else:
            self._removal.submit(self._going)
        self._pools.flush()

    # -- listing ---------------------------------------------------------------------------------

    def _list(self) -> None:
        """Take pairs, and keep the objects that may go on disk."""
        pairs, both = self._sides.step()
        began_ns = self._target.time_of(self._options.began)
        found = []
        for cos_path, entry, cos in pairs:
            if entry is None and cos:
                reason = self._reason_to_keep(cos_path, cos, began_ns)
                if reason:
                    self._kept[reason] += 1
                else:
                    found.append(SourceEntry(cos_path, SourceObject("", "", cos)))
        self._extras.add(found)
        self._extra_count += len(found)
        if pairs or both:
            self._inbox.put(_GO_ON)
        elif self._sides.is_over:
            self._decide()

    def _reason_to_keep(self, cos_path: str, cos: Fingerprint, began_ns: int) -> str:
        companion = None
        if self._options.recorded_only:
            value = self._state.get(key_of(cos_path))
            companion = parse(value) if value is not None else None
        return reason_to_keep(
            cos, companion, self._mark, began_ns, recorded_only=self._options.recorded_only
        )

    def _decide(self) -> None:
        """Begin to remove, unless too much would go or the source is not known completely."""
        sides, most = self._sides, self._options.most
        self._going = iter(())
        if not sides.is_complete or sides.problems:
            self._removal.fail("nothing is removed, since not everything could be listed")
        elif not sides.found:
            if sides.on_cos:
                self._removal.fail(
                    f"nothing is removed, since the source is empty; COS has {sides.on_cos} objects"
                )
        elif self._extra_count > most.of(sides.on_cos):
            self._removal.fail(
                f"nothing is removed, since {self._extra_count} of {sides.on_cos} objects on COS "
                f"would be: maxDelete={most} allows {most.of(sides.on_cos)}"
            )
        elif self._options.is_dry:
            self._removal.name_only(self._stored_extras())
        else:
            self._going = self._stored_extras()

    def _stored_extras(self) -> Iterator[Extra]:
        root = self._source.target.cos_path
        for block in self._extras.merged():
            for cos_path, obj in block:
                if obj is not None:
                    there = self._source.object_at(cos_path[len(root) :])
                    yield Extra(cos_path, obj.fingerprint.etag, there)

    def _commit(self) -> None:
        self._removal.commit()
