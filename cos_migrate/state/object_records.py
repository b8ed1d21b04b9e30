"""Parse the records of migrated objects into their names, paths and fingerprints.

The formats are those of the Java tool; how much they hold depends on the source.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cos_migrate.model import Fingerprint, SourceObject

PREFIX = b"[taskType: "
"""Prefix of the keys of all records of migrated objects."""

_HEAD = re.compile(r"\[taskType: ([^]]*)\] \[bucket: [^]]*\](?:, \[localPath: | \[cosPath: )")
_COPY = re.compile(
    r"\[taskType: [^]]*\] \[destRegion: [^]]*\], \[destBucketName: [^]]*\], \[destKey: (.*)\], "
    r"\[srcRegion: [^]]*\], \[srcBucketName: [^]]*\], \[srcKey: (.*)\], \[srcStorageClass: [^]]*\]",
    re.DOTALL,
)
_COS_PATH = "], [cosPath: "
_URL = "] [url: "
_SIZE = re.compile(r"\[(?:fileSize|srcSize): ([0-9]{1,19})\]")
_ETAG = re.compile(r"\[(?:etag|srcEtag): ([^]]*)\]")


class ObjectRecord(NamedTuple):
    """A parsed record of a migrated object."""

    cos_path: str
    """Target path, with its leading `/`."""
    obj: SourceObject
    """Its name is empty, and its size -1, where the record has none."""


def parse(key: bytes, value: bytes, cos_root: str) -> ObjectRecord | None:
    """Return the record in a pair of the database, None when no source has written it.

    `cos_root` is the `cosPath` of the job, needed to find the end of a name with brackets.
    """
    try:
        text = key.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    names = _names_of(text, cos_root)
    if names is None or not names[1]:
        return None
    name, path = names
    cos_path = path if path.startswith("/") else "/" + path
    fields = value.decode("utf-8", "replace")
    size, etag = _SIZE.search(fields), _ETAG.search(fields)
    fingerprint = Fingerprint(int(size[1]) if size else -1, -1, etag[1] if etag else "")
    return ObjectRecord(cos_path, SourceObject(name, cos_path.removeprefix(cos_root), fingerprint))


def etag_in(value: str) -> str:
    """Return the ETag in the value of a record, or an empty text."""
    found = _ETAG.search(value)
    return found[1] if found else ""


def _names_of(text: str, cos_root: str) -> tuple[str, str] | None:
    """Return the name at the source (may be empty) and the target path."""
    copy = _COPY.fullmatch(text)
    if copy:
        return copy[2], copy[1]
    head = _HEAD.match(text)
    if head is None or not text.endswith("]"):
        return None
    rest = text[head.end() : -1]
    if head[0].endswith("[localPath: "):
        return _local_names(rest, cos_root)
    if head[1] == "migrateUrl":
        path, url, name = rest.rpartition(_URL)
        return (name, path) if url else None
    return "", rest


def _local_names(rest: str, cos_root: str) -> tuple[str, str] | None:
    """Split `<localPath>], [cosPath: <cosPath>` where both paths end alike."""
    at = rest.find(_COS_PATH)
    first = None
    while at >= 0:
        name, path = rest[:at], rest[at + len(_COS_PATH) :]
        if path.startswith(cos_root) and name.endswith(path[len(cos_root) :]):
            return name, path
        first = first or (name, path)
        at = rest.find(_COS_PATH, at + 1)
    return first
