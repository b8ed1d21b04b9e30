"""A Qiniu Kodo of the tests: listing, object and bucket management, and a download domain.

Written from the public documentation (developer.qiniu.com/kodo). Shares no code with the SDK or the
product. Each service has a port of its own; requests to a proxy are told apart by `names`.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, quote, unquote_to_bytes

from tests.fakes.faults import Fault
from tests.fakes.http_base import FakeServer
from tests.fakes.messages import Answer, Request, http_date, part_of
from tests.fakes.qiniu_tokens import ACCESS_KEY, refusal, signed_url

BUCKET = "bucket-qiniu"
BLOCK = 4 << 20
"""Bytes; a qetag is made of the SHA-1 of such blocks."""
STANDARD, INFREQUENT, ARCHIVE, DEEP_ARCHIVE, ARCHIVE_DIRECT = range(5)
_FROZEN = frozenset({ARCHIVE, DEEP_ARCHIVE})
_ROLES = ("uc", "rs", "rsf", "io")


@dataclass(frozen=True)
class Stored:
    """One object."""

    body: bytes
    mime: str = "application/octet-stream"
    put_time: int = 0
    """Units of 100 ns since 1970."""
    type: int = STANDARD
    status: int = 0
    """1: forbidden."""
    restored: bool = False
    meta: Mapping[str, str] = field(default_factory=dict)
    """User metadata by its name without `x-qn-meta-`."""
    etag: str = ""
    """What the cloud believes the qetag to be."""
    md5: str = ""
    """Hex; empty where the cloud does not know it."""


def qetag(body: bytes) -> str:
    """Return the qetag of what was uploaded in blocks of 4 MiB."""
    if len(body) <= BLOCK:
        raw = b"\x16" + hashlib.sha1(body).digest()
    else:
        blocks = [hashlib.sha1(body[at : at + BLOCK]).digest() for at in range(0, len(body), BLOCK)]
        raw = b"\x96" + hashlib.sha1(b"".join(blocks)).digest()
    return base64.urlsafe_b64encode(raw).decode()


class QiniuServer(FakeServer):
    """One account with one bucket."""

    lists = "List"

    def __init__(self, *, tls: ssl.SSLContext | None = None, private: bool = True) -> None:
        super().__init__(tls=tls, ports=len(_ROLES))
        self.private = private
        """Whether downloads need a signed URL."""
        self.domain_bucket = BUCKET
        """Which bucket the download domain is bound to; empty: none."""
        self.may_list = True
        self.knows_md5 = False
        """Whether listing and stat tell the MD5 of objects."""
        self.knows_v4 = True
        """Whether the newest query of the region is known: older deployments lack it."""
        self.empty_pages = False
        """Whether every second page is empty but for its marker, which goes a little further."""
        self.foreign_markers = "heed"
        """What is done about a marker that the cloud has not given: heed, refuse, or ignore."""
        self.plain_markers = False
        """Whether a marker is the key itself, encoded, and any marker is read as such."""
        self.pages = 0
        self.names = dict(zip(map(self._local, range(len(_ROLES))), _ROLES, strict=True))
        self._given: set[str] = set()
        self._objects: dict[str, Stored] = {}
        self._keys: list[str] = []
        self._ticks = 0

    def _local(self, role: int) -> str:
        return f"127.0.0.1:{self.ports[role]}"

    @property
    def uc(self) -> str:
        """Host and port of the bucket management."""
        return self._local(0)

    @property
    def rs(self) -> str:
        """Host and port of the object management."""
        return self._local(1)

    @property
    def rsf(self) -> str:
        """Host and port of the listing."""
        return self._local(2)

    @property
    def domain(self) -> str:
        """Host and port of the download domain."""
        return self._local(3)

    def put(self, key: str, body: bytes, **more: Any) -> Stored:
        """Place an object."""
        with self.lock:
            self._ticks += 1
            stored = Stored(body, **more)
            if not stored.put_time:
                stored = replace(stored, put_time=int(time.time()) * 10_000_000 + self._ticks)
            if not stored.etag:
                stored = replace(stored, etag=qetag(body))
            if self.knows_md5 and not stored.md5:
                stored = replace(stored, md5=hashlib.md5(body).hexdigest())
            if key not in self._objects:
                self._keys = []
            self._objects[key] = stored
            return stored

    def find(self, key: str) -> Stored:
        """Return an object."""
        with self.lock:
            return self._objects[key]

    def remove(self, key: str) -> None:
        """Take an object away."""
        with self.lock:
            del self._objects[key]
            self._keys = []

    def restore(self, key: str) -> None:
        """Thaw an archived object."""
        with self.lock:
            self._objects[key] = replace(self._objects[key], restored=True)

    # -- requests ---------------------------------------------------------------------------

    def operation(self, request: Request) -> tuple[str, str]:
        """Return the operation and the key (for a listing: its marker's)."""
        role = self.names.get(request.authority, "")
        if role == "io":
            key = unquote_to_bytes(request.path[1:]).decode("utf-8", "replace")
            return ("HeadObject" if request.method == "HEAD" else "GetObject"), key
        word = request.path.split("/")[1]
        if role == "rsf" and word == "list":
            return "List", self._behind(_params(request).get("marker", "")) or ""
        if role == "rs" and word == "stat":
            return "Stat", (_entry(request.path[len("/stat/") :]) or ("", ""))[1]
        if role == "uc":
            return f"Uc {request.path}", ""
        return "Unknown", ""

    def answer(self, operation: str, key: str, request: Request) -> Answer:
        """Answer as the service that was asked."""
        if operation in {"GetObject", "HeadObject"}:
            return self._download(key, request)
        if operation == "List":
            return self._list(request)
        if operation == "Stat":
            return self._stat(request)
        if operation.startswith("Uc "):
            return self._uc(request)
        return error(404, "no such api or host")

    def refusal(self, fault: Fault, request: Request) -> Answer:  # noqa: ARG002
        return error(fault.status, fault.code)

    # -- bucket management --------------------------------------------------------------------

    def _uc(self, request: Request) -> Answer:
        params = _params(request)
        if request.path in {"/v4/query", "/v2/query"}:
            if params.get("ak") != ACCESS_KEY:
                return error(612, "app/accesskey is not found")
            if params.get("bucket") != BUCKET:
                return error(631, "no such bucket")
            if request.path == "/v4/query" and not self.knows_v4:
                return error(404, "no such api")
            return _json(self._region(request.path))
        refused = refusal(request)
        if refused:
            return error(*refused)
        if request.path == "/buckets":
            return _json([BUCKET])
        if request.path in {"/v2/domains", "/v6/domain/list"}:
            if params.get("tbl") != BUCKET:
                return error(631, "no such bucket")
            return _json([self.domain] if self.domain_bucket == BUCKET else [])
        return error(404, "no such api")

    def _region(self, path: str) -> object:
        hosts = {
            "io": self.domain,
            "rs": self.rs,
            "rsf": self.rsf,
            "uc": self.uc,
            "up": "",
            "api": "",
        }
        if path == "/v2/query":
            return {"ttl": 86400} | {
                name: {"acc": {"main": [host] if host else []}} for name, host in hosts.items()
            }
        services = {name: {"domains": [host] if host else []} for name, host in hosts.items()}
        return {"hosts": [{"region": "z0", "ttl": 86400, **services}]}

    # -- objects ------------------------------------------------------------------------------

    def _stat(self, request: Request) -> Answer:
        refused = refusal(request)
        if refused:
            return error(*refused)
        bucket, key = _entry(request.path[len("/stat/") :]) or ("", "")
        if bucket != BUCKET:
            return error(631, "no such bucket")
        with self.lock:
            stored = self._objects.get(key)
        if stored is None:
            return error(612, "no such file or directory")
        told = _told(stored)
        if stored.type in _FROZEN and stored.restored:
            told["restoreStatus"] = 2
        return _json(told)

    def _list(self, request: Request) -> Answer:
        refused = refusal(request)
        if refused:
            return error(*refused)
        params = _params(request)
        if params.get("bucket") != BUCKET:
            return error(631, "no such bucket")
        if not self.may_list:
            return error(403, "access denied")
        after = self._behind(params.get("marker", ""))
        limit = params.get("limit", "1000")
        foreign = params.get("marker", "") not in {"", *self._given}
        if foreign and self.foreign_markers == "ignore":
            after = ""
        if after is None or (foreign and self.foreign_markers == "refuse"):
            return error(640, "invalid list marker")
        if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
            return error(400, "invalid argument: limit")
        after = "" if request.fault == "repeat" else after
        return self._page(params, after, min(int(limit), self.page_size), request.fault)

    def _behind(self, marker: str) -> str | None:
        if self.plain_markers:
            return base64.urlsafe_b64decode(marker).decode()
        return _marker_key(marker)

    def _page(self, params: Mapping[str, str], after: str, limit: int, fault: str) -> Answer:
        with self.lock:
            self.pages += 1
            if self.empty_pages and self.pages % 2:
                return _json({"marker": _marker(f"{after}\0"), "items": []})
            if len(self._keys) != len(self._objects):
                self._keys = sorted(self._objects, key=str.encode)
            found, folders, last = self._walk(params, after, limit)
            items = [{"key": key, **_told(self._objects[key])} for key in found]
        if fault == "shuffle":
            items.reverse()
        page: dict[str, object] = {"items": items}
        if last is not None:
            marker = base64.urlsafe_b64encode(last.encode()).decode()
            page["marker"] = marker if self.plain_markers else _marker(last)
            self._given.add(str(page["marker"]))
        if params.get("delimiter"):
            page["commonPrefixes"] = folders
        return _json(page)

    def _walk(
        self, params: Mapping[str, str], after: str, limit: int
    ) -> tuple[list[str], list[str], str | None]:
        """Return keys, common prefixes, and what the next page lies behind."""
        prefix, delimiter = params.get("prefix", ""), params.get("delimiter", "")
        found: list[str] = []
        folders: list[str] = []
        start = max(after.encode(), prefix.encode())
        begin = bisect.bisect_left(self._keys, start, key=str.encode)
        for key in self._keys[begin:]:
            if not key.startswith(prefix):
                break
            if after and key.encode() <= after.encode():
                continue
            if after.endswith(delimiter or "\0") and key.startswith(after) and delimiter:
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0 and folders and key.startswith(folders[-1]):
                continue
            if len(found) + len(folders) == limit:
                return found, folders, max(found[-1:] + folders[-1:], key=str.encode)
            if cut >= 0:
                folders.append(key[: cut + len(delimiter)])
            else:
                found.append(key)
        return found, folders, None

    # -- download domain ----------------------------------------------------------------------

    def _download(self, key: str, request: Request) -> Answer:
        if request.method not in {"GET", "HEAD"}:
            return error(405, "method not allowed")
        if self.private and not signed_url(request):
            return error(401, "download token not specified or bad")
        if self.domain_bucket != BUCKET:
            return error(404, "no such domain" if not self.domain_bucket else "Document not found")
        with self.lock:
            stored = self._objects.get(key)
        if stored is None:
            return error(404, "Document not found")
        if stored.status:
            return error(403, "file is forbidden")
        if stored.type in _FROZEN and not stored.restored:
            return error(403, "archived file is not restored")
        answer = part_of(stored.body, request.headers.get("range", ""), _headers(key, stored))
        if request.method == "HEAD":
            return replace(answer, body=b"", length=len(answer.body))
        return answer


def _headers(key: str, stored: Stored) -> dict[str, str]:
    name = quote(key.rpartition("/")[2])
    told = {
        "Content-Type": stored.mime,
        "ETag": f'"{stored.etag}"',
        "Last-Modified": http_date(stored.put_time / 1e7),
        "Cache-Control": "public, max-age=31536000",
        "Content-Disposition": f"inline; filename=\"{name}\"; filename*=utf-8''{name}",
        "Content-Transfer-Encoding": "binary",
        "X-Svr": "IO",
        "X-Reqid": "ioAAAJtestreqid",
        "X-Log": "X-Log",
        "X-Qnm-Cache": "Miss",
    }
    return told | {f"x-qn-meta-!{name}": value for name, value in stored.meta.items()}


def _told(stored: Stored) -> dict[str, object]:
    told: dict[str, object] = {
        "hash": stored.etag,
        "fsize": len(stored.body),
        "mimeType": stored.mime,
        "putTime": stored.put_time,
        "type": stored.type,
        "status": stored.status,
    }
    if stored.md5:
        told["md5"] = stored.md5
    if stored.meta:
        told["x-qn-meta"] = {f"!{name}": value for name, value in stored.meta.items()}
    return told


def error(status: int, text: str) -> Answer:
    """Return an error as Qiniu words it."""
    return _json({"error": text}, status)


def _json(value: object, status: int = 200) -> Answer:
    headers = {"Content-Type": "application/json", "X-Reqid": "rsAAAJtestreqid", "X-Log": "X-Log"}
    return Answer(status, headers, json.dumps(value, ensure_ascii=False).encode())


def _params(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.query).items()}


def _entry(text: str) -> tuple[str, str] | None:
    """Return bucket and key of an encoded entry."""
    try:
        bucket, _, key = base64.urlsafe_b64decode(text).decode().partition(":")
    except ValueError:
        return None
    return bucket, key


def _marker(key: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"c": 0, "k": key}).encode()).decode()


def _marker_key(marker: str) -> str | None:
    """Return the key that a marker stands behind; None: it is none."""
    if not marker:
        return ""
    try:
        key = json.loads(base64.urlsafe_b64decode(marker))["k"]
    except (ValueError, KeyError, TypeError):
        return None
    return key if isinstance(key, str) else None
