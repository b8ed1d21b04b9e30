"""Keys of access that look wrong together, and values that are nearly a legal word."""

from __future__ import annotations

from pathlib import Path

import pytest

from cos_migrate.config.loader import Loaded, load
from cos_migrate.config.words import nearest_choice
from cos_migrate.errors import ConfigError
from cos_migrate.sources.registry import SECTIONS

COMMON = {
    "secretId": "AKIDexample",
    "secretKey": "hush",
    "bucketName": "examplebucket-1250000000",
    "region": "ap-guangzhou",
}
AWS = {"bucket": "data", "accessKeyId": "a", "accessKeySecret": "b", "endPoint": "s3.amazonaws.com"}
COPY = {
    "srcRegion": "ap-shanghai",
    "srcBucketName": "source-1250000000",
    "srcSecretId": "AKIDsource",
    "srcSecretKey": "hush",
    "srcCosPath": "/",
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)


def loaded(kind: str = "migrateLocal", common: object = (), source: object = ()) -> Loaded:
    local = {"localPath": str(Path.cwd())}
    given = {"migrateLocal": local, "migrateAws": AWS, "migrateAli": AWS}.get(kind, COPY)
    lines = ["[migrateType]", f"type={kind}", "[common]"]
    lines += [f"{key}={value}" for key, value in {**COMMON, **dict(common)}.items()]  # type: ignore[call-overload]
    lines += [f"[{kind}]"]
    lines += [f"{key}={value}" for key, value in {**given, **dict(source)}.items()]  # type: ignore[call-overload]
    Path("c.ini").write_text("\n".join(lines), encoding="utf-8")
    return load("c.ini", (), SECTIONS, environ={})


def problem(kind: str = "migrateLocal", common: object = (), source: object = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(kind, common, source)
    return "\n".join(caught.value.problems)


def test_a_good_configuration_raises_no_doubt() -> None:
    for kind in ("migrateLocal", "migrateAws", "migrateBucketCopy"):
        doubts = [line for line in loaded(kind).warnings if "relative" not in line]
        assert doubts == []


def test_swapped_keys() -> None:
    text = problem(common={"secretId": "hushhush", "secretKey": "AKIDexample"})
    assert "secretId and secretKey are swapped: a SecretId begins with AKID (c.ini line 4" in text
    assert "hushhush" not in text
    text = problem("migrateBucketCopy", source={"srcSecretId": "hushhush", "srcSecretKey": "AKIDx"})
    assert "srcSecretId and srcSecretKey are swapped" in text


@pytest.mark.parametrize(
    ("kind", "key_id"), [("migrateAws", "AKIAIOSFODNN7EXAMPLE"), ("migrateAli", "LTAI5tExample12")]
)
def test_swapped_keys_of_a_cloud(kind: str, key_id: str) -> None:
    swapped = {"accessKeyId": "hushhush", "accessKeySecret": key_id}
    text = problem(kind, source=swapped)
    begins = f"accessKeyId and accessKeySecret are swapped: an id begins with {key_id[:4]} ("
    assert text.startswith(begins)
    assert "hushhush" not in text
    assert key_id not in text
    right = {"accessKeyId": key_id, "accessKeySecret": "hushhush"}
    assert loaded(kind, source=right)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("Guangzhou", "ap-guangzhou"),
        ("cos.ap-shanghai.myqcloud.com", "ap-shanghai"),
        ("ap_beijing", "ap-beijing"),
        ("Frankfurt am Main", ""),
    ],
)
def test_the_nearest_region_of_an_illegal_text(text: str, nearest: str) -> None:
    meant = f"; the nearest is {nearest}" if nearest else ""
    assert f"{text} is not the name of a region{meant} (" in problem(common={"region": text})


def test_an_id_that_does_not_look_like_one() -> None:
    (line,) = loaded(common={"secretId": "LTAIexample"}).warnings
    assert line.startswith("it does not look like a SecretId, which begins with AKID (c.ini line 4")
    assert "LTAI" not in line
    private = {"secretId": "LTAIexample", "endPointSuffix": "cos.example.com"}
    assert loaded(common=private).warnings == (), "a private deployment has ids of its own"


