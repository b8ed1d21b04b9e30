"""An S3 on the loopback: in memory, strict about signatures, with faults to plant.

    with S3Server() as s3:
        s3.put("a/b.txt", b"content")
        ...  # endPoint http://127.0.0.1:<s3.port>, bucket `BUCKET`, keys `KEY_ID` and `KEY`

It speaks path style at an address, and virtual-hosted style to clients that use it as their HTTP
proxy.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import email.utils
import hashlib
import re
import ssl
import zlib
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.fakes import s3_signature
from tests.fakes.archive import Archive, WrongRestore
from tests.fakes.faults import Fault
from tests.fakes.http_base import FakeServer
from tests.fakes.issued_keys import Issuer
from tests.fakes.messages import Answer, Request
from tests.fakes.s3_store import (
    ALL_USERS,
    OWNER,
    Bucket,
    Kept,
    Page,
    acl_document,
    document,
    kept_of,
    listing,
    tag,
    tagging_document,
)

__all__ = ["ALL_USERS", "BUCKET", "KEY", "KEY_ID", "OWNER", "Fault", "Kept", "S3Server"]

BUCKET = "source-bucket"
KEY_ID, KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
_STORED = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)


class Refusal(Exception):
    """An error that S3 answers with."""

    def __init__(self, status: int, code: str, message: str = "", **headers: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class S3Server(FakeServer):
    """Serves in threads of this process until the context ends."""

    lists = "ListObjectsV2"

    def __init__(self, region: str = "us-east-1", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.buckets = {BUCKET: Bucket()}
        self.region = region
        self.keys = {KEY_ID: KEY}
        self.issuer = Issuer("S3TEMPORARY")
        """Issues temporary keys that are accepted besides `keys`."""
        self.v2 = True
        """Whether ListObjectsV2 is known."""
        self.ignores_list_type = False
        """Whether it is taken for ListObjects."""
        self.denied: set[str] = set()
        """Operations that the account may not do."""
        self.acls = True
        fast = ("Expedited", "Standard", "Bulk")
        self.archive = Archive({"GLACIER": fast, "DEEP_ARCHIVE": fast[1:]}, "GlacierJobParameters")
        self.clock_offset = dt.timedelta()

    def put(self, key: str, body: bytes, **more: object) -> Kept:
        """Place an object, as `kept_of` takes it."""
        kept = kept_of(body, **more)  # type: ignore[arg-type]
        self.buckets[BUCKET].put(key, kept)
        return kept

    def remove(self, key: str) -> None:
        self.buckets[BUCKET].remove(key)

    def change(self, key: str) -> None:
        """Append to the content of an object."""
        kept = self.buckets[BUCKET].objects[key]
        self.put(key, kept.body + b"!", headers=kept.headers)

    # -- requests ------------------------------------------------------------------------------

    def operation(self, request: Request) -> tuple[str, str]:
        _, key = self._place(request)
        words = dict(request.params)
        if key:
            if "acl" in words and request.method == "GET":
                return "GetObjectAcl", key
            if "restore" in words and request.method == "POST":
                return "RestoreObject", key
            if "tagging" in words and request.method == "GET":
                return "GetObjectTagging", key
            names = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject"}
            return names.get(request.method, "DeleteObject"), key
        if request.method == "HEAD":
            return "HeadBucket", key
        v2 = words.get("list-type") == "2" and not self.ignores_list_type
        return ("ListObjectsV2" if v2 else "ListObjects"), key

    def answer(self, operation: str, key: str, request: Request) -> Answer:
        try:
            return self._carry_out(operation, key, request)
        except Refusal as refusal:
            return _error(refusal, request)

    def refusal(self, fault: Fault, request: Request) -> Answer:
        return _error(Refusal(fault.status, fault.code, "A fault was ordered."), request)

    def finished(self, answer: Answer) -> Answer:
        more = {"x-amz-request-id": f"{len(self.seen):016X}", "server": "AmazonS3"}
        return dataclasses.replace(answer, headers={**answer.headers, **more})

    def _check_token(self, key_id: str, request: Request) -> None:
        """Check the token as the S3 API reference ("List of error codes") has it."""
        words = dict(request.params)
        token = request.headers.get("x-amz-security-token") or words.get("X-Amz-Security-Token", "")
        keys = self.issuer.find(key_id)
        if not token if keys else key_id not in self.keys:
            raise Refusal(403, "InvalidAccessKeyId", "The access key id does not exist.")
        if token != (keys.token if keys else ""):
            raise Refusal(400, "InvalidToken", "The provided token is malformed or invalid.")
        if keys and self.issuer.use(key_id):
            raise Refusal(400, "ExpiredToken", "The provided token has expired.")

    def _carry_out(self, operation: str, key: str, request: Request) -> Answer:
        self._check_place(request.host)
        now = dt.datetime.now(dt.timezone.utc) + self.clock_offset
        try:
            issued = {keys.key_id: keys.secret for keys in list(self.issuer.issued)}
            key_id = s3_signature.check(request, self.keys | issued, self.region, now)
        except s3_signature.Wrong as wrong:
            more = {"x_amz_bucket_region": wrong.region} if wrong.region else {}
            raise Refusal(wrong.status, wrong.code, str(wrong), **more) from wrong
        self._check_token(key_id, request)
        name, _ = self._place(request)
        bucket = self.buckets.get(name)
        if bucket is None:
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")
        if operation in self.denied:
            raise Refusal(403, "AccessDenied", "Access Denied")
        if operation in {"ListObjectsV2", "ListObjects"}:
            return self._list(bucket, name, request, v2=operation == "ListObjectsV2")
        with self.lock:
            if operation == "HeadBucket":
                return Answer(200, {"x-amz-bucket-region": self.region})
            if operation == "PutObject":
                return _put(bucket, key, request)
            if operation == "DeleteObject":
                bucket.remove(key)
                return Answer(204)
            kept = _object(bucket, key, request)
        return self._answer_about(operation, key, kept, request)

    def _answer_about(self, operation: str, key: str, kept: Kept, request: Request) -> Answer:
        if operation == "RestoreObject":
            return self._restore(kept, key, request)
        if not kept.restored and self.archive.state(key):
            kept = dataclasses.replace(kept, restore=self.archive.state(key))
        if operation == "HeadObject":
            return Answer(200, _headers_of(kept, request), length=len(kept.body))
        if operation == "GetObjectTagging":
            return Answer(200, {}, tagging_document(kept))
        if operation == "GetObjectAcl":
            if not self.acls:
                raise Refusal(501, "NotImplemented", "There are no ACLs.")
            return Answer(200, {}, acl_document(kept))
        return _get(kept, request)

    def _restore(self, kept: Kept, key: str, request: Request) -> Answer:
        if kept.storage_class not in self.archive.tiers or kept.restored:
            text = "Restore is not allowed for the object's current storage class"
            raise Refusal(403, "InvalidObjectState", text)
        try:
            status = self.archive.restore(key, kept.storage_class, request.body)
        except WrongRestore as wrong:
            raise Refusal(400, "MalformedXML", str(wrong)) from wrong
        if status == 409:
            raise Refusal(409, "RestoreAlreadyInProgress", "Object restore is already in progress")
        return Answer(status)

    def _place(self, request: Request) -> tuple[str, str]:
        """Return the bucket, from the host or the path, and the key."""
        rest = request.path[1:]
        if re.fullmatch(r"[\d.]+|localhost|s3[.-].*", request.host):
            bucket, _, rest = rest.partition("/")
            return unquote(bucket), unquote(rest)
        first = request.host.partition(".")[0]
        found = (name for name in self.buckets if request.host.startswith(f"{name}."))
        return next(found, first), unquote(rest)

    def _check_place(self, host: str) -> None:
        place = re.search(r"\bs3[.-](?:dualstack\.)?([a-z]+-[a-z]+-\d)\.amazonaws", host)
        if place and place[1] != self.region:
            raise Refusal(
                301,
                "PermanentRedirect",
                "The bucket must be addressed using the specified endpoint.",
                x_amz_bucket_region=self.region,
            )

    def _list(self, bucket: Bucket, name: str, request: Request, *, v2: bool) -> Answer:
        asked = dict(request.params)
        if v2 and not self.v2:
            raise Refusal(501, "NotImplemented", "A header or query implies what is not there.")
        after = asked.get("start-after" if v2 else "marker", "")
        if v2 and "continuation-token" in asked:
            after = bytes.fromhex(asked["continuation-token"]).decode()
        most = min(int(asked.get("max-keys", "1000")), self.page_size)
        with self.lock:
            page = bucket.page(
                asked.get("prefix", ""),
                "" if request.fault == "repeat" else after,
                asked.get("delimiter", ""),
                most,
            )
            if request.fault == "shuffle":
                page = page._replace(keys=page.keys[::-1])
            if request.fault == "empty":
                page = Page([], [], truncated=True, last=after or " ")
            body = listing(bucket, asked, page, v2=v2, name=name)
        return Answer(200, {"content-type": "application/xml"}, body)


def _object(bucket: Bucket, key: str, request: Request) -> Kept:
    kept = bucket.objects.get(key)
    if kept is None:
        raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
    wanted = request.headers.get("if-match", "").strip('"')
    if wanted and wanted != kept.etag:
        raise Refusal(412, "PreconditionFailed", "At least one of the conditions did not hold")
    return kept


def _get(kept: Kept, request: Request) -> Answer:
    if kept.archived:
        text = "The operation is not valid for the object's storage class"
        raise Refusal(403, "InvalidObjectState", text)
    headers = _headers_of(kept, request)
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if not found:
        return Answer(200, headers, kept.body)
    size, start = len(kept.body), int(found[1])
    end = min(int(found[2] or size), size - 1)
    if start >= size:
        raise Refusal(416, "InvalidRange", "The requested range is not satisfiable")
    headers["content-range"] = f"bytes {start}-{end}/{size}"
    return Answer(206, headers, kept.body[start : end + 1])


def _put(bucket: Bucket, key: str, request: Request) -> Answer:
    headers = request.headers
    md5 = base64.b64encode(hashlib.md5(request.body).digest()).decode()
    if headers.get("content-md5", md5) != md5:
        raise Refusal(400, "BadDigest", "The Content-MD5 is not that of what came.")
    crc32 = base64.b64encode(zlib.crc32(request.body).to_bytes(4, "big")).decode()
    if headers.get("x-amz-checksum-crc32", crc32) != crc32:
        raise Refusal(400, "BadDigest", "The CRC32 is not that of what came.")
    kept = kept_of(
        request.body,
        acl=headers.get("x-amz-acl", ""),
        headers={
            name: value
            for name, value in headers.items()
            if name in _STORED or name.startswith("x-amz-meta-")
        },
        checksums={
            name: value for name, value in headers.items() if name == "x-amz-checksum-crc32"
        },
        storage_class=headers.get("x-amz-storage-class", "STANDARD"),
        tags=dict(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True)),
    )
    bucket.put(key, kept)
    return Answer(200, {"etag": f'"{kept.etag}"'})


def _headers_of(kept: Kept, request: Request) -> dict[str, str]:
    headers = {
        "content-type": "binary/octet-stream",
        **kept.headers,
        "etag": f'"{kept.etag}"',
        "last-modified": email.utils.format_datetime(kept.modified, usegmt=True),
        "accept-ranges": "bytes",
    }
    if kept.storage_class != "STANDARD":
        headers["x-amz-storage-class"] = kept.storage_class
    if kept.tags:
        headers["x-amz-tagging-count"] = str(len(kept.tags))
    if kept.archive_access and "false" not in kept.restore:
        headers["x-amz-archive-status"] = "ARCHIVE_ACCESS"
    if kept.restored or kept.restore:
        restored = 'ongoing-request="false", expiry-date="..."'
        headers["x-amz-restore"] = kept.restore or restored
    asked = request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    return headers | (dict(kept.checksums) if asked and "range" not in request.headers else {})


def _error(refusal: Refusal, request: Request) -> Answer:
    inner = tag("Code", refusal.code) + tag("Message", refusal)
    region = refusal.headers.get("x-amz-bucket-region", "")
    if region and refusal.status == 301:
        inner += tag("Endpoint", f"s3.{region}.amazonaws.com")
    elif region:
        inner += tag("Region", region)
    inner += tag("Resource", urlsplit(request.target).path) + tag("RequestId", "4442587FB7D0A2F9")
    body = document("Error", inner).replace(
        b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', b""
    )
    headers: Mapping[str, str] = {"content-type": "application/xml", **refusal.headers}
    return Answer(refusal.status, headers, body)
