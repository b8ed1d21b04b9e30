"""Lines of `batchTaskPath` as configurations."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cos_migrate.config import batch
from cos_migrate.config.common import Common
from cos_migrate.config.loader import Config
from cos_migrate.config.options import Section
from cos_migrate.config.values import Secret
from cos_migrate.errors import ConfigError
from cos_migrate.sources.cos_bucket.config import CosBucketConfig
from cos_migrate.sources.s3.aws import AwsConfig
from cos_migrate.sources.upyun.config import UpyunConfig

LINE = (
    "id\tkey\ttarget-1250000000\tcos.ap-shanghai.myqcloud.com\tsrc-id\tsrc-key\tsource\t"
    "s3.us-east-1.amazonaws.com"
)


def config(path: Path, *, upyun: bool = False) -> Config:
    common = Common(
        secret_id=Secret(""),
        secret_key=Secret(""),
        bucket_name="",
        region="",
        cos_path="/x/",
        batch_task_path=str(path),
    )
    nothing = Secret("")
    if upyun:
        section: Section = UpyunConfig(bucket="", access_key_id=nothing, access_key_secret=nothing)
        return Config("migrateUpyun", common, section)
    section = AwsConfig(
        bucket="", access_key_id=nothing, access_key_secret=nothing, end_point="", prefix="p/"
    )
    return Config("migrateAws", common, section)


def section_of(task: batch.BatchTask) -> Any:
    assert task.config is not None
    return task.config.source


def test_a_line_fills_both_sections_and_leaves_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "tasks"
    path.write_text(f"\n{LINE}\n", encoding="utf-8")
    [task] = batch.tasks(config(path), {})
    assert (task.number, task.problem, task.name) == (2, "", "task2")
    assert task.config is not None
    common, source = task.config.common, section_of(task)
    assert common.secret_id.reveal() == "id"
    assert common.secret_key.reveal() == "key"
    assert (common.bucket_name, common.region) == ("target-1250000000", "ap-shanghai")
    assert (common.end_point_suffix, common.cos_path) == ("", "/x/")
    assert source.access_key_id.reveal() == "src-id"
    assert source.access_key_secret.reveal() == "src-key"
    assert (source.bucket, source.prefix) == ("source", "p/")
    assert source.end_point == "s3.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("endpoint", "region", "suffix"),
    [
        ("cos.ap-shanghai.myqcloud.com", "ap-shanghai", ""),
        ("ap-shanghai", "ap-shanghai", ""),
        ("cos.ap-shanghai.tencentcos.cn", "ap-shanghai", "cos.ap-shanghai.tencentcos.cn"),
        (
            "cos-internal.ap-shanghai.tencentcos.cn",
            "ap-shanghai",
            "cos-internal.ap-shanghai.tencentcos.cn",
        ),
        ("cos.accelerate.myqcloud.com", "ap-beijing", "cos.accelerate.myqcloud.com"),
        ("cos.example.com:8080", "ap-beijing", "cos.example.com:8080"),
        ("", "ap-beijing", "cos.local"),
    ],
)
def test_what_an_endpoint_of_cos_means(
    tmp_path: Path, endpoint: str, region: str, suffix: str
) -> None:
    columns = ["id", "key", "b-1250000000", endpoint, "id", "key", "s-1250000001", endpoint]
    path = tmp_path / "tasks"
    path.write_text("\t".join(columns) + "\n", encoding="utf-8")
    nothing = Secret("")
    section = CosBucketConfig(
        src_region="ap-beijing",
        src_bucket_name="",
        src_secret_id=nothing,
        src_secret_key=nothing,
        src_cos_path="/",
        src_end_point_suffix="cos.local",
    )
    common = dataclasses.replace(
        config(path).common, region="ap-beijing", end_point_suffix="cos.local"
    )
    [task] = batch.tasks(Config("migrateBucketCopy", common, section), {})
    assert task.config is not None
    both, source = task.config.common, section_of(task)
    assert (both.region, both.end_point_suffix) == (region, suffix)
    assert (source.src_region, source.src_end_point_suffix) == (region, suffix)
    assert task.shown == f"s-1250000001 of {suffix or region} to b-1250000000 of {suffix or region}"


def test_upyun_needs_no_endpoint(tmp_path: Path) -> None:
    path = tmp_path / "tasks"
    path.write_text(LINE.replace("s3.us-east-1.amazonaws.com", "") + "\n", encoding="utf-8")
    [task] = batch.tasks(config(path, upyun=True), {})
    assert section_of(task).end_point == ""


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"one word\n", b"\t" * 7 + b"x\n"])
def test_lines_that_are_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tasks"
    path.write_bytes(content)
    [task] = batch.tasks(config(path), {})
    assert task.config is None
    assert f"{path} line 1; legal: " in task.problem


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=10))
def test_no_column_is_ever_told(
    tmp_path_factory: pytest.TempPathFactory, columns: list[str]
) -> None:
    marked = [f"QZX{column}" for column in columns]
    path = tmp_path_factory.getbasetemp() / "columns"
    path.write_text("\t".join(marked), encoding="utf-8", errors="replace")
    for task in batch.tasks(config(path), {}):
        assert "QZX" not in task.problem


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        list(batch.tasks(config(tmp_path / "none"), {}))


def test_it_is_read_whole_before_the_first_task(tmp_path: Path) -> None:
    path = tmp_path / "tasks"
    path.write_text(f"{LINE}\n{LINE}\n", encoding="utf-8")
    tasks = batch.tasks(config(path), {})
    assert next(tasks).number == 1
    path.write_text("something else", encoding="utf-8")
    assert next(tasks).config is not None
