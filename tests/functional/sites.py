"""Sources with content for `RunContract`, each with the tool that migrates from it."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from cos_migrate.emulator import EmbeddedCos
from tests.fakes import (
    oss_server,
    qiniu_server,
    qiniu_tokens,
    s3_server,
    upyun_server,
    upyun_tokens,
)
from tests.fakes.faults import Fault
from tests.fakes.http_base import FakeServer
from tests.fakes.oss_server import OssServer
from tests.fakes.qiniu_server import QiniuServer
from tests.fakes.s3_server import S3Server
from tests.functional.cloud_tool import CloudTool
from tests.functional.tool import BUCKET

SOURCE = "source-1250000001"
SOURCE_ID, SOURCE_KEY = "AKIDsource", "source-secret"
DAY = "Thu, 01 Dec 2026 16:00:00 GMT"


def s3_section(port: int) -> dict[str, str]:
    """Return the keys of [migrateAws] or [migrateCsp] for an S3 server."""
    return {
        "bucket": s3_server.BUCKET,
        "accessKeyId": s3_server.KEY_ID,
        "accessKeySecret": s3_server.KEY,
        "endPoint": f"127.0.0.1:{port}",
    }


def oss_section(port: int) -> dict[str, str]:
    """Return the keys of [migrateAli] for an OSS server."""
    return {
        "bucket": oss_server.BUCKET,
        "accessKeyId": oss_server.KEY_ID,
        "accessKeySecret": oss_server.SECRET,
        "endPoint": f"127.0.0.1:{port}",
    }


def upyun_section(port: int) -> dict[str, str]:
    """Return the keys of [migrateUpyun] for an Upyun server."""
    return {
        "bucket": upyun_server.SERVICE,
        "accessKeyId": upyun_tokens.OPERATOR,
        "accessKeySecret": upyun_tokens.PASSWORD,
        "endPoint": f"127.0.0.1:{port}",
    }


def qiniu_section(server: QiniuServer, domain: str = "") -> dict[str, str]:
    """Return the keys of [migrateQiniu]; `domain`: what stands before the download domain."""
    return {
        "bucket": qiniu_server.BUCKET,
        "accessKeyId": qiniu_tokens.ACCESS_KEY,
        "accessKeySecret": qiniu_tokens.SECRET_KEY,
        "endPoint": domain or server.domain,
        "ucHost": server.uc,
    }


def cos_section(port: int) -> dict[str, str]:
    """Return the keys of [migrateBucketCopy] for the bucket `SOURCE` of an embedded COS."""
    return {
        "srcRegion": "ap-shanghai",
        "srcBucketName": SOURCE,
        "srcSecretId": SOURCE_ID,
        "srcSecretKey": SOURCE_KEY,
        "srcCosPath": "/",
        "srcEndPointSuffix": f"localhost:{port}",
    }


class Site(abc.ABC):
    """A source with its content, and the tool that migrates from it."""

    migrate_type: ClassVar[str]
    database_kind: ClassVar[str]
    """Name of the folder of its databases."""
    unusual: ClassVar[Mapping[str, str]] = {}
    """Unusual keys and what they become on COS."""
    idle: ClassVar[frozenset[str]]
    """Operations of a run that finds nothing new."""
    secrets: ClassVar[tuple[str, ...]]
    """Texts that no output may hold."""
    puts = "PutObject"
    """Operation of COS that stores small objects."""
    parts_when_killed = 4
    """Parts that are recorded when a run is killed; 0: nothing goes in parts."""
    processes = "0"
    attaches_md5 = True
    """Whether each object gets x-cos-meta-md5."""

    def __init__(self, folder: Path, cos: EmbeddedCos, section: dict[str, str]) -> None:
        self.tool = CloudTool(
            folder / "tool", cos.port, migrate_type=self.migrate_type, cloud=section
        )

    @abc.abstractmethod
    def put(self, key: str, body: bytes) -> None:
        """Place an object, or replace it."""

    @abc.abstractmethod
    def downloaded(self) -> int:
        """Return how many bytes of objects have left."""

    @abc.abstractmethod
    def operations(self) -> list[str]:
        """Return the operations of all requests."""

    @abc.abstractmethod
    def forget(self) -> None:
        """Empty the journal of requests."""

    def put_described(self, key: str, body: bytes) -> dict[str, str]:
        """Place an object with metadata; return the headers that it must have on COS."""
        raise NotImplementedError

    def record_of(self, key: str, cos_path: str) -> tuple[str, str]:
        """Return key and value of the record of an object."""
        raise NotImplementedError

    def job_text(self) -> str:
        """Return the text whose MD5 names the database."""
        raise NotImplementedError

    def narrow(self) -> None:  # noqa: B027 - most sources need nothing
        """Place what is not to be migrated, and set the keys that leave it out."""


class ServerSite(Site):
    """A source on a server of the tests."""

    prefix = "a/b"
    """Prefix of the keys `a/b...`."""
    key_file = "uriList"
    page_size = 100
    """Objects on a page of the listing."""
    denied_listing: ClassVar[Mapping[str, Any]] = {"status": 503, "code": "SlowDown"}
    """The answer that breaks a listing off."""
    cut_listing = ""
    """Keys of the listing that is cut off."""
    streams = True
    """Whether its big objects are streamed in parts, and not through a file."""
    md5_attached = "on"
    """entireFileMd5Attached where big objects must be streamed."""
    server: FakeServer

    def downloaded(self) -> int:
        return self.server.downloaded()

    def operations(self) -> list[str]:
        return self.server.operations()

    def forget(self) -> None:
        self.server.seen.clear()

    def path_of(self, key: str) -> str:
        """Return an object's key in the journal."""
        return key

    def select(self, prefix: str) -> None:
        """Set the key that leaves out what does not begin with a prefix."""
        self.tool.cloud["prefix"] = prefix

    def through_proxy(self) -> str:
        """Set the keys that make the server the proxy; return the host of the source."""
        raise NotImplementedError

    def impatient(self) -> None:
        """Give up servers that are silent for two seconds."""
        self.tool.cloud["srcSocketTimeout"] = "2000"

    def more_faults(self) -> list[Fault]:
        """Return passing faults that only this source has."""
        return []

    def archive(self, key: str, body: bytes) -> None:
        """Place an object that must be restored before it can be read."""
        raise NotImplementedError

    def restore(self, key: str) -> None:
        """Restore it."""
        raise NotImplementedError


