"""What the workers of a cluster have to prove before the first object: that they reach both sides.

Nothing is written for it. A folder is the same for all if the content of one of its files is.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import cast

from cos_migrate.engine.probes import PROBE_NAME
from cos_migrate.errors import SourceError
from cos_migrate.model import Fingerprint, Row, SourceObject, object_of
from cos_migrate.pools.cluster.checks import SeatCheck
from cos_migrate.pools.tasks import (
    Digest,
    HeadSource,
    HeadTarget,
    RequestListing,
    SkipIf,
    Stat,
    Task,
)
from cos_migrate.sources.base import Source
from cos_migrate.sources.recipe import SourceRecipe

_LOOKED_AT = 1000
"""Entries of a folder among which the smallest file is looked for."""
_READ_MOST = 16 << 20
"""Bytes of a file that are read."""
_PIECE = 1 << 20


def make_checks(recipe: SourceRecipe) -> tuple[SeatCheck, ...]:
    """Return the checks of each worker for one source and its target. Raises SourceError."""
    path = f"{recipe.target.cos_path}{PROBE_NAME}"
    head = HeadTarget(SourceObject(path, "", Fingerprint(0)), path, int(SkipIf.ON_COS))
    checks = [SeatCheck(head, "does not reach COS")]
    source = recipe.build()
    if source.is_local:
        checks += _checks_of_folder(source)
    elif source.paged:
        checks.append(SeatCheck(RequestListing(), "does not reach the source"))
    else:
        checks += _checks_of_list(source)
    return tuple(checks)


def _checks_of_folder(source: Source) -> list[SeatCheck]:
    files = [each for each in _first_objects(source, _LOOKED_AT) if each.fingerprint.size > 0]
    if not files:
        return []
    file = min(files, key=lambda each: each.fingerprint.size)
    problem = f"does not see the same source as this machine: {source.mask(file.name)}"
    task: Task = Stat(file)
    if file.fingerprint.size > _READ_MOST:
        return [SeatCheck(task, problem, is_answer=False)]
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with source.open(file, 0, -1) as reader:
            while piece := reader.read(_PIECE):
                digest.update(piece)
    except SourceError:  # it changes, or cannot be read: the run tells so
        return [SeatCheck(task, problem, is_answer=False)]
    return [SeatCheck(Digest(file, None), problem, is_answer=False, md5=digest.hexdigest())]


def _checks_of_list(source: Source) -> list[SeatCheck]:
    objects = _first_objects(source, 1)
    return [SeatCheck(HeadSource(each), "does not reach the source") for each in objects]


def _first_objects(source: Source, most: int) -> list[SourceObject]:
    found = []
    for item in itertools.islice(source.scan_rows(), most):
        if type(item) is tuple:
            found.append(object_of(cast("Row", item)))
        elif isinstance(item, SourceObject):
            found.append(item)
    return found
