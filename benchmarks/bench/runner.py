"""Runs one scenario with every tool by turns, and checks after each run that everything arrived."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import re
import shutil
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

from bench import server
from bench.measure import Usage, run
from bench.scenarios import BEFORE, OURS, Kind, Scenario, Source
from bench.tools import Job, Tool

T = TypeVar("T")

TIME_LIMIT = 3600.0
SHORTEST = 0.1  # seconds; a rate over less says nothing
SETTLED = 0.9
LIMIT = re.compile(r"(\S+ \S+) \[INFO\].* smallFileExecutorNum: (\d+) transfers at once")
PROBES_MOST = 3  # a run that skips everything asks COS for so many of its records


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one tool; `failure` is empty when everything arrived."""

    scenario: str
    tool: str
    first: bool  # the run that a rescan needs before it
    usage: Usage
    server_cpu: float
    stats: server.Stats
    failure: str
    limits: tuple[tuple[float, int], ...] = ()  # of ours: seconds, and small objects at once

    @property
    def to_first_request(self) -> float | None:
        """Seconds from the start to the first request; None without one."""
        if not self.stats.first_request_ns:
            return None
        return (self.stats.first_request_ns - self.usage.started_ns) / 1e9

    @property
    def late_rate(self) -> float | None:
        """Objects and parts a second behind the first third of them; None for short runs."""
        ended = self.stats.ended
        behind = [i for i, sum_ in enumerate(accumulate(ended)) if sum_ >= sum(ended) / 3]
        seconds = (len(behind) - 1) * self.stats.slot_ns / 1e9
        return sum(ended[behind[1] :]) / seconds if seconds >= SHORTEST else None

    def settled_after(self, changes: Sequence[tuple[float, int]]) -> float | None:
        """Return the longest time from a change of latency to 90 % of the rate that follows.

        That is the median of the second half of the time up to the next change, in whole seconds.
        """
        a_second = round(1e9 / self.stats.slot_ns)
        start = round((self.usage.started_ns - self.stats.began_ns) / self.stats.slot_ns)
        ended = self.stats.ended[max(0, start) :]
        rates = [sum(ended[at : at + a_second]) for at in range(0, len(ended), a_second)][:-1]
        bounds = [*(math.ceil(at) for at, _ in changes), len(rates)]
        longest = None
        for begin, end in itertools.pairwise(bounds):
            phase = rates[begin:end]
            if len(phase) > 1:
                usual = statistics.median(phase[len(phase) // 2 :])
                first = next(i for i, rate in enumerate(phase) if rate >= SETTLED * usual)
                longest = max(longest or 0.0, first + 1.0)
        return longest


@dataclass(frozen=True, slots=True)
class Bench:
    """What every scenario needs: the sink's binary, a scratch folder, rounds, a listener."""

    sink: Path
    scratch: Path
    rounds: int
    on_result: Callable[[Result], None]

    def measure(self, scenario: Scenario, tools: list[Tool]) -> list[Result]:
        """Run the scenario: A B C, C B A, … so that other load on the machine affects all alike."""
        turns = [tool for tool in tools if tool.name in (*scenario.tools, BEFORE)]
        if not turns:
            return []
        local = scenario.source is Source.LOCAL
        data = scenario.dataset.make(self.scratch) if local else self.scratch
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            if scenario.kind is Kind.RESCAN:
                return self._rescans(scenario, turns, data, Path(folder))
            return self._moves(scenario, turns, data, Path(folder))

    def _moves(
        self, scenario: Scenario, turns: list[Tool], data: Path, folder: Path
    ) -> list[Result]:
        """Measure each round in an empty bucket and an empty folder."""
        results: list[Result] = []
        with server.running(self.sink, scenario) as sink:
            for number in range(self.rounds):
                for tool in _order(turns, number):
                    own = folder / tool.name
                    own.mkdir()
                    sink.reset(objects=True)
                    if scenario.source is Source.LOCAL:
                        scenario.dataset.warm(self.scratch)
                    else:
                        sink.fill(
                            server.CLOUD_BUCKET,
                            scenario.dataset,
                            etags_are_md5=scenario.etags_are_md5,
                        )
                    results.append(self._once(Job(scenario, data, sink, own), tool))
                    shutil.rmtree(own)
        return results

    def _rescans(
        self, scenario: Scenario, turns: list[Tool], data: Path, folder: Path
    ) -> list[Result]:
        """Fill a bucket for each tool, then measure the rounds that find everything there."""
        with ExitStack() as sinks:
            jobs: list[tuple[Job, Tool]] = []
            for tool in turns:
                own = folder / tool.name
                own.mkdir()
                sink = sinks.enter_context(server.running(self.sink, scenario))
                jobs.append((Job(scenario, data, sink, own), tool))
            results = [self._once(job, tool, first=True) for job, tool in jobs]
            for number in range(self.rounds):
                for job, tool in _order(jobs, number):
                    job.server.reset(objects=False)
                    results.append(self._once(job, tool))
        return results

    def _once(self, job: Job, tool: Tool, *, first: bool = False) -> Result:
        version = job.scenario.kind is Kind.VERSION
        command = tool.version_command(job.folder) if version else tool.move_command(job)
        if job.scenario.open_files:
            command = command.limited(job.scenario.open_files)
        cpu = job.server.cpu()
        with _changes(job):
            usage = run(command, TIME_LIMIT)
        result = Result(
            scenario=job.scenario.name,
            tool=tool.name,
            first=first,
            usage=usage,
            server_cpu=job.server.cpu() - cpu,
            stats=job.server.stats(),
            failure="",
        )
        if tool.name == OURS and job.scenario.changes:
            result = replace(result, limits=_limits(job.folder / "log", usage.started_ns))
        failure = _failure(job.scenario, result)
        if failure:
            output = _tail(command.folder / command.output)
            result = replace(result, failure=f"{failure}; its output ends: {output}")
        self.on_result(result)
        return result


@contextmanager
def _changes(job: Job) -> Iterator[None]:
    """Change the latency at the times of the scenario."""
    timers = [
        threading.Timer(after, job.server.set_latency, (latency,))
        for after, latency in job.scenario.changes
    ]
    job.server.set_latency(job.scenario.latency)
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


def _order(turns: list[T], number: int) -> list[T]:
    """Return the turns of a round: the tool that goes first in one goes last in the next."""
    return turns[::-1] if number % 2 else turns


def _limits(logs: Path, started_ns: int) -> tuple[tuple[float, int], ...]:
    """Return the lasting changes of the number of small transfers that a log has."""
    found: list[tuple[float, int]] = []
    for line in (logs / "info.log").read_text(encoding="utf-8").splitlines():
        match = LIMIT.match(line)
        if match:
            at = dt.datetime.fromisoformat(match[1]).timestamp() - started_ns / 1e9
            found.append((max(0.0, at), int(match[2])))
    return tuple(found)


def _tail(output: Path) -> str:
    lines = output.read_text(encoding="utf-8", errors="replace").split("\n")
    return " | ".join(line for line in lines if line.strip())[-600:]


def _failure(scenario: Scenario, result: Result) -> str:
    """Return the problem of a run; empty: none."""
    stats = result.stats
    if result.usage.exit_code:
        return f"exit code {result.usage.exit_code}"
    if stats.signature_failures:
        return f"{stats.signature_failures} bad signatures"
    if scenario.kind is Kind.VERSION:
        return ""
    if scenario.kind is Kind.RESCAN and not result.first:
        if result.tool == OURS and stats.requests > PROBES_MOST:
            return f"{stats.requests} requests in a rescan"
        # Empty objects are fine: coscli makes one of each folder, every time.
        return f"{stats.size} bytes sent again" if stats.size else ""
    return _missing(scenario, stats)


def _missing(scenario: Scenario, stats: server.Stats) -> str:
    # More objects are fine: coscli makes one of each folder.
    if stats.objects < scenario.dataset.count:
        return f"{stats.objects} of {scenario.dataset.count} objects arrived"
    if stats.size < scenario.dataset.size:
        return f"{stats.size} of {scenario.dataset.size} bytes arrived"
    return ""