@pytest.mark.parametrize(
    ("region", "nearest"),
    [
        ("ap-guanzhou", "ap-guangzhou"),
        ("guangzhou", "ap-guangzhou"),
        ("cn-south", "ap-guangzhou"),
        ("ap-hong-kong", "ap-hongkong"),
        ("ap-shanghai1", "ap-shanghai"),
        ("xx-elsewhere-9", ""),
    ],
)
def test_the_nearest_region(region: str, nearest: str) -> None:
    warnings = loaded(common={"region": region}).warnings
    expected = f"{region} is no known region; the nearest is {nearest} (c.ini line 7: "
    assert [line.startswith(expected) for line in warnings] == [True] * bool(nearest)
    copied = loaded("migrateBucketCopy", source={"srcRegion": region}).warnings
    assert len([line for line in copied if "the nearest is" in line]) == bool(nearest)


def test_an_endpoint_that_contains_the_bucket() -> None:
    text = problem(common={"endPointSuffix": "examplebucket-1250000000.cos.ap-a.myqcloud.com:80"})
    assert "write cos.ap-a.myqcloud.com:80 (c.ini line 8: [common] endPointSuffix=" in text
    text = problem("migrateAws", source={"endPoint": "https://data.s3.us-east-1.amazonaws.com"})
    assert "write https://s3.us-east-1.amazonaws.com (" in text
    assert loaded("migrateAws", source={"endPoint": "data.example.com"})


@pytest.mark.parametrize("value", ["$COS_KEY", "%COS_KEY%", "$(COS_KEY)"])
def test_a_variable_in_another_spelling(value: str) -> None:
    line = problem(common={"secretKey": value})
    assert line.startswith("this reads no environment variable: ${NAME} as the value of a secret")
    assert "COS_KEY" not in line
    (line,) = loaded(common={"proxyUser": value, "proxyHost": "p", "proxyPort": "1"}).warnings
    assert line.startswith("this reads no environment variable: ${NAME} as the value of a secret")


def test_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path.cwd() / "home"
    (home / "photos").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    found = loaded(source={"localPath": "~/photos", "excludes": "~/photos; ~"}).config
    assert found.source.local_path.rstrip("/") == str(home / "photos")  # type: ignore[attr-defined]
    assert found.source.excludes == (str(home / "photos"), str(home))  # type: ignore[attr-defined]
    assert loaded(source={"localPath": "~/photos"}).warnings == (), "it is no relative path"
    assert "~x not exist" in problem(source={"excludes": "~x"}), "the home of another user"


@pytest.mark.parametrize(
    ("text", "legal", "nearest"),
    [
        ("yes", "on or off", "on"),
        ("FALSE", "on or off", "off"),
        ("1", "true or false", "true"),
        ("recoded", "off, recorded or all", "recorded"),
        ("standard_ia", "Standard, Standard_IA, Archive", "Standard_IA"),
        ("sse-kos", "sse-cos, or nothing", "sse-cos"),
        ("zzz", "off, recorded or all", ""),
        ("exist", "the path of an existing file, or nothing", ""),
    ],
)
def test_the_nearest_choice(text: str, legal: str, nearest: str) -> None:
    assert nearest_choice(text, legal) == nearest


def test_a_value_that_is_nearly_right() -> None:
    text = problem(common={"storageClass": "standard_ia", "daemonMode": "yes"})
    assert "standard_ia is invalid storage class! (c.ini line 8: " in text
    assert "; the nearest is Standard_IA)" in text
    assert "yes is invalid, only support on/off (c.ini line 9: " in text
    assert "legal: on or off; the nearest is on)" in text


@pytest.mark.parametrize("kind", ["aws", "migrateAwss", "MIGRATE_AWS"])
def test_a_type_that_is_nearly_right(kind: str) -> None:
    Path("c.ini").write_text(f"[migrateType]\ntype={kind}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load("c.ini", (), SECTIONS, environ={})
    assert "; the nearest is migrateAws)" in caught.value.problems[0]
