"""The operations of COS on objects, after Tencent's "COS API documentation".

Only operations used by migration tools and SDKs; others are refused.
"""

from __future__ import annotations

import email.utils
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote

from cos_migrate.emulator.acl import acl_document, acl_of
from cos_migrate.emulator.archive import Archive
from cos_migrate.emulator.buckets import BucketOperations
from cos_migrate.emulator.checks import (
    ENCRYPTION,
    MOST,
    STORAGE_CLASS,
    check_conditions,
    check_copy_conditions,
    check_md5,
    headers_to_store,
    parse_copy_range,
    parse_range,
    receive_checked,
)
from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Answer, Request
from cos_migrate.emulator.multipart import MultipartOperations
from cos_migrate.emulator.objects import Stored
from cos_migrate.emulator.store import Store, file_pieces
from cos_migrate.emulator.tagging import TAGGING, count_of, tagging_document, tagging_of_document
from cos_migrate.emulator.xml import document, iso_time, parse_document, tag, text_of

_UNKNOWN = frozenset(
    {
        "accelerate",
        "append",
        "cors",
        "domain",
        "encryption",
        "inventory",
        "lifecycle",
        "logging",
        "object-lock",
        "origin",
        "policy",
        "referer",
        "replication",
        "retention",
        "select",
        "symlink",
        "versioning",
        "versions",
        "website",
    }
)
"""Parameters of operations that are not offered here."""

_DELETED_MOST = 1_000

Operation = Callable[[Request, str, str], Answer]


def operation_of(request: Request, key: str) -> str:
    """Return the documented name of the operation that a request asks for, or an empty text."""
    if any(name in _UNKNOWN for name, _ in request.params):
        return ""
    return _object_operation(request) if key else _bucket_operation(request)


def _object_operation(request: Request) -> str:
    method, has = request.method, request.has
    if has("acl"):
        return "GetObjectAcl" if method == "GET" else ""
    if has("restore"):
        return "PostObjectRestore" if method == "POST" else ""
    if has("tagging"):
        verbs = {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}
        return f"{verbs[method]}ObjectTagging" if method in verbs else ""
    if has("uploads"):
        return "InitiateMultipartUpload" if method == "POST" else ""
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
    if request.has("uploads"):
        return "ListMultipartUploads" if request.method == "GET" else ""
    if request.has("delete"):
        return "DeleteMultipleObjects" if request.method == "POST" else ""
    if any(map(request.has, ("acl", "location", "restore", "tagging"))):
        return ""
    return {"GET": "GetBucket", "HEAD": "HeadBucket"}.get(request.method, "")


