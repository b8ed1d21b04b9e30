"""One thread's way of carrying out tasks; whatever happens becomes their result."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from cos_migrate.checksums import CRC64, Check
from cos_migrate.cos.client import CosClient
from cos_migrate.cos.envelope import headers_of, is_encrypted, plain_length, refuse_encrypted
from cos_migrate.cos.verify import Copied, Stored
from cos_migrate.descriptors import exhaustion_code, retry_while_exhausted
from cos_migrate.errors import CONTRADICTORY, CosError, MigrateError, SourceChanged, SourceError
from cos_migrate.http.dates import NANO, seconds_of
from cos_migrate.model import Described, Failure, SourceObject
from cos_migrate.pools.messages import (
    SOURCE_FIELDS,
    Arrival,
    Compared,
    Kind,
    Look,
    Message,
    Reply,
    failure_of,
    picklable,
    source_object,
)
from cos_migrate.pools.worker.bodies import Bodies, Body, Moved, Spooled, Tell, attach_md5
from cos_migrate.pools.worker.ordered_checksum import OrderedCheckings
from cos_migrate.sources.base import Source
from cos_migrate.sources.misreads import CHANGED_IN_VAIN
from cos_migrate.text import describe_error

_CHANGED_TRIES = 3
_CONDITION_REFUSED = frozenset({412, 501})
"""Statuses of a copy whose condition does not hold, or is not known."""
_COPY_TRIES = 3
"""Copies of an object made when what COS has of it differs."""
_ACL = ("x-cos-acl", "x-cos-grant-")
_GONE = frozenset({"ENOENT", "ENOTDIR", "NoSuchKey"})
"""Codes of a source that does not have an object any more."""
_REPORT_EVERY = 2.0
"""Seconds between two reports of a long transfer."""


class TaskRunner:
    """Carries out tasks one after the other, over connections of its own."""

    def __init__(
        self,
        source: Source,
        client: CosClient,
        bodies: Bodies,
        checkings: OrderedCheckings,
        emit: Callable[[Message], None],
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """`checkings` are the process's; `emit` takes what is to be told meanwhile.

        `pause` waits for some seconds; it returns something true when the run is stopping.
        """
        self.client = client
        self._source = source
        self._bodies = bodies
        self._checkings = checkings
        self._emit = emit
        self._pause = pause
        self._earlier: MigrateError | None = None
        self._given: Body | None = None
        self._carry_out: dict[int, Callable[[int, Message], Message]] = {
            Kind.PUT_OBJECT: self._put_object,
            Kind.LOOK: self._look,
            Kind.DIGEST: self._digest,
            Kind.INITIATE_UPLOAD: self._initiate,
            Kind.LIST_PARTS: self._list_parts,
            Kind.UPLOAD_PART: self._upload_part,
            Kind.COMPLETE_UPLOAD: self._complete,
            Kind.ABORT_UPLOAD: self._abort,
            Kind.STAT: self._stat,
            Kind.EXAMINE: self._examine,
            Kind.COPY_OBJECT: self._copy_object,
            Kind.COPY_PART: self._copy_part,
            Kind.FETCH_PART: self._fetch_part,
            Kind.CHECK: self._check,
            Kind.BEGIN_PROBE: self._begin_probe,
            Kind.LIST_SOURCE: self._list_source,
        }

    def run(
        self, task: Message, earlier: MigrateError | None = None, given: Body | None = None
    ) -> Message:
        """Carry out one task; whatever happens becomes its result.

        `earlier` is how a first try of its request failed elsewhere, `given` the body that was
        read for it.
        """
        number, self._earlier, self._given = task[0], earlier, given
        try:
            carry_out = partial(self._carry_out[task[1]], number, task[2:])
            return retry_while_exhausted(carry_out, self._make_room)
        except MigrateError as error:
            if error.code == "Stopping":
                return (number, Reply.UNSTARTED)
            return (number, Reply.FAILED, *failure_of(error))
        except Exception as error:
            code = exhaustion_code(error) or "Unexpected"
            return (number, Reply.FAILED, *Failure("transfer", describe_error(error), code=code))

    def _make_room(self, seconds: float) -> object:
        """Wait for a descriptor, holding none: others may wait for the same."""
        self.client.close()
        return self._pause(seconds)

    # -- objects that take one request ---------------------------------------------------------

    def _put_object(self, number: int, fields: Message) -> Message:
        cos_path, look = fields[SOURCE_FIELDS:]

        def send(obj: SourceObject) -> Message:
            with self._body(number, obj) as body:
                if isinstance(body, Spooled):
                    return (number, Reply.SPOOLED, *body)
                earlier, self._earlier = self._earlier, None
                stored = self.client.put_object(cos_path, body.payload, body.headers, earlier)
                _, mtime_ns, etag = body.fingerprint
                size = body.payload.size
            arrival = Arrival(
                stored.request_id,
                stored.unverified,
                stored.crc64,
                size,
                mtime_ns,
                etag,
                stored.etag,
            )
            return (number, Reply.DONE, *arrival)

        return self._unless_there(number, cos_path, look, source_object(fields), send)

    def _body(self, number: int, obj: SourceObject) -> AbstractContextManager[Body | Spooled]:
        given, self._given = self._given, None
        if given:
            return contextlib.nullcontext(given)
        return self._bodies.whole(obj, self._moved(number), self._tell(number))

    def _copy_object(self, number: int, fields: Message) -> Message:
        cos_path, look = fields[SOURCE_FIELDS:]

        def send(obj: SourceObject) -> Message:
            stored = self._copied(obj, cos_path)
            fingerprint = obj.fingerprint
            if self._source.is_same_object(obj, cos_path):
                fingerprint = fingerprint._replace(etag=stored.etag)
            arrival = Arrival(
                stored.request_id, stored.unverified, stored.crc64, *fingerprint, stored.etag
            )
            return (number, Reply.DONE, *arrival)

        return self._unless_there(number, cos_path, look, source_object(fields), send)

    def _copied(self, obj: SourceObject, cos_path: str) -> Stored:
        """Have COS copy an object, again where what it then has is not what the source has."""
        described, headers = self._copy_headers(obj, cos_path)
        source, (size, _, etag) = self._source.copy_source(obj), obj.fingerprint
        attempt = 0
        while True:
            attempt += 1
            try:
                copied = self.client.copy_object(cos_path, source, headers, size)
            except MigrateError as error:
                if not self._unpinned(obj, error):
                    raise
                described, headers = self._copy_headers(obj, cos_path)
                copied = self.client.copy_object(cos_path, source, headers, size)
            if _is_md5(etag) and copied.etag == etag:
                crc64 = -1 if copied.crc64 is None else copied.crc64
                return Stored(etag, crc64, copied.request_id)
            # Only content tells: an ETag that is no MD5 differs from copy to copy.
            described = described or self._bodies.describe(obj)
            try:
                return self.client.verify_copy(cos_path, size, described.crc64, copied)
            except CosError as error:
                if error.code != "ChecksumMismatch" or attempt == _COPY_TRIES:
                    raise

    def _unpinned(self, obj: SourceObject, error: MigrateError) -> bool:
        """Return whether a copy that failed may be tried without the condition that it had."""
        return error.status in _CONDITION_REFUSED and self._source.unpin_copies(obj)

    def _copy_headers(
        self, obj: SourceObject, cos_path: str
    ) -> tuple[Described | None, list[tuple[str, str]]]:
        """Return the headers of a copy, and the description they are made from, if any was."""
        same = self._source.is_same_object(obj, cos_path)
        with_acl = self._source.options.copy_acl
        asks = same or with_acl or self._source.must_be_described(obj)
        described = self._bodies.describe(obj) if asks else None
        headers = self._source.copy_headers(obj, described if same else None)
        if described and with_acl and not same:
            # Everything else is COS's to carry over.
            headers += [pair for pair in described.headers.items() if pair[0].startswith(_ACL)]
        return described, headers

    def _unless_there(
        self,
        number: int,
        cos_path: str,
        look: int,
        obj: SourceObject,
        send: Callable[[SourceObject], Message],
    ) -> Message:
        """Send an object, again where it changes meanwhile, unless COS has what is looked for."""
        there = self._there(number, cos_path, look, obj)
        if there:
            return there
        changed = self._source.reads_at_once
        for attempt in range(1, _CHANGED_TRIES + 1):
            try:
                return send(obj)
            except SourceChanged as error:
                if attempt == _CHANGED_TRIES:
                    if changed:
                        raise
                    raise SourceError(
                        CHANGED_IN_VAIN,
                        operation="GetObject",
                        target=error.target,
                        code=CONTRADICTORY,
                    ) from error
                now = self._bodies.stat(obj)
                changed = changed or now.fingerprint != obj.fingerprint
                obj = now
        raise AssertionError  # the loop returns or raises

    def _there(self, number: int, cos_path: str, look: int, obj: SourceObject) -> Message | None:
        if look == Look.NOT:
            return None
        head = self.client.head_object(cos_path)
        if head is None:
            return None
        if look & Look.NEWER and _is_newer(head.last_modified, obj.fingerprint.mtime_ns):
            return (number, Reply.TARGET_EXISTS, True)
        return (number, Reply.TARGET_EXISTS, False) if look & Look.SAME_PATH else None

    def _examine(self, number: int, fields: Message) -> Message:
        described = self._bodies.examine(source_object(fields))
        return (number, Reply.DONE, *described.fingerprint, described.storage_class)

    # -- what big objects are made of ----------------------------------------------------------

    def _look(self, number: int, fields: Message) -> Message:
        cos_path, look = fields[SOURCE_FIELDS:]
        there = self._there(number, cos_path, look, source_object(fields))
        return there or (number, Reply.DONE)

    def _digest(self, number: int, fields: Message) -> Message:
        obj, described = source_object(fields), fields[SOURCE_FIELDS]
        md5, described = self._bodies.digest(obj, described, self._moved(number))
        return (number, Reply.DONE, md5, picklable(described))

    def _initiate(self, number: int, fields: Message) -> Message:
        obj = source_object(fields)
        cos_path, described, md5, envelope, part_size = fields[SOURCE_FIELDS:]
        described = described or self._bodies.describe(obj)
        if md5 is None:
            md5 = described.md5 or described.likely_md5
            if not md5:
                return (number, Reply.DESCRIBED, picklable(described))
        tell = self._tell(number)
        for warning in described.warnings:
            tell(warning)
        headers = dict(described.headers)
        if md5:
            attach_md5(headers, md5, tell)
        if envelope:
            refuse_encrypted(headers)
            headers |= headers_of(envelope, obj.fingerprint.size, part_size)
        upload_id = self.client.initiate(cos_path, list(headers.items()))
        others = tuple(check for check in described.checks if check.kind != CRC64)
        likely = bool(md5) and not obj.spooled and md5 == described.likely_md5
        if likely:
            others = (Check("MD5", md5),)
        return (number, Reply.DONE, upload_id, described.crc64, others, likely)

    def _upload_part(self, number: int, fields: Message) -> Message:
        obj = source_object(fields)
        cos_path, envelope, checks, upload_id, part, offset, size = fields[SOURCE_FIELDS:]
        checking = None
        if checks:
            checking = self._checkings.of(upload_id, checks, obj.fingerprint.size)
        try:
            plain = self._bodies.part(obj, offset, size, self._moved(number), checking)
            payload = self._bodies.sealed_part(plain, envelope, offset)
            stored = self.client.upload_part(cos_path, upload_id, part, payload)
        except BaseException:
            self._checkings.end(upload_id)
            raise
        plain_crc64 = plain.crc64 if envelope else -1
        checked = ""
        if checking:
            checking.wait(offset + size)
            checked = checking.result()
            if checked:
                self._checkings.end(upload_id)
        unverified = stored.unverified
        return (number, Reply.DONE, stored.etag, stored.crc64, unverified, plain_crc64, checked)

    def _copy_part(self, number: int, fields: Message) -> Message:
        obj = source_object(fields)
        cos_path, _, _, upload_id, part, offset, size = fields[SOURCE_FIELDS:]

        def copied() -> Copied:
            headers = self._source.copy_headers(obj, None)
            source = self._source.copy_source(obj)
            return self.client.copy_part(cos_path, upload_id, part, source, headers, offset, size)

        try:
            etag = copied().etag
        except MigrateError as error:
            if not self._unpinned(obj, error):
                raise
            etag = copied().etag
        return (number, Reply.DONE, etag, -1, "", -1, "")

    def _fetch_part(self, number: int, fields: Message) -> Message:
        obj = source_object(fields)
        path, offset, size = fields[SOURCE_FIELDS:]
        self._bodies.fetch(obj, path, offset, size, self._moved(number))
        return (number, Reply.DONE)

    def _complete(self, number: int, fields: Message) -> Message:
        stored: Stored = self.client.complete(*fields)
        return (number, Reply.DONE, stored.request_id, stored.unverified, stored.etag)

    def _list_parts(self, number: int, fields: Message) -> Message:
        from cos_migrate.cos.control import Control  # noqa: PLC0415 - the SDK takes 0.3 s to load

        return (number, Reply.DONE, Control(self.client.access).list_parts(*fields))

    def _abort(self, number: int, fields: Message) -> Message:
        from cos_migrate.cos.control import Control  # noqa: PLC0415 - the SDK takes 0.3 s to load

        Control(self.client.access).abort(*fields)
        return (number, Reply.DONE)

    def _begin_probe(self, number: int, fields: Message) -> Message:
        return (number, Reply.DONE, self.client.initiate(fields[0], ()))

    def _list_source(self, number: int, _: Message) -> Message:
        self._bodies.ask_listing()
        return (number, Reply.DONE)

    def _stat(self, number: int, fields: Message) -> Message:
        return (number, Reply.DONE, *self._bodies.stat(source_object(fields)).fingerprint)

    # -- what was migrated before ---------------------------------------------------------------

    def _check(self, number: int, fields: Message) -> Message:
        cos_path, ask = fields[SOURCE_FIELDS:]
        obj = source_object(fields)
        size, crc64 = self._content(obj) if ask else (-1, -1)
        head = self.client.head_object(cos_path)
        if head is None:
            return (number, Reply.DONE, *Compared(-1, -1, False, size, crc64, ""))
        told = -1 if head.crc64 is None else head.crc64
        encrypted = is_encrypted(head.headers)
        plain = plain_length(head.headers, head.size)
        compared = Compared(plain, told, encrypted, size, crc64, head.request_id)
        return (number, Reply.DONE, *compared)

    def _content(self, obj: SourceObject) -> tuple[int, int]:
        """Return the size and CRC-64 of a recorded object as it is now, -1 where it is gone."""
        try:
            for attempt in range(1, _CHANGED_TRIES + 1):
                if self._source.reads_at_once:
                    obj = self._source.stat(obj)
                try:
                    return obj.fingerprint.size, self._bodies.checksum(obj)
                except SourceChanged:
                    # What a cloud has now is not what was migrated: only the record tells of it.
                    if not self._source.reads_at_once:
                        return -1, -1
                    if attempt == _CHANGED_TRIES:
                        raise
        except SourceError as error:
            if error.code in _GONE or error.status == 404:  # noqa: PLR2004 - HTTP
                return -1, -1
            raise
        raise AssertionError  # the loop returns or raises

    # -- what is told meanwhile ----------------------------------------------------------------

    def _moved(self, number: int) -> Moved:
        next_report = time.monotonic() + _REPORT_EVERY

        def moved(count: int) -> None:
            nonlocal next_report
            now = time.monotonic()
            if now >= next_report:
                next_report = now + _REPORT_EVERY
                self._emit((number, Reply.MOVED, count))

        return moved

    def _tell(self, number: int) -> Tell:
        return lambda text: self._emit((number, Reply.WARNING, text))


def _is_md5(etag: str) -> bool:
    return len(etag) == 32 and all(char in "0123456789abcdef" for char in etag.lower())  # noqa: PLR2004


def _is_newer(last_modified: str, mtime_ns: int) -> bool:
    """Return whether a Last-Modified (whole seconds) lies behind a time of the source."""
    return mtime_ns >= 0 and seconds_of(last_modified.encode()) > mtime_ns // NANO
