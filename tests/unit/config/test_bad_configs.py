"""Bad configurations: each is refused with the right message, and no secret is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cos_migrate.config import loader as config
from cos_migrate.config.given_values import Override
from cos_migrate.errors import ConfigError
from cos_migrate.sources.cos_bucket.config import CosBucketConfig
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.oss.source import AliyunConfig
from cos_migrate.sources.qiniu.config import QiniuConfig
from cos_migrate.sources.s3.aws import AwsConfig
from cos_migrate.sources.s3.csp import CspConfig
from cos_migrate.sources.upyun.config import UpyunConfig
from cos_migrate.sources.url_list.config import UrlListConfig

pytestmark = pytest.mark.usefixtures("work_folder")
SOURCES: dict[str, type[Any]] = {
    "migrateLocal": LocalConfig,
    "migrateAws": AwsConfig,
    "migrateAli": AliyunConfig,
    "migrateQiniu": QiniuConfig,
    "migrateUpyun": UpyunConfig,
    "migrateUrl": UrlListConfig,
    "migrateBucketCopy": CosBucketConfig,
    "migrateCsp": CspConfig,
}
HIDDEN = "hushAKID0123456789"
CLOUD = {
    "bucket": "source",
    "accessKeyId": HIDDEN + "a",
    "accessKeySecret": HIDDEN + "b",
    "endPoint": "s3.example.com",
}
GOOD: dict[str, dict[str, str]] = {
    "migrateType": {"type": "migrateLocal"},
    "common": {
        "secretId": "AKID" + HIDDEN + "c",
        "secretKey": HIDDEN + "d",
        "bucketName": "target-1250000000",
        "region": "ap-guangzhou",
    },
    "migrateLocal": {"localPath": "data"},
    "migrateAws": CLOUD,
    "migrateAli": CLOUD,
    "migrateQiniu": CLOUD,
    "migrateUpyun": CLOUD,
    "migrateCsp": CLOUD,
    "migrateUrl": {"urllistPath": "data/file"},
    "migrateBucketCopy": {
        "srcRegion": "ap-shanghai",
        "srcBucketName": "source-1250000000",
        "srcSecretId": "AKID" + HIDDEN + "e",
        "srcSecretKey": HIDDEN + "f",
        "srcCosPath": "/",
    },
}


def problems_of(
    text: str,
    *words: Override,
    environ: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Return the problems with a file, none of which may show a secret or take two lines."""
    Path("c.ini").write_bytes(text.encode())
    with pytest.raises(ConfigError) as caught:
        config.load("c.ini", words, SOURCES, environ=environ or {})
    problems = caught.value.problems
    assert HIDDEN not in str(caught.value)
    assert all(problem.isprintable() for problem in problems)
    return problems


def good(migrate_type: str = "migrateLocal", **changes: Mapping[str, str | None]) -> str:
    """Return a good file with some values changed, or removed (None)."""
    lines: list[str] = []
    for section, values in GOOD.items():
        merged = {**values, **changes.get(section, {})}
        if section == "migrateType":
            merged = {"type": migrate_type, **changes.get(section, {})}
        lines.append(f"[{section}]")
        lines += [f"{key}={value}" for key, value in merged.items() if value is not None]
    return "\n".join(lines)


WINDOW = "is invalid, the legal executeTimeWindow example 03:30,21:00"
SMALL = "is invalid, legal smallFileExecutorNum  is [1, 1024] "
BIG = "is invalid, legal bigFileExecutorNum is [1, 64] "
THRESHOLD = "legal smallFileThreshold is [5242880, 5368709120], 5MB ~ 5GB"
TRAFFIC = "is invalid, legal threadTrafficLimit is [819200, 838860800]"
SUFFIX = "it must be a host with or without a port"
AWS = "is a region or a bare name, endPoint must be a domain"
APPID = "SrcBucketName must contain appid. example: test-1250001000"

