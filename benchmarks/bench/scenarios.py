"""The scenarios that are measured, each in full size and a tiny one for smoke runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bench.datasets import GIB, KIB, MIB, Dataset, Files

OURS = "cos-migrate"
BEFORE = "before"  # another checkout of cos-migrate
S5CMD = "s5cmd"
RCLONE = "rclone"
COSCLI = "coscli"
JAVA = "java"
OBSTORE = "obstore"
WATCHED = "watched"  # ours in a terminal, with filters and the status page, which is looked at
BARE = "bare"  # ours in a terminal without display, report, filters and status page
STAGED = "s5cmd+s5cmd"  # the first downloads, then the second uploads
STAGED_COSCLI = "s5cmd+coscli"
STAGED_OURS = "s5cmd+ours"  # the same objects as ours: verified, with x-cos-meta-md5
FIXED = (16, 64, 256, 512, 1024)
AT_ONCE = {f"{number} at once": number for number in FIXED}  # ours, with fixed numbers
DIRECT = (OURS, S5CMD, RCLONE, COSCLI, JAVA)
STAGES = (STAGED, STAGED_COSCLI, STAGED_OURS)
ALL = (*DIRECT, OBSTORE, *AT_ONCE, *STAGES, WATCHED, BARE)
PAIRS = ((OURS, BEFORE), (WATCHED, BARE))
FAST = (OURS, S5CMD, COSCLI)

BIG_FROM = 5 * MIB  # [common] smallFileThreshold


class Source(Enum):
    """Where a scenario's objects come from; clouds are other buckets of the same server."""

    LOCAL = "local"
    S3 = "S3"
    OSS = "OSS"