class AwsSite(ServerSite):
    """An S3 bucket."""

    migrate_type = "migrateAws"
    database_kind = "migrate_from_aws"
    unusual: ClassVar[Mapping[str, str]] = {
        "a b+c%41&d?e=f#g.txt": "a b+c%41&d?e=f#g.txt",
        "\u6587/\u4ef6 \U0001f600.txt": "\u6587/\u4ef6 \U0001f600.txt",
        "/leading": "leading",
        "x//y": "x//y",
        "./dots/../z": "./dots/../z",
        "dir/": "dir/",
        "q'\";": "q'\";",
    }
    idle = frozenset({"ListObjectsV2"})
    secrets = (s3_server.KEY,)
    prefix = "/a/b"

    def __init__(self, folder: Path, cos: EmbeddedCos, server: S3Server) -> None:
        super().__init__(folder, cos, s3_section(server.port))
        self.server: S3Server = server

    def put(self, key: str, body: bytes) -> None:
        self.server.put(key, body, part_size=5 * (1 << 20) if key == "big/parts" else 0)

    def put_described(self, key: str, body: bytes) -> dict[str, str]:
        headers = {"cache-control": "no-cache", "content-type": "image/x", "expires": DAY}
        user = {"x-amz-meta-colour_1": "r\u00f6t"}
        made = self.server.put(key, body, headers=headers | user)
        return headers | {"x-cos-meta-s3-etag": made.etag, "x-cos-meta-colour-1": "r%C3%B6t"}

    def record_of(self, key: str, cos_path: str) -> tuple[str, str]:
        kept = self.server.buckets[s3_server.BUCKET].objects[key]
        place = f"[taskType: migrateAws] [bucket: {BUCKET}] [cosPath: {cos_path}]"
        return place, f"[fileSize: {len(kept.body)}] [etag: {kept.etag}]"

    def job_text(self) -> str:
        return "[srcPrefix: ], [cosFolder: /to/]"

    def through_proxy(self) -> str:
        host = "s3.us-east-1.amazonaws.com"
        proxy = {"proxyHost": "127.0.0.1", "proxyPort": str(self.server.port)}
        self.tool.cloud |= {"endPoint": host, **proxy}
        return f"{s3_server.BUCKET}.{host}"

    def more_faults(self) -> list[Fault]:
        return [Fault("reset", "HeadObject", "big")]

    def archive(self, key: str, body: bytes) -> None:
        storage_class = "DEEP_ARCHIVE" if "big" in key else "GLACIER"
        self.server.put(key, body, storage_class=storage_class)

    def restore(self, key: str) -> None:
        body = self.server.buckets[s3_server.BUCKET].objects[key].body
        self.server.put(key, body, storage_class="GLACIER", restored=True)