BAD_VALUES: list[tuple[str, str, str]] = [
    ("bucketName", "target", "<name>-<APPID>"),
    ("bucketName", "target-abc", "target-abc is invalid"),
    ("bucketName", "Target-1250000000", "lower case letters, digits and hyphens"),
    ("bucketName", "-1250000000", "<name>-<APPID>"),
    ("bucketName", "tar_get-1250000000", "<name>-<APPID>"),
    ("bucketName", "target-1250000000/", "<name>-<APPID>"),
    ("bucketName", "target-١٢", "<name>-<APPID>"),
    ("region", "ap guangzhou", "ap guangzhou is not the name of a region"),
    ("region", "AP-Guangzhou", "such as ap-guangzhou"),
    ("region", "cos.ap-guangzhou", "is not the name of a region"),
    ("storageClass", "standard", "standard is invalid storage class!"),
    ("storageClass", "Glacier", "legal: Standard, Standard_IA, Archive"),
    ("storageClassMap", "GLACIER:Glacier", "Glacier is invalid storage class!"),
    ("storageClassMap", "GLACIER:Glacier", "one of Standard, Standard_IA, Archive"),
    ("storageClassMap", "GLACIER", "GLACIER is no pair of two storage classes"),
    ("storageClassMap", "IA:Archive;ia:Cold", "ia has two targets"),
    ("cosPath", "folder/", "folder/ is invalid, cospath must start with /"),
    ("cosPath", "x", "x is invalid, cospath must start with /"),
    ("cosPath", "/" + "x" * 850, "longer than 850 bytes"),
    ("dbCosPath", "x", "x is invalid, dbcospath must start with /"),
    ("include", "a[b", "the pattern a[b cannot be read: a `[` in it is not closed"),
    ("exclude", "x;!y", "the pattern !y cannot be read: it begins with `!`"),
    ("filterFile", "/not/there", "/not/there not exist!"),
    ("minSize", "10 MB", "10 MB is not a size"),
    ("maxSize", "-1", "-1 is not a size"),
    ("modifiedAfter", "yesterday", "yesterday is not a time"),
    ("modifiedBefore", "2026-02-30", "2026-02-30 is not a time"),
    ("https", "yes", "yes is invalid, only support on/off"),
    ("https", "true", "legal: on or off"),
    ("https", "1", "1 is invalid"),
    ("caFile", "no.pem", "no.pem not exist!"),
    ("caFile", "data", "data is a folder, not a file"),
    ("endPointSuffix", "http://cos.example.com", SUFFIX),
    ("endPointSuffix", "cos.example.com/", SUFFIX),
    ("endPointSuffix", "cos.example.com:0", SUFFIX),
    ("endPointSuffix", "cos.example.com:65536", SUFFIX),
    ("endPointSuffix", "cos.example.com:port", SUFFIX),
    ("endPointSuffix", ":8080", SUFFIX),
    ("endPointSuffix", "a b", "legal: host or host:port without http://"),
    ("proxyHost", "http://proxy", "http://proxy is not a host name"),
    ("proxyHost", "proxy:3128", "without http:// and port"),
    ("proxyHost", "proxy", "proxyPort is missing: proxyHost is set"),
    ("proxyPort", "3128", "proxyHost is missing: proxyPort is set"),
    ("proxyPort", "0", "0 is an invalid proxy port"),
    ("proxyPort", "65536", "legal: a whole number from 1 to 65535"),
    ("proxyPort", "http", "http is an invalid proxy port"),
    ("proxyUser", "me", "proxyHost is missing: proxyUser or proxyPassword is set"),
    ("shortConnection", "on", "on is invalid, should be true or false"),
    ("tmpFolder", "nowhere", "tempFolderPath nowhere not exist!"),
    ("tmpFolder", "data/file", "tempFolderPath data/file is not a folder"),
    ("smallFileThreshold", "1", f"invalid smallFileThresholdStr: 1, {THRESHOLD}"),
    ("smallFileThreshold", "5242879", f"invalid smallFileThresholdStr: 5242879, {THRESHOLD}"),
    ("smallFileThreshold", "5368709121", f"5368709121, {THRESHOLD}"),
    ("smallFileThreshold", "5MB", f"invalid smallFileThresholdStr: 5MB, {THRESHOLD}"),
    ("smallFileThreshold", "5242880.0", THRESHOLD),
    ("smallFileThreshold", "5_242_880", THRESHOLD),
    ("smallFileThreshold", "-5242880", THRESHOLD),
    ("smallFileThreshold", "9" * 5000, "invalid smallFileThresholdStr: 9999"),
    ("smallFileExecutorNum", "0", f"0 {SMALL}"),
    ("smallFileExecutorNum", "1025", f"1025 {SMALL}"),
    ("smallFileExecutorNum", "-1", f"-1 {SMALL}"),
    ("smallFileExecutorNum", "many", f"many {SMALL}"),
    ("smallFileExecutorNum", "٣", f"٣ {SMALL}"),
    ("smallFileExecutorNum", "６４", f"６４ {SMALL}"),
    ("smallFileExecutorNum", "0x10", f"0x10 {SMALL}"),
    ("smallFileExecutorNum", "1e2", f"1e2 {SMALL}"),
    ("smallFileExecutorNum", "99999999999999999999", SMALL),
    ("bigFileExecutorNum", "0", f"0 {BIG}"),
    ("bigFileExecutorNum", "65", f"65 {BIG}"),
    ("bigFileExecutorNum", "8 8", f"8 8 {BIG}"),
    ("bandwidthLimit", "fast", "fast is not a size"),
    ("bandwidthLimit", "0", "the least bandwidthLimit is 1K"),
    ("bandwidthLimit", "20MB", "bytes a second with K, M, G or T, from 1K on, such as 20M"),
    ("bandwidthLimit", "-1M", "08:00,20M 18:30,off"),
    ("bandwidthLimit", "8,20M", "8,20M is no time of the day with a limit"),
    ("bandwidthLimit", "08:60,20M", "08:60,20M is no time of the day with a limit"),
    ("bandwidthLimit", "24:00,20M", "24:00,20M is no time of the day with a limit"),
    ("bandwidthLimit", "08:00,20M;18:30,off", "is not a size"),
    ("bandwidthLimit", "08:00,20M 08:00,off", "its times must ascend"),
    ("bandwidthLimit", "18:00,20M 08:00,off", "its times must ascend"),
    ("bandwidthLimit", "08:00,fast", "fast is not a size"),
    ("requestsPerSecond", "0", "legal requestsPerSecond is [1, 1000000]"),
    ("requestsPerSecond", "1000001", "a whole number from 1 to 1000000, or off"),
    ("requestsPerSecond", "2.5", "2.5 is invalid"),
    ("srcRequestsPerSecond", "many", "many is invalid, legal srcRequestsPerSecond is"),
    ("threadNum", "0", "taskExecutorNumber must be greater than 0"),
    ("workerProcessNum", "-1", "-1 is invalid, legal workerProcessNum is [0, 60]"),
    ("workerProcessNum", "61", "61 is invalid, legal workerProcessNum is [0, 60]"),
    ("listParallel", "0", "0 is invalid, legal listParallel is [1, 64]"),
    ("listParallel", "65", "65 is invalid, legal listParallel is [1, 64]"),
    ("bufferMemory", "0", "0 is invalid, legal bufferMemory is"),
    ("bufferMemory", "256M", "256M is invalid, legal bufferMemory is"),
    ("bigFileUploadPartSize", "5368709121", "invalid bigFileUploadPartSize: 5368709121"),
    ("bigFileUploadPartSize", "5M", "legal: bytes, 1048576 to 5368709120"),
    ("threadTrafficLimit", "1", f"1 {TRAFFIC}"),
    ("threadTrafficLimit", "819199", f"819199 {TRAFFIC}"),
    ("threadTrafficLimit", "838860801", f"838860801 {TRAFFIC}"),
    ("threadTrafficLimit", "fast", f"fast {TRAFFIC}"),
    ("entireFileMd5Attached", "true", "true is invalid, only support on/off"),
    ("daemonMode", "yes", "yes is invalid, only support on/off"),
    ("daemonModeInterVal", "0", "0 is invalid, damonInterVal must be greater than 0"),
    ("daemonModeInterVal", "1m", "1m is invalid"),
    ("daemonModeInterVal", "2147483648", "legal: seconds, 1 to 2147483647"),
    ("executeTimeWindow", "03:30", f"03:30 {WINDOW}"),
    ("executeTimeWindow", "03:30-21:00", f"03:30-21:00 {WINDOW}"),
    ("executeTimeWindow", "03:30,21:00,22:00", WINDOW),
    ("executeTimeWindow", "25:00,26:00", f"25:00,26:00 {WINDOW}"),
    ("executeTimeWindow", "03:60,21:00", f"03:60,21:00 {WINDOW}"),
    ("executeTimeWindow", "24:00,03:00", WINDOW),
    ("executeTimeWindow", "00:00,24:01", WINDOW),
    ("executeTimeWindow", "-1:00,24:00", WINDOW),
    ("executeTimeWindow", "3,21", WINDOW),
    ("executeTimeWindow", ",", WINDOW),
    ("encryptionType", "SSE-COS", "SSE-COS is invalid"),
    ("encryptionType", "sse-kms", "legal: sse-cos, or nothing"),
    ("outputFinishedFileFolder", "nowhere", "tempFolderPath nowhere not exist!"),
    ("resume", "on", "on is invalid, should be true or false"),
    ("skipSamePath", "off", "off is invalid, should be true or false"),
    ("realTimeCompare", "true", "true is invalid, only support on/off"),
    ("requestTryCount", "0", "0 is invalid, legal requestTryCount must be gt 0"),
    ("requestTryCount", "five", "five is invalid"),
    ("requestTimeoutEnable", "true", "only support on/off"),
    ("requestTimeoutMs", "0", "0 is invalid, legal requestTimeoutMS  must be gt 0"),
    ("clientEncryption", "on", "keyPath is required when clientEncryption is on"),
    ("clientEncryption", "true", "true is invalid, only support on/off"),
    ("encryptionAlgo", "AES-GCM", "AES-GCM is invalid"),
    ("encryptIV", "short", "short is invalid, encryptIV must be exactly 16 bytes"),
    ("encryptIV", "sixteen letters é", "encryptIV must be exactly 16 bytes"),
    ("check", "yes", "yes is invalid, only support on/off"),
    ("restoreArchived", "on", "on is invalid, legal restoreArchived is off, Expedited"),
    ("restoreDays", "0", "legal restoreDays is [1, 365]"),
    ("restoreWait", "-1", "legal restoreWait is [0, 100000]"),
    ("copyTags", "true", "true is invalid, only support on/off"),
    ("copyMtime", "true", "true is invalid, only support on/off"),
    ("copyAcl", "true", "true is invalid, only support on/off"),
    ("batchTaskPath", "no.txt", "no.txt not exist!"),
    ("batchTaskPath", "data/file", "batchTaskPath does not work with migrateLocal"),
    ("rocksMaxOpenFile", "lots", "lots is invalid, it must be a number of files"),
    ("rocksMaxOpenFile", "-2", "-2 is invalid"),
    ("secretId", HIDDEN + " " + HIDDEN, "printable ASCII characters without blanks"),
    ("secretKey", HIDDEN + "é", "printable ASCII characters without blanks"),
    ("token", HIDDEN + " x", "the token that came with secretId and secretKey"),
    ("secretId", "COS_SECRETID", "COS_SECRETID is a placeholder that was never changed"),
    ("secretKey", "COS_SECRETKEY", "COS_SECRETKEY is a placeholder that was never changed"),
    ("secretKey", "${UNSET_NAME}", "environment variable UNSET_NAME is not set"),
    ("secretKey", "${UNSET-NAME}", "no name of an environment variable"),
]
BAD_SOURCE_VALUES: list[tuple[str, str, str, str]] = [
    ("migrateLocal", "localPath", "nowhere", "local path not exist!"),
    ("migrateLocal", "excludes", "nowhere", "excludePath nowhere not exist"),
    ("migrateLocal", "excludes", "data;no", "excludePath data;no not exist: no"),
    ("migrateLocal", "ignoreModifiedTimeLessThanSeconds", "0", "must be positive"),
    ("migrateLocal", "ignoreModifiedTimeLessThanSeconds", "-5", "-5 is invalid"),
    ("migrateLocal", "ignoreModifiedTimeLessThanSeconds", "5m", "5m is invalid"),
    ("migrateLocal", "ignoreEmptyFile", "true", "true is invalid, only support on/off"),
    ("migrateLocal", "fileListMode", "on", "fileListPath is required when fileListMode is on"),
    ("migrateLocal", "checkLocalRecord", "on", "on is invalid, should be true or false"),
    ("migrateAws", "endPoint", "us-east-1", f"us-east-1 {AWS}"),
    ("migrateAws", "endPoint", "s3.example.com/path", "s3.example.com/path is not an address"),
    ("migrateAws", "endPoint", "ftp://s3.example.com", "is not an address"),
    ("migrateAws", "endPoint", "s3.example.com:99999", "is not an address"),
    ("migrateAws", "bucket", "a/b", "a/b is not the name of a bucket"),
    ("migrateAws", "accessKeyId", "yourAccessKeyId", "placeholder that was never changed"),
    ("migrateAws", "proxyHost", "proxy", "proxyPort is missing: proxyHost is set"),
    ("migrateAws", "proxyPort", "0", "0 is an invalid proxy port"),
    ("migrateAws", "srcHttps", "true", "true is invalid, only support on/off"),
    ("migrateAws", "srcConnectTimeout", "0", "srcConnectTimeout must be gt 0"),
    ("migrateAws", "srcSocketTimeout", "x", "srcSocketTimeout must be gt 0"),
    ("migrateAws", "uriList", "no.txt", "no.txt not exist!"),
    ("migrateAli", "endPoint", "https://", "https:// is not an address"),
    ("migrateQiniu", "needSign", "true", "true is invalid, only support on/off"),
    ("migrateQiniu", "rsHost", "a b", "a b is not an address"),
    ("migrateUpyun", "compareMd5", "x", "x is invalid, only support on/off"),
    ("migrateUpyun", "acsendingOrder", "on", "on is invalid, should be true or false"),
    ("migrateCsp", "migrateSlashEndObjectAcl", "on", "should be true or false"),
    ("migrateUrl", "urllistPath", "no.txt", "urllistPath not exist!"),
    ("migrateUrl", "isSkipHead", "yes", "yes is invalid, only support on/off"),
    ("migrateUrl", "allowHttpRedirect", "yes", "yes is invalid, only support on/off"),
    ("migrateBucketCopy", "srcBucketName", "source", APPID),
    ("migrateBucketCopy", "srcBucketName", "source-12", APPID),
    ("migrateBucketCopy", "srcCosPath", "a/b", "srcCosPath must start with /"),
    ("migrateBucketCopy", "srcRegion", "AP", "AP is not the name of a region"),
    ("migrateBucketCopy", "srcEndPointSuffix", "https://x.y", SUFFIX),
    ("migrateBucketCopy", "srcStorageClass", "standard", "standard is invalid storage class!"),
    ("migrateBucketCopy", "srcFileList", "no.txt", "no.txt not exist!"),
    ("migrateBucketCopy", "srcSecretId", HIDDEN + " x", "printable ASCII characters"),
]
CASES = [
    *(("migrateLocal", "common", *case) for case in BAD_VALUES),
    *((case[0], *case) for case in BAD_SOURCE_VALUES),
]


