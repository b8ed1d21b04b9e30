"""Multipart uploads: initiate, parts, lists, complete, abort."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from cos_migrate.emulator.acl import OWNER, OWNER_ID, acl_of
from cos_migrate.emulator.checks import (
    ENCRYPTION,
    STORAGE_CLASS,
    headers_to_store,
    receive_checked,
)
from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import Answer, Request
from cos_migrate.emulator.objects import Part, Upload
from cos_migrate.emulator.store import Store
from cos_migrate.emulator.xml import document, iso_time, parse_document, tag, text_of

_MOST_PARTS = 10_000
_PAGE = 1000
_INITIATOR = f"<Initiator>{tag('ID', OWNER_ID)}{tag('DisplayName', OWNER_ID)}</Initiator>"


class MultipartOperations:
    """The operations of multipart uploads."""

    def __init__(self, store: Store, min_part_size: int) -> None:
        self._store = store
        self._min_part_size = min_part_size
        self.table: dict[str, Callable[[Request, str, str], Answer]] = {
            "InitiateMultipartUpload": self._initiate,
            "UploadPart": self._put,
            "ListParts": self._list,
            "CompleteMultipartUpload": self._complete,
            "AbortMultipartUpload": self._abort,
            "ListMultipartUploads": self._list_uploads,
        }

    def copy(self, request: Request, bucket: str, key: str, pieces: Iterable[bytes]) -> Answer:
        """Store a part that is copied from another object. Raises Refusal."""
        upload = self._upload(request, bucket, key)
        number = _number(request)
        part = self._store.put_part(upload, number, self._store.receive(pieces))
        inner = tag("ETag", f'"{part.etag}"') + tag("LastModified", iso_time(part.modified))
        headers = {"x-cos-hash-crc64ecma": str(part.crc64), **_encryption(upload)}
        return Answer(headers=headers, body=document("CopyPartResult", inner))

    def _upload(self, request: Request, bucket: str, key: str) -> Upload:
        return self._store.upload(bucket, key, request.param("uploadId"))

    def _initiate(self, request: Request, bucket: str, key: str) -> Answer:
        kept = headers_to_store(request, key)
        upload = self._store.begin_upload(bucket, key, kept, acl_of(request))
        inner = tag("Bucket", bucket) + tag("Key", key) + tag("UploadId", upload.upload_id)
        body = document("InitiateMultipartUploadResult", inner)
        return Answer(headers=_encryption(upload), body=body)

    def _put(self, request: Request, bucket: str, key: str) -> Answer:
        upload = self._upload(request, bucket, key)
        number = _number(request)
        got = receive_checked(request, self._store)
        part = self._store.put_part(upload, number, got)
        headers = {"etag": f'"{part.etag}"', "x-cos-hash-crc64ecma": str(part.crc64)}
        return Answer(headers=headers | _encryption(upload))

    def _list(self, request: Request, bucket: str, key: str) -> Answer:
        upload = self._upload(request, bucket, key)
        most = request.number("max-parts", _PAGE, _PAGE)
        marker = request.number("part-number-marker", 0, _MOST_PARTS)
        with upload.lock:
            parts = [part for number, part in sorted(upload.parts.items()) if number > marker]
        page, truncated = parts[:most], 0 < most < len(parts)
        key_element = request.key_element
        inner = tag("Bucket", bucket) + request.encoding_tag + key_element("Key", key)
        inner += tag("UploadId", upload.upload_id) + _INITIATOR + OWNER
        inner += tag("PartNumberMarker", str(marker))
        inner += tag("NextPartNumberMarker", str(page[-1].number)) if truncated else ""
        inner += tag("MaxParts", str(most)) + tag("IsTruncated", _truth(truncated))
        inner += tag("StorageClass", upload.headers.get(STORAGE_CLASS, "STANDARD"))
        for part in page:
            fields = tag("PartNumber", str(part.number)) + tag("ETag", f'"{part.etag}"')
            fields += tag("Size", str(part.size)) + tag("LastModified", iso_time(part.modified))
            inner += f"<Part>{fields}</Part>"
        return Answer(body=document("ListPartsResult", inner))

    def _complete(self, request: Request, bucket: str, key: str) -> Answer:
        upload = self._upload(request, bucket, key)
        root = parse_document(request.body.read(), "CompleteMultipartUpload")
        listed = [
            (_parsed(text_of(e, "PartNumber")), text_of(e, "ETag")) for e in root.iter("Part")
        ]
        parts = self._chosen(upload, listed)
        stored = self._store.complete(upload, parts)
        inner = tag("Location", f"http://{request.host}/{key}") + tag("Bucket", bucket)
        inner += tag("Key", key) + tag("ETag", f'"{stored.etag}"')
        return Answer(
            headers={"x-cos-hash-crc64ecma": str(stored.crc64), **_encryption(upload)},
            body=document("CompleteMultipartUploadResult", inner),
        )

    def _chosen(self, upload: Upload, listed: list[tuple[int, str]]) -> list[Part]:
        """Return the parts that a CompleteMultipartUpload names. Raises Refusal."""
        if not listed:
            raise Refusal("MalformedXML", "The list of parts is empty.")
        numbers = [number for number, _ in listed]
        if numbers != sorted(set(numbers)):
            raise Refusal("InvalidPartOrder", "The parts are not in ascending order.")
        if numbers != list(range(1, len(numbers) + 1)):
            raise Refusal("InvalidPart", "The part numbers are not continuous from 1.")
        parts: list[Part] = []
        for number, etag in listed:
            part = upload.parts.get(number)
            if part is None or part.etag != etag.strip().strip('"').lower():
                raise Refusal("InvalidPart", f"Part {number} is not there, or has another ETag.")
            parts.append(part)
        if any(part.size < self._min_part_size for part in parts[:-1]):
            raise Refusal("EntityTooSmall", "A part other than the last is too small.")
        return parts

    def _abort(self, request: Request, bucket: str, key: str) -> Answer:
        self._store.abort(self._upload(request, bucket, key))
        return Answer(204)

    def _list_uploads(self, request: Request, bucket: str, _: str) -> Answer:
        """List all uploads on one page; SDKs and coscmd ask for them before they upload."""
        prefix, key_element = request.param("prefix"), request.key_element
        inner = tag("Bucket", bucket) + request.encoding_tag + key_element("Prefix", prefix)
        inner += tag("IsTruncated", "false")
        for upload in self._store.uploads(bucket):
            if upload.key.startswith(prefix):
                fields = key_element("Key", upload.key) + tag("UploadId", upload.upload_id)
                fields += _INITIATOR + OWNER + tag("Initiated", iso_time(upload.began))
                inner += f"<Upload>{fields}</Upload>"
        return Answer(body=document("ListMultipartUploadsResult", inner))


def _encryption(upload: Upload) -> dict[str, str]:
    value = upload.headers.get(ENCRYPTION)
    return {ENCRYPTION: value} if value else {}


def _number(request: Request) -> int:
    number = _parsed(request.param("partNumber"))
    if not 1 <= number <= _MOST_PARTS:
        raise Refusal("InvalidArgument", "partNumber must be 1 to 10000.")
    return number


def _parsed(text: str) -> int:
    return int(text) if re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else 0


def _truth(value: bool) -> str:  # noqa: FBT001 - what it writes
    return "true" if value else "false"
