"""Upyun USS: lists and reads a service.

A service is a tree of folders, each with a listing of its own. Requests cannot be pinned to a
version: the time in each answer is compared with the listing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import quote

from cos_migrate.checksums import Check
from cos_migrate.errors import Code, SourceError, TransportError
from cos_migrate.http.bounded_json import MAX_JSON, parse_json_object
from cos_migrate.http.client import Request
from cos_migrate.http.dates import NANO, parse_date_ns
from cos_migrate.http.messages import StreamedResponse
from cos_migrate.model import (
    Described,
    Fingerprint,
    Found,
    ListRange,
    Note,
    Page,
    SourceObject,
    Target,
)
from cos_migrate.sources import metadata
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.bucket import REACH_ADVICE, BucketSource
from cos_migrate.sources.http_source import format_range
from cos_migrate.sources.key_pages import outside_failure
from cos_migrate.sources.source_errors import UNREADABLE_PAGE, ErrorAnswer, ErrorDetails
from cos_migrate.sources.upyun.config import UpyunConfig
from cos_migrate.sources.upyun.java_dates import can_mean, format_java_date
from cos_migrate.sources.upyun.listing import (
    PAGE,
    Child,
    LoopDetector,
    is_child_name,
    parse_children,
)

_PAGE_MOST = MAX_JSON + 1
"""Bytes of the largest page of a listing."""
_CODES = {401: "Unauthorized", 403: "Forbidden", 404: Code.NO_SUCH_KEY}
_NOT_FOUND = 404
_META = b"x-upyun-meta-"
_VALUE = re.compile(r"\[fileSize: (-?[0-9]+)\] \[etag: (.*)\]", re.DOTALL)


class UpyunSource(BucketSource):
    """The files of an Upyun service."""

    migrate_type = "migrateUpyun"
    record_kind = "migrate_from_upyun"
    compares_times = True
    Config = UpyunConfig
    config: UpyunConfig
    advice: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            **REACH_ADVICE,
            "Unauthorized": "accessKeyId, accessKeySecret (operator and password) and bucket",
            "Forbidden": "accessKeyId: the operator must be allowed to read",
            "NoSuchFolder": "prefix: it must be a folder",
            Code.NO_SUCH_BUCKET: "bucket",
            "NotUpyun": "endPoint",
        }
    )
    fatal_codes: ClassVar[frozenset[str]] = frozenset({"Unauthorized", Code.NO_SUCH_BUCKET})

    def __init__(
        self, config: UpyunConfig, target: Target, options: SourceOptions | None = None
    ) -> None:
        from cos_migrate.sources.upyun.sdk import Signer  # noqa: PLC0415 - takes 0.1 s

        super().__init__(config, target, options)
        self._signer = Signer(config.access_key_id, config.access_key_secret)
        endpoint = config.end_point or config.public_host
        scheme = "https" if config.src_https else "http"
        self._api = endpoint if "://" in endpoint else f"{scheme}://{endpoint}"
        self._loops = LoopDetector()

    # -- records ---------------------------------------------------------------------------------

    def job_text(self) -> str:
        config = self.config
        prefix = config.db_prefix or self._base
        cos_path = self.options.db_cos_path or self.target.cos_path
        return f"[srcEndpoint: {config.end_point}] [prefix: {prefix}] [cosFolder: {cos_path}] "

    def record_value(self, obj: SourceObject) -> str:
        """Return the value of an object's record: its time as Java prints it."""
        size, mtime_ns, _ = obj.fingerprint
        return f"[fileSize: {size}] [etag: {format_java_date(mtime_ns // NANO)}]"

    def is_unchanged(self, obj: SourceObject, recorded: str) -> bool:
        """Compare times as instants: the Java tool writes them in the time zone of its machine."""
        match = _VALUE.fullmatch(recorded)
        if match is None or int(match[1]) != obj.fingerprint.size:
            return False
        return can_mean(match[2], obj.fingerprint.mtime_ns // NANO)

    def is_weak(self, fingerprint: Fingerprint) -> bool:  # noqa: ARG002
        """Return False: records hold the time, which every listing has."""
        return False

    # -- listing ---------------------------------------------------------------------------------

    def list_bucket(self, list_range: ListRange, marker: str) -> Page:
        """Return the next page of one folder; each folder in it becomes a range of its own."""
        folder = list_range.prefix
        try:
            items, following = self._request_page(folder, marker)
        except SourceError as error:
            if not self._is_absent(folder, error):
                raise
            line = f"[{self.migrate_type}] prefix={self.config.prefix}: there is no such folder"
            return Page([Note(line, warning=True)], "")
        first = items[0].name if items else ""
        outside = next((item.name for item in items if not is_child_name(item.name)), None)
        problem = None if outside is None else outside_failure(folder, outside)
        items = [item for item in items if is_child_name(item.name)]
        found: list[Found] = [
            SourceObject(
                folder + item.name,
                self.key_of(folder + item.name),
                Fingerprint(item.size, item.modified * NANO),
            )
            for item in items
            if not item.is_folder
        ]
        more = tuple(ListRange(f"{folder}{item.name}/") for item in items if item.is_folder)
        if self._loops.returns(folder, marker, following, first):
            details = ErrorDetails(200, "ListingLoops", "the listing runs in circles")
            raise self.error("ListFolder", folder, details)
        return Page(found, following, more, problem)

    def _is_absent(self, folder: str, error: SourceError) -> bool:
        """Return whether an error means that the folder of `prefix` is missing.

        A missing service has the same answer, so its root is requested. Raises SourceError.
        """
        if folder != self._base or not folder or error.status != _NOT_FOUND:
            return False
        try:
            self._request_page("", "")
        except SourceError as root:
            if root.code == Code.NO_SUCH_BUCKET or root.retryable:
                raise
            # The operator may have access to this folder alone.
        return True

    def _request_page(self, folder: str, marker: str) -> tuple[list[Child], str]:
        """Return the children on a page of a folder, and the marker of the next page."""
        headers = [("Accept", "application/json"), ("x-list-limit", str(PAGE))]
        headers.append(("x-list-order", "asc" if self.config.acsending_order else "desc"))
        if marker:
            headers.append(("x-list-iter", marker))
        try:
            with self.fetcher.send(self._signed("GET", folder, headers)) as incoming:
                answer = ErrorAnswer(
                    incoming.status, incoming.headers, incoming.read_all(_PAGE_MOST)
                )
        except TransportError as error:
            raise self.transport_error("ListFolder", folder, error, str(error)) from error
        gone = answer.status == _NOT_FOUND and not self.is_foreign(answer)
        if gone and folder not in {self._base, ""}:
            return [], ""  # it was removed after its parent was listed
        if answer.status != 200:  # noqa: PLR2004 - HTTP
            details = self.error_details(answer)
            if details.code == Code.NO_SUCH_KEY:
                details = details._replace(code="NoSuchFolder" if folder else Code.NO_SUCH_BUCKET)
            raise self.answer_error("ListFolder", folder, answer, details)
        iterator = answer.headers.get(b"x-upyun-list-iter", b"").decode("latin-1")
        document = parse_json_object(answer.body)
        if not iterator and "files" not in document:
            # An answer without an iterator is the content of a file, or not Upyun's.
            code = "NoSuchFolder" if folder else "NotUpyun"
            details = ErrorDetails(200, code, "the answer is no listing of a folder")
            raise self.error("ListFolder", folder, details)
        try:
            return parse_children(answer.body, document, iterator)
        except (ValueError, LookupError, TypeError):
            raise self.bad_answer_error("ListFolder", folder, UNREADABLE_PAGE, "NotUpyun") from None

    def parse_key_line(self, line: str, number: int) -> Found | None:
        """Return the object of a line: a key with or without a leading `/`."""
        return super().parse_key_line(line.removeprefix("/"), number)

    # -- objects ---------------------------------------------------------------------------------

    def download_name(self, obj: SourceObject) -> str:  # noqa: ARG002 - as in the Java tool
        """Return nothing: downloads from Upyun have no lines."""
        return ""

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        headers = []
        if span is not None:
            headers.append(("Range", format_range(span)))
        return self._signed(method, obj.name, headers)

    def _signed(self, method: str, path: str, headers: list[tuple[str, str]]) -> Request:
        uri = f"/{quote(self.config.bucket)}/{quote(path, safe='~/')}"
        signature = self._signer.headers(method, uri)
        return Request(method, self._api + uri, (*headers, *signature))

    @contextmanager
    def answer(
        self, obj: SourceObject, method: str, span: tuple[int, int] | None
    ) -> Iterator[StreamedResponse]:
        """Send the request for a file; the answer to HEAD has its size in another header."""
        with super().answer(obj, method, span) as incoming:
            size = incoming.headers.get(b"x-upyun-file-size", b"")
            if method == "HEAD" and size:
                incoming.headers[b"content-length"] = size
            yield incoming

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:
        if headers.get(b"x-upyun-file-type") == b"folder" or b"x-upyun-list-iter" in headers:
            details = ErrorDetails(200, "NotAFile", "it is a folder, and folders are not migrated")
            raise self.error("HeadSource", obj.name, details)
        md5 = _md5_of(headers.get(b"content-md5", b""))
        own = {"upyun-etag": md5} if md5 and self.config.compare_md5 else {}
        carried = metadata.convert_user(own, metadata.read_user(headers, _META))
        standard = metadata.read_standard(headers, ("content-type",))
        return Described(
            Fingerprint(-1, _time_of(headers)),
            {**standard.headers, **carried.headers},
            md5=md5,
            checks=(Check("MD5", md5),) if md5 else (),
            warnings=(*standard.warnings, *carried.warnings),
        )

    def error_details(self, answer: ErrorAnswer) -> ErrorDetails:
        found = parse_json_object(answer.body)
        status = answer.status
        message = f"{found.get('msg', '')} ({found['code']})" if "code" in found else ""
        if not message and status == _NOT_FOUND:
            message = "there is no such file"
        request_id = answer.headers.get(b"x-request-id", b"").decode("latin-1")
        return ErrorDetails(
            status, _CODES.get(status, ""), message or f"Upyun answered {status}", request_id
        )


def _md5_of(value: bytes) -> str:
    """Return the MD5 in hex of a Content-MD5 header; empty when it is none.

    Upyun sends hex; some services with its protocol send base64, as others do.
    """
    text = value.decode("latin-1").strip().strip('"')
    if re.fullmatch("[0-9a-fA-F]{32}", text):
        return text.lower()
    return metadata.decode_md5(text)


def _time_of(headers: Mapping[bytes, bytes]) -> int:
    """Return the modification time in nanoseconds since 1970; -1: unknown."""
    seconds = headers.get(b"x-upyun-file-date", b"")
    if seconds.isdigit():
        return int(seconds) * NANO
    return parse_date_ns(headers.get(b"last-modified", b""))
