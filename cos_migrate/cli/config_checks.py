"""The checks of `--check-config`: each really tries what a run will need, and leaves nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NamedTuple, cast

from cos_migrate import signals
from cos_migrate.config.loader import Config
from cos_migrate.cos.client import CosClient
from cos_migrate.cos.errors import incomplete_answer
from cos_migrate.cos.requests import Access
from cos_migrate.cos.sender import EMPTY, CosRequest
from cos_migrate.cos.settings import CosSettings
from cos_migrate.engine.probes import PROBE_NAME
from cos_migrate.errors import MigrateError
from cos_migrate.http.dates import parse_date
from cos_migrate.http.messages import Response
from cos_migrate.http.retries import Retries
from cos_migrate.http.xml_texts import find_text
from cos_migrate.language import Say
from cos_migrate.model import Rejected, Row, SourceObject, failure_of, object_of
from cos_migrate.report.advice import advice_for
from cos_migrate.sources.base import Source
from cos_migrate.sources.recipe import SourceRecipe
from cos_migrate.text import masked, printable

_FREE_LEAST = 100 << 20
"""Bytes that a disk must have free for records and logs."""
_FREE_FOR_SPOOL = 1 << 30
"""Bytes of tmpFolder's disk that a run leaves free."""
_READ_MOST = 1 << 10
"""Bytes of an object that are read."""
_OBJECTS_TRIED = 3
"""Objects that are tried until one can be read: a single one may be archived, for example."""
_REJECTED_MOST = 1000
"""Entries without an object behind which the search for one ends."""
_CLOCK_MOST = 300.0
"""Seconds by which the clock may differ: signatures are refused from 15 minutes on."""
_TRIES = 2
_UNTESTED = "not tested, because COS was not reached"


class ConfigCheck(NamedTuple):
    """The result of one check of a configuration: whether it passed, and what was found."""

    passed: bool
    name: str
    text: str
    task: str = ""
    """The line of batchTaskPath that it belongs to; empty: none."""

    def line(self, say: Say) -> str:
        """Return the line to print; `say` translates its texts."""
        where = f"{self.task} " if self.task and self.name else self.task
        head = f"[{'ok' if self.passed else 'fail'}] {where}{say(self.name)}"
        return f"{head}: {say(self.text)}"


def machine_checks(config: Config, folder: Path, *, spools: bool) -> Iterator[ConfigCheck]:
    """Check the disks of `folder`, the tool's, and of tmpFolder, which a run may spool to."""
    spool = _FREE_FOR_SPOOL if spools else _FREE_LEAST
    places = (
        ("db", folder / "db", _FREE_LEAST),
        ("log", folder / "log", _FREE_LEAST),
        ("tmpFolder", Path(config.common.tmp_folder), spool),
    )
    for name, path, least in places:
        there = next(each for each in (path, *path.absolute().parents) if each.exists())
        free = shutil.disk_usage(there).free
        text = f"{free / (1 << 30):,.1f} GiB are free in {printable(str(path))}"
        if not os.access(there, os.W_OK | os.X_OK):
            yield ConfigCheck(
                False, f"disk for {name}", f"{there} cannot be written to: change its mode"
            )
        elif free < least:
            needed = f"{least >> 20} MiB are needed: free space, or use another disk"
            yield ConfigCheck(False, f"disk for {name}", f"{text}; {needed}")
        else:
            yield ConfigCheck(True, f"disk for {name}", text)


def source_checks(recipe: SourceRecipe, section: str) -> Iterator[ConfigCheck]:
    """List the source and read the first bytes of one object."""
    source = recipe.build()
    objects: list[SourceObject] = []
    try:
        rejected = _find_objects(source, objects)
    except (MigrateError, OSError) as error:
        yield _failed("source is listed", error)
        yield ConfigCheck(False, "object is read", "not tested, because the source was not listed")
        return
    place = printable(source.place())
    if not objects:
        found = f"nothing was found to migrate ({place})"
        if rejected:
            found = f"nothing that can be migrated is among {rejected} entries ({place})"
        yield ConfigCheck(True, "source is listed", found)
        yield ConfigCheck(
            True, "object is read", f"not tested, because [{section}] names no object"
        )
        return
    first = printable(source.mask(objects[0].name))
    yield ConfigCheck(True, "source is listed", f"{place}; the first object is {first}")
    yield _read_one(source, objects)


def _find_objects(source: Source, objects: list[SourceObject]) -> int:
    """Append the first objects of the source; return how many other entries were found."""
    rejected = 0
    for found in source.scan_rows():
        if type(found) is tuple:
            objects.append(object_of(cast("Row", found)))
        elif isinstance(found, SourceObject):
            objects.append(found)
        elif isinstance(found, Rejected):
            rejected += 1
        if len(objects) >= _OBJECTS_TRIED or rejected >= _REJECTED_MOST:
            break
    return rejected


def _read_one(source: Source, objects: list[SourceObject]) -> ConfigCheck:
    failure: ConfigCheck | None = None
    retries = Retries(_TRIES, threading.Event())
    for obj in objects:
        name = printable(source.mask(obj.name))
        try:
            size = retries.run(partial(_read_first, source, obj))
        except (MigrateError, OSError) as error:
            failure = failure or _failed("object is read", error, name)
            continue
        return ConfigCheck(True, "object is read", f"the first {size} bytes of {name}")
    assert failure is not None  # noqa: S101 - there is at least one object
    return failure


def _read_first(source: Source, obj: SourceObject) -> int:
    """Read the first bytes of an object; return how many."""
    if obj.is_folder:
        return 0
    if obj.fingerprint.size < 0:
        obj = source.stat(obj)
    size = obj.fingerprint.size
    with source.open(obj, 0, min(size, _READ_MOST) if size >= 0 else -1) as reader:
        return len(reader.read(_READ_MOST))