class CspSite(AwsSite):
    """A bucket of a private cloud, which speaks S3."""

    migrate_type = "migrateCsp"
    database_kind = "migrate_copy_csp"

    def put_described(self, key: str, body: bytes) -> dict[str, str]:
        headers = super().put_described(key, body)
        return headers | {"x-cos-meta-csp-etag": headers.pop("x-cos-meta-s3-etag")}

    def record_of(self, key: str, cos_path: str) -> tuple[str, str]:
        place, value = super().record_of(key, cos_path)
        return place.replace("migrateAws", "migrateCsp"), value

    def job_text(self) -> str:
        place = f"[endPoint: 127.0.0.1:{self.server.port}], [srcBucket: {s3_server.BUCKET}]"
        return f"[destCosFolder: /to/], {place}, [srcPrefix: ]"


class AliSite(ServerSite):
    """An OSS bucket."""

    migrate_type = "migrateAli"
    database_kind = "migrate_from_ali"
    unusual: ClassVar[Mapping[str, str]] = {
        name: name
        for name in (
            "a b+c%41&d?e=f.txt",
            "\u6587/\u4ef6 \U0001f600.txt",
            "x//y",
            "dir/",
            "dir/empty",
            "q'\"#;",
            "z/" * 30 + "z",
        )
    }
    idle = frozenset({"ListObjects"})
    secrets = (oss_server.SECRET,)
    denied_listing: ClassVar[Mapping[str, Any]] = {"status": 403, "code": "AccessDenied"}
    processes = "2"

    def __init__(self, folder: Path, cos: EmbeddedCos, server: OssServer) -> None:
        # A machine under load is no silent source.
        section = oss_section(server.port) | {"srcSocketTimeout": "120000"}
        super().__init__(folder, cos, section)
        self.server: OssServer = server

    def put(self, key: str, body: bytes) -> None:
        self.server.put(key, body)

    def put_described(self, key: str, body: bytes) -> dict[str, str]:
        standard = {
            "content-type": "image/x",
            "cache-control": "no-cache",
            "content-disposition": "inline",
            "content-encoding": "gzip",
            "content-language": "de",
            "expires": DAY,
        }
        user = {"x-oss-meta-Some_Name": "value", "x-oss-meta-text": "Gr\u00f6\u00dfe"}
        made = self.server.put(key, body, {**standard, **user})
        expected = {"some-name": "value", "text": "Gr%C3%B6%C3%9Fe", "oss-etag": made.etag}
        return standard | {f"x-cos-meta-{name}": value for name, value in expected.items()}

    def record_of(self, key: str, cos_path: str) -> tuple[str, str]:
        kept = self.server.store.buckets[oss_server.BUCKET].objects[key]
        place = f"[taskType: migrateAli] [bucket: {BUCKET}] [cosPath: {cos_path}]"
        return place, f"[fileSize: {len(kept.data)}] [etag: {kept.etag}]"

    def job_text(self) -> str:
        return f"[srcEndpoint: 127.0.0.1:{self.server.port}] [prefix: ] [cosFolder: /to/] "

    def through_proxy(self) -> str:
        host = oss_server.HANGZHOU
        proxy = {"proxyHost": "127.0.0.1", "proxyPort": str(self.server.port)}
        self.tool.cloud |= {"endPoint": host, **proxy}
        return f"{oss_server.BUCKET}.{host}"

    def more_faults(self) -> list[Fault]:
        return [Fault("wrong-crc", "GetObject", "small/0[78]", times=2)]

    def archive(self, key: str, body: bytes) -> None:
        storage_class = "DeepColdArchive" if "big" in key else "Archive"
        self.server.put(key, body, storage_class=storage_class)

    def restore(self, key: str) -> None:
        body = self.server.store.buckets[oss_server.BUCKET].objects[key].data
        done = 'ongoing-request="false", expiry-date="Sun, 16 Apr 2028 08:12:33 GMT"'
        self.server.put(key, body, storage_class="Archive", restore=done)


