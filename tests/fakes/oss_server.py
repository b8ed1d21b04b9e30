"""An Alibaba OSS over sockets: oss2 and the product use it in tests.

    with OssServer() as oss:
        oss.put("key", b"bytes")
        ...  # http://127.0.0.1:<oss.port>, as an endpoint or as a proxy

A bucket is named by the path (`/bucket/key`) where the host is an address, `localhost` or the
endpoint of a region, else by the first label of the host. `Seen.notes` has the bucket, the code of
an error and the signature (`v1`, `v1-url`, `v4`, `v4-url`, or empty).
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.fakes import messages
from tests.fakes.archive import Archive
from tests.fakes.faults import Fault
from tests.fakes.http_base import FakeServer
from tests.fakes.issued_keys import Accounts, IssuedKeys, Issuer
from tests.fakes.oss_operations import Operations, operation_of
from tests.fakes.oss_signature import Account, account_of
from tests.fakes.oss_store import Bucket, OssObject, Store, new_object
from tests.fakes.oss_wire import Answer, OssError, Request, error_answer

KEY_ID, SECRET = "LTAI5tTestTestTest", "oss-test-secret"
BUCKET = "source-bucket"
HANGZHOU, BEIJING = "oss-cn-hangzhou.aliyuncs.com", "oss-cn-beijing.aliyuncs.com"


class OssServer(FakeServer):
    """An OSS on 127.0.0.1, in threads of this process."""

    lists = "ListObjects"

    def __init__(
        self,
        *,
        accounts: Sequence[Account] = (Account(KEY_ID, SECRET),),
        buckets: Sequence[Bucket] = (),
        clock: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.issuer = Issuer("OSSTEMPORARY")
        """Issues temporary keys that are accepted besides the fixed accounts."""
        self.fixed = {account.key_id: account for account in accounts}
        self.accounts = Accounts(self.fixed, self.issuer, _temporary)
        self.store = Store()
        for bucket in buckets or (Bucket(BUCKET),):
            self.store.buckets[bucket.name] = bucket
        self.clock = clock
        fast = ("Expedited", "Standard", "Bulk")
        tiers = {"Archive": (), "ColdArchive": fast, "DeepColdArchive": fast[:2]}
        self.archive = Archive(tiers, "JobParameters")
        self._operations = Operations(self.store, self.archive, lambda: self.page_size)

    def put(
        self,
        key: str,
        data: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        bucket: str = BUCKET,
        **more: Any,
    ) -> OssObject:
        """Keep an object, as `new_object` makes it, and return it."""
        made = new_object(key, data, headers, **more)
        self.store.put(bucket, made)
        return made

    def remove(self, key: str) -> None:
        self.store.delete(BUCKET, key)

    def operation(self, request: messages.Request) -> tuple[str, str]:
        placed = Request.of(request)
        return operation_of(placed), placed.key

    def answer(self, operation: str, key: str, request: messages.Request) -> messages.Answer:  # noqa: ARG002
        placed = Request.of(request)
        signed, code = "", ""
        try:
            account, signed = account_of(placed, self.accounts, self.clock)
            bucket = self._bucket(placed, operation, account)
            answer = self._operations.run(operation, placed, bucket)
        except OssError as error:
            answer, code = error_answer(error, placed), error.code
        _spoil(answer, request.fault)
        return _framed(answer, placed.bucket, code, signed)

    def refusal(self, fault: Fault, request: messages.Request) -> messages.Answer:
        placed = Request.of(request)
        error = OssError(fault.status, fault.code, "A test has ordered this.", **fault.details)
        return _framed(error_answer(error, placed), placed.bucket, fault.code, "")

    def _bucket(self, request: Request, operation: str, account: Account | None) -> Bucket:
        """Return the bucket that is asked for, if the account may. Raises OssError."""
        bucket = self.store.buckets.get(request.bucket)
        if bucket is None:
            text = "The specified bucket does not exist."
            raise OssError(404, "NoSuchBucket", text, BucketName=request.bucket)
        if bucket.endpoint and request.host not in {
            bucket.endpoint,
            f"{bucket.name}.{bucket.endpoint}",
        }:
            raise OssError(
                403,
                "AccessDenied",
                "The bucket you are attempting to access must be addressed using the specified "
                "endpoint. Please send all future requests to this endpoint.",
                Bucket=bucket.name,
                Endpoint=bucket.endpoint,
            )
        public = bucket.acl != "private" and operation in {"GetObject", "HeadObject"}
        if account is None and not public:
            raise OssError(403, "AccessDenied", "You have no right to access this object.")
        if account and operation in account.denied:
            text = "You have no right to access this object because of bucket acl."
            raise OssError(403, "AccessDenied", text)
        return bucket


def _temporary(keys: IssuedKeys, ended: bool) -> Account:
    return Account(keys.key_id, keys.secret, keys.token, expired=ended)


def _spoil(answer: Answer, kind: str) -> None:
    if kind == "nonsense-body":
        answer.body = b"<html>nonsense"
    crc64 = answer.headers.get("x-oss-hash-crc64ecma")
    if crc64 and kind == "wrong-crc":
        answer.headers["x-oss-hash-crc64ecma"] = str(int(crc64) ^ 1)
    elif crc64 and kind == "no-crc":
        del answer.headers["x-oss-hash-crc64ecma"]


def _framed(answer: Answer, bucket: str, code: str, signed: str) -> messages.Answer:
    headers = {
        **answer.headers,
        "Server": "AliyunOSS",
        "x-oss-request-id": answer.request_id,
        "x-oss-server-time": "1",
    }
    notes = {"bucket": bucket, "code": code, "signed": signed}
    return messages.Answer(answer.status, headers, answer.body, notes=notes)
