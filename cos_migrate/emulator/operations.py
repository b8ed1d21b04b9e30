"""What each request asks for, and the answer: the operations of COS on objects and buckets.

After Tencent's "COS API documentation"; only what migration tools and SDKs use.
"""

from __future__ import annotations

import email.utils
import hashlib
import re
import time
from collections.abc import Callable
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from cos_migrate.emulator import multipart
from cos_migrate.emulator.checks import (
    MOST,
    check_conditions,
    check_key,
    check_length,
    check_md5,
    corrupting,
    range_of,
)
from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Answer, Request
from cos_migrate.emulator.store import Store, Stored
from cos_migrate.emulator.xml import document, tag

STORAGE_CLASSES = frozenset(
    {
        "STANDARD",
        "STANDARD_IA",
        "ARCHIVE",
        "DEEP_ARCHIVE",
        "COLD",
        "INTELLIGENT_TIERING",
        "MAZ_STANDARD",
        "MAZ_STANDARD_IA",
        "MAZ_INTELLIGENT_TIERING",
        "MAZ_ARCHIVE",
        "MAZ_DEEP_ARCHIVE",
    }
)
_KEPT = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)
_META = "x-cos-meta-"
_META_BYTES = 2048
_OWNER = "<Owner><ID>qcs::cam::uin/1:uin/1</ID><DisplayName>1</DisplayName></Owner>"