class QiniuSite(ServerSite):
    """A Qiniu bucket with its download domain."""

    migrate_type = "migrateQiniu"
    database_kind = "migrate_from_qiniu"
    unusual: ClassVar[Mapping[str, str]] = {
        "a b+c%41&d?e=f#g.txt": "a b+c%41&d?e=f#g.txt",
        "\u6587/\u4ef6 \U0001f600.txt": "\u6587/\u4ef6 \U0001f600.txt",
        "/leading": "leading",
        "x//y": "x/y",
        "dir/": "dir/",
        "q'\";": "q'\";",
    }
    idle = frozenset({"List", "Uc /v4/query"})
    streams = False
    secrets = (qiniu_tokens.SECRET_KEY, "&token=")

    def __init__(self, folder: Path, cos: EmbeddedCos, server: QiniuServer) -> None:
        super().__init__(folder, cos, qiniu_section(server))
        self.server: QiniuServer = server

    def put(self, key: str, body: bytes) -> None:
        # What has an MD5 is streamed in parts, what has none comes through a file.
        known = "streamed" in key or key == "big/two"
        self.server.put(key, body, md5=hashlib.md5(body).hexdigest() if known else "")

    def put_described(self, key: str, body: bytes) -> dict[str, str]:
        made = self.server.put(key, body, mime="image/x", meta={"Colour_1": "r\u00f6t"})
        return {
            "content-type": "image/x",
            "x-cos-meta-qiniu-etag": f'"{made.etag}"',
            "x-cos-meta-colour-1": "r%C3%B6t",
        }

    def record_of(self, key: str, cos_path: str) -> tuple[str, str]:
        kept = self.server.find(key)
        place = f"[taskType: migrateQiniu] [bucket: {BUCKET}] [cosPath: {cos_path}]"
        return place, f"[fileSize: {len(kept.body)}] [etag: {kept.etag}]"

    def job_text(self) -> str:
        return f"[srcPrefix: ] [srcBucket: {qiniu_server.BUCKET}] [cosFolder: /to/]"

    def through_proxy(self) -> str:
        self.server.names |= {"uc.example.test": "uc", "www.example.test": "io"}
        host, _, port = self.server.rs.partition(":")
        self.tool.cloud |= {"ucHost": "uc.example.test", "endPoint": "www.example.test"}
        self.tool.cloud |= {"proxyHost": host, "proxyPort": port}
        return "www.example.test"

    def archive(self, key: str, body: bytes) -> None:
        self.server.put(key, body, type=qiniu_server.ARCHIVE)

    def restore(self, key: str) -> None:
        self.server.restore(key)
