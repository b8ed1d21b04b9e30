"""Companion records: what the Java tool's record of an object has no room for.

The keys and values of the Java tool must not change, so the CRC-64 and ETag on COS, times and
versions stand in a second record. Its fields are a letter and a value, in any order; unknown ones
are skipped, and `K` extends to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, unquote

from cos_migrate.config.options import values_of
from cos_migrate.http.dates import NANO
from cos_migrate.model import Fingerprint, SourceObject
from cos_migrate.sources.base import Source
from cos_migrate.sources.etags import is_placeholder
from cos_migrate.state import formats, object_records
from cos_migrate.state.formats import ReadableRecords

_PREFIX = "[cosmigrate stored] "
_PLAIN = "!#$&'()*+,/:;=?@[]\""
_SAME_SECONDS = 2
"""Seconds by which the times of a listing and an answer may differ for one version."""

Get = Callable[[bytes], "bytes | None"]


class Companion(NamedTuple):
    """The companion record of an object that is on COS."""

    etag: str = ""
    """ETag of COS, without quotes; empty when unknown."""
    crc64: int = -1
    """CRC-64/XZ of the bytes sent; -1 when unknown."""
    mark: str = ""
    """Short digest of `source_mark` for its source."""
    modified: int = -1
    """LastModified at the source in seconds, where its ETag shows no changes; else -1."""
    version: str = ""
    """ETag at the source, where its record holds a time and none was sent; else empty."""
    record_key: str = ""
    """Key of its record, where the path alone does not give it."""


def key_of(cos_path: str) -> bytes:
    """Return the database key of the companion record of the object at a target path."""
    return (_PREFIX + cos_path).encode("utf-8", "surrogatepass")


def path_of(key: bytes) -> str:
    """Return the target path in the key of a companion record; empty for any other key."""
    text = key.decode("utf-8", "surrogatepass")
    return text[len(_PREFIX) :] if text.startswith(_PREFIX) else ""


def value_of(companion: Companion) -> bytes:
    """Return the bytes to store as a companion record."""
    fields = [
        f"E{_quoted(companion.etag)}" if companion.etag else "",
        f"C{companion.crc64:016x}" if companion.crc64 >= 0 else "",
        f"M{companion.mark}" if companion.mark else "",
        f"T{companion.modified}" if companion.modified >= 0 else "",
        f"V{_quoted(companion.version)}" if companion.version else "",
        f"K{companion.record_key}" if companion.record_key else "",
    ]
    return " ".join(filter(None, fields)).encode("utf-8", "surrogatepass")


def parse(value: bytes) -> Companion:
    """Parse the value of a companion record, skipping invalid fields."""
    rest, found = value.decode("utf-8", "replace"), Companion()
    while rest:
        if rest[0] == "K":
            return found._replace(record_key=rest[1:])
        field, _, rest = rest.partition(" ")
        name, text = field[:1], field[1:]
        if name == "E":
            found = found._replace(etag=unquote(text))
        elif name == "C":
            found = found._replace(crc64=_number(text, 16))
        elif name == "M":
            found = found._replace(mark=text)
        elif name == "T":
            found = found._replace(modified=_number(text, 10))
        elif name == "V":
            found = found._replace(version=unquote(text))
    return found


class CompanionRecords:
    """The companion records of one job."""

    def __init__(self, state: ReadableRecords, source: Source) -> None:
        self._state = state
        self._source = source
        self.mark = formats.origin_mark(source_mark(source))
        """`Companion.mark` of what this source sends."""
        self._mark_field = f" M{self.mark}"

    def find(self, cos_path: str, record_key: str, get: Get | None = None) -> Companion | None:
        """Return the companion of a record, or None.

        `get` replaces the look-up in the database. A CRC-64 alone, as written by 0.1, is read too.
        """
        get = get or self._state.get
        value = get(key_of(cos_path))
        if value is not None:
            found = parse(value)
            return found if found.record_key in {"", record_key} else None
        value = get(formats.crc64_key(record_key))
        return Companion(crc64=int(value)) if value is not None and value.isdigit() else None

    def plain_pair(self, cos_path: str, etag: str, crc64: int) -> tuple[bytes, bytes]:
        """Return the pair to write for an object that was sent, of a source without other fields.

        `etag` and `crc64` are from COS.
        """
        if crc64 < 0 or not etag.isalnum():
            return key_of(cos_path), value_of(Companion(etag, crc64, self.mark))
        key = (_PREFIX + cos_path).encode("utf-8", "surrogatepass")
        return key, f"E{etag} C{crc64:016x}{self._mark_field}".encode()

    def sent_pair(
        self, obj: SourceObject, cos_path: str, record_key: str, etag: str, crc64: int
    ) -> tuple[bytes, bytes]:
        """Return the pair to write for an object that was sent; `etag` and `crc64` are from COS."""
        companion = Companion(etag, crc64, self.mark)
        return key_of(cos_path), value_of(self._completed(companion, obj, record_key))

    def verified_pair(
        self, cos_path: str, record_key: str, etag: str, crc64: int, *, by_source: bool
    ) -> tuple[bytes, bytes] | None:
        """Return the pair to write for an object whose content was verified; None: it is written.

        `etag` and `crc64` are from COS. `by_source`: the source's content itself was compared.
        """
        known = self.find(cos_path, record_key)
        found = (known or Companion())._replace(etag=etag, crc64=crc64)
        if by_source:
            found = found._replace(mark=self.mark)
        if not self._source.keyed_by_path:
            found = found._replace(record_key=record_key)
        return None if found == known else (key_of(cos_path), value_of(found))

    def is_unchanged(
        self, obj: SourceObject, cos_path: str, record_key: str, value: str, get: Get | None = None
    ) -> bool:
        """Return whether a `weak` object is unchanged; `value` is that of its record.

        A record without a companion to compare with counts as unchanged.
        """
        return self._record_agrees(obj, value) and self._differs(
            obj, self.find(cos_path, record_key, get)
        ) in {"", "unknown"}

    def completed_pair(
        self, obj: SourceObject, cos_path: str, record_key: str
    ) -> tuple[tuple[bytes, bytes], bytes] | None:
        """Return the pair to write and the key to delete where the companion lacks a field."""
        companion = self.find(cos_path, record_key)
        if self._differs(obj, companion) != "unknown":
            return None
        whole = self._completed(companion or Companion(), obj, record_key)
        return (key_of(cos_path), value_of(whole)), formats.crc64_key(record_key)

    def changes_are_hidden(self, obj: SourceObject) -> bool:
        """Return whether changes that keep the size of an object cannot be detected."""
        return obj.weak and not self._version_of(obj) and _modified(obj) < 0

    def _record_agrees(self, obj: SourceObject, value: str) -> bool:
        """Return whether a record agrees with an object, as far as the ETag shows."""
        if self._source.is_unchanged(obj, value):
            return True
        size, mtime_ns, etag = obj.fingerprint
        if self._source.weak_by_time or not is_placeholder(etag):
            return False
        etag = object_records.etag_in(value)
        fingerprint = Fingerprint(size, mtime_ns, etag)
        return self._source.is_unchanged(obj._replace(fingerprint=fingerprint), value)

    def _differs(self, obj: SourceObject, companion: Companion | None) -> str:
        """Return `differs`, `unknown` (nothing to compare with), or an empty text."""
        version, modified = self._version_of(obj), _modified(obj)
        if version:
            known = companion.version if companion else ""
            return "" if known == version else "differs" if known else "unknown"
        if self._source.weak_by_time or modified < 0:
            return ""
        known_time = companion.modified if companion else -1
        return "" if known_time == modified else "differs" if known_time >= 0 else "unknown"

    def _completed(self, companion: Companion, obj: SourceObject, record_key: str) -> Companion:
        if obj.weak:
            by_time = self._source.weak_by_time
            modified = -1 if by_time else _modified(obj)
            companion = companion._replace(modified=modified, version=self._version_of(obj))
        return companion._replace(record_key="" if self._source.keyed_by_path else record_key)

    def _version_of(self, obj: SourceObject) -> str:
        """Return the ETag of an object whose record holds a time that the source did not send."""
        etag = obj.fingerprint.etag
        return etag.removeprefix("W/").strip('"') if self._source.weak_by_time else ""


def source_mark(source: Source) -> str:
    """Return a text without secrets that identifies the bucket, service and folder of a source."""
    if source.is_local:  # one folder can be written in several ways
        return f"{source.migrate_type}\n{source.job_text()}"
    keys = [f"{one.key}={value}" for one, value in values_of(source.config) if one.place]
    return "\n".join([source.migrate_type, *keys])


def time_to_record(listed_ns: int, answered_ns: int) -> int:
    """Return the time to record: the listed one, which the next listing will show again.

    When the time in the answer (`answered_ns`) belongs to another version, it is returned instead.
    """
    if listed_ns < 0 or (abs(answered_ns - listed_ns) > _SAME_SECONDS * NANO and answered_ns >= 0):
        return answered_ns
    return listed_ns


def _modified(obj: SourceObject) -> int:
    mtime_ns = obj.fingerprint.mtime_ns
    return mtime_ns // NANO if mtime_ns >= 0 else -1


def _quoted(text: str) -> str:
    return quote(text, safe=_PLAIN)


def _number(text: str, base: int) -> int:
    try:
        return int(text, base)
    except ValueError:
        return -1
