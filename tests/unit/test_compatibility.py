"""Every key of the Java tool is known here, and docs/compatibility.md says what became of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cos_migrate.config.common import Common, MigrateType
from cos_migrate.config.options import declared_options
from cos_migrate.sources.registry import SECTIONS

ROOT = Path(__file__).resolve().parents[2]
CLOUD = (
    "bucket accessKeyId accessKeySecret prefix endPoint proxyHost proxyPort srcHttps "
    "srcConnectTimeout srcSocketTimeout uriList"
)
# Read off the Java tool's ConfigParser (1.4.18).
JAVA_KEYS = {
    "migrateType": "type deprecatedType",
    "common": (
        "region bucketName secretId secretKey token cosPath dbCosPath https shortConnection "
        "tmpFolder smallFileThreshold storageClass smallFileExecutorNum bigFileExecutorNum "
        "bigFileUploadPartSize entireFileMd5Attached daemonMode daemonModeInterVal "
        "executeTimeWindow proxyHost proxyPort encryptionType threadNum batchTaskPath "
        "realTimeCompare outputFinishedFileFolder resume skipSamePath threadTrafficLimit "
        "clientEncryption encryptionAlgo keyPath encryptIV check rocksMaxOpenFile "
        "requestTimeoutEnable requestTimeoutMs requestTryCount"
    ),
    "migrateLocal": (
        "localPath exeludes excludes ignoreModifiedTimeLessThanSeconds ignoreSuffix includeSuffix "
        "ignoreEmptyFile fileListMode fileListPath checkLocalRecord"
    ),
    "migrateAws": CLOUD,
    "migrateAli": CLOUD,
    "migrateQiniu": f"{CLOUD} needSign",
    "migrateUpyun": f"{CLOUD} dbPrefix compareMd5 acsendingOrder",
    "migrateCsp": f"{CLOUD} migrateSlashEndObjectAcl",
    "migrateUrl": "urllistPath isSkipHead accessKeyId accessKeySecret",
    "migrateBucketCopy": (
        "srcRegion srcBucketName srcSecretId srcSecretKey srcToken srcCosPath srcEndPointSuffix "
        "srcFileList srcStorageClass"
    ),
}
CONFIGS = {"migrateType": MigrateType, "common": Common, **SECTIONS}


@pytest.mark.parametrize("section", JAVA_KEYS)
def test_every_key_is_known(section: str) -> None:
    options = [one.option for one in declared_options(CONFIGS[section])]
    known = {name for option in options for name in (option.key, *option.aliases)}
    assert set(JAVA_KEYS[section].split()) <= known


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    table = text.partition("## Keys")[2].partition("## Lines")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")]
    documented = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert {name for names in JAVA_KEYS.values() for name in names.split()} <= documented
    assert set(JAVA_KEYS) <= set(CONFIGS)
