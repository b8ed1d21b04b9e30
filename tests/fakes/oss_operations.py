"""OSS's operations, after its API reference."""

from __future__ import annotations

import base64
import dataclasses
import email.utils
import hashlib
import time
from collections.abc import Callable
from urllib.parse import parse_qsl, quote

from tests.fakes.archive import Archive, WrongRestore
from tests.fakes.oss_store import Bucket, OssObject, Page, Store, new_object
from tests.fakes.oss_wire import Answer, OssError, Request, document, tag

_KEPT = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    }
)
_OWNER = tag("ID", "1234567890") + tag("DisplayName", "1234567890")
_MOST = 1000


def operation_of(request: Request) -> str:
    """Return the documentation's name of what is asked for."""
    names = {name for name, _ in request.params}
    if not request.bucket:
        return "ListBuckets"
    if request.key:
        if "acl" in names:
            return "PutObjectACL" if request.method == "PUT" else "GetObjectACL"
        if "restore" in names:
            return "RestoreObject" if request.method == "POST" else "NotImplemented"
        if "tagging" in names:
            return "GetObjectTagging" if request.method == "GET" else "NotImplemented"
        if "objectMeta" in names:
            return "GetObjectMeta"
        return {
            "GET": "GetObject",
            "HEAD": "HeadObject",
            "PUT": "PutObject",
            "DELETE": "DeleteObject",
        }.get(request.method, "NotImplemented")
    if request.method == "PUT":
        return "PutBucket"
    for name, operation in (
        ("bucketInfo", "GetBucketInfo"),
        ("location", "GetBucketLocation"),
        ("acl", "GetBucketAcl"),
    ):
        if name in names:
            return operation
    return "ListObjects" if request.method == "GET" else "NotImplemented"


