"""The tasks of `batchTaskPath`: one pair of buckets a line, each a configuration of its own.

A line's text is in no message: its columns are secrets, or may be when somebody has mixed them up.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cos_migrate.config import Config, from_environment
from cos_migrate.errors import ConfigError
from cos_migrate.options import REQUIRED, Adjusted, Declared, declared

COLUMNS = (
    "destSecretId",
    "destSecretKey",
    "destBucket",
    "destEndpoint",
    "srcSecretId",
    "srcSecretKey",
    "srcBucket",
    "srcEndpoint",
)
_COMMON = ("secretId", "secretKey", "bucketName", "endPointSuffix")
_SOURCE = ("accessKeyId", "accessKeySecret", "bucket", "endPoint")
_PUBLIC = re.compile(r"cos\.([a-z0-9-]+)\.myqcloud\.com")


class BatchTask(NamedTuple):
    """One line."""

    number: int
    """1-based; 0 for a configuration that is no line."""
    config: Config | None
    """What it asks for; None when it cannot be used."""
    problem: str = ""
    """What is wrong with it, fit to be printed."""

    @property
    def name(self) -> str:
        """What its run is called: part of the names of its own files; empty for a single run."""
        return f"task{self.number}" if self.number else ""

    @property
    def shown(self) -> str:
        """Which buckets it is about, without secrets."""
        if self.config is None:
            return ""
        common, source = self.config.common, self.config.source
        target = common.end_point_suffix or common.region
        return f"{source.bucket} of {source.end_point} to {common.bucket_name} of {target}"


def tasks(config: Config, environ: Mapping[str, str]) -> Iterator[BatchTask]:
    """Yield the tasks of the file that `config` names; blank lines are none.

    Raises ConfigError when it cannot be read.
    """
    path = config.common.batch_task_path
    try:
        with open(path, "rb") as file:
            # All of it now: the tasks may take days, and somebody may edit it meanwhile.
            lines = file.read().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise ConfigError([f"batchTaskPath {path} cannot be read: {error.strerror}"]) from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _task(number, line, config, environ)


def _task(number: int, line: bytes, config: Config, environ: Mapping[str, str]) -> BatchTask:
    try:
        columns = [column.strip() for column in line.decode().rstrip("\r\n").split("\t")]
    except UnicodeDecodeError:
        return BatchTask(number, None, "it is not UTF-8")
    if len(columns) != len(COLUMNS):
        problem = f"it has {len(columns)} columns instead of {len(COLUMNS)}, separated by tabs"
        return BatchTask(number, None, problem)
    common = _values(config.common, _COMMON, COLUMNS[:4], columns[:4], environ)
    source = _values(config.source, _SOURCE, COLUMNS[4:], columns[4:], environ)
    wrong = [value for value in (common, source) if isinstance(value, str)]
    if wrong:
        return BatchTask(number, None, f"{' and '.join(wrong)} cannot be used")
    assert isinstance(common, dict)  # noqa: S101 - mypy
    assert isinstance(source, dict)  # noqa: S101 - mypy
    public = _PUBLIC.fullmatch(common["end_point_suffix"])
    if public:
        # Named by its region it can be fallen back from to the backup domain.
        common |= {"region": public[1], "end_point_suffix": ""}
    elif not common["end_point_suffix"] and not config.common.region:
        return BatchTask(number, None, "destEndpoint cannot be used")
    return BatchTask(
        number,
        Config(
            config.migrate_type,
            dataclasses.replace(config.common, **common),
            dataclasses.replace(config.source, **source),
        ),
    )


def _values(
    section: Any,
    keys: tuple[str, ...],
    names: tuple[str, ...],
    columns: list[str],
    environ: Mapping[str, str],
) -> dict[str, Any] | str:
    """Return the values of a section by attribute, or the names of the columns that are wrong."""
    known = {one.option.key: one for one in declared(type(section))}
    values, wrong = {}, []
    for key, name, text in zip(keys, names, columns, strict=True):
        one = known[key]
        try:
            values[one.name] = _value(one, text, environ)
        except ValueError:
            wrong.append(name)
    return ", ".join(wrong) if wrong else values


def _value(one: Declared, text: str, environ: Mapping[str, str]) -> Any:
    if not text:
        if one.default is REQUIRED:
            raise ValueError(text)
        return one.default
    if one.option.secret:
        text = from_environment(text, environ)
    value = one.option.parse(text)
    return value.value if isinstance(value, Adjusted) else value
