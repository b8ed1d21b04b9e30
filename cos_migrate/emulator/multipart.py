"""Multipart uploads: initiate, parts, lists, complete, abort."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Protocol

from cos_migrate.emulator.checks import check_length, check_md5, corrupting
from cos_migrate.emulator.errors import Refusal
from cos_migrate.emulator.messages import PIECE, Answer, Request
from cos_migrate.emulator.store import Part, Store, Stored
from cos_migrate.emulator.xml import document, tag

_MOST_PARTS = 10_000


class Checks(Protocol):
    """What the plain operations offer to these."""

    def kept_headers(self, request: Request, key: str) -> dict[str, str]:
        """Return what is kept of a new object's headers."""

    def source_of(self, request: Request) -> tuple[Stored, int, int]:
        """Return a copy's source and range."""


class Parts:
    """The operations of multipart uploads."""

    def __init__(self, store: Store, min_part_size: int, checks: Checks) -> None:
        self._store = store
        self._min_part_size = min_part_size
        self._checks = checks

    def initiate(self, request: Request, bucket: str, key: str) -> Answer:
        """Begin an upload."""
        upload = self._store.begin_upload(bucket, key, self._checks.kept_headers(request, key))
        inner = tag("Bucket", bucket) + tag("Key", key) + tag("UploadId", upload.upload_id)
        return Answer(body=document("InitiateMultipartUploadResult", inner))

    def put(self, request: Request, bucket: str, key: str) -> Answer:
        """Take one part."""
        upload = self._store.upload(bucket, key, request.param("uploadId"))
        number = _number(request)
        check_length(request)
        got = self._store.receive(request.body.pieces(), corrupt=corrupting(request))
        check_md5(request, got.md5)
        part = self._store.put_part(upload, number, got)
        return Answer(headers={"etag": f'"{part.etag}"', "x-cos-hash-crc64ecma": str(part.crc64)})

    def copy(self, request: Request, bucket: str, key: str) -> Answer:
        """Take one part from another object."""
        upload = self._store.upload(bucket, key, request.param("uploadId"))
        source, start, length = self._checks.source_of(request)
        got = self._store.receive(file_range(self._store, source, start, length))
        part = self._store.put_part(upload, _number(request), got)
        inner = tag("ETag", f'"{part.etag}"') + tag("LastModified", _iso(part.modified))
        return Answer(
            headers={"x-cos-hash-crc64ecma": str(part.crc64)},
            body=document("CopyPartResult", inner),
        )

    def list_parts(self, request: Request, bucket: str, key: str) -> Answer:
        """List the parts of an upload."""
        upload = self._store.upload(bucket, key, request.param("uploadId"))
        most = min(int(request.param("max-parts") or 1000), 1000)
        marker = int(request.param("part-number-marker") or 0)
        parts = [part for number, part in sorted(upload.parts.items()) if number > marker]
        page = parts[:most]
        inner = tag("Bucket", bucket) + tag("Key", key) + tag("UploadId", upload.upload_id)
        inner += tag("PartNumberMarker", str(marker)) + tag("MaxParts", str(most))
        inner += tag("NextPartNumberMarker", str(page[-1].number if page else 0))
        inner += tag("IsTruncated", "true" if len(parts) > most else "false")
        inner += tag("StorageClass", upload.headers.get("x-cos-storage-class", "STANDARD"))
        for part in page:
            fields = tag("PartNumber", str(part.number)) + tag("ETag", f'"{part.etag}"')
            fields += tag("Size", str(part.size)) + tag("LastModified", _iso(part.modified))
            inner += f"<Part>{fields}</Part>"
        return Answer(body=document("ListPartsResult", inner))

    def complete(self, request: Request, bucket: str, key: str) -> Answer:
        """Join the parts that the request lists."""
        upload = self._store.upload(bucket, key, request.param("uploadId"))
        text = request.body.read().decode("utf-8", "replace").replace("&quot;", '"')
        listed = [
            (int(_inner("PartNumber", item)), _inner("ETag", item).strip('"'))
            for item in re.findall(r"<Part>(.*?)</Part>", text, re.DOTALL)
        ]
        if not listed:
            raise Refusal("MalformedXML", "The list of parts is empty or malformed.")
        numbers = [number for number, _ in listed]
        if numbers != sorted(set(numbers)):
            raise Refusal("InvalidPartOrder", "The parts are not in ascending order.")
        parts: list[Part] = []
        for number, etag in listed:
            part = upload.parts.get(number)
            if part is None or part.etag != etag.lower():
                raise Refusal("InvalidPart", f"Part {number} is not there, or has another ETag.")
            parts.append(part)
        if any(part.size < self._min_part_size for part in parts[:-1]):
            raise Refusal("EntityTooSmall", "A part other than the last is too small.")
        stored = self._store.complete(upload, parts)
        inner = tag("Location", f"{request.host}/{key}") + tag("Bucket", bucket)
        inner += tag("Key", key) + tag("ETag", f'"{stored.etag}"')
        return Answer(
            headers={"x-cos-hash-crc64ecma": str(stored.crc64)},
            body=document("CompleteMultipartUploadResult", inner),
        )

    def abort(self, request: Request, bucket: str, key: str) -> Answer:
        """Drop an upload."""
        self._store.abort(self._store.upload(bucket, key, request.param("uploadId")))
        return Answer(204)

    def list_uploads(self, request: Request, bucket: str, _: str) -> Answer:
        """List the unfinished uploads of a bucket."""
        prefix = request.param("prefix")
        inner = tag("Bucket", bucket) + tag("Prefix", prefix) + tag("MaxUploads", "1000")
        inner += tag("IsTruncated", "false")
        for upload in self._store.uploads(bucket):
            if upload.key.startswith(prefix):
                fields = tag("Key", upload.key) + tag("UploadId", upload.upload_id)
                fields += tag("StorageClass", upload.headers.get("x-cos-storage-class", "STANDARD"))
                fields += tag("Initiated", _iso(upload.began))
                inner += f"<Upload>{fields}</Upload>"
        return Answer(body=document("ListMultipartUploadsResult", inner))


def file_range(store: Store, stored: Stored, start: int, length: int) -> Iterator[bytes]:
    """Yield a range of an object."""
    with (store.folder / stored.path).open("rb") as file:
        file.seek(start)
        while length:
            piece = file.read(min(PIECE, length))
            length -= len(piece)
            yield piece


def _number(request: Request) -> int:
    text = request.param("partNumber")
    if not text.isdigit() or not 1 <= int(text) <= _MOST_PARTS:
        raise Refusal("InvalidArgument", "partNumber must be 1 to 10000.")
    return int(text)


def _inner(name: str, text: str) -> str:
    found = re.search(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
    if not found:
        raise Refusal("MalformedXML", f"A part lacks its {name}.")
    return found.group(1).strip()


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
