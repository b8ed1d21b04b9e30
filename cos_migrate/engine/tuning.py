"""Sets how many transfers the two pools make at once, where the configuration says `auto`.

The tuner of each pool is fed with what the pool did since the last look. Connections are opened
little by little, and the limit falls when connections fail. The number of worker processes follows
the load as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from cos_migrate import descriptors
from cos_migrate.config.common import BIG_MOST, SMALL_MOST
from cos_migrate.engine.process_tuning import ProcessTuning
from cos_migrate.engine.ramp import Ramp
from cos_migrate.engine.tuner import Change, Measurement, Tuner
from cos_migrate.pools.pools import Pools
from cos_migrate.pools.results import BUSY, LATENCY, Content, Latency

_SATURATED = 0.9
"""Share of its limit that a pool uses while the limit holds it back."""
_FALL_EVERY = 0.5
"""Seconds in which what was under way before still fails."""
_FALL = 0.9
_FALL_MANY = 0.5
_MANY = 0.1
"""Share of the transfers under way whose failures count as many."""
_CEILING_HOLD = 15.0
"""Seconds for which the limit stays below the one that failed; doubled by each failure."""
_CEILING_HOLD_MOST = 240.0
_CEILING_GROWTH = 1.25
_LOOK_EVERY = 0.05
_LOOK_MOST = 1.0
"""Seconds since the last look from which a measurement says nothing: the run was busy elsewhere."""


@dataclass(slots=True)
class Traffic:
    """What a pool has transferred so far, as counters that only grow."""

    objects: int = 0
    """Objects, or parts of big ones, that were transferred."""
    size: int = 0
    """Their bytes."""
    answers: int = 0
    """Answers to them whose latency was measured."""
    waited: float = 0.0
    """Seconds in which these came, in sum."""

    def since(self, earlier: Traffic) -> Traffic:
        """Return the work since an earlier time."""
        return Traffic(
            self.objects - earlier.objects,
            self.size - earlier.size,
            self.answers - earlier.answers,
            self.waited - earlier.waited,
        )


class PoolRange(NamedTuple):
    """The numbers of transfers between which the tuner of a pool may choose."""

    start: int
    lowest: int
    highest: int
    enough: int
    """Transfers that are enough for a measurement."""
    quick: float = 0.0
    """Seconds; answers that come faster say nothing about a line."""


class PoolTuning:
    """Measures one pool and sets how many transfers it makes at once."""

    def __init__(self, pool: PoolRange, traffic: Traffic) -> None:
        """`traffic` is counted by others."""
        self._pool = pool
        self._traffic = traffic
        self._tuner = Tuner(pool.start, pool.lowest, pool.highest, pool.enough)
        self._ramp = Ramp(pool.start, pool.highest, pool.quick)
        self._counted = replace(traffic)
        self._failures = 0
        self.fell_at = float("-inf")
        """When connections failed last."""
        self._ceiling = pool.highest
        self._hold = _CEILING_HOLD
        self._hold_until = 0.0

    @property
    def limit(self) -> int:
        """How many transfers the pool may make at once now."""
        wanted = self._tuner.limit if self._ramp.found else self._pool.highest
        return min(wanted, self._ramp.opened)

    @property
    def settled(self) -> int:
        """The limit outside of trials."""
        return self._tuner.settled if self._ramp.found else self.limit

    @property
    def was_used(self) -> bool:
        """Whether the pool has transferred anything."""
        return self._traffic.objects > 0

    def go_on_from(self, number: int) -> None:
        """Begin with a number of transfers that are made already."""
        self._ramp.opened = number
        self._ramp.end(number)
        self._tuner.begin(number)

    def note_failure(self) -> None:
        """Count a time-out, or a connection that failed."""
        self._failures += 1

    def adjust(
        self, now: float, seconds: float, under_way: int, *, is_paced: bool = False
    ) -> Change | None:
        """Judge the last `seconds`; return the limit if it changed for good.

        `under_way`: the transfers that the pool has now. `is_paced`: whether a limit, or a side
        that asked for fewer requests, holds them back.
        """
        if self._failures:
            change = self._fall(now, under_way)
            if change:
                return change
        self._lift_ceiling(now)
        is_saturated = not is_paced and under_way >= _SATURATED * self.limit
        done = self._traffic.since(self._counted)
        self._counted = replace(self._traffic)
        if not self._ramp.found:
            return self._search(seconds, done, is_saturated=is_saturated)
        if self._ramp.opened < self._tuner.limit:
            self._ramp.grow(seconds)
            return None  # a pool that still opens connections cannot be judged
        return self._tuner.feed(
            Measurement(seconds, done.objects, done.size, is_saturated, done.answers, done.waited)
        )

    def _search(self, seconds: float, done: Traffic, *, is_saturated: bool) -> Change | None:
        if is_saturated:
            self._ramp.search(seconds, done.objects, done.answers, done.waited)
        elif not self.was_used:
            self._ramp.wait(seconds)
        found = self._ramp.found
        if not found:
            return None
        self._tuner.begin(found, self._ramp.fastest)
        if found == self._pool.highest:
            return Change(found, "all that are allowed: answers come as fast as with few")
        return Change(found, "answers take longer with more") if found != self._pool.start else None

    def _fall(self, now: float, under_way: int) -> Change | None:
        failures, self._failures = self._failures, 0
        if not under_way or now - self.fell_at < _FALL_EVERY:
            return None
        self.fell_at = now
        limit = self.limit
        many = failures >= _MANY * under_way
        lower = max(self._pool.lowest, int(limit * (_FALL_MANY if many else _FALL)))
        self._ceiling = lower
        self._hold_until = now + self._hold
        self._hold = min(_CEILING_HOLD_MOST, 2 * self._hold)
        self._tuner.set_highest(lower)
        if not self._ramp.found:
            self._tuner.begin(lower)
        self._ramp.end(lower)
        return Change(lower, "connections failed") if lower < limit else None

    def _lift_ceiling(self, now: float) -> None:
        if self._ceiling < self._pool.highest and now >= self._hold_until:
            self._ceiling = min(self._pool.highest, int(self._ceiling * _CEILING_GROWTH) + 1)
            self._hold_until = now + _CEILING_HOLD
            self._tuner.set_highest(self._ceiling)


class AutoPools(NamedTuple):
    """The pools whose number of transfers is found by the run itself."""

    small: bool = False
    big: bool = False


NO_AUTO_POOLS = AutoPools()
_START = (64, 8)
_LOWEST = (4, 1)
_ENOUGH = (400, 40)
_QUICK = (0.0, 0.1)
"""Seconds: eight parts in this time fill any line, and threads compete for processors."""
_KEYS = ("smallFileExecutorNum", "bigFileExecutorNum")


class Tuning:
    """Sets how many transfers the two pools of a pass make at once."""

    def __init__(self, pools: Pools, auto: AutoPools) -> None:
        self._pools = pools
        self.small = Traffic()
        self.big = Traffic()
        self._most = list(pools.most_transfers)
        """The number of transfers of each pool, the highest where it is found by the run."""
        self._tuned = {
            big: self._tuning_of(big, _START[big]) for big, is_auto in enumerate(auto) if is_auto
        }
        self._looked = 0.0
        self._processes: ProcessTuning | None = None
        """None where both numbers are given: then all processes are in use."""
        self.next_adjustment = 0.0 if self._tuned else float("inf")
        """Time from which to call `adjust` again; it does nothing where both numbers are given."""
        if self._tuned:
            pools.allow_transfers(*self.limits)
            self._tune_processes(1)

    def _tuning_of(self, big: int, start: int) -> PoolTuning:
        most = self._most[big]
        pool = PoolRange(start, min(_LOWEST[big], most), most, _ENOUGH[big], _QUICK[big])
        return PoolTuning(pool, self.big if big else self.small)

    def _tune_processes(self, number: int) -> None:
        """Let the number of processes follow the load from now on, beginning with `number`."""
        if self._pools.workers > 1 and not self._processes:
            self._processes = ProcessTuning(self._pools, number)

    @property
    def limits(self) -> tuple[int, int]:
        """How many small objects, and parts of big ones, are transferred at once."""
        small, big = (
            self._tuned[big].limit if big in self._tuned else most
            for big, most in enumerate(self._most)
        )
        return small, big

    def big_at_once(self) -> int:
        """Return how many big objects may be under way at once."""
        return self._most[1]

    def set_numbers(self, small: int, big: int) -> list[str]:
        """Set the numbers of transfers; 0: find a number, beginning with the present one.

        Return warnings.
        """
        asked = small or SMALL_MOST, big or BIG_MOST
        most = descriptors.limit()
        wanted = descriptors.TransferCounts(self._pools.workers, *asked)
        fitting = descriptors.fit_to_limit(wanted, most)
        before, self._most = self.limits, [fitting.small, fitting.big]
        for index, number in enumerate((small, big)):
            if number:
                self._tuned.pop(index, None)
            elif index not in self._tuned:
                self._tuned[index] = self._tuning_of(index, before[index])
                self._tuned[index].go_on_from(before[index])
        self.next_adjustment = 0.0 if self._tuned else float("inf")
        self._pools.allow_transfers(*self.limits)
        if self._tuned:
            self._tune_processes(self._pools.workers_in_use)
        elif self._processes:
            self._processes = None
            self._pools.use_workers(self._pools.workers)
        if small <= fitting.small and big <= fitting.big:
            return []
        made = f"{fitting.small} small and {fitting.big} big transfers are made at once"
        return [f"a process may have {most} open files: {made}; for more, raise ulimit -n"]

    def adjust(self, now: float, *, is_paced: bool) -> list[str]:
        """Judge the time since the last look; return a line for each lasting change.

        `is_paced`: whether a limit, or a side that asked for fewer requests, holds them back.
        """
        seconds, self._looked = now - self._looked, now
        self.next_adjustment = now + _LOOK_EVERY
        if seconds > _LOOK_MOST:
            return []
        before, lines, fell = self.limits, [], False
        has_more = not is_paced and any(
            0 < limit * _SATURATED <= self._pools.count_tasks(big=bool(big))
            for big, limit in enumerate(before)
        )
        for big, tuning in self._tuned.items():
            under_way = self._pools.count_tasks(big=bool(big))
            change = tuning.adjust(now, seconds, under_way, is_paced=is_paced)
            fell = fell or tuning.fell_at == now
            if change:
                lines.append(f"{_KEYS[big]}: {change.limit} transfers at once, {change.reason}")
        if self.limits != before:
            self._pools.allow_transfers(*self.limits)
        if fell:
            self._pools.close_idle()
        if self._processes and seconds:
            size = self.small.size + self.big.size
            lines += self._processes.adjust(now, seconds, size, has_more=has_more)
        return lines

    def note_ended(self, tasks: int) -> None:
        """Count tasks that ended."""
        if self._processes:
            self._processes.ended += tasks

    def note(self, kind: int, content: Content) -> None:
        """Note what a worker reports: latency, how busy it was, or a connection that failed."""
        if kind == LATENCY:
            self._note_latency(cast("Latency", content))
        elif kind == BUSY:
            if self._processes:
                self._processes.busy += cast("float", content)
        else:
            for tuning in self._tuned.values():
                tuning.note_failure()

    def _note_latency(self, latency: Latency) -> None:
        """Add the times that answers took, as a worker has measured them."""
        traffic = self.big if latency.big else self.small
        traffic.answers += latency.answers
        traffic.waited += latency.seconds

    def used(self) -> str:
        """Return the numbers of transfers that were found, for the summary; empty: none."""
        return ", ".join(
            f"{_KEYS[big]} {tuning.settled}"
            for big, tuning in sorted(self._tuned.items())
            if tuning.was_used
        )
