"""What the workers of a cluster have to prove before the first object: that they reach both sides.

Nothing is written for it. A folder is the same for all if the content of one of its files is.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from typing import cast

from cos_migrate.engine.probes import PROBE_NAME
from cos_migrate.errors import MigrateError, SourceError
from cos_migrate.model import Described, Fingerprint, Row, SourceObject, object_of
from cos_migrate.pools.cluster.checks import SeatCheck
from cos_migrate.pools.results import picklable
from cos_migrate.pools.tasks import (
    Digest,
    HeadSource,
    HeadTarget,
    RequestListing,
    SkipIf,
    Stat,
    Task,
)
from cos_migrate.pools.temp_files import TempFiles
from cos_migrate.sources.base import Source
from cos_migrate.sources.recipe import SourceRecipe

_NO_SOURCE = "does not reach the source"
_LOOKED_AT = 1000
"""Entries of a folder among which the smallest file is looked for."""
_READ_MOST = 16 << 20
"""Bytes of a file that are read."""
_PIECE = 1 << 20
_PROBE = 16
"""Bytes of a temporary file."""


def make_checks(recipe: SourceRecipe, others: tuple[SeatCheck, ...] = ()) -> tuple[SeatCheck, ...]:
    """Return the checks of each worker for one source and its target, and others.

    Raises SourceError.
    """
    path = f"{recipe.target.cos_path}{PROBE_NAME}"
    head = HeadTarget(SourceObject(path, "", Fingerprint(0)), path, int(SkipIf.ON_COS))
    checks = [SeatCheck(head, "does not reach COS")]
    source = recipe.build()
    if source.is_local:
        checks += _checks_of_folder(source)
    elif source.paged:
        checks.append(SeatCheck(RequestListing(), _NO_SOURCE))
    else:
        checks += _checks_of_list(source)
    return (*checks, *others)


def check_of_temp_files(spool: TempFiles) -> tuple[SeatCheck, ...]:
    """Return the check of the folder of temporary files, which is written to; none if it is closed.

    Where it fails, objects are streamed that would pass through the folder.
    """
    try:
        path, descriptor = spool.create()
        with os.fdopen(descriptor, "wb") as file:
            file.write(content := os.urandom(_PROBE))
    except (OSError, MigrateError):
        return ()
    fingerprint = Fingerprint(len(content))
    task = Digest(
        SourceObject(path, "", fingerprint, spooled=path), picklable(Described(fingerprint))
    )
    return (
        SeatCheck(
            task,
            f"does not see the tmpFolder of this machine, {spool.folder}: objects that would "
            "pass through it are streamed",
            is_answer=False,
            md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            without=spool.do_without,
        ),
    )


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
        with source.open(file, 0, file.fingerprint.size) as reader:
            while piece := reader.read(_PIECE):
                digest.update(piece)
    except SourceError:  # it changes, or cannot be read: the run tells so
        return [SeatCheck(task, problem, is_answer=False)]
    return [SeatCheck(Digest(file, None), problem, is_answer=False, md5=digest.hexdigest())]


def _checks_of_list(source: Source) -> list[SeatCheck]:
    objects = _first_objects(source, 1)
    return [SeatCheck(HeadSource(each), _NO_SOURCE) for each in objects]


def _first_objects(source: Source, most: int) -> list[SourceObject]:
    found = []
    for item in itertools.islice(source.scan_rows(), most):
        if type(item) is tuple:
            found.append(object_of(cast("Row", item)))
        elif isinstance(item, SourceObject):
            found.append(item)
    return found
