"""Loading: what wins over what, what is warned about, and what the values become."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config import loader as config
from cos_migrate.config import values
from cos_migrate.config.common import Common
from cos_migrate.config.given_values import Override
from cos_migrate.config.loader import Loaded
from cos_migrate.config.options import Mistake, Section, option
from cos_migrate.config.values import Secret, TimeWindow
from cos_migrate.sources.cos_bucket.config import CosBucketConfig
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.s3.aws import AwsConfig
from cos_migrate.sources.upyun.config import UpyunConfig
from cos_migrate.sources.url_list.config import UrlListConfig

SOURCES: dict[str, type[Any]] = {
    "migrateLocal": LocalConfig,
    "migrateAws": AwsConfig,
    "migrateUpyun": UpyunConfig,
    "migrateBucketCopy": CosBucketConfig,
}
HEAD = """\
[migrateType]
type=migrateLocal
[common]
secretId=AKIDexample
secretKey=hush
bucketName=examplebucket-1250000000
region=ap-guangzhou
"""
CLOUD = "bucket=b\naccessKeyId=ak\naccessKeySecret=hush\nendPoint=localhost:9000\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "file").write_bytes(b"x")


def load(text: str = "", *words: Override, **environ: str) -> Loaded:
    """Load HEAD, then `text`, which goes on in [common]."""
    local = f"[migrateLocal]\nlocalPath={Path.cwd() / 'data'}\n".replace("\\", "\\\\")
    Path("c.ini").write_text(f"{local}{HEAD}{text}\n", encoding="utf-8")
    return config.load("c.ini", words, SOURCES, environ=environ)


def common(text: str, **environ: str) -> Common:
    return load(text, **environ).config.common


def cloud(migrate_type: str, text: str) -> Any:
    loaded = load(f"[{migrate_type}]\n{text}", Override("migrateType", "type", migrate_type))
    return section_of(loaded)


def section_of(loaded: Loaded) -> Any:
    return loaded.config.source


def test_defaults() -> None:
    loaded = load()
    assert loaded.warnings == ()
    assert loaded.config.migrate_type == "migrateLocal"
    assert loaded.config.source == LocalConfig(local_path=str(Path.cwd() / "data"))
    assert loaded.config.common == Common(
        secret_id=Secret("AKIDexample"),
        secret_key=Secret("hush"),
        bucket_name="examplebucket-1250000000",
        region="ap-guangzhou",
    )


def test_a_blank_value_is_the_default() -> None:
    blank = "\n".join(f"{key}=" for key in ("cosPath", "https", "smallFileThreshold", "token"))
    assert load(blank).config == load().config


def test_a_configuration_can_be_pickled() -> None:
    loaded = load().config
    assert pickle.loads(pickle.dumps(loaded)) == loaded


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("storageClass=Standard_IA", "storage_class", "STANDARD_IA"),
        ("restoreArchived=bulk", "restore_archived", "Bulk"),
        ("restoreArchived=OFF", "restore_archived", ""),
        ("storageClass=Cold", "storage_class", "COLD"),
        ("storageClass=STANDARD_IA", "storage_class", "STANDARD_IA"),
        (
            "storageClassMap=STANDARD_IA:Standard_IA; ColdArchive : DEEP_ARCHIVE ;",
            "storage_class_map",
            (("STANDARD_IA", "STANDARD_IA"), ("COLDARCHIVE", "DEEP_ARCHIVE")),
        ),
        ("storageClass=Maz_Deep_Archive", "storage_class", "MAZ_DEEP_ARCHIVE"),
        ("cosPath=/a", "cos_path", "/a/"),
        ("cosPath=//a///b//", "cos_path", "/a/b/"),
        ("cosPath=/数据/", "cos_path", "/数据/"),
        ("dbCosPath=/a", "db_cos_path", "/a/"),
        ("https=ON", "https", True),
        ("https=Off", "https", False),
        ("shortConnection=TRUE", "short_connection", True),
        ("endPointSuffix=localhost:8080", "end_point_suffix", "localhost:8080"),
        ("endPointSuffix=cos.example.com", "end_point_suffix", "cos.example.com"),
        ("smallFileThreshold=+5242880", "small_file_threshold", 5242880),
        ("smallFileThreshold=5368709120", "small_file_threshold", 5368709120),
        ("smallFileExecutorNum=1024", "small_file_executor_num", 1024),
        ("bigFileExecutorNum=064", "big_file_executor_num", 64),
        ("threadNum=99", "thread_num", 99),
        ("workerProcessNum=0", "worker_process_num", 0),
        ("bigFileUploadPartSize=1048576", "big_file_upload_part_size", 1048576),
        ("bigFileUploadPartSize=5368709120", "big_file_upload_part_size", 5368709120),
        ("threadTrafficLimit=819200", "thread_traffic_limit", 819200),
        ("threadTrafficLimit=838860800", "thread_traffic_limit", 838860800),
        ("threadTrafficLimit=0", "thread_traffic_limit", 0),
        ("threadTrafficLimit=-7", "thread_traffic_limit", 0),
        ("executeTimeWindow=03:30,21:00", "execute_time_window", TimeWindow(210, 1260)),
        ("executeTimeWindow=22:00, 6:5", "execute_time_window", TimeWindow(1320, 365)),
        ("executeTimeWindow=00:00,24:00", "execute_time_window", TimeWindow(0, 1440)),
        ("encryptionType=sse-cos", "encryption_type", "sse-cos"),
        ("check=on", "check", True),
        ("check=False", "check", False),
        ("encryptIV=0123456789abcdef", "encrypt_iv", "0123456789abcdef"),
        ("keyPath=/", "key_path", "/"),
        ("rocksMaxOpenFile=-1", "rocks_max_open_file", -1),
        ("region: eu-frankfurt", "region", "eu-frankfurt"),
        ("proxyHost=10.0.0.1\nproxyPort=3128", "proxy_port", 3128),
        ("token=a%b=c", "token", Secret("a%b=c")),
        ("secretKey=new", "secret_key", Secret("new")),
    ],
)
def test_value(line: str, name: str, expected: object) -> None:
    assert getattr(common(line), name) == expected


@pytest.mark.parametrize("spelling", ["migrateaws", "MIGRATEAWS", "migrateAws"])
def test_the_type_ignores_case(spelling: str) -> None:
    loaded = load("[migrateAws]\n" + CLOUD, Override("migrateType", "type", spelling))
    assert loaded.config.migrate_type == "migrateAws"
    assert section_of(loaded).end_point == "localhost:9000"


def test_the_type_alone_may_come_from_the_command_line() -> None:
    text = HEAD.replace("[migrateType]\ntype=migrateLocal\n", "")
    Path("c.ini").write_text(text, encoding="utf-8")
    words = [
        Override("migrateType", "type", "migrateLocal"),
        Override("migrateLocal", "localPath", str(Path.cwd() / "data")),
    ]
    assert config.load("c.ini", words, SOURCES, environ={}).config.migrate_type == "migrateLocal"


def test_deprecated_type_is_accepted_and_ignored() -> None:
    loaded = load("[migrateType]\ndeprecatedType=on")
    assert loaded.warnings == ()


def test_only_the_section_of_the_chosen_type_is_checked() -> None:
    loaded = load("[migrateAws]\nendPoint=us-east-1\nproxyPort=x\n")
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("text", "prefix", "end_point"),
    [
        ("prefix=/a/b\nendPoint=http://s3.example.com/\n", "a/b", "http://s3.example.com"),
        ("prefix=//a\nendPoint=https://h.example:1/\n", "/a", "https://h.example:1"),
        ("endPoint=[::1]:9000\n", "", "[::1]:9000"),
        ("endPoint=127.0.0.1:9000\n", "", "127.0.0.1:9000"),
        ("endPoint=minio:9000\n", "", "minio:9000"),
        ("endPoint=localhost\n", "", "localhost"),
    ],
)
def test_cloud_values(text: str, prefix: str, end_point: str) -> None:
    source = cloud("migrateAws", CLOUD + text)
    assert source.prefix == prefix
    assert source.end_point == end_point


def test_upyun_needs_no_endpoint() -> None:
    source = cloud("migrateUpyun", CLOUD.rpartition("endPoint")[0])
    assert source.end_point == ""
    assert source.acsending_order


def test_bucket_copy_values() -> None:
    text = (
        "srcRegion=ap-shanghai\nsrcBucketName=a-1250000000\nsrcSecretId=i\nsrcSecretKey=k\n"
        "srcCosPath=/a//b\nsrcStorageClass=Archive\n"
    )
    source = cloud("migrateBucketCopy", text)
    assert source.src_cos_path == "/a/b/"
    assert source.src_storage_class == "ARCHIVE"


def test_keys_of_a_url_list_are_accepted_and_ignored() -> None:
    text = "[migrateUrl]\nurllistPath=file\naccessKeyId=i\naccessKeySecret=hush\n"
    Path("c.ini").write_text(HEAD.replace("migrateLocal", "migrateUrl") + text, encoding="utf-8")
    loaded = config.load("c.ini", (), {"migrateUrl": UrlListConfig}, environ={})
    assert section_of(loaded).urllist_path == "file"
    assert not [warning for warning in loaded.warnings if "accessKey" in warning]
    assert "hush" not in str(loaded)


# What wins


# What is warned about


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("cosPathes=/a", ["unknown key [common] cosPathes is ignored", "is cosPath", "line 10"]),
        ("zzzz=1", ["unknown key [common] zzzz is ignored"]),
        ("Gu5t9xGARNpq86cd==", ["unknown key [common] *** is ignored"]),
        ("localPath=/a", ["localPath is a key of [migrateLocal]"]),
        ("[commno]\na=b", ["unknown section [commno] is ignored", "[common]", "line 10"]),
        ("[other]\na=b", ["unknown section [other] is ignored"]),
        ("[migrateAws]\nendpoint=x", ["unknown key [migrateAws] endpoint", "is endPoint"]),
        ("tmpFolder=data", ["a relative path is looked up", "[common] tmpFolder=data"]),
        ("[migrateLocal]\nlocalPath=data", ["a relative path", "localPath=data"]),
        ("[migrateLocal]\nexcludes=/;data", ["a relative path", "excludes=/;data"]),
        ("bigFileUploadPartSize=1000", ["1000 is below 1 MiB", "1048576 is used"]),
        ("bigFileUploadPartSize=0", ["0 is below 1 MiB"]),
        ("proxyUser=", []),
        ("token=a\\qb", ["a single backslash is dropped", "token=***"]),
        ("region=x\nregion=y", ["[common] region is given more than once", "line 11"]),
    ],
)
def test_warning(line: str, parts: list[str]) -> None:
    warnings = load(line).warnings
    for part in parts:
        assert any(part in warning for warning in warnings)
    assert bool(warnings) is bool(parts)


def test_a_small_part_size_is_raised() -> None:
    assert common("bigFileUploadPartSize=1").big_file_upload_part_size == values.MIB


@pytest.mark.skipif(os.name == "nt", reason="a backslash separates folders there")
def test_a_single_backslash_in_a_path_is_kept_and_warned_about(tmp_path: Path) -> None:
    (tmp_path / "a\\tb").mkdir()
    loaded = load(f"[migrateLocal]\nlocalPath={tmp_path}/a\\tb")
    assert section_of(loaded).local_path == f"{tmp_path}/a\\tb"
    assert "a single backslash is kept as it is" in loaded.warnings[-1]
    doubled = load(f"[migrateLocal]\nlocalPath={tmp_path}/a\\\\tb")
    assert doubled.config.source == loaded.config.source


@pytest.mark.parametrize(
    "name",
    [
        *("file.encoding", "http.proxyHost", "http.proxyPort", "https.proxyHost"),
        *("java.io.tmpdir", "user.timezone", "user.dir", "sun.net.client.defaultReadTimeout"),
        *("log4j.configuration", "com.sun.management.jmxremote", "aws.accessKeyId"),
        *("aws.region", "socksProxyHost.x", "os.name", "org.slf4j.simpleLogger"),
    ],
)
def test_words_for_java_are_never_near_misses(name: str) -> None:
    section, _, key = name.partition(".")
    loaded = load("", Override(section, key, "hush"))
    assert loaded.warnings == (f"ignored, meant for the Java virtual machine: -D{name}",)


def test_words_for_java_make_one_warning() -> None:
    words = [
        Override("", "-Xmx4g", ""),
        Override("file", "encoding", "UTF-8"),
        Override("", "something", "x"),
    ]
    assert load("", *words).warnings == (
        "ignored, meant for the Java virtual machine: -Xmx4g, -Dfile.encoding, -Dsomething",
    )


# What is shown


def test_shown_has_every_key_and_no_secret() -> None:
    text = "token=hush\nhttps=on\nexecuteTimeWindow=3:30,21:00\nproxyHost=h\nproxyPort=1\n"
    loaded = load(text + "proxyPassword=hush", Override("common", "cosPath", "/b"))
    shown = {(section, key): value for section, key, value in loaded.shown}
    assert shown["migrateType", "type"] == "migrateLocal"
    assert shown["common", "secretId"] == "***"
    assert shown["common", "token"] == "***"
    assert shown["common", "https"] == "on"
    assert shown["common", "daemonMode"] == "off"
    assert shown["common", "resume"] == "false"
    assert shown["common", "cosPath"] == "/b/"
    assert shown["common", "executeTimeWindow"] == "03:30,21:00"
    assert shown["common", "encryptIV"] == ""
    assert shown["migrateLocal", "excludes"] == ""
    assert "hush" not in repr(loaded)


# batchTaskPath


def test_with_a_batch_file_buckets_and_credentials_are_not_required() -> None:
    text = (
        "[common]\nbatchTaskPath=file\nsecretId=COS_SECRETID\nbucketName=examplebucket-APPID\n"
        "[migrateType]\ntype=migrateAws\n"
    )
    Path("c.ini").write_text(text, encoding="utf-8")
    loaded = config.load("c.ini", (), SOURCES, environ={})
    assert loaded.config.common.batch_task_path == "file"
    assert loaded.config.common.secret_key == Secret("")
    assert section_of(loaded).bucket == ""


# A section of somebody else's


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexConfig(Section):
    """A section as a new source declares it."""

    index_url: str = option("indexUrl", help="address of the index")
    pages: int = option("pages", help="how many", default=1, parse=int)

    def mistakes(self) -> Iterator[Mistake]:
        if self.pages > 1 and not self.index_url.endswith("/"):
            yield Mistake("pages", "pages needs an indexUrl that ends in /")


def test_a_new_source_needs_only_its_dataclass() -> None:
    text = f"{HEAD}[migrateType]\ntype=migrateIndex\n[migrateIndex]\nindexUrl=x/\npages=2\n"
    Path("c.ini").write_text(text, encoding="utf-8")
    loaded = config.load("c.ini", (), {"migrateIndex": IndexConfig}, environ={})
    assert loaded.config.source == IndexConfig(index_url="x/", pages=2)
