"""An Upyun USS of the tests: the REST API over one service, a tree of folders and files.

Written from the public documentation (help.upyun.com, REST API): folder listings with iterators,
as text and as JSON, file information, downloads, uploads. Shares no code with the SDK or the
product. Times are seconds, as there; every upload is a second later than the one before, so that
tests need not wait for a change to be seen.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote_to_bytes

from tests.fakes.faults import Fault
from tests.fakes.http_base import FakeServer
from tests.fakes.messages import Answer, Request, http_date, part_of
from tests.fakes.upyun_tokens import refusal

SERVICE = "bucket-upyun"
END = "g2gCZAAEbmV4dGQAA2VvZg"
"""The iterator behind the last page."""
_LISTING = ("x-list-iter", "x-list-limit", "x-list-order")


@dataclass(frozen=True)
class File:
    """One file."""

    body: bytes
    mime: str = "application/octet-stream"
    modified: int = 0
    """Seconds since 1970."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """User metadata by its name without `x-upyun-meta-`."""

    @property
    def md5(self) -> str:
        """In hex; Upyun's ETag, too."""
        return hashlib.md5(self.body).hexdigest()


class UpyunServer(FakeServer):
    """One service with one operator."""

    reads, lists = "Get", "List"

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.tells_md5 = True
        """Whether answers carry Content-MD5."""
        self.head_tells_length = True
        """Whether the Content-Length of an answer to HEAD is the file's."""
        self.may_read = True
        self.service = SERVICE
        self.loops = ""
        """`stay`: a page's iterator leads to that page again; `restart`: to the first page."""
        self._tree: dict[str, dict[str, File | None]] = {"": {}}
        """Folder path to its children by name; None is a folder."""
        self._clock = 1_700_000_000

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.ports[0]}"

    def put(self, path: str, body: bytes, **more: Any) -> File:
        """Place a file, and the folders above it."""
        with self.lock:
            self._clock += 1
            file = File(body, **more)
            if not file.modified:
                file = replace(file, modified=self._clock)
            folder, _, name = path.rpartition("/")
            self.mkdir(folder)
            self._tree[folder][name] = file
            return file

    def mkdir(self, path: str) -> None:
        """Make a folder and those above it. Raises ValueError where a file is in the way."""
        with self.lock:
            if path in self._tree:
                return
            above, _, name = path.rpartition("/")
            self.mkdir(above)
            if name in self._tree[above] or not name:
                raise ValueError(path)
            self._tree[above][name] = None
            self._tree[path] = {}

    def remove(self, path: str) -> None:
        """Take a file or an empty folder away."""
        with self.lock:
            folder, _, name = path.rpartition("/")
            if self._tree[folder].pop(name) is None:
                del self._tree[path]

    def find(self, path: str) -> File | None:
        """Return a file."""
        with self.lock:
            folder, _, name = path.rpartition("/")
            return self._tree.get(folder, {}).get(name)

    # -- requests ---------------------------------------------------------------------------

    def operation(self, request: Request) -> tuple[str, str]:
        """Return the operation and the path without its leading slash."""
        _, _, rest = request.path[1:].partition("/")
        path = unquote_to_bytes(rest).decode("utf-8", "replace")
        if request.method == "GET":
            if request.query == "usage":
                return "Usage", path
            with self.lock:
                folder = path.removesuffix("/") in self._tree
            listing = folder or any(name in request.headers for name in _LISTING)
            return ("List" if listing and self.find(path) is None else "Get"), path
        names = {"HEAD": "Head", "PUT": "Put", "DELETE": "Delete", "POST": "Mkdir"}
        return names.get(request.method, "Unknown"), path

    def answer(self, operation: str, key: str, request: Request) -> Answer:
        """Answer a request."""
        refused = refusal(request)
        if refused:
            return error(*refused)
        if unquote_to_bytes(request.path.split("/")[1]).decode() != self.service:
            return error(404, 40400002, "bucket not exist")
        if not self.may_read:
            return error(401, 40100017, "user need permission")
        carry_out = {
            "List": self._list,
            "Get": self._get,
            "Head": self._head,
            "Put": self._put,
            "Delete": self._delete,
            "Mkdir": self._mkdir,
            "Usage": self._usage,
        }.get(operation)
        if carry_out is None:
            return error(405, 40500000, "method not allowed")
        with self.lock:
            return carry_out(key, request)

    def refusal(self, fault: Fault, request: Request) -> Answer:  # noqa: ARG002
        return error(fault.status, fault.status * 100_000, fault.code)

    def _get(self, path: str, request: Request) -> Answer:
        file = self.find(path)
        if file is None:
            return error(404, 40400001, "file or directory not found")
        return part_of(file.body, request.headers.get("range", ""), self._headers(file))

    def _head(self, path: str, _request: Request) -> Answer:
        file = self.find(path)
        if file is not None:
            return Answer(
                200, self._headers(file), length=len(file.body) if self.head_tells_length else 0
            )
        if path.removesuffix("/") in self._tree:
            return Answer(200, {"x-upyun-file-type": "folder", "x-upyun-file-date": "1700000000"})
        return error(404, 40400001, "file or directory not found")

    def _headers(self, file: File) -> dict[str, str]:
        told = {
            "Content-Type": file.mime,
            "ETag": f'"{file.md5}"',
            "Last-Modified": http_date(file.modified),
            "x-upyun-file-type": "file",
            "x-upyun-file-size": str(len(file.body)),
            "x-upyun-file-date": str(file.modified),
            "X-Request-Id": "upyuntestrequestid",
        }
        if self.tells_md5:
            told["Content-Md5"] = file.md5
        return told | {f"x-upyun-meta-{name}": value for name, value in file.meta.items()}

    # -- listing ------------------------------------------------------------------------------

    def _list(self, path: str, request: Request) -> Answer:
        children = self._tree.get(path.removesuffix("/"))
        if children is None:
            return error(404, 40400001, "file or directory not found")
        words = {name: request.headers.get(name, "") for name in _LISTING}
        limit = words["x-list-limit"] or "100"
        after = _name_of(words["x-list-iter"])
        if not limit.isdecimal() or not 1 <= int(limit) <= 10_000 or after is None:
            return error(400, 40001005, "iter args invalid")
        descending = words["x-list-order"] == "desc"
        names = sorted(children, key=str.encode, reverse=descending)
        if after:
            names = [name for name in names if (name.encode() > after.encode()) != descending]
            names = [name for name in names if name != after]
        page = names[: int(limit)]
        following = _iter_of(page[-1]) if len(names) > len(page) else END
        if self.loops and following != END:
            following = (words["x-list-iter"] or _iter_of("")) if self.loops == "stay" else ""
            following = following or _iter_of("")
        found = [(name, children[name]) for name in page]
        return _page(found, following, request.headers.get("accept", ""))

    # -- changes ------------------------------------------------------------------------------

    def _put(self, path: str, request: Request) -> Answer:
        wanted = request.headers.get("content-md5", "")
        if wanted and wanted != hashlib.md5(request.body).hexdigest():
            return error(400, 40001001, "wrong content-md5")
        if not path or path.endswith("/") or path in self._tree:
            return error(400, 40001000, "wrong uri")
        start = "x-upyun-meta-"
        meta = {k.removeprefix(start): v for k, v in request.headers.items() if k.startswith(start)}
        mime = request.headers.get("content-type") or "application/octet-stream"
        try:
            self.put(path, request.body, mime=mime, meta=meta)
        except ValueError:
            return error(403, 40300012, "file exists in the way")
        return Answer(200, {"X-Request-Id": "upyuntestrequestid"})

    def _delete(self, path: str, _request: Request) -> Answer:
        folder = path.removesuffix("/")
        if self._tree.get(folder):
            return error(403, 40300015, "directory not empty")
        if self.find(path) is None and (folder not in self._tree or not folder):
            return error(404, 40400001, "file or directory not found")
        self.remove(folder)
        return Answer(200)

    def _mkdir(self, path: str, request: Request) -> Answer:
        if request.headers.get("folder", "").lower() not in {"true", "create"}:
            return error(400, 40001004, "folder args invalid")
        try:
            self.mkdir(path.removesuffix("/"))
        except ValueError:
            return error(403, 40300012, "file exists in the way")
        return Answer(200)

    def _usage(self, _path: str, _request: Request) -> Answer:
        files = [file for folder in self._tree.values() for file in folder.values() if file]
        text = str(sum(len(file.body) for file in files))
        return Answer(200, {"Content-Type": "text/plain"}, text.encode())


