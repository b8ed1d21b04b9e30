"""Measures cos-migrate against its peers on this machine (Linux).

Builds the server that all upload to (needs Go), installs s5cmd and rclone into benchmarks/.cache,
runs the scenarios of bench/scenarios.py by turns and writes medians to docs/benchmarks.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench import pairs, peers, report, server
from bench.datasets import MIB
from bench.measure import adopt_orphans
from bench.runner import Bench, Result
from bench.scenarios import ALL, BEFORE, JAVA, Scenario, scenarios
from bench.staged import programs
from bench.tools import CosMigrate, version_of

HERE = Path(__file__).resolve().parent


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="tiny sizes and one round: shows that it works")
    add("--scenario", action="append", metavar="NAME", help="only this one; may be repeated")
    add("--list", action="store_true", help="name the scenarios and stop")
    add("--rounds", type=int, help="runs of each tool (default 3, with --quick 1)")
    add(
        "--tool", nargs="+", choices=ALL, default=ALL, help="only these (default all that are here)"
    )
    add("--tls", action="store_true", help="over https, by an authority made for it; without java")
    add("--python", default=sys.executable, help="interpreter that has cos-migrate's packages")
    add("--before", type=Path, metavar="DIR", help="another checkout of cos-migrate to pair with")
    add("--s5cmd", metavar="PATH", help="s5cmd's binary (default: installed into the cache)")
    add("--coscli", metavar="PATH", help="coscli's binary (default: looked for in PATH)")
    add("--java-tool", type=Path, metavar="DIR", help="the Java tool's folder, with dep/*.jar")
    add("--scratch", type=Path, help="keeps data sets for the next run (default: a temporary one)")
    add("--output", type=Path, default=HERE.parent / "docs" / "benchmarks", help="for the results")
    return parser.parse_args(argv)


def chosen(options: argparse.Namespace) -> list[Scenario]:
    """Return the scenarios asked for; SystemExit names those that do not exist."""
    every = scenarios(quick=options.quick)
    if not options.scenario:
        return [over_tls(scenario) for scenario in every] if options.tls else every
    unknown = set(options.scenario) - {scenario.name for scenario in every}
    if unknown:
        names = ", ".join(scenario.name for scenario in every)
        raise SystemExit(f"no scenario {', '.join(sorted(unknown))}; there are {names}")
    wanted = [scenario for scenario in every if scenario.name in options.scenario]
    return [over_tls(scenario) for scenario in wanted] if options.tls else wanted


def over_tls(scenario: Scenario) -> Scenario:
    """Return a scenario as it is over TLS."""
    tools = tuple(tool for tool in scenario.tools if tool != JAVA)
    return replace(scenario, name=f"{scenario.name}-tls", tls=True, tools=tools)


@contextlib.contextmanager
def scratch_folder(kept: Path | None) -> Iterator[Path]:
    """Give the folder for data sets and runs."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder).resolve()


def print_result(result: Result) -> None:
    """Print one run as soon as it is over."""
    usage = result.usage
    sys.stdout.write(
        f"{result.scenario:22} {result.tool:12} {usage.wall:8.2f} s  CPU {usage.cpu:7.2f} s  "
        f"server {result.server_cpu:6.2f} s  {usage.memory / MIB:6.0f} MiB  "
        f"{'first run  ' if result.first else ''}{result.failure}\n"
    )
    sys.stdout.flush()


def main(argv: Sequence[str]) -> int:
    """Run the chosen scenarios; return 1 when a run failed."""
    options = parse(argv)
    wanted = chosen(options)
    if options.list:
        sys.stdout.write("".join(f"{scenario.name}\n" for scenario in wanted))
        return 0
    adopt_orphans()
    cache = HERE / ".cache"
    tools = peers.find(
        peers.Wanted(
            names=tuple(options.tool),
            python=options.python,
            cache=cache,
            s5cmd=options.s5cmd,
            coscli=options.coscli,
            java_tool=options.java_tool,
        )
    )
    with scratch_folder(options.scratch) as scratch:
        bench = Bench(
            sink=server.build(cache),
            scratch=scratch,
            rounds=options.rounds or (1 if options.quick else 3),
            on_result=print_result,
        )
        if options.before:
            tools.append(CosMigrate(options.python, BEFORE, options.before.resolve()))
        every = {program.name: program for tool in tools for program in programs(tool)}
        context = {
            "measured": dt.datetime.now(tz=dt.timezone.utc).date().isoformat(),
            "machine": report.machine(),
            "versions": {name: version_of(tool, scratch) for name, tool in every.items()},
        }
        failed = False
        for scenario in wanted:
            results = bench.measure(scenario, tools)
            failed = failed or any(result.failure for result in results)
            sections = report.sections(scenario, results)
            for section in sections:
                sys.stdout.write("\n" + report.table(section) + "\n")
            sys.stdout.write(pairs.table(results))
            report.write(options.output, sections, context)
            for result in results[-1:] if scenario.changes else []:
                picture = options.output / f"{scenario.name}.svg"
                picture.write_text(report.course(scenario, result), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
