"""Probes: requests that show whether failures of single objects concern all objects.

A probe concerns no object: it begins an upload at a key of its own, sends a HEAD for that key, or
lists one page of the source. `streak.FailureStreak` decides when to probe, and judges the answer.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

from cos_migrate.engine.chores import Chores
from cos_migrate.engine.key_spread import KeySpread
from cos_migrate.engine.streak import FailureStreak, FailureVerdict, is_refused_by_cos
from cos_migrate.model import Failure, Fingerprint, SourceObject
from cos_migrate.pools.results import Content, Initiated
from cos_migrate.pools.tasks import HeadTarget, ProbeUpload, RequestListing, SkipIf, Task

PROBE_NAME = ".cos-migrate-check"
_REFUSED_MOST = 80
"""Refused keys that end a run although all known keys lie in one folder and the scan goes on."""

Known = Callable[[], tuple[Iterable[str], bool]]
"""Returns the target paths known so far, and whether these are all."""
Begun = Callable[[str, str], None]
"""Called with the target path and the id of an upload that a probe began."""


def nothing_known() -> tuple[Iterable[str], bool]:
    """Return no target paths, and True: there are no others. For a pass that begins none."""
    return (), True


class Probes:
    """Sends the probes of a pass, and stops the pass where they fail."""

    def __init__(
        self,
        streak: FailureStreak,
        chores: Chores,
        cos_folder: str,
        *,
        stop: Callable[[str], None],
        known: Known = nothing_known,
        begun: Begun | None = None,
    ) -> None:
        """`cos_folder` is `cosPath`; `stop` ends the pass for a reason.

        `begun`: None in a pass that writes nothing, and probes by HEAD.
        """
        self._streak = streak
        self._chores = chores
        self._path = cos_folder + PROBE_NAME
        self._stop = stop
        self._known = known
        self._begun = begun
        self._pending: set[type] = set()
        """Types of the probe tasks under way."""
        self._refused = KeySpread()
        self._reason = ""

    @property
    def pending(self) -> bool:
        """Whether a probe is under way, so that no transfer should begin."""
        return bool(self._pending)

    def note_failure(self, failure: Failure, cos_path: str) -> None:
        """Count the failure of an object; probe or stop if it calls for that."""
        spread = is_refused_by_cos(failure) and self._refused.add(cos_path)
        verdict = self._streak.note_failure(failure)
        if spread and self._streak.probe_refused and verdict is FailureVerdict.GO_ON:
            verdict = FailureVerdict.WEIGH
        self._follow(verdict, failure)

    def _follow(self, verdict: FailureVerdict, failure: Failure | None) -> None:
        if verdict is FailureVerdict.PROBE_COS and self._begun:
            self._ask(ProbeUpload(self._path), self._cos_answered)
        elif verdict is FailureVerdict.PROBE_COS:
            self._ask(self._head_task(), self._cos_answered)
        elif verdict is FailureVerdict.HEAD_COS:
            self._ask(self._head_task(), self._cos_head_answered)
        elif verdict is FailureVerdict.PROBE_SOURCE:
            self._ask(RequestListing(), self._source_answered)
        elif verdict is FailureVerdict.WEIGH:
            self._weigh()
        elif verdict is FailureVerdict.STOP and failure:
            text = f"{failure.message} ({failure.code}); this concerns all objects"
            self._stop(text)

    def _head_task(self) -> HeadTarget:
        probe = SourceObject(self._path, "", Fingerprint(0))
        return HeadTarget(probe, self._path, int(SkipIf.ON_COS))

    def _ask(self, task: Task, done: Callable[[Content], None]) -> None:
        kind = type(task)
        if kind in self._pending:
            return

        def answered(content: Content) -> None:
            self._pending.discard(kind)
            done(content)

        self._pending.add(kind)
        self._chores.add(task, answered)

    def _cos_head_answered(self, content: Content) -> None:
        failure = _failure_in(content)
        self._follow(self._streak.note_cos_head(failure), failure)

    def _cos_answered(self, content: Content) -> None:
        failure = _failure_in(content)
        if isinstance(content, Initiated) and self._begun:
            self._begun(self._path, content.upload_id)
        if failure:
            self._reason = f"{failure.message} ({failure.code})"
        self._follow(self._streak.note_cos_probe(failure), failure)

    def _source_answered(self, content: Content) -> None:
        failure = _failure_in(content)
        self._follow(self._streak.note_source_probe(failure), failure)

    def _weigh(self) -> None:
        """Stop if COS refuses keys in all known folders; a right may be missing for one folder."""
        seen = copy.copy(self._refused)
        paths, complete = self._known()
        for path in paths:
            seen.add(path)
        if not self._refused.several and not complete and self._refused.keys < _REFUSED_MOST:
            return
        if self._refused.are_everywhere(seen):
            path, reason = self._path, self._reason
            write = f"COS refuses to write the objects, and {path} too, which is none of them"
            look = f"COS refuses to look at the objects, and {path} too, which is none of them"
            self._stop(f"{write if self._begun else look}: {reason}")


def _failure_in(content: Content) -> Failure | None:
    return content if isinstance(content, Failure) else None