class _SignalsAfter:
    """Lets a block end before a signal ends this process; a second signal ends it at once."""

    def __enter__(self) -> None:
        self._number = 0
        self._handled = signals.handled(self._note)
        self._handled.__enter__()

    def __exit__(self, *caught: object) -> None:
        self._handled.__exit__(None, None, None)
        if self._number:
            raise SystemExit(signals.exit_code(self._number))

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._number:
            raise SystemExit(signals.exit_code(number))
        self._number = number


class _Begun(NamedTuple):
    """The answer of COS to the begin of an upload."""

    upload_id: str
    date: int
    """Its clock, seconds since 1970; -1: it did not state it."""


def target_checks(settings: CosSettings, cos_path: str) -> Iterator[ConfigCheck]:
    """Check the target by a multipart upload that is begun and aborted below `cos_path`."""
    path = f"{cos_path}{PROBE_NAME}"
    access = Access(settings._replace(tries=_TRIES))
    client = CosClient(access)
    host = settings.routes()[0].authority
    began = time.time()
    try:
        with _SignalsAfter():  # an upload that was begun is aborted in any case
            begun = _begin(client, path)
            took = time.time() - began
            left = _abort(access, path, begun.upload_id)
    except MigrateError as error:
        yield from _refused(settings, error, host)
        return
    finally:
        client.close()
    yield ConfigCheck(True, "bucket is reached", f"{settings.bucket} at {host}")
    yield ConfigCheck(True, "region", f"{settings.region} is right")
    if settings.https:
        yield _trusted_certificate(host)
    if left:
        text = f"the upload {begun.upload_id} of {path} could not be aborted: {left}"
        yield ConfigCheck(False, "write permission", text)
    else:
        yield ConfigCheck(
            True,
            "write permission",
            f"a multipart upload was begun and aborted at {path}; PutObject itself is not tested",
        )
    yield _clock(begun.date, began, took)


def _begin(client: CosClient, path: str) -> _Begun:
    def judge(response: Response) -> _Begun:
        upload_id = find_text(response.body, "UploadId")
        if not upload_id:
            raise incomplete_answer(response, "InitiateMultipartUpload", path)
        return _Begun(upload_id, parse_date(response.headers.get(b"date", b"")))

    headers = client.access.upload_headers()
    request = CosRequest(
        "InitiateMultipartUpload", "POST", path, (("uploads", ""),), headers, EMPTY
    )
    return client.send(request, judge)


def _abort(access: Access, path: str, upload_id: str) -> str:
    """Abort the upload; return why that failed, empty if it did not."""
    from cos_migrate.cos.control import Control  # noqa: PLC0415 - the SDK takes 0.3 s to load

    try:
        Control(access).abort(path, upload_id)
    except MigrateError as error:
        return _explained(error)
    return ""


def _trusted_certificate(host: str) -> ConfigCheck:
    return ConfigCheck(True, "certificate", f"that of {host} is trusted")


def _refused(settings: CosSettings, error: MigrateError, host: str) -> Iterator[ConfigCheck]:
    """Yield the checks of a target that has refused the upload, or was not reached."""
    answered = bool(error.status)
    code, explained = error.code, _explained(error)
    if not answered:
        yield ConfigCheck(False, "bucket is reached", f"{host}: {explained}")
        if settings.https:
            tls = code in {"CertificateInvalid", "CertificateStore", "TlsFailed"}
            yield ConfigCheck(False, "certificate", explained if tls else _UNTESTED)
        for name in ("region", "write permission", "clock"):
            yield ConfigCheck(False, name, _UNTESTED)
        return
    bucket_is_there = code not in {"NoSuchBucket", "WrongRegion", "ForeignAnswer"}
    reached = f"{settings.bucket} at {host}"
    yield ConfigCheck(
        bucket_is_there, "bucket is reached", reached if bucket_is_there else explained
    )
    region = code != "WrongRegion"
    yield ConfigCheck(region, "region", f"{settings.region} answers" if region else explained)
    if settings.https:
        yield _trusted_certificate(host)
    yield ConfigCheck(False, "write permission", explained)
    if code in {"RequestTimeTooSkewed", "RequestIsExpired"}:
        yield ConfigCheck(False, "clock", explained)


def _clock(date: int, began: float, took: float) -> ConfigCheck:
    if date < 0:
        return ConfigCheck(True, "clock", "not compared, because COS did not state its time")
    # COS's time is that of some moment of the request, in whole seconds.
    difference = max(0.0, abs(began + took / 2 - date) - took / 2 - 1.0)
    if difference > _CLOCK_MOST:
        text = f"this machine's differs from that of COS by {difference:,.0f} s: set it"
        return ConfigCheck(False, "clock", text)
    return ConfigCheck(
        True, "clock", f"this machine's differs from that of COS by {difference:.0f} s"
    )


def _failed(name: str, error: MigrateError | OSError, about: str = "") -> ConfigCheck:
    text = _explained(error) if isinstance(error, MigrateError) else error.strerror or str(error)
    return ConfigCheck(False, name, f"{about}: {text}" if about else text)


def _explained(error: MigrateError) -> str:
    """Return the message of an error with what to do."""
    failure = failure_of(error)
    status = f"{failure.status} " if failure.status else ""
    code = f"{status}{failure.code}: " if failure.code else ""
    with contextlib.suppress(UnicodeError):
        return printable(masked(f"{code}{failure.message}; {advice_for(failure)}"))
    return advice_for(failure)