class Operations:
    """Carries operations out on a store."""

    def __init__(self, store: Store, archive: Archive, page_size: Callable[[], int]) -> None:
        self._store = store
        self._archive = archive
        self._page_size = page_size
        self._known: dict[str, Callable[[Request, Bucket], Answer]] = {
            "ListObjects": self._list,
            "GetBucketInfo": _bucket_info,
            "GetBucketLocation": _bucket_location,
            "GetBucketAcl": lambda _, bucket: _acl(bucket.acl),
            "GetObject": self._get,
            "HeadObject": self._head,
            "GetObjectMeta": self._meta,
            "GetObjectACL": lambda request, bucket: _acl(self._object(request, bucket).acl),
            "RestoreObject": self._restore,
            "GetObjectTagging": lambda request, bucket: _tagging(self._object(request, bucket)),
            "PutObject": self._put,
            "PutObjectACL": self._put_acl,
            "DeleteObject": self._delete,
        }

    def run(self, operation: str, request: Request, bucket: Bucket) -> Answer:
        """Carry out one operation. Raises OssError."""
        if operation not in self._known:
            raise OssError(400, "NotImplemented", f"{operation} is not implemented here.")
        return self._known[operation](request, bucket)

    def _object(self, request: Request, bucket: Bucket) -> OssObject:
        found = self._store.get(bucket.name, request.key)
        if found is None:
            text = "The specified key does not exist."
            raise OssError(404, "NoSuchKey", text, Key=request.key)
        state = self._archive.state(found.key)
        return dataclasses.replace(found, restore=state) if state else found

    def _restore(self, request: Request, bucket: Bucket) -> Answer:
        found = self._object(request, bucket)
        if found.storage_class not in self._archive.tiers:
            raise OssError(400, "OperationNotSupported", "The object is not archived.")
        if found.readable:
            return Answer(200)
        try:
            status = self._archive.restore(found.key, found.storage_class, request.body)
        except WrongRestore as wrong:
            raise OssError(400, "MalformedXML", str(wrong)) from wrong
        if status == 409:
            text = "The restore operation is in progress."
            raise OssError(409, "RestoreAlreadyInProgress", text)
        return Answer(status)

    def _followed(self, request: Request, bucket: Bucket) -> OssObject:
        """Return the object itself, or that to which it links."""
        link = self._object(request, bucket)
        if not link.target:
            return link
        found = self._store.get(bucket.name, link.target)
        if found is None:
            text = "The target of the symbolic link does not exist."
            raise OssError(404, "SymlinkTargetNotExist", text)
        modified = max(link.modified, found.modified)
        return dataclasses.replace(found, kind="Symlink", modified=modified)

    def _get(self, request: Request, bucket: Bucket) -> Answer:
        found = self._followed(request, bucket)
        kind = request.fault
        _check_conditions(request, found, pinned=kind != "unpinned")
        if not found.readable:
            text = "The operation is not valid for the object's state"
            raise OssError(403, "InvalidObjectState", text, ObjectName=found.key)
        span = None if kind == "whole" else _span(request, len(found.data))
        answer = Answer(200, _headers_of(found), found.data)
        if bucket.forces_download:
            answer.headers["x-oss-force-download"] = "true"
            answer.headers.setdefault("Content-Disposition", "attachment")
        if span:
            first, last = span
            answer.status, answer.body = 206, found.data[first : last + 1]
            answer.headers["Content-Range"] = f"bytes {first}-{last}/{len(found.data)}"
        return answer

    def _head(self, request: Request, bucket: Bucket) -> Answer:
        found = self._followed(request, bucket)
        _check_conditions(request, found, pinned=request.fault != "unpinned")
        return Answer(200, {**_headers_of(found), "Content-Length": str(len(found.data))})

    def _meta(self, request: Request, bucket: Bucket) -> Answer:
        found = self._followed(request, bucket)
        headers = _headers_of(found)
        told = {name: headers[name] for name in ("ETag", "Last-Modified")}
        return Answer(200, {**told, "Content-Length": str(len(found.data))})

    def _put(self, request: Request, bucket: Bucket) -> Answer:
        md5 = base64.b64encode(hashlib.md5(request.body).digest()).decode()
        if request.headers.get("content-md5", md5) != md5:
            raise OssError(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
        told = {
            name: value
            for name, value in request.headers.items()
            if name in _KEPT or name.startswith("x-oss-meta-")
        }
        made = new_object(
            request.key,
            request.body,
            told,
            storage_class=request.headers.get("x-oss-storage-class", "Standard"),
            acl=request.headers.get("x-oss-object-acl", "default"),
            tags=dict(parse_qsl(request.headers.get("x-oss-tagging", ""), keep_blank_values=True)),
        )
        self._store.put(bucket.name, made)
        headers = {"ETag": f'"{made.etag}"', "x-oss-hash-crc64ecma": str(made.crc64)}
        return Answer(200, {**headers, "Content-MD5": md5})

    def _put_acl(self, request: Request, bucket: Bucket) -> Answer:
        found = self._object(request, bucket)
        acl = request.headers.get("x-oss-object-acl", "default")
        self._store.put(bucket.name, dataclasses.replace(found, acl=acl))
        return Answer(200)

    def _delete(self, request: Request, bucket: Bucket) -> Answer:
        self._store.delete(bucket.name, request.key)
        return Answer(204)

    def _list(self, request: Request, bucket: Bucket) -> Answer:
        params = dict(request.params)
        second = params.get("list-type") == "2"
        told = params.get("continuation-token", "") if second else params.get("marker", "")
        try:
            marker = base64.b64decode(told).decode() if second and told else told
            limit = int(params.get("max-keys") or 100)
        except ValueError:
            raise OssError(400, "InvalidArgument", "A parameter is invalid.") from None
        if not 1 <= limit <= _MOST:
            raise OssError(
                400,
                "InvalidArgument",
                "Argument max-keys must be an integer between 1 and 1000.",
                ArgumentName="max-keys",
                ArgumentValue=str(limit),
            )
        if second and not told:
            marker = params.get("start-after", "")
        kind = request.fault
        page = self._store.page(
            bucket.name,
            params.get("prefix", ""),
            "" if kind == "repeat" else marker,
            params.get("delimiter", ""),
            min(limit, self._page_size()),
        )
        if kind == "shuffle":
            page.entries.reverse()
        elif kind == "same-marker":
            page = dataclasses.replace(page, truncated=True, next=marker)
        return Answer(
            200, {"Content-Type": "application/xml"}, _listing(params, bucket, page, marker)
        )


def _listing(params: dict[str, str], bucket: Bucket, page: Page, marker: str) -> bytes:
    coded = params.get("encoding-type") == "url"
    second = params.get("list-type") == "2"

    def name(element: str, text: str) -> str:
        return tag(element, quote(text, safe="") if coded else text)

    parts = [tag("Name", bucket.name), name("Prefix", params.get("prefix", ""))]
    if second:
        parts.append(tag("KeyCount", str(len(page.entries))))
        parts.append(name("StartAfter", params.get("start-after", "")))
        if "continuation-token" in params:
            parts.append(tag("ContinuationToken", params["continuation-token"]))
    else:
        parts.append(name("Marker", marker))
    parts.append(tag("MaxKeys", params.get("max-keys") or "100"))
    parts.append(name("Delimiter", params.get("delimiter", "")))
    if coded:
        parts.append(tag("EncodingType", "url"))
    parts.append(tag("IsTruncated", "true" if page.truncated else "false"))
    if page.truncated and second:
        token = base64.b64encode(page.next.encode()).decode()
        parts.append(tag("NextContinuationToken", token))
    elif page.truncated:
        parts.append(name("NextMarker", page.next))
    owner = not second or params.get("fetch-owner") == "true"
    for entry in page.entries:
        if isinstance(entry, str):
            parts.append(f"<CommonPrefixes>{name('Prefix', entry)}</CommonPrefixes>")
            continue
        parts.append(
            "<Contents>"
            + name("Key", entry.key)
            + tag("LastModified", _iso(entry.modified))
            + tag("ETag", f'"{entry.etag}"')
            + tag("Type", entry.kind)
            + tag("Size", str(len(entry.data)))
            + tag("StorageClass", entry.storage_class)
            + (tag("RestoreInfo", entry.restore) if entry.restore else "")
            + (f"<Owner>{_OWNER}</Owner>" if owner else "")
            + "</Contents>"
        )
    return document("ListBucketResult", "".join(parts))


def _headers_of(found: OssObject) -> dict[str, str]:
    headers = {_cased(name): value for name, value in found.headers.items()}
    headers |= {
        "ETag": f'"{found.etag}"',
        "Last-Modified": email.utils.formatdate(found.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "x-oss-object-type": found.kind,
        "x-oss-storage-class": found.storage_class,
        "x-oss-hash-crc64ecma": str(found.crc64),
    }
    if found.content_md5:
        headers["Content-MD5"] = found.content_md5
    if found.tags:
        headers["x-oss-tagging-count"] = str(len(found.tags))
    if found.restore:
        headers["x-oss-restore"] = found.restore
    return headers


def _cased(name: str) -> str:
    return name if name.startswith("x-oss-") else name.title()


def _check_conditions(request: Request, found: OssObject, *, pinned: bool) -> None:
    headers = request.headers
    since = _time_of(headers.get("if-modified-since", ""))
    until = _time_of(headers.get("if-unmodified-since", ""))
    match = headers.get("if-match", "").strip('"')
    differs = headers.get("if-none-match", "").strip('"')
    for condition, failed in (
        ("If-Match", bool(match) and match != found.etag),
        ("If-Unmodified-Since", until is not None and found.modified > until),
    ):
        if failed and pinned:
            text = "At least one of the pre-conditions you specified did not hold"
            raise OssError(412, "PreconditionFailed", text, Condition=condition)
    if (differs and differs == found.etag) or (since is not None and found.modified <= since):
        raise OssError(304, "NotModified", "Not Modified")


def _time_of(text: str) -> float | None:
    parsed = email.utils.parsedate_tz(text) if text else None
    return email.utils.mktime_tz(parsed) if parsed else None


def _span(request: Request, size: int) -> tuple[int, int] | None:
    """Return the first and last byte asked for, None for all.

    A range that does not fit is ignored, unless the request wants standard behaviour.
    """
    text = request.headers.get("range", "")
    if not text.startswith("bytes="):
        return None
    standard = request.headers.get("x-oss-range-behavior") == "standard"
    first, dash, last = text[6:].partition("-")
    if not dash or "," in text or not (first + last).isdigit():
        if "," in text:
            raise OssError(416, "InvalidRange", "The requested range cannot be satisfied")
        return None
    if not first:
        begin, end = max(0, size - int(last)), size - 1
    else:
        begin, end = int(first), int(last) if last else size - 1
    fits = begin <= end < size
    if not fits and standard:
        if begin >= size:
            raise OssError(416, "InvalidRange", "The requested range cannot be satisfied")
        return begin, min(end, size - 1)
    return (begin, end) if fits else None


def _acl(grant: str) -> Answer:
    owner = f"<Owner>{_OWNER}</Owner>"
    grants = f"<AccessControlList>{tag('Grant', grant)}</AccessControlList>"
    headers = {"Content-Type": "application/xml"}
    return Answer(200, headers, document("AccessControlPolicy", owner + grants))


def _tagging(found: OssObject) -> Answer:
    pairs = ((tag("Key", key), tag("Value", value)) for key, value in found.tags.items())
    inner = "".join(f"<Tag>{key}{value}</Tag>" for key, value in pairs)
    headers = {"Content-Type": "application/xml"}
    return Answer(200, headers, document("Tagging", f"<TagSet>{inner}</TagSet>"))


def _bucket_info(_request: Request, bucket: Bucket) -> Answer:
    endpoint = bucket.endpoint or f"{bucket.location}.aliyuncs.com"
    inner = (
        tag("Name", bucket.name)
        + tag("CreationDate", "2024-01-01T00:00:00.000Z")
        + tag("ExtranetEndpoint", endpoint)
        + tag("IntranetEndpoint", endpoint.replace(".aliyuncs", "-internal.aliyuncs"))
        + tag("Location", bucket.location)
        + tag("StorageClass", "Standard")
        + f"<Owner>{_OWNER}</Owner>"
        + f"<AccessControlList>{tag('Grant', bucket.acl)}</AccessControlList>"
    )
    headers = {"Content-Type": "application/xml"}
    return Answer(200, headers, document("BucketInfo", f"<Bucket>{inner}</Bucket>"))


def _bucket_location(_request: Request, bucket: Bucket) -> Answer:
    body = document("LocationConstraint", bucket.location)
    return Answer(200, {"Content-Type": "application/xml"}, body)


def _iso(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
