"""An S3 on the loopback: in memory, strict about signatures, with faults to order.

    with S3Server() as s3:
        s3.put("a/b.txt", b"content")
        ...  # endPoint http://127.0.0.1:<s3.port>, bucket `BUCKET`, keys `KEY_ID` and `KEY`

It speaks path style at an address, and virtual-hosted style to clients that use it as their HTTP
proxy. What was asked is in `s3.seen`; what goes wrong is appended to `s3.faults`.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import email.utils
import hashlib
import re
import ssl
import threading
import zlib
from collections.abc import Iterator
from types import TracebackType

from tests.fakes import s3_signature
from tests.fakes.s3_store import (
    ALL_USERS,
    OWNER,
    Bucket,
    Kept,
    Page,
    acl_document,
    kept_of,
    listing,
)
from tests.fakes.s3_wire import Answer, Fault, Handler, Listener, Refusal, Seen

__all__ = ["ALL_USERS", "BUCKET", "KEY", "KEY_ID", "OWNER", "Fault", "Kept", "S3Server", "Seen"]

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


class S3Server:
    """Serves in threads of this process until the context ends."""

    def __init__(self, region: str = "us-east-1", tls: ssl.SSLContext | None = None) -> None:
        """With `tls` it takes nothing else."""
        self.buckets = {BUCKET: Bucket()}
        self.region = region
        self.keys = {KEY_ID: KEY}
        self.v2 = True
        """Whether ListObjectsV2 is known."""
        self.ignores_list_type = False
        """Whether it is taken for ListObjects."""
        self.denied: set[str] = set()
        """Operations that the account may not do."""
        self.acls = True
        self.page_size = 1000
        self.latency = 0.0
        self.clock_offset = dt.timedelta()
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self._lock = threading.Lock()
        self._server = Listener(("127.0.0.1", 0), Handler)
        self._server.s3 = self
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, key: str, body: bytes, **more: object) -> Kept:
        """Place an object, as `kept_of` takes it."""
        kept = kept_of(body, **more)  # type: ignore[arg-type]
        self.buckets[BUCKET].put(key, kept)
        return kept

    def remove(self, key: str) -> None:
        self.buckets[BUCKET].remove(key)

    def operations(self, name: str = "") -> list[str]:
        """Return the operations so far, or the keys that one of them was about."""
        seen = list(self.seen)
        return (
            [each.key for each in seen if each.operation == name]
            if name
            else [each.operation for each in seen]
        )

    def body_bytes(self) -> int:
        """Return how many bytes of objects have left."""
        return sum(each.sent for each in list(self.seen))

    @contextlib.contextmanager
    def cutting(self, size: int) -> Iterator[None]:
        """Break all bodies off behind `size` bytes, while it lasts."""
        fault = Fault("truncate", "GetObject", times=-1, size=size)
        self.faults.append(fault)
        yield
        self.faults.remove(fault)

    def __enter__(self) -> S3Server:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.close_all()
        self._server.server_close()

    # -- what the handler asks -----------------------------------------------------------------

    def fault_for(self, seen: Seen) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.operation in {"", seen.operation} and re.search(fault.key, seen.key):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    if fault.times:
                        fault.times -= 1
                        fault.hits += 1
                        return fault
        return None

    def answer(self, asked: s3_signature.Asked, bucket_name: str, seen: Seen, host: str) -> Answer:
        """Carry a request out. Raises Refusal."""
        self._check_place(host)
        now = dt.datetime.now(dt.timezone.utc) + self.clock_offset
        try:
            s3_signature.check(asked, self.keys, self.region, now)
        except s3_signature.Wrong as wrong:
            more = {"x_amz_bucket_region": wrong.region} if wrong.region else {}
            raise Refusal(wrong.status, wrong.code, str(wrong), **more) from wrong
        bucket = self.buckets.get(bucket_name)
        if bucket is None:
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")
        if seen.operation in self.denied:
            raise Refusal(403, "AccessDenied", "Access Denied")
        return getattr(self, f"_{seen.operation}")(asked, bucket, seen, bucket_name)  # type: ignore[no-any-return]

    def _check_place(self, host: str) -> None:
        place = re.search(r"\bs3[.-](?:dualstack\.)?([a-z]+-[a-z]+-\d)\.amazonaws", host)
        if place and place[1] != self.region:
            raise Refusal(
                301,
                "PermanentRedirect",
                "The bucket must be addressed using the specified endpoint.",
                x_amz_bucket_region=self.region,
            )

    def _ListObjectsV2(self, _: object, bucket: Bucket, seen: Seen, name: str) -> Answer:  # noqa: N802
        if not self.v2:
            raise Refusal(501, "NotImplemented", "A header or query implies what is not there.")
        after = seen.query.get("start-after", "")
        if "continuation-token" in seen.query:
            after = bytes.fromhex(seen.query["continuation-token"]).decode()
        return self._list(bucket, seen, name, after, v2=True)

    def _ListObjects(self, _: object, bucket: Bucket, seen: Seen, name: str) -> Answer:  # noqa: N802
        return self._list(bucket, seen, name, seen.query.get("marker", ""), v2=False)

    def _list(self, bucket: Bucket, seen: Seen, name: str, after: str, *, v2: bool) -> Answer:
        asked, kind = seen.query, seen.headers.get("x-fault", "")
        most = min(int(asked.get("max-keys", "1000")), self.page_size)
        with self._lock:
            page = bucket.page(
                asked.get("prefix", ""),
                "" if kind == "repeat" else after,
                asked.get("delimiter", ""),
                most,
            )
            if kind == "shuffle":
                page = page._replace(keys=page.keys[::-1])
            if kind == "empty":
                page = Page([], [], truncated=True, last=after or " ")
            body = listing(bucket, asked, page, v2=v2, name=name)
        return Answer(200, {"content-type": "application/xml"}, body)

    def _object(self, bucket: Bucket, seen: Seen) -> Kept:
        kept = bucket.objects.get(seen.key)
        if kept is None:
            raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
        wanted = seen.headers.get("if-match", "").strip('"')
        if wanted and wanted != kept.etag:
            raise Refusal(412, "PreconditionFailed", "At least one of the conditions did not hold")
        return kept

    def _HeadObject(self, _: object, bucket: Bucket, seen: Seen, __: str) -> Answer:  # noqa: N802
        kept = self._object(bucket, seen)
        answer = Answer(200, _headers_of(kept, seen))
        answer.headers["content-length"] = str(len(kept.body))
        return answer

    def _GetObject(self, _: object, bucket: Bucket, seen: Seen, __: str) -> Answer:  # noqa: N802
        kept = self._object(bucket, seen)
        if kept.archived:
            text = "The operation is not valid for the object's storage class"
            raise Refusal(403, "InvalidObjectState", text)
        headers = _headers_of(kept, seen)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", seen.headers.get("range", ""))
        if not found:
            return Answer(200, headers, kept.body)
        size, start = len(kept.body), int(found[1])
        end = min(int(found[2] or size), size - 1)
        if start >= size:
            raise Refusal(416, "InvalidRange", "The requested range is not satisfiable")
        headers["content-range"] = f"bytes {start}-{end}/{size}"
        return Answer(206, headers, kept.body[start : end + 1])

    def _GetObjectAcl(self, _: object, bucket: Bucket, seen: Seen, __: str) -> Answer:  # noqa: N802
        if not self.acls:
            raise Refusal(501, "NotImplemented", "There are no ACLs.")
        return Answer(200, {}, acl_document(self._object(bucket, seen)))

    def _HeadBucket(self, _: object, __: Bucket, ___: Seen, ____: str) -> Answer:  # noqa: N802
        return Answer(200, {"x-amz-bucket-region": self.region})

    def _PutObject(  # noqa: N802
        self, asked: s3_signature.Asked, bucket: Bucket, seen: Seen, __: str
    ) -> Answer:
        headers = seen.headers
        md5 = base64.b64encode(hashlib.md5(asked.body).digest()).decode()
        if headers.get("content-md5", md5) != md5:
            raise Refusal(400, "BadDigest", "The Content-MD5 is not that of what came.")
        crc32 = base64.b64encode(zlib.crc32(asked.body).to_bytes(4, "big")).decode()
        if headers.get("x-amz-checksum-crc32", crc32) != crc32:
            raise Refusal(400, "BadDigest", "The CRC32 is not that of what came.")
        kept = kept_of(
            asked.body,
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
        )
        with self._lock:
            bucket.put(seen.key, kept)
        return Answer(200, {"etag": f'"{kept.etag}"'})

    def _DeleteObject(self, _: object, bucket: Bucket, seen: Seen, __: str) -> Answer:  # noqa: N802
        with self._lock:
            bucket.remove(seen.key)
        return Answer(204)

    def change(self, bucket_name: str, key: str) -> None:
        bucket = self.buckets[bucket_name]
        kept = bucket.objects[key]
        bucket.put(key, kept_of(kept.body + b"!", headers=kept.headers))


def _headers_of(kept: Kept, seen: Seen) -> dict[str, str]:
    headers = {
        "content-type": "binary/octet-stream",
        **kept.headers,
        "etag": f'"{kept.etag}"',
        "last-modified": email.utils.format_datetime(kept.modified, usegmt=True),
        "accept-ranges": "bytes",
    }
    if kept.storage_class != "STANDARD":
        headers["x-amz-storage-class"] = kept.storage_class
    if kept.restored:
        headers["x-amz-restore"] = 'ongoing-request="false", expiry-date="..."'
    asked = seen.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
    return headers | (dict(kept.checksums) if asked and "range" not in seen.headers else {})
