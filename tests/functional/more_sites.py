"""Sources for `RunContract` besides S3, OSS and Qiniu."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from cos_migrate.emulator import EmbeddedCos
from cos_migrate.emulator import Fault as CosFault
from tests.fakes import upyun_tokens
from tests.fakes.cos_front import CosFront
from tests.fakes.faults import Fault
from tests.fakes.upyun_server import UpyunServer
from tests.fakes.web_server import WebServer
from tests.functional.sites import SOURCE, SOURCE_KEY, ServerSite, Site, cos_section, upyun_section
from tests.functional.tool import BUCKET, SECRET_KEY


class UpyunSite(ServerSite):
    """A folder of an Upyun service."""

    migrate_type = "migrateUpyun"
    database_kind = "migrate_from_upyun"
    unusual: ClassVar[Mapping[str, str]] = {
        name: name
        for name in (
            "a b+c%41&d?e=f#g.txt",
            "\u6587/\u4ef6 \U0001f600.txt",
            "q'\";",
            "deep/er/and/deeper/.x",
        )
    }
    idle = frozenset({"List"})
    secrets = (upyun_tokens.PASSWORD,)
    cut_listing = "small"

    def __init__(self, folder: Path, cos: EmbeddedCos, server: UpyunServer) -> None:
        super().__init__(folder, cos, upyun_section(server.port))
        self.server: UpyunServer = server
        self._folder = ""

    def narrow(self) -> None:
        self._folder = "src/"
        self.server.put("outside", b"x")
        self.server.mkdir("src/empty folder")
        self.tool.cloud |= {"prefix": "src", "compareMd5": "on"}

    def put(self, key: str, body: bytes) -> None:
        self.server.put(self._folder + key, body)

    def put_described(self, key: str, body: bytes) -> dict[str, str]:
        made = self.server.put(
            self._folder + key, body, mime="image/x", meta={"colour": "red"}, modified=1_795_417_187
        )
        return {
            "content-type": "image/x",
            "x-cos-meta-upyun-etag": made.md5,
            "x-cos-meta-colour": "red",
        }

    def record_of(self, key: str, cos_path: str) -> tuple[str, str]:
        kept = self.server.find(self._folder + key)
        assert kept
        place = f"[taskType: migrateUpyun] [bucket: {BUCKET}] [cosPath: {cos_path}]"
        return place, f"[fileSize: {len(kept.body)}] [etag: Mon Nov 23 06:59:47 UTC 2026]"

    def job_text(self) -> str:
        return f"[srcEndpoint: 127.0.0.1:{self.server.port}] [prefix: src/] [cosFolder: /to/] "


class UrlSite(ServerSite):
    """A folder of lists of URLs."""

    migrate_type = "migrateUrl"
    database_kind = "migrate_from_urllist"
    idle = frozenset({"HEAD"})
    secrets = ()
    md5_attached = "off"
    lists = 4

    def __init__(self, folder: Path, cos: EmbeddedCos, server: WebServer) -> None:
        self.folder = folder / "lists"
        self.folder.mkdir()
        for number in range(self.lists):
            (self.folder / f"{number}.txt").touch()
        super().__init__(folder, cos, {"urllistPath": str(self.folder)})
        self.server: WebServer = server

    def path_of(self, key: str) -> str:
        return f"/{key}"

    def put(self, key: str, body: bytes) -> None:
        if f"/{key}" not in self.server.pages:
            path = self.folder / f"{len(self.server.pages) % self.lists}.txt"
            with path.open("a", newline="") as file:
                file.write(f"{self.server.url}/{key}\r\n")
        md5 = hashlib.md5(body)
        headers = {"Content-MD5": base64.b64encode(md5.digest()).decode()}
        self.server.put(f"/{key}", body, etag=f'"{md5.hexdigest()[:8]}"', headers=headers)

    def impatient(self) -> None:
        self.tool.common |= {"requestTimeoutEnable": "on", "requestTimeoutMs": "2000"}

    def more_faults(self) -> list[Fault]:
        return [
            Fault("status", "HEAD", "small/1", times=2, status=500),
            Fault("reset", "HEAD", "small/2", times=3),
            Fault("slow", "GET", "small/1", times=3, seconds=0.3),
        ]


class CopySite(ServerSite):
    """A bucket of COS, whose objects COS copies."""

    migrate_type = "migrateBucketCopy"
    database_kind = "migrate_copy_bucket"
    unusual: ClassVar[Mapping[str, str]] = {
        name: name for name in ("odd +%\u4e2d?#", "dir/", "x//y", "q'\";", "\U0001f600.txt")
    }
    idle = frozenset({"GetBucket"})
    secrets = (SOURCE_KEY,)
    puts = "PutObjectCopy"
    parts_when_killed = 0
    attaches_md5 = False
    streams = False
    key_file = "srcFileList"
    page_size = 1000

    def __init__(self, folder: Path, cos: EmbeddedCos) -> None:
        self.cos = cos
        self.server: CosFront = CosFront(cos, SOURCE)
        super().__init__(folder, cos, cos_section(self.server.port))
        self._folder = ""

    def narrow(self) -> None:
        self._folder = "src/"
        self.server.put("outside", b"x")
        self.tool.cloud["srcCosPath"] = "/src"

    def select(self, prefix: str) -> None:
        self.tool.cloud["srcCosPath"] = f"/{prefix.rpartition('/')[0]}/"

    def put(self, key: str, body: bytes) -> None:
        self.server.put(self._folder + key, body)

    def put_described(self, key: str, body: bytes) -> dict[str, str]:
        headers = {"content-type": "text/x", "cache-control": "no-store", "x-cos-meta-who": "me"}
        self.server.put(self._folder + key, body, headers)
        return headers

    def forget(self) -> None:
        super().forget()
        self.cos.reset()

    def downloaded(self) -> int:
        """Return how many bytes were copied, or downloaded."""
        copied = [seen.key for seen in self.cos.requests if seen.operation == "PutObjectCopy"]
        sizes = [len(self.cos.object_bytes(BUCKET, key)) for key in copied]
        return super().downloaded() + sum(sizes)

    def record_of(self, key: str, cos_path: str) -> tuple[str, str]:
        kept = self.cos.object_head(SOURCE, self._folder + key)
        target = f"[destRegion: ap-guangzhou], [destBucketName: {BUCKET}], [destKey: {cos_path}]"
        place = (
            f"[srcRegion: ap-shanghai], [srcBucketName: {SOURCE}], [srcKey: {self._folder}{key}]"
        )
        storage_class = "[srcStorageClass: Standard]"
        return (
            f"[taskType: migrateBucketCopy] {target}, {place}, {storage_class}",
            f"[srcSize: {kept.size}], [srcEtag: {kept.etag}], {storage_class}",
        )

    def job_text(self) -> str:
        place = f"[srcRegion: ap-shanghai], [srcBucket: {SOURCE}], [srcCosFolder: /src/]"
        return f"[destCosFolder: /to/], {place}"

    def through_proxy(self) -> str:
        self.tool.cloud["srcEndPointSuffix"] = ""
        port = str(self.server.port)
        self.tool.common |= {"endPointSuffix": "", "proxyHost": "127.0.0.1", "proxyPort": port}
        return f"{SOURCE}.cos.ap-shanghai.myqcloud.com"

    def impatient(self) -> None:
        self.tool.common |= {"requestTimeoutEnable": "on", "requestTimeoutMs": "2000"}


class PassingSite(CopySite):
    """The same where COS refuses to copy: objects are read and sent."""

    puts = "PutObject"
    parts_when_killed = 4
    streams = True

    def __init__(self, folder: Path, cos: EmbeddedCos) -> None:
        super().__init__(folder, cos)
        refusal = {"status": 405, "code": "MethodNotAllowed", "times": -1}
        cos.faults.append(CosFault("status", "PutObjectCopy", **refusal))  # type: ignore[arg-type]

    def downloaded(self) -> int:
        return self.server.downloaded()


class LocalSite(Site):
    """A folder of files."""

    migrate_type = "migrateLocal"
    database_kind = "migrate_from_local"
    unusual: ClassVar[Mapping[str, str]] = {
        name: name
        for name in (
            "a b+c%41&d#g.txt",
            "\u6587/\u4ef6 \U0001f600.txt",
            ".hidden/deep/.x",
            "z" * 200,
        )
    }
    idle = frozenset()
    secrets = (SECRET_KEY,)

    def __init__(self, folder: Path, cos: EmbeddedCos) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        super().__init__(folder, cos, {"localPath": str(self.root)})
        self.cos = cos

    def put(self, key: str, body: bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def put_described(self, key: str, body: bytes) -> dict[str, str]:
        self.put(key, body)
        return {"content-type": "application/octet-stream"}

    def downloaded(self) -> int:
        """Return how many bytes were sent."""
        sent = [seen for seen in self.cos.requests if seen.operation in {"PutObject", "UploadPart"}]
        return sum(int(seen.headers["content-length"]) for seen in sent)

    def operations(self) -> list[str]:
        return []

    def forget(self) -> None:
        self.cos.reset()

    def record_of(self, key: str, cos_path: str) -> tuple[str, str]:
        path = self.root / key
        found = path.stat()
        place = f"[localPath: {path.as_posix()}], [cosPath: {cos_path}]"
        return (
            f"[taskType: migrateLocal] [bucket: {BUCKET}], {place}",
            f"[mtime: {found.st_mtime_ns // 1_000_000}], [fileSize: {found.st_size}]",
        )

    def job_text(self) -> str:
        return f"[local: {self.root}/], [cosFolder: /to/]"
