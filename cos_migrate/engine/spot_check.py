"""Spot check: asks COS for a few of the skipped objects of a run that sends nothing.

Records are compared with the source, never with COS. Without this check a run that skips everything
would end well even with a wrong key, another endpoint or an emptied bucket.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cos_migrate.cos.settings import CosSettings
from cos_migrate.errors import Code, CosError, MigrateError, Side, TransportError
from cos_migrate.http.credential_gate import CredentialGate
from cos_migrate.model import Failure, failure_of, unexpected_failure
from cos_migrate.report.advice import advice_for
from cos_migrate.state import object_records
from cos_migrate.text import printable

if TYPE_CHECKING:
    from cos_migrate.cos.client import CosClient
    from cos_migrate.http.pacing import SidePace

_REFUSED, _ABSENT, _BROKEN = 403, 404, 500
"""HTTP statuses; the last one and all above it."""


class SkippedKeys:
    """Counts skipped objects, and keeps the record keys of three that are spread over the run."""

    def __init__(self) -> None:
        self.count = 0
        self._first = self._middle = self._last = ""
        self._batches = 0

    def add(self, record_keys: Sequence[str]) -> None:
        """Add a batch, which is not empty."""
        if not self.count:
            self._first = record_keys[0]
        self.count += len(record_keys)
        self._last = record_keys[-1]
        self._batches += 1
        # Of batch 1, 2, 4, 8, ...: wherever the run ends, it is from the second half or its border.
        if not self._batches & (self._batches - 1):
            self._middle = record_keys[(len(record_keys) - 1) // 2]

    def paths(self, cos_root: str) -> list[str]:
        """Return the target paths of the kept keys; `cos_root` is `cosPath`."""
        record_keys = dict.fromkeys((self._first, self._middle, self._last))
        found = (object_records.parse(key.encode(), b"", cos_root) for key in record_keys if key)
        return [each.cos_path for each in found if each]


class SpotCheckResult(NamedTuple):
    """What a spot check found: objects that COS lacks, or why none can be sent."""

    missing: tuple[str, ...] = ()
    """Target paths that COS does not have; empty if it has any of them."""
    failure: Failure | None = None
    """Why no object at all can be sent; None: no reason was found."""


SpotCheckMaker = Callable[[Sequence[str], Callable[[SpotCheckResult], None]], "SpotCheck"]
"""Makes a check of target paths, given the function to post its result with."""


class SpotCheck:
    """A thread that looks for objects on COS and posts the result."""

    def __init__(
        self,
        settings: CosSettings,
        paths: Sequence[str],
        post: Callable[[SpotCheckResult], None],
        gate: CredentialGate | None = None,
        pace: SidePace | None = None,
    ) -> None:
        """`gate`, `pace`: as `Access` has them."""
        self._pace = pace
        self._gate = gate
        self._settings = settings
        self._paths = paths
        self._post = post
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spot-check", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Make no further attempt."""
        self._stopping.set()

    def _run(self) -> None:
        from cos_migrate.cos.client import CosClient  # noqa: PLC0415 - few runs need it here,
        from cos_migrate.cos.requests import Access  # noqa: PLC0415 - as well as the sockets

        access = Access(self._settings, stopping=self._stopping, gate=self._gate, pace=self._pace)
        client = CosClient(access)
        try:
            spotted = check_paths(client, self._paths)
        except Exception as error:
            failure = unexpected_failure("HeadObject", error, side=Side.COS)
            spotted = SpotCheckResult(failure=failure)
        finally:
            client.close()
        self._post(spotted)


def check_paths(client: CosClient, paths: Iterable[str]) -> SpotCheckResult:
    """Look for objects by HEAD until one is found."""
    missing: list[str] = []
    explained: set[int] = set()
    for path in paths:
        try:
            if client.head_object(path):
                return SpotCheckResult()
            status = _ABSENT
            missing.append(path)
        except MigrateError as error:
            if _concerns_all(error):
                return SpotCheckResult(failure=failure_of(error))
            status = error.status
        if status in {_REFUSED, _ABSENT} and status not in explained:
            explained.add(status)
            failure = _refusal_of_all(client, path)
            if failure:
                return SpotCheckResult(failure=failure)
    return SpotCheckResult(tuple(missing))


def _concerns_all(error: MigrateError) -> bool:
    """Return whether an error concerns all objects of the run."""
    if error.code == Code.STOPPING:
        return False
    unreachable = isinstance(error, TransportError) or error.code == Code.PROXY_REFUSED
    return error.fatal or unreachable or error.status >= _BROKEN


def _refusal_of_all(client: CosClient, path: str) -> Failure | None:
    """Return the refusal of all objects behind the answer to a HEAD; None: there is none.

    An answer to HEAD has no body: a wrong key and a missing right are both just 403, a missing
    bucket and a missing object both 404.
    """
    try:
        client.ask_acl(path)
    except CosError as error:
        return failure_of(error) if error.fatal else None
    except MigrateError:
        return None
    return None


def reason_to_stop(failure: Failure) -> str:
    """Return the reason for stopping a run whose spot check failed."""
    return f"{failure.message} ({failure.code}); this concerns all objects: {advice_for(failure)}"


def missing_warning(missing: Sequence[str], records: int, database: str) -> str:
    """Return the warning that COS has none of the objects that were looked at.

    `records`: how many objects were skipped; `database`: the folder of the job's records.
    """
    paths = ", ".join(map(printable, missing))
    return (
        f"{records} objects were skipped because the records say that COS has them, but it has "
        f"none of those looked at ({paths}): another endpoint or bucket, or was it emptied? To "
        f"send all again, move the job's folder {database} away"
    )
