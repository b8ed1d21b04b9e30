"""What the S3 server of the tests keeps, and the documents it answers with.

Written from the Amazon S3 API Reference.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
OWNER = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
_TIME = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.timezone.utc)
_CANNED = {
    "private": (),
    "public-read": (("READ", ALL_USERS),),
    "public-read-write": (("READ", ALL_USERS), ("WRITE", ALL_USERS)),
}


@dataclasses.dataclass(frozen=True)
class Kept:
    """One object; `headers` (lower-case names) are answered as they are."""

    body: bytes
    etag: str
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    checksums: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Headers that are answered only when they are asked for, and of no range."""
    storage_class: str = "STANDARD"
    restored: bool = False
    archive_access: bool = False
    """Whether INTELLIGENT_TIERING has moved it to its archive."""
    restore: str = ""
    """The state of its restoring, as its header has it."""
    grants: tuple[tuple[str, str], ...] = ()
    """(permission, id or URI of a group) besides the owner's own."""
    modified: dt.datetime = _TIME
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def archived(self) -> bool:
        cold = self.storage_class in {"GLACIER", "DEEP_ARCHIVE"} or self.archive_access
        return cold and not self.restored and "false" not in self.restore


def kept_of(body: bytes, part_size: int = 0, acl: str = "", **more: object) -> Kept:
    """Return an object; with `part_size` as one that was uploaded in parts."""
    etag = hashlib.md5(body).hexdigest()
    if part_size:
        parts = [body[at : at + part_size] for at in range(0, len(body), part_size)]
        sums = b"".join(hashlib.md5(part).digest() for part in parts)
        etag = f"{hashlib.md5(sums).hexdigest()}-{len(parts)}"
    fields = {"etag": etag, "grants": _CANNED[acl or "private"], **more}
    return Kept(body, **fields)  # type: ignore[arg-type]


class Page(NamedTuple):
    keys: list[str]
    folders: list[str]
    truncated: bool
    last: str
    """The key or folder that the page ends with."""


class Bucket:
    """Objects by key, listed in the order of their keys' bytes."""

    def __init__(self) -> None:
        self.objects: dict[str, Kept] = {}
        self._keys: list[str] = []

    def put(self, key: str, kept: Kept) -> None:
        if key not in self.objects:
            self._keys = []
        self.objects[key] = kept

    def remove(self, key: str) -> None:
        self.objects.pop(key, None)
        self._keys = []

    def page(self, prefix: str, after: str, delimiter: str, most: int) -> Page:
        """Return what stands behind `after`, folded at the delimiter."""
        if not self._keys:
            self._keys = sorted(self.objects, key=str.encode)
        keys: list[str] = []
        folders: list[str] = []
        last = ""
        start = bisect.bisect_left(self._keys, prefix, key=str)
        for key in self._keys[start:]:
            if not key.startswith(prefix):
                break
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            name = key if end < 0 else key[: end + len(delimiter)]
            if name <= after or (end >= 0 and after.startswith(name)) or name == last:
                continue
            if len(keys) + len(folders) == most:
                return Page(keys, folders, truncated=True, last=last)
            (keys if end < 0 else folders).append(name)
            last = name
        return Page(keys, folders, truncated=False, last=last)


def tag(name: str, text: object) -> str:
    return f"<{name}>{escape(str(text))}</{name}>"


def document(name: str, inner: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f'{head}<{name} xmlns="{NAMESPACE}">{inner}</{name}>'.encode()


def listing(bucket: Bucket, asked: Mapping[str, str], page: Page, *, v2: bool, name: str) -> bytes:
    """Return the answer to ListObjectsV2 or ListObjects."""

    def coded(text: str) -> str:
        # S3 encodes as forms do: a blank is a plus, a slash stays.
        return quote(text, safe="/-._*").replace("%20", "+") if url else text

    url = asked.get("encoding-type") == "url"
    inner = tag("Name", name) + tag("Prefix", coded(asked.get("prefix", "")))
    inner += tag("MaxKeys", asked.get("max-keys", "1000"))
    inner += tag("IsTruncated", str(page.truncated).lower())
    inner += tag("EncodingType", "url") if url else ""
    if asked.get("delimiter"):
        inner += tag("Delimiter", coded(asked["delimiter"]))
    if v2:
        inner += tag("KeyCount", len(page.keys) + len(page.folders))
        if "start-after" in asked:
            inner += tag("StartAfter", coded(asked["start-after"]))
        if page.truncated:
            inner += tag("NextContinuationToken", page.last.encode().hex())
    else:
        inner += tag("Marker", coded(asked.get("marker", "")))
        if page.truncated and asked.get("delimiter"):
            inner += tag("NextMarker", coded(page.last))
    pieces = []
    for key in page.keys:
        kept = bucket.objects[key]
        stamp = kept.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        pieces.append(
            f"<Contents><Key>{escape(coded(key))}</Key><LastModified>{stamp}</LastModified>"
            f"<ETag>&quot;{kept.etag}&quot;</ETag><Size>{len(kept.body)}</Size>"
            f"<StorageClass>{kept.storage_class}</StorageClass></Contents>"
        )
    folded = "".join(
        f"<CommonPrefixes>{tag('Prefix', coded(f))}</CommonPrefixes>" for f in page.folders
    )
    return document("ListBucketResult", inner + "".join(pieces) + folded)


def acl_document(kept: Kept) -> bytes:
    """Return the answer to GetObjectAcl."""
    owner = tag("ID", OWNER)
    grants = "".join(_grant(*each) for each in (("FULL_CONTROL", OWNER), *kept.grants))
    return document(
        "AccessControlPolicy",
        f"<Owner>{owner}</Owner><AccessControlList>{grants}</AccessControlList>",
    )


def tagging_document(kept: Kept) -> bytes:
    """Return the answer to GetObjectTagging."""
    pairs = ((tag("Key", key), tag("Value", value)) for key, value in kept.tags.items())
    inner = "".join(f"<Tag>{key}{value}</Tag>" for key, value in pairs)
    return document("Tagging", f"<TagSet>{inner}</TagSet>")


def _grant(permission: str, who: str) -> str:
    group = who.startswith("http")
    kind, name = ("Group", "URI") if group else ("CanonicalUser", "ID")
    schema = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    grantee = f'<Grantee {schema} xsi:type="{kind}">{tag(name, who)}</Grantee>'
    return f"<Grant>{grantee}{tag('Permission', permission)}</Grant>"