def _page(found: list[tuple[str, File | None]], following: str, accept: str) -> Answer:
    """Return a page of a folder as it was asked for."""
    headers = {"x-upyun-list-iter": following, "X-Request-Id": "upyuntestrequestid"}
    if "json" in accept:
        files = [
            {
                "name": name,
                "type": "folder" if file is None else file.mime,
                "length": 0 if file is None else len(file.body),
                "last_modified": 1_700_000_000 if file is None else file.modified,
            }
            for name, file in found
        ]
        document = json.dumps({"files": files, "iter": following}, ensure_ascii=False)
        return Answer(200, {**headers, "Content-Type": "application/json"}, document.encode())
    lines = [
        f"{name}\tF\t0\t1700000000"
        if file is None
        else f"{name}\tN\t{len(file.body)}\t{file.modified}"
        for name, file in found
    ]
    return Answer(200, {**headers, "Content-Type": "text/plain"}, "\n".join(lines).encode())


def _iter_of(name: str) -> str:
    return base64.urlsafe_b64encode(b"behind " + name.encode()).decode().rstrip("=")


def _name_of(iterator: str) -> str | None:
    """Return the name that an iterator stands behind, empty for the beginning; None: it is none."""
    if not iterator:
        return ""
    try:
        text = base64.urlsafe_b64decode(iterator + "=" * (-len(iterator) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text.removeprefix("behind ") if text.startswith("behind ") else None


def error(status: int, code: int, text: str) -> Answer:
    """Return an error as Upyun words it."""
    document = json.dumps({"msg": text, "code": code, "id": "upyuntestrequestid"})
    headers = {"Content-Type": "application/json", "X-Request-Id": "upyuntestrequestid"}
    return Answer(status, headers, document.encode())
