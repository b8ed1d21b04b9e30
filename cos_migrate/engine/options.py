"""The options of a run, made from its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from cos_migrate.config.values import TimeWindow
from cos_migrate.cos.envelope import EncryptionSettings
from cos_migrate.engine.billing import LeastBilled
from cos_migrate.engine.commit import Committer
from cos_migrate.engine.credential_keeper import CredentialKeeper
from cos_migrate.engine.rules import DEFAULT_COPIES, CopyOptions, PlanOptions
from cos_migrate.engine.spot_check import SpotCheckMaker
from cos_migrate.engine.window_watch import WindowWatch, never
from cos_migrate.model import RestoreRule
from cos_migrate.pools.tasks import SkipIf
from cos_migrate.report.report import Report
from cos_migrate.scan.ahead_count import AheadCount
from cos_migrate.scan.positions import Positions
from cos_migrate.shards import Shard
from cos_migrate.sources.base import Source
from cos_migrate.state.store import RecordStore


class RestoreOptions(NamedTuple):
    """How archived objects are restored: tier, days, and how long to wait."""

    tier: str
    days: int
    """For which a restored object is readable."""
    wait: float
    """Seconds to wait for restores when all else is done."""
    rules: Mapping[str, RestoreRule]
    """`Source.restore_rules`."""


class RunWords(NamedTuple):
    """What the command line asks of a run."""

    dry_run: bool = False
    """Whether nothing is changed, and the run only reports what it would send."""
    retry_failed: bool = False
    """Whether only what the last run left as failed is tried."""
    compare: bool = False
    """Whether both sides are compared, and nothing is sent."""
    content: bool = False
    """Whether a comparison decides by checksums where listings and records do not."""
    forget: bool = False
    """Whether a comparison removes the records of objects that COS lost or changed."""


NO_WORDS = RunWords()


class UploadOptions(NamedTuple):
    """How big objects are uploaded: sizes of parts, checksums, encryption."""

    part_size: int
    """Bytes, before it is raised for a huge object."""
    threshold: int
    """`smallFileThreshold`, bytes."""
    md5: bool
    """Whether the object gets `x-cos-meta-md5`."""
    skip_if: int = int(SkipIf.NEVER)
    """What COS must have for the object to be left out, as `pools.tasks.SkipIf`."""
    is_local: bool = True
    """Whether the objects lie on this machine, so that their MD5 can always be computed."""
    copies: bool = False
    """Whether COS copies the parts itself."""
    encryption: EncryptionSettings | None = None
    """How objects are encrypted before they leave; None: not at all."""


class MigrationOptions(NamedTuple):
    """The options of one migration, with the helpers made for it at the start of the run."""

    plan: PlanOptions
    upload: UploadOptions
    window: TimeWindow
    credentials: CredentialKeeper
    least_billed: LeastBilled = LeastBilled()
    shard: Shard | None = None
    """The part of the job that is migrated; None: the whole job."""
    list_parallel: int = 1
    """Ranges of a cloud source that are listed at once."""
    tries: int = 1
    """Tries of one request."""
    resume: bool = False
    """Whether a listing by pages continues at the positions of the last run."""
    is_paused: Callable[[], bool] = never
    """Returns whether the user has paused the run."""
    copies: CopyOptions = DEFAULT_COPIES
    retry_failed: bool = False
    """As in RunWords."""
    restores: RestoreOptions | None = None
    """How archived objects are restored; None: they are not."""
    make_committer: Callable[[Source, RecordStore, Report, Positions | None], Committer] = Committer
    count_ahead: AheadCount | None = None
    """Counts the source ahead of its walk; None: it is not counted."""
    spot_check: SpotCheckMaker | None = None
    """Makes the check on COS of some skipped objects; None: there is none."""

    def watch_window(self) -> WindowWatch:
        """Return the state of the time window and of pauses for one pass."""
        return WindowWatch(self.window, self.is_paused)