def name_of(request: Request, key: str) -> str:
    """Return the documentation's name of what a request asks for."""
    method, has = request.method, request.has
    if not key:
        return _bucket_operation(request)
    if has("acl"):
        return "GetObjectAcl" if method == "GET" else "PutObjectAcl"
    if has("uploads"):
        return "InitiateMultipartUpload"
    copies = "x-cos-copy-source" in request.headers
    if has("uploadId"):
        names = {"POST": "CompleteMultipartUpload", "GET": "ListParts"}
        names["DELETE"] = "AbortMultipartUpload"
        names["PUT"] = "UploadPartCopy" if copies else "UploadPart"
        return names.get(method, "")
    names = {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
    names["PUT"] = "PutObjectCopy" if copies else "PutObject"
    return names.get(method, "")


def _bucket_operation(request: Request) -> str:
    for name, operation in (
        ("uploads", "ListMultipartUploads"),
        ("acl", "GetBucketAcl"),
        ("location", "GetBucketLocation"),
        ("delete", "DeleteMultipleObjects"),
    ):
        if request.has(name):
            return operation
    names = {"GET": "GetBucket", "HEAD": "HeadBucket", "PUT": "PutBucket"}
    return names.get(request.method, "")


class Operations:
    """Carries out requests that have been checked."""

    def __init__(self, store: Store, min_part_size: int) -> None:
        self._store = store
        parts = multipart.Parts(store, min_part_size, self)
        self._table: dict[str, Callable[[Request, str, str], Answer]] = {
            "PutObject": self._put,
            "PutObjectCopy": self._copy,
            "GetObject": self._get,
            "HeadObject": self._get,
            "DeleteObject": self._delete,
            "DeleteMultipleObjects": self._delete_many,
            "GetObjectAcl": self._get_acl,
            "PutObjectAcl": self._put_acl,
            "GetBucketAcl": lambda *_: Answer(body=_acl("")),
            "GetBucket": self._list,
            "HeadBucket": lambda *_: Answer(),
            "PutBucket": lambda *_: Answer(),
            "GetBucketLocation": lambda *_: Answer(
                body=document("LocationConstraint", "ap-guangzhou")
            ),
            "InitiateMultipartUpload": parts.initiate,
            "UploadPart": parts.put,
            "UploadPartCopy": parts.copy,
            "ListParts": parts.list_parts,
            "CompleteMultipartUpload": parts.complete,
            "AbortMultipartUpload": parts.abort,
            "ListMultipartUploads": parts.list_uploads,
        }

    def carry_out(self, name: str, request: Request, bucket: str, key: str) -> Answer:
        """Return the answer to a request. Raises Refusal."""
        if name not in self._table:
            raise Refusal("MethodNotAllowed", "The method is not allowed on this resource.")
        return self._table[name](request, bucket, key)

    def kept_headers(self, request: Request, key: str) -> dict[str, str]:
        """Return what is kept of a new object's headers. Raises Refusal."""
        check_key(key)
        headers = request.headers
        kept = {name: headers[name] for name in _KEPT if name in headers}
        meta = {name: value for name, value in headers.items() if name.startswith(_META)}
        used = sum(len(name) - len(_META) + len(value.encode()) for name, value in meta.items())
        if used > _META_BYTES:
            raise Refusal("MetadataTooLarge", "The user metadata exceeds 2 KiB.")
        kept.update(meta)
        storage = headers.get("x-cos-storage-class", "STANDARD")
        if storage not in STORAGE_CLASSES:
            raise Refusal("InvalidStorageClass", f"{storage} is no storage class.")
        if storage != "STANDARD":
            kept["x-cos-storage-class"] = storage
        encryption = headers.get("x-cos-server-side-encryption")
        if encryption is not None:
            if encryption not in {"AES256", "cos/kms"}:
                raise Refusal("InvalidArgument", f"{encryption} is no encryption.")
            kept["x-cos-server-side-encryption"] = encryption
        return kept

    def source_of(self, request: Request) -> tuple[Stored, int, int]:
        """Return a copy's source and its range (start, length). Raises Refusal."""
        text = re.sub(r"^https?://", "", request.headers["x-cos-copy-source"])
        host, _, path = text.partition("/")
        stored = self._store.get(host.partition(".")[0], unquote(path.partition("?")[0]))
        check_conditions(
            {
                name.replace("x-cos-copy-source-", ""): value
                for name, value in request.headers.items()
                if name.startswith("x-cos-copy-source-if-")
            },
            stored,
        )
        start, length = 0, stored.size
        wanted = request.headers.get("x-cos-copy-source-range")
        if wanted:
            start, length = range_of(wanted, stored.size)
        return stored, start, length

    def _put(self, request: Request, bucket: str, key: str) -> Answer:
        kept = self.kept_headers(request, key)
        check_length(request)
        got = self._store.receive(request.body.pieces(), corrupt=corrupting(request))
        check_md5(request, got.md5)
        stored = self._store.put(bucket, key, got, kept)
        return Answer(headers=told_of(stored, full=False))

    def _copy(self, request: Request, bucket: str, key: str) -> Answer:
        source, _, _ = self.source_of(request)
        if source.size > MOST:
            raise Refusal("EntityTooLarge", "The source of a copy exceeds 5 GiB.")
        replaced = request.headers.get("x-cos-metadata-directive", "Copy").lower() == "replaced"
        same = source is self._store.get(bucket, key) if self._has(bucket, key) else False
        if same and not replaced:
            raise Refusal("InvalidRequest", "An object cannot be copied onto itself unchanged.")
        kept = self.kept_headers(request, key)
        if not replaced:
            ours = ("x-cos-storage-class", "x-cos-server-side-encryption")
            told = {name: kept[name] for name in ours if name in kept}
            kept = {n: v for n, v in source.headers.items() if n not in ours} | told
        got = self._store.receive(multipart.file_range(self._store, source, 0, source.size))
        stored = self._store.put(bucket, key, got, kept)
        inner = tag("ETag", f'"{stored.etag}"') + tag("LastModified", _iso(stored.modified))
        inner += tag("CRC64", str(stored.crc64))
        return Answer(
            headers={"x-cos-hash-crc64ecma": str(stored.crc64)},
            body=document("CopyObjectResult", inner),
        )

    def _has(self, bucket: str, key: str) -> bool:
        try:
            self._store.get(bucket, key)
        except Refusal:
            return False
        return True

    def _get(self, request: Request, bucket: str, key: str) -> Answer:
        stored = self._store.get(bucket, key)
        check_conditions(request.headers, stored)
        headers = told_of(stored, full=True)
        for name in _KEPT:
            override = request.param(f"response-{name}")
            if override:
                headers[name] = override
        status, start, length = 200, 0, stored.size
        wanted = request.headers.get("range")
        if wanted and request.method == "GET":
            start, length = range_of(wanted, stored.size)
            status = 206
            headers["content-range"] = f"bytes {start}-{start + length - 1}/{stored.size}"
        return Answer(
            status, headers, file=self._store.folder / stored.path, start=start, length=length
        )

    def _delete(self, _: Request, bucket: str, key: str) -> Answer:
        self._store.delete(bucket, key)
        return Answer(204)

    def _delete_many(self, request: Request, bucket: str, _: str) -> Answer:
        body = request.body.read()
        check_md5(request, hashlib.md5(body, usedforsecurity=False).digest())
        text = body.decode("utf-8", "replace")
        deleted = ""
        for found in re.finditer(r"<Key>(.*?)</Key>", text, re.DOTALL):
            key = found.group(1)
            for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
                key = key.replace(entity, char)
            self._store.delete(bucket, key)
            deleted += f"<Deleted>{tag('Key', key)}</Deleted>"
        return Answer(body=document("DeleteResult", deleted))

    def _get_acl(self, _: Request, bucket: str, key: str) -> Answer:
        return Answer(body=_acl(self._store.get(bucket, key).acl))

    def _put_acl(self, request: Request, bucket: str, key: str) -> Answer:
        self._store.set_acl(bucket, key, request.headers.get("x-cos-acl", ""))
        request.body.drain()
        return Answer()

    def _list(self, request: Request, bucket: str, _: str) -> Answer:
        """GET Bucket (List Objects), version 1."""
        prefix, delimiter = request.param("prefix"), request.param("delimiter")
        marker = request.param("marker")
        most = min(int(request.param("max-keys") or 1000), 1000)
        encode = request.param("encoding-type") == "url"

        def shown(text: str) -> str:
            return quote(text, safe="/", errors="surrogateescape") if encode else escape(text)

        contents, prefixes, last, truncated = "", dict[str, None](), "", False
        count = 0
        for key in self._store.keys(bucket):
            if not key.startswith(prefix) or _not_behind(key, marker, delimiter):
                continue
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            group = key[: end + len(delimiter)] if end >= 0 else ""
            if group and group in prefixes:
                continue
            if count == most:
                truncated = True
                break
            count += 1
            last = group or key
            if group:
                prefixes[group] = None
            else:
                contents += self._entry(self._store.get(bucket, key), shown(key))
        inner = f"<Name>{bucket}</Name><Prefix>{shown(prefix)}</Prefix>"
        inner += f"<Marker>{shown(marker)}</Marker><MaxKeys>{most}</MaxKeys>"
        inner += f"<Delimiter>{shown(delimiter)}</Delimiter>" if delimiter else ""
        inner += "<EncodingType>url</EncodingType>" if encode else ""
        inner += f"<IsTruncated>{'true' if truncated else 'false'}</IsTruncated>"
        inner += f"<NextMarker>{shown(last)}</NextMarker>" if truncated else ""
        inner += contents
        inner += "".join(
            f"<CommonPrefixes><Prefix>{shown(group)}</Prefix></CommonPrefixes>"
            for group in prefixes
        )
        return Answer(body=document("ListBucketResult", inner))

    def _entry(self, stored: Stored, key: str) -> str:
        storage = stored.headers.get("x-cos-storage-class", "STANDARD")
        return (
            f"<Contents><Key>{key}</Key>"
            f"<LastModified>{_iso(stored.modified)}</LastModified>"
            f"<ETag>&quot;{stored.etag}&quot;</ETag><Size>{stored.size}</Size>"
            f"{_OWNER}<StorageClass>{storage}</StorageClass></Contents>"
        )


def _not_behind(key: str, marker: str, delimiter: str) -> bool:
    if not marker:
        return False
    if delimiter and marker.endswith(delimiter) and key.startswith(marker):
        return True
    return key.encode("utf-8", "surrogateescape") <= marker.encode("utf-8", "surrogateescape")


def told_of(stored: Stored, *, full: bool) -> dict[str, str]:
    """Return the headers that describe an object; `full` for GET and HEAD."""
    headers = {"etag": f'"{stored.etag}"', "x-cos-hash-crc64ecma": str(stored.crc64)}
    if full:
        headers |= stored.headers
        headers.setdefault("content-type", "application/octet-stream")
        headers["last-modified"] = email.utils.formatdate(stored.modified, usegmt=True)
        headers["accept-ranges"] = "bytes"
    elif "x-cos-server-side-encryption" in stored.headers:
        headers["x-cos-server-side-encryption"] = stored.headers["x-cos-server-side-encryption"]
    return headers


def _acl(canned: str) -> bytes:
    schema = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    who = f'<Grantee {schema} xsi:type="{{0}}">{{1}}</Grantee>'
    owner = who.format("CanonicalUser", "<ID>qcs::cam::uin/1:uin/1</ID>")
    grants = f"<Grant>{owner}<Permission>FULL_CONTROL</Permission></Grant>"
    if canned == "public-read":
        everyone = who.format("Group", "<URI>http://cam.qcloud.com/groups/global/AllUsers</URI>")
        grants += f"<Grant>{everyone}<Permission>READ</Permission></Grant>"
    inner = f"{_OWNER}<AccessControlList>{grants}</AccessControlList>"
    return document("AccessControlPolicy", inner)


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
