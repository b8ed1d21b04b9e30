"""A cloud whose buckets are folders: a source of its own, for what all clouds have in common.

`python -m tests.functional.folder_cloud` is the tool with this source; `FolderTool` starts it.
It lists in the order of keys, few on a page, and hands out bytes without a network.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from cos_migrate.cli import main as cli
from cos_migrate.config.cloud import CloudAccess
from cos_migrate.config.options import option
from cos_migrate.errors import SourceChanged, SourceError
from cos_migrate.http.client import Request
from cos_migrate.model import Described, Fingerprint, ListRange, SourceObject
from cos_migrate.sources import registry
from cos_migrate.sources.base import Reader
from cos_migrate.sources.bucket import KeyOrderedSource, folder_of_prefix
from cos_migrate.sources.key_pages import KeyPage
from tests.functional.tool import Tool
from tests.polling import wait_until

MIGRATE_TYPE = "migrateFolder"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderConfig(CloudAccess):
    """A bucket is the folder of that name below `endPoint`."""

    end_point: str = option("endPoint", help="folder of the buckets", batch=True)
    page: int = option("page", help="keys on a page", default=5, parse=int)
    wait: float = option("wait", help="seconds for a page", default=0.0, parse=float)
    crc64: bool = option("crc64", help="a CRC-64 is told", default=False, parse=bool)


class FolderSource(KeyOrderedSource):
    """Every listing request appends its marker to `listings` beside the bucket.

    Nothing is told of the object that a file `silent` there names.
    """

    migrate_type: ClassVar[str] = MIGRATE_TYPE
    record_kind: ClassVar[str] = "migrate_from_folder"
    compares_times: ClassVar[bool] = True
    Config = FolderConfig
    config: FolderConfig

    def job_text(self) -> str:
        return f"[srcPrefix: {self.config.prefix}], [cosFolder: {self.target.cos_path}]"

    def ranges(self) -> tuple[ListRange, ...]:
        return (ListRange(self.config.prefix),)

    def record_key(self, obj: SourceObject, cos_path: str) -> str:  # noqa: ARG002
        return f"[taskType: {MIGRATE_TYPE}] [bucket: {self.target.bucket}] [cosPath: {cos_path}]"

    def record_value(self, obj: SourceObject) -> str:
        return f"[fileSize: {obj.fingerprint.size}] [etag: {obj.fingerprint.etag}]"

    def list_keys(self, prefix: str, after: str, delimiter: str) -> KeyPage:
        if self.config.access_key_secret.reveal() != "source-secret":
            raise SourceError("the signature is wrong", code="SignatureDoesNotMatch", fatal=True)
        root = self._bucket
        begun = time.monotonic()
        time.sleep(self.config.wait)
        with (root.parent / "listings").open("a", encoding="utf-8") as log:
            fields = begun, prefix, after, delimiter, time.monotonic()
            log.write(json.dumps(fields) + "\n")
        names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        found = sorted(name for name in names if name.startswith(prefix) and name > after)
        folders = []
        if delimiter:
            behind = [name[len(prefix) :] for name in found]
            cut = {prefix + name.partition("/")[0] + "/" for name in behind if "/" in name}
            folders = sorted(cut)
            found = [name for name in found if "/" not in name[len(prefix) :]]
        kept = found[: self.config.page]
        return KeyPage([self._object(name) for name in kept], folders, len(kept) < len(found))

    def object_of_record(self, obj: SourceObject) -> SourceObject | None:
        if not self.config.crc64:
            return None
        return obj._replace(name=folder_of_prefix(self.config.prefix) + obj.key)

    @contextmanager
    def open(self, obj: SourceObject, start: int, length: int) -> Iterator[Reader]:
        data = self._read(obj)[start:]
        yield _Reader(data if length < 0 else data[:length], self.describe(obj))

    def open_described(
        self, obj: SourceObject, start: int, length: int
    ) -> AbstractContextManager[Reader]:
        return self.open(obj, start, length)

    def describe(self, obj: SourceObject) -> Described:
        from cos_migrate.cos.crc64 import crc64  # noqa: PLC0415

        silent = self._bucket.parent / "silent"
        wait_until(lambda: not silent.exists() or silent.read_text(encoding="utf-8") != obj.name)
        data = self._read(obj)
        now = self._fingerprint(obj.name, data)
        if obj.fingerprint.etag and now.etag != obj.fingerprint.etag:
            raise SourceChanged("it changed", operation="HeadObject", code="Changed")
        headers = {"content-type": "text/plain"}
        return Described(now, headers, crc64=crc64(data) if self.config.crc64 else -1)

    def request(self, obj: SourceObject, method: str, span: tuple[int, int] | None) -> Request:
        raise AssertionError((obj, method, span))

    def description(self, obj: SourceObject, headers: Mapping[bytes, bytes]) -> Described:
        raise AssertionError((obj, headers))

    @property
    def _bucket(self) -> Path:
        return Path(self.config.end_point) / self.config.bucket

    def _object(self, name: str) -> SourceObject:
        data = (self._bucket / name).read_bytes()
        key = name[len(folder_of_prefix(self.config.prefix)) :]
        return SourceObject(name, key, self._fingerprint(name, data))

    def _fingerprint(self, name: str, data: bytes) -> Fingerprint:
        mtime_ns = os.stat(self._bucket / name).st_mtime_ns
        return Fingerprint(len(data), mtime_ns, hashlib.sha1(data).hexdigest())

    def _read(self, obj: SourceObject) -> bytes:
        try:
            return (self._bucket / obj.name).read_bytes()
        except OSError as error:
            raise SourceError(
                "it is gone", operation="GetObject", target=obj.name, code="NoSuchKey", status=404
            ) from error


class _Reader:
    def __init__(self, data: bytes, described: Described) -> None:
        self._data = data
        self.described = described

    def read(self, size: int) -> bytes:
        piece, self._data = self._data[:size], self._data[size:]
        return piece

    def check_unchanged(self) -> None:
        return


@dataclass
class FolderTool(Tool):
    """The tool with a folder as cloud."""

    module: str = "tests.functional.folder_cloud"
    source: dict[str, str] = field(default_factory=dict)
    batch: bool = False
    """Leave out what each line of `batchTaskPath` brings."""
    processes: ClassVar[str] = "0"

    @property
    def clouds(self) -> Path:
        return self.folder / "clouds"

    def add(self, name: str, content: bytes = b"x", bucket: str = "src") -> Path:
        """Place an object in the source."""
        path = self.clouds / bucket / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def listings(self) -> list[tuple[float, str, str, str, float]]:
        """Return (begin, prefix, marker, delimiter, end) of each listing request."""
        path = self.clouds / "listings"
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [tuple(json.loads(line)) for line in lines]
        path.unlink()
        return found

    def common_keys(self) -> dict[str, str]:
        keys = super().common_keys()
        if self.batch:
            for key in ("secretId", "secretKey", "bucketName", "region", "endPointSuffix"):
                del keys[key]
        return keys | self.common

    def source_section(self) -> tuple[str, dict[str, str]]:
        keys = {
            "bucket": "src",
            "accessKeyId": "source-id",
            "accessKeySecret": "source-secret",
            "endPoint": str(self.clouds),
        }
        return MIGRATE_TYPE, ({} if self.batch else keys) | self.source


def main() -> int:
    """Run the tool with the source."""
    registry._classes()[MIGRATE_TYPE] = "tests.functional.folder_cloud.FolderSource"
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