@pytest.mark.parametrize(("migrate_type", "section", "key", "value", "part"), CASES)
def test_bad_value(migrate_type: str, section: str, key: str, value: str, part: str) -> None:
    in_file = problems_of(good(migrate_type, **{section: {key: value}}))
    as_word = problems_of(good(migrate_type), Override(section, key, value))
    for problems, where in ((in_file, "c.ini line "), (as_word, "command line")):
        assert len(problems) == 1
        assert part in problems[0]
        assert f"[{section}] " in problems[0]
        assert "legal: " in problems[0]
        if " is missing" not in part and " is required" not in part:
            assert f"[{section}] {key}=" in problems[0]
            assert where in problems[0]
            secret = key.lower().endswith(("secretid", "secretkey", "token"))
            if value.startswith(("${", HIDDEN)):
                assert secret
                assert f"{key}=***" in problems[0]
            elif len(value) <= 500:
                assert f"{key}={value}" in problems[0]


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 110


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[common]\nsecretIdent=x\n", "unknown key [common] secretIdent is ignored; the nearest"),
        ("[target]\nsecretId=x\n", "unknown section [target] is ignored ("),
    ],
)
def test_a_misspelt_name_is_told_beside_what_is_missing(
    text: str, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.ini"
    path.write_text(f"[migrateType]\ntype=migrateLocal\n{text}", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(str(path), (), SOURCES, environ={})
    problems = caught.value.problems
    assert any("config key miss. section: common, key: secretId" in one for one in problems)
    assert problems[-1].startswith(f"warning: {hint}")
