"""The official Java SDK's encryption client, where Java and its jars are on this machine.

`COS_JAVA_CLASSPATH` names the jars; without it they are taken from Maven's local repository, where
`mvn -f tests/fakes/java/pom.xml dependency:build-classpath` has put them before.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from cos_migrate.emulator import EmbeddedCos

HERE = Path(__file__).parent / "java"
_REPOSITORY = Path.home() / ".m2" / "repository" / "com" / "qcloud" / "cos_api"
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"


@functools.cache
def class_path() -> str:
    """Return Java's class path with the SDK, empty where it is not present."""
    given = os.environ.get("COS_JAVA_CLASSPATH", "")
    if given or not (shutil.which("java") and shutil.which("mvn") and _REPOSITORY.is_dir()):
        return given if shutil.which("java") else ""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "classpath"
        words = ["mvn", "-o", "-q", "-f", str(HERE / "pom.xml"), _QUIET]
        words += ["dependency:build-classpath", f"-Dmdep.outputFile={found}"]
        ended = subprocess.run(words, capture_output=True, check=False, timeout=120)
        return "" if ended.returncode else found.read_text().strip()


def drive(
    cos: EmbeddedCos,
    account: tuple[str, str, str],
    key: Path,
    *words: str,
    iv: str = "",
    mode: str = "AesCtrEncryption",
) -> None:
    """Let the SDK do what `words` say; `account`: bucket, SecretId, SecretKey."""
    bucket, secret_id, secret_key = account
    environ = {
        **os.environ,
        "COS_PORT": str(cos.port),
        "COS_BUCKET": bucket,
        "COS_ID": secret_id,
        "COS_SECRET": secret_key,
        "KEY_PATH": str(key),
        "ENCRYPT_IV": iv,
        "MODE": mode,
    }
    ended = subprocess.run(
        ["java", "-cp", class_path(), str(HERE / "EncryptedObjects.java"), *words],
        env=environ,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