class Kind(Enum):
    """How a scenario is run."""

    MOVE = "move"  # everything into an empty bucket, without any state
    RESCAN = "rescan"  # a second run over the objects of a first one
    VERSION = "version"  # the tool only prints its version


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to measure.

    The network is simulated: `latency` in milliseconds a request, `connection_mib` in MiB/s each
    way of one connection, without a limit when 0.
    """

    name: str
    dataset: Dataset
    kind: Kind = Kind.MOVE
    latency: int = 0
    connection_mib: int = 0
    requests: int = 0  # a second that the server answers; it refuses those above
    connections: int = 0  # that the server accepts; it closes those above
    changes: tuple[tuple[float, int], ...] = ()  # seconds after the start, and latency from then on
    open_files: int = 0  # that a process of a tool may have; 0: as many as this one
    tls: bool = False  # by an authority of the benchmark's own
    defaults: bool = False  # every tool chooses its numbers of connections itself
    small: int = 64  # connections for small files
    big: int = 8  # connections for parts of big files
    md5: bool = True
    # On few cores the figures would be those of a server that sums gigabytes twice.
    server_md5: bool = True
    tools: tuple[str, ...] = DIRECT
    only_full: bool = False  # left out of smoke runs
    source: Source = Source.LOCAL
    etags_are_md5: bool = True  # whether the source's ETags are MD5s

    @property
    def bound(self) -> float | None:
        """The seconds that latency and connections alone take, for small files with latency."""
        moves = self.kind is Kind.MOVE and not self.defaults
        if not self.latency or not moves or self.dataset.count_from(BIG_FROM):
            return None
        trips = 1 if self.source is Source.LOCAL else 2  # one to fetch, one to send
        return trips * self.dataset.count * self.latency / 1000 / self.small


def small_files(count: int) -> Dataset:
    """Return `count` files of 4 KiB."""
    return Dataset((Files(count, 4 * KIB),))


def scenarios(*, quick: bool) -> list[Scenario]:
    """Return every scenario in the order in which they run."""
    if quick:
        return [scenario for scenario in _QUICK if not scenario.only_full]
    return _FULL


def _clouds(count: int, part: int) -> list[Scenario]:
    """Return the scenarios that move objects from another cloud."""
    few = Dataset((Files(count // 4, 16 * KIB),))
    big = Dataset((Files(8, part // 4 * MIB if part >= 64 else part * MIB),))
    ours_and_rclone = (OURS, RCLONE)
    small, large = (
        {"latency": 20, "tools": ours_and_rclone},
        {"server_md5": False, "tools": (OURS,)},
    )
    staged = large | {"tools": (OURS, *STAGES)}
    near, far = {"latency": 20}, {"latency": 20, "connection_mib": 32}
    return [
        Scenario("s3-small-20ms", few, source=Source.S3, **small),
        Scenario("oss-small-20ms", few, source=Source.OSS, **(small | {"tools": (OURS,)})),
        Scenario("s3-big-streamed", big, source=Source.S3, **staged),
        Scenario("s3-big-streamed-20ms", big, source=Source.S3, **(staged | near)),
        Scenario("s3-big-streamed-32mib", big, source=Source.S3, **(staged | far)),
        Scenario("s3-big-through-disk", big, source=Source.S3, etags_are_md5=False, **large),
        Scenario("oss-big-streamed", big, source=Source.OSS, **staged),
        Scenario("oss-big-streamed-20ms", big, source=Source.OSS, **(staged | near)),
        Scenario("oss-big-streamed-32mib", big, source=Source.OSS, **(staged | far)),
    ]


def _defaults(count: int) -> list[Scenario]:
    """Return the scenarios in which users start the tools as they come."""
    few, medium = small_files(count), Dataset((Files(count * 5 // 8, MIB),))
    # The few transfers of rclone and coscli would take minutes: they get fewer files.
    direct, far = (OURS, S5CMD, RCLONE, COSCLI, OBSTORE), (OURS, S5CMD, OBSTORE)
    fewer = small_files(max(80, count // 20))
    return [
        Scenario("defaults-0ms", few, defaults=True, tools=direct),
        *(
            Scenario(f"defaults-{latency}ms", few, latency=latency, defaults=True, tools=far)
            for latency in (20, 50, 100, 150)
        ),
        *(
            Scenario(
                f"defaults-few-{latency}ms", fewer, latency=latency, defaults=True, tools=direct
            )
            for latency in (20, 50, 100, 150)
        ),
        Scenario("defaults-1mib", medium, latency=20, defaults=True, md5=False, tools=far),
        Scenario("refused-1500", few, latency=20, requests=1500, defaults=True, tools=far),
    ]


def _auto(count: int, big: Dataset, *, quick: bool) -> list[Scenario]:
    """Return the scenarios that show how well the number of transfers is found."""
    many = small_files(count)
    # A fixed number below those would take as long as its latency allows, which needs no run.
    worth = {
        0: (16, 64, 256),
        20: (256, 512, 1024),
        50: (512, 1024),
        100: (64, 1024),
        150: (1024,),
    }
    first, second = (0.5, 1.0) if quick else (15.0, 35.0)
    long = small_files(count if quick else 15 * count)
    ours = {"defaults": True, "tools": (OURS,)}
    parts = {"defaults": True, "md5": False, "server_md5": False, "tools": (OURS, "64 at once")}
    return [
        *(
            Scenario(
                f"auto-{latency}ms",
                many,
                latency=latency,
                defaults=True,
                tools=(OURS, *(name for name, number in AT_ONCE.items() if number in fixed)),
            )
            for latency, fixed in worth.items()
        ),
        Scenario(
            "auto-20-100-20ms", long, latency=20, changes=((first, 100), (second, 20)), **ours
        ),
        Scenario("auto-200-connections", many, latency=50, connections=200, **ours),
        Scenario("auto-256-files", many, latency=50, open_files=256, **ours),
        Scenario("auto-big", big, **parts),
        Scenario("auto-big-8mib", big, latency=50, connection_mib=8, **parts),
    ]


def _all(count: int, part: int, single: int, many: int) -> list[Scenario]:
    """Return the scenarios for `count` small files, big ones of `part` and `single` MiB."""
    few = small_files(count)
    big = Dataset((Files(4, part * MIB),))
    one = Dataset((Files(1, single * MIB),))
    mixed = Dataset((Files(count // 2, 4 * KIB), Files(4, part * MIB)))
    tight = Dataset((Files(count // 8, 4 * KIB), Files(count // 40, 4 * MIB), Files(4, part * MIB)))
    return [
        Scenario("version", small_files(1), Kind.VERSION, tools=(OURS, S5CMD, RCLONE)),
        Scenario("start-up", small_files(64)),
        Scenario("small-0ms", few),
        Scenario("small-20ms", few, latency=20),
        Scenario("small-100ms", few, latency=100),
        Scenario("concurrency-64-100ms", small_files(many), latency=100, tools=(OURS,)),
        Scenario("concurrency-512-100ms", small_files(many), latency=100, small=512, tools=FAST),
        Scenario("big-4", big, md5=False, server_md5=False),
        Scenario("big-4-md5", big, server_md5=False, tools=(OURS, JAVA)),
        Scenario("single", one, md5=False, server_md5=False),
        Scenario("single-md5", one, server_md5=False, tools=(OURS, JAVA)),
        Scenario("single-20ms", one, latency=20, md5=False, server_md5=False),
        Scenario("mixed-20ms", mixed, latency=20, server_md5=False),
        Scenario(
            "memory-mix", tight, latency=20, small=256, big=32, server_md5=False, tools=(OURS,)
        ),
        *_defaults(count),
        *_auto(many, big, quick=count < 1000),
        *_clouds(count, part),
        Scenario("watching", small_files(many * 3 // 4), tools=(WATCHED, BARE)),
        Scenario("watching-rescan", small_files(many * 5 // 4), Kind.RESCAN, tools=(WATCHED, BARE)),
        Scenario("rescan-50k", small_files(many * 5 // 4), Kind.RESCAN),
        Scenario(
            "rescan-1M",
            Dataset((Files(1_000_000, 16),)),
            Kind.RESCAN,
            tools=(OURS,),
            only_full=True,
        ),
    ]


_FULL = _all(count=16_000, part=256, single=4 * GIB // MIB, many=40_000)
_QUICK = _all(count=160, part=6, single=11, many=240)
