"""The buckets that `BucketContract` runs on: one class for each provider."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from ssl import SSLContext
from typing import Any, ClassVar

from cos_migrate.config.values import Secret
from cos_migrate.http.routes import Proxy
from cos_migrate.model import Target
from cos_migrate.sources.base import SourceOptions
from cos_migrate.sources.cos_bucket.config import CosBucketConfig
from cos_migrate.sources.cos_bucket.source import CosBucketSource
from cos_migrate.sources.http_source import HttpSource
from cos_migrate.sources.oss.source import AliyunConfig, AliyunSource
from cos_migrate.sources.qiniu.config import QiniuConfig
from cos_migrate.sources.qiniu.source import QiniuSource
from cos_migrate.sources.s3.aws import AwsConfig, AwsSource
from cos_migrate.sources.s3.csp import CspConfig, CspSource
from cos_migrate.sources.upyun.config import UpyunConfig
from cos_migrate.sources.upyun.source import UpyunSource
from tests.fakes import oss_server, qiniu_server, qiniu_tokens, s3_server, upyun_server
from tests.fakes import upyun_tokens as upyun
from tests.fakes.cos_front import CosFront
from tests.fakes.faults import Fault

TARGET = Target("examplebucket-1250000000", "ap-guangzhou", "/x/")
COS_BUCKET, COS_ID, COS_KEY = "source-1250000001", "AKIDsource", "source-secret"
WRONG = Secret("guessed")


class Cloud(abc.ABC):
    """A bucket on a server of the tests, and the sources that read it."""

    section: ClassVar[str]
    secret: ClassVar[str]
    """The text that no message may show."""
    wrong: ClassVar[Mapping[str, tuple[Mapping[str, Any], str]]]
    """The keys that a message names, with a wrong setting and the code of the error."""
    address: ClassVar[str] = "end_point"
    """The setting that names the server; empty: the server is always reached as a proxy."""
    address_key: ClassVar[str] = "endPoint"
    """What a message names where nothing answers."""
    https: ClassVar[Mapping[str, Any]] = {"src_https": True}
    hosts: ClassVar[Sequence[str]] = ("127.0.0.1", "localhost")
    """What its certificate names."""

    def __init__(self, server: Any) -> None:
        self.server: Any = server

    @abc.abstractmethod
    def source(
        self, options: SourceOptions | None = None, target: Target = TARGET, **changes: Any
    ) -> HttpSource:
        """Return a source that reads the bucket, with some settings changed."""

    @abc.abstractmethod
    def proxied(self, port: int = 0) -> HttpSource:
        """Return a source that reaches its public address through the server, or a port."""

    def archive(self, key: str, body: bytes) -> None:
        """Place an object that must be restored before it can be read."""
        raise NotImplementedError

    def restore(self, key: str, body: bytes) -> None:
        """Restore it."""
        raise NotImplementedError

    @contextmanager
    def secured(self, tls: SSLContext) -> Iterator[Cloud]:
        """Serve another bucket, over TLS too."""
        with type(self.server)(tls=tls) as server:
            yield type(self)(server)

    def impatient(self) -> HttpSource | None:
        """Return a source that gives up a silent server after 0.2 s."""
        return self.source(src_socket_timeout=200)

    def below(self, folder: str, target: Target = TARGET) -> HttpSource:
        """Return a source of the objects below a folder, such as `a/b/`."""
        return self.source(None, target, prefix=folder)

    def listed(self, path: Path) -> HttpSource:
        """Return a source of the keys in a file."""
        return self.source(uri_list=str(path))

    def keys(self, key_id: str, secret: str, bucket: str) -> dict[str, Any]:
        """Return the settings of most sections."""
        return {
            "bucket": bucket,
            "access_key_id": Secret(key_id),
            "access_key_secret": Secret(secret),
            "end_point": f"127.0.0.1:{self.server.port}",
        }

    def by_proxy(self, port: int) -> dict[str, Any]:
        """Return the settings that make the server, or a port, the proxy."""
        return {"proxy_host": "127.0.0.1", "proxy_port": port or self.server.port}


class S3Cloud(Cloud):
    """A bucket that speaks S3."""

    secret = s3_server.KEY
    wrong: ClassVar[Mapping[str, tuple[Mapping[str, Any], str]]] = {
        "accessKeyId": ({"access_key_id": Secret("nobody")}, "InvalidAccessKeyId"),
        "accessKeySecret": ({"access_key_secret": WRONG}, "SignatureDoesNotMatch"),
        "bucket": ({"bucket": "another-bucket"}, "NoSuchBucket"),
    }

    def proxied(self, port: int = 0) -> HttpSource:
        return self.source(end_point="s3.us-east-1.amazonaws.com", **self.by_proxy(port))

    def archive(self, key: str, body: bytes) -> None:
        self.server.put(key, body, storage_class="DEEP_ARCHIVE")

    def restore(self, key: str, body: bytes) -> None:
        self.server.put(key, body, storage_class="DEEP_ARCHIVE", restored=True)


class AwsCloud(S3Cloud):
    """A bucket of AWS."""

    section = "migrateAws"

    def source(
        self, options: SourceOptions | None = None, target: Target = TARGET, **changes: Any
    ) -> AwsSource:
        fields = self.keys(s3_server.KEY_ID, s3_server.KEY, s3_server.BUCKET) | changes
        return AwsSource(AwsConfig(**fields), target, options)


class CspCloud(S3Cloud):
    """A bucket of a private cloud."""

    section = "migrateCsp"

    def source(
        self, options: SourceOptions | None = None, target: Target = TARGET, **changes: Any
    ) -> CspSource:
        fields = self.keys(s3_server.KEY_ID, s3_server.KEY, s3_server.BUCKET) | changes
        return CspSource(CspConfig(**fields), target, options)


class OssCloud(Cloud):
    """An OSS bucket, reached by path, with V1 signatures."""

    section = "migrateAli"
    secret = oss_server.SECRET
    wrong: ClassVar[Mapping[str, tuple[Mapping[str, Any], str]]] = {
        "accessKeyId": ({"access_key_id": Secret("LTAInobody")}, "InvalidAccessKeyId"),
        "accessKeySecret": ({"access_key_secret": WRONG}, "SignatureDoesNotMatch"),
        "bucket": ({"bucket": "none"}, "NoSuchBucket"),
    }

    def source(
        self, options: SourceOptions | None = None, target: Target = TARGET, **changes: Any
    ) -> AliyunSource:
        fields = self.keys(oss_server.KEY_ID, oss_server.SECRET, oss_server.BUCKET) | changes
        return AliyunSource(AliyunConfig(**fields), target, options)

    def proxied(self, port: int = 0, **changes: Any) -> AliyunSource:
        place = {"end_point": oss_server.HANGZHOU, **self.by_proxy(port)}
        return OssCloud.source(self, **(place | changes))

    def archive(self, key: str, body: bytes) -> None:
        self.server.put(key, body, storage_class="ColdArchive")

    def restore(self, key: str, body: bytes) -> None:
        done = 'ongoing-request="false", expiry-date="Sun, 16 Apr 2028 08:12:33 GMT"'
        self.server.put(key, body, storage_class="ColdArchive", restore=done)


class OssByHost(OssCloud):
    """The same through the endpoint of a region, behind a proxy, with V4 signatures."""

    address = ""
    hosts = (f"*.{oss_server.HANGZHOU}",)

    def source(
        self, options: SourceOptions | None = None, target: Target = TARGET, **changes: Any
    ) -> AliyunSource:
        place = {"end_point": oss_server.HANGZHOU, **self.by_proxy(0)}
        return super().source(options, target, **(place | changes))


class QiniuCloud(Cloud):
    """A Qiniu bucket with its download domain."""

    section = "migrateQiniu"
    address = "uc_host"
    address_key = "rsHost, rsfHost and ucHost"
    secret = qiniu_tokens.SECRET_KEY
    wrong: ClassVar[Mapping[str, tuple[Mapping[str, Any], str]]] = {
        "accessKeyId and accessKeySecret": ({"access_key_secret": WRONG}, "BadToken"),
        "accessKeyId": ({"access_key_id": Secret("unknown")}, "NoSuchAccessKey"),
        "bucket": ({"bucket": "other"}, "NoSuchBucket"),
    }

    def source(
        self, options: SourceOptions | None = None, target: Target = TARGET, **changes: Any
    ) -> QiniuSource:
        server = self.server
        names = (qiniu_tokens.ACCESS_KEY, qiniu_tokens.SECRET_KEY, qiniu_server.BUCKET)
        place = {"end_point": server.domain, "uc_host": server.uc}
        return QiniuSource(QiniuConfig(**(self.keys(*names) | place | changes)), target, options)

    def proxied(self, port: int = 0) -> HttpSource:
        self.server.names |= {"uc.example.test": "uc", "www.example.test": "io"}
        proxy = self.by_proxy(port)
        return self.source(uc_host="uc.example.test", end_point="www.example.test", **proxy)

    def archive(self, key: str, body: bytes) -> None:
        self.server.put(key, body, type=qiniu_server.DEEP_ARCHIVE)

    def restore(self, key: str, body: bytes) -> None:  # noqa: ARG002 - it keeps its body
        self.server.restore(key)


class UpyunCloud(Cloud):
    """An Upyun service."""

    section = "migrateUpyun"
    secret = upyun.PASSWORD
    wrong: ClassVar[Mapping[str, tuple[Mapping[str, Any], str]]] = {
        "accessKeyId, accessKeySecret": ({"access_key_secret": WRONG}, "Unauthorized"),
        "accessKeyId": ({"access_key_id": Secret("unknown")}, "Unauthorized"),
        "bucket": ({"bucket": "other"}, "NoSuchBucket"),
    }

    def source(
        self, options: SourceOptions | None = None, target: Target = TARGET, **changes: Any
    ) -> UpyunSource:
        fields = self.keys(upyun.OPERATOR, upyun.PASSWORD, upyun_server.SERVICE) | changes
        return UpyunSource(UpyunConfig(**fields), target, options)

    def proxied(self, port: int = 0) -> HttpSource:
        return self.source(end_point="", **self.by_proxy(port))


class CosCloud(Cloud):
    """Another bucket on COS."""

    section = "migrateBucketCopy"
    secret = COS_KEY
    wrong: ClassVar[Mapping[str, tuple[Mapping[str, Any], str]]] = {
        "srcSecretId": ({"src_secret_id": Secret("AKIDnobody")}, "InvalidAccessKeyId"),
        "srcSecretKey": ({"src_secret_key": WRONG}, "SignatureDoesNotMatch"),
        "srcBucketName": ({"src_bucket_name": "none-1250000001"}, "NoSuchBucket"),
    }
    address = "src_end_point_suffix"
    hosts = (f"{COS_BUCKET}.localhost",)
    address_key = "srcEndPointSuffix"
    https: ClassVar[Mapping[str, Any]] = {}

    def source(
        self, options: SourceOptions | None = None, target: Target = TARGET, **changes: Any
    ) -> CosBucketSource:
        fields = {
            "src_region": "ap-shanghai",
            "src_bucket_name": COS_BUCKET,
            "src_secret_id": Secret(COS_ID),
            "src_secret_key": Secret(COS_KEY),
            "src_cos_path": "/",
            "src_end_point_suffix": f"localhost:{self.server.port}",
            **changes,
        }
        return CosBucketSource(CosBucketConfig(**fields), target, options)

    def proxied(self, port: int = 0) -> HttpSource:
        options = SourceOptions(proxy=Proxy.of("127.0.0.1", port or self.server.port))
        return self.source(options, src_end_point_suffix="")

    def impatient(self) -> None:
        """Its limit is fixed."""

    def below(self, folder: str, target: Target = TARGET) -> HttpSource:
        return self.source(None, target, src_cos_path=f"/{folder}")

    def archive(self, key: str, body: bytes) -> None:
        self.server.put(key, body)
        code = "InvalidObjectState"
        self.server.faults.append(Fault("status", "GetObject", key, -1, status=403, code=code))

    def restore(self, key: str, body: bytes) -> None:  # noqa: ARG002 - it keeps its body
        self.server.faults.clear()

    def listed(self, path: Path) -> HttpSource:
        return self.source(src_file_list=str(path))

    @contextmanager
    def secured(self, tls: SSLContext) -> Iterator[Cloud]:
        with CosFront(self.server.cos, COS_BUCKET, tls) as front:
            yield CosCloud(front)