class CopySource(NamedTuple):
    """The object that a copy request names, and the range of it."""

    stored: Stored
    file: BinaryIO
    start: int
    length: int

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the source of a copy."""
        return file_pieces(self.file, self.start, self.length)


class ObjectOperations:
    """Carries out requests whose signature has been checked."""

    def __init__(self, store: Store, buckets: BucketOperations, min_part_size: int) -> None:
        self._store = store
        self.archive = Archive()
        self._buckets = buckets
        parts = MultipartOperations(store, min_part_size)
        self._table: dict[str, Operation] = {
            **buckets.table,
            **parts.table,
            "PutObject": self._put,
            "PutObjectCopy": self._copy,
            "UploadPartCopy": lambda *of: self._copy_part(parts, *of),
            "GetObject": self._get,
            "HeadObject": self._head,
            "DeleteObject": self._delete,
            "DeleteMultipleObjects": self._delete_many,
            "GetObjectAcl": self._get_acl,
            "PostObjectRestore": self._restore,
            "GetObjectTagging": self._get_tagging,
            "PutObjectTagging": self._put_tagging,
            "DeleteObjectTagging": self._delete_tagging,
        }

    def carry_out(self, name: str, request: Request, bucket: str, key: str) -> Answer:
        """Return the answer to a request. Raises Refusal."""
        if name not in self._table:
            if any(known in _UNKNOWN for known, _ in request.params):
                raise Refusal("NotImplemented", "This server does not offer it.")
            raise Refusal("MethodNotAllowed", "The method is not allowed on this resource.")
        self._buckets.check(bucket)
        return self._table[name](request, bucket, key)

    def _put(self, request: Request, bucket: str, key: str) -> Answer:
        kept, acl = headers_to_store(request, key), acl_of(request)
        got = receive_checked(request, self._store)
        return Answer(headers=stored_headers(self._store.put(bucket, key, got, kept, acl=acl)))

    def _copy(self, request: Request, bucket: str, key: str) -> Answer:
        kept, acl = headers_to_store(request, key), acl_of(request)
        directive = request.headers.get("x-cos-metadata-directive", "Copy").lower()
        tag_directive = request.headers.get("x-cos-tagging-directive", "Copy").lower()
        if not {directive, tag_directive} <= {"copy", "replaced"}:
            raise Refusal("InvalidArgument", "A directive is Copy or Replaced.")
        tagging = kept.pop(TAGGING, "")
        with self._source(request) as source:
            old = source.stored
            if old.size > MOST:
                raise Refusal("InvalidRequest", "The source of a copy exceeds 5 GiB.")
            if directive == "copy":
                if self._is(bucket, key, old):
                    raise Refusal("InvalidRequest", "A copy onto itself must replace metadata.")
                ours = (STORAGE_CLASS, ENCRYPTION)
                asked = {name: kept[name] for name in ours if name in kept}
                kept = {n: v for n, v in old.headers.items() if n not in ours} | asked
            if tag_directive == "copy":
                tagging = old.headers.get(TAGGING, "")
            kept = _tagged(kept, tagging)
            stored = self._store.put(
                bucket, key, self._store.receive(source.pieces()), kept, acl=acl
            )
        inner = tag("ETag", f'"{stored.etag}"') + tag("CRC64", str(stored.crc64))
        inner += tag("LastModified", iso_time(stored.modified))
        return Answer(headers=stored_headers(stored), body=document("CopyObjectResult", inner))

    def _copy_part(
        self, parts: MultipartOperations, request: Request, bucket: str, key: str
    ) -> Answer:
        with self._source(request) as source:
            if source.length > MOST:
                raise Refusal("InvalidRequest", "The range of a copy exceeds 5 GiB.")
            return parts.copy(request, bucket, key, source.pieces())

    @contextmanager
    def _source(self, request: Request) -> Iterator[CopySource]:
        """Open a copy's source at its range. Raises Refusal."""
        text = re.sub("^https?://", "", request.headers["x-cos-copy-source"])
        host, _, path = text.partition("/")
        bucket = host.partition(".")[0]
        self._buckets.check(bucket)
        stored, file = self._store.open(bucket, unquote(path.partition("?")[0]))
        with file:
            check_copy_conditions(request, stored)
            self.archive.check_readable(stored)
            start, length = 0, stored.size
            wanted = request.headers.get("x-cos-copy-source-range")
            if wanted:
                start, length = parse_copy_range(wanted, stored.size)
            yield CopySource(stored, file, start, length)

    def _is(self, bucket: str, key: str, stored: Stored) -> bool:
        try:
            return self._store.get(bucket, key) is stored
        except Refusal:
            return False

    def _head(self, request: Request, bucket: str, key: str) -> Answer:
        stored = self._store.get(bucket, key)
        check_conditions(request.headers, stored)
        return Answer(headers=self._headers_of(stored), length=stored.size)

    def _headers_of(self, stored: Stored) -> dict[str, str]:
        state = self.archive.state(stored)
        return _object_headers(stored) | ({"x-cos-restore": state} if state else {})

    def _restore(self, request: Request, bucket: str, key: str) -> Answer:
        body = request.body.read()
        check_md5(request, hashlib.md5(body, usedforsecurity=False).digest())
        return self.archive.restore(self._store.get(bucket, key), body)

    def _get(self, request: Request, bucket: str, key: str) -> Answer:
        stored, file = self._store.open(bucket, key)
        try:
            check_conditions(request.headers, stored)
            self.archive.check_readable(stored)
            headers = self._headers_of(stored)
            status, start, length = 200, 0, stored.size
            wanted = request.headers.get("range")
            if wanted:
                start, length = parse_range(wanted, stored.size)
                status = 206
                headers["content-range"] = f"bytes {start}-{start + length - 1}/{stored.size}"
        except BaseException:
            file.close()
            raise
        return Answer(status, headers, file=file, start=start, length=length)

    def _delete(self, _: Request, bucket: str, key: str) -> Answer:
        self._store.delete(bucket, key)
        return Answer(204)

    def _delete_many(self, request: Request, bucket: str, _: str) -> Answer:
        body = request.body.read()
        if "content-md5" not in request.headers:
            raise Refusal("MissingContentMD5", "Content-MD5 is required.")
        check_md5(request, hashlib.md5(body, usedforsecurity=False).digest())
        root = parse_document(body, "Delete")
        keys = [text_of(each, "Key") for each in root.iter("Object")]
        if not keys or len(keys) > _DELETED_MOST:
            raise Refusal("MalformedXML", f"1 to {_DELETED_MOST} objects are legal.")
        for key in keys:
            self._store.delete(bucket, key)
        quiet = text_of(root, "Quiet").lower() == "true"
        inner = "" if quiet else "".join(f"<Deleted>{tag('Key', key)}</Deleted>" for key in keys)
        return Answer(body=document("DeleteResult", inner))

    def _get_acl(self, _: Request, bucket: str, key: str) -> Answer:
        acl = self._store.get(bucket, key).acl
        canned = {"x-cos-acl": acl or "default"} if " " not in acl else {}
        return Answer(headers=canned, body=acl_document(acl))

    def _get_tagging(self, _: Request, bucket: str, key: str) -> Answer:
        tagging = self._store.get(bucket, key).headers.get(TAGGING, "")
        return Answer(body=tagging_document(tagging))

    def _put_tagging(self, request: Request, bucket: str, key: str) -> Answer:
        body = request.body.read()
        check_md5(request, hashlib.md5(body, usedforsecurity=False).digest())
        self._set_tagging(bucket, key, tagging_of_document(body))
        return Answer()

    def _delete_tagging(self, _: Request, bucket: str, key: str) -> Answer:
        self._set_tagging(bucket, key, "")
        return Answer(204)

    def _set_tagging(self, bucket: str, key: str, tagging: str) -> None:
        headers = self._store.get(bucket, key).headers
        self._store.replace_headers(bucket, key, _tagged(headers, tagging))


def _tagged(headers: Mapping[str, str], tagging: str) -> dict[str, str]:
    """Return the headers to store, with other tags; empty: none."""
    others = {name: value for name, value in headers.items() if name != TAGGING}
    return {**others, TAGGING: tagging} if tagging else others


def stored_headers(stored: Stored) -> dict[str, str]:
    """Return the headers of the answer about a stored object."""
    headers = {"etag": f'"{stored.etag}"', "x-cos-hash-crc64ecma": str(stored.crc64)}
    if ENCRYPTION in stored.headers:
        headers[ENCRYPTION] = stored.headers[ENCRYPTION]
    return headers


def _object_headers(stored: Stored) -> dict[str, str]:
    """Return the headers of a GET or HEAD."""
    headers = stored_headers(stored) | stored.headers
    tagging = headers.pop(TAGGING, "")
    if tagging:
        headers["x-cos-tagging-count"] = str(count_of(tagging))
    headers.setdefault("content-type", "application/octet-stream")
    headers["last-modified"] = email.utils.formatdate(stored.modified, usegmt=True)
    headers["accept-ranges"] = "bytes"
    return headers
