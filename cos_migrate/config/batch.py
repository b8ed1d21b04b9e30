"""The tasks of `batchTaskPath`: each line names a pair of buckets and becomes a configuration.

No message quotes a line: its columns are secrets, or may be when they are mixed up.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cos_migrate.config.given_values import resolve_secret
from cos_migrate.config.loader import Config
from cos_migrate.config.options import (
    REQUIRED,
    Adjusted,
    DeclaredOption,
    Section,
    declared_options,
    values_of,
)
from cos_migrate.errors import ConfigError
from cos_migrate.text import NOT_UTF8

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
"""The keys for the four columns: of the target, of a cloud, of a bucket to copy from."""
_PUBLIC = re.compile(r"cos\.(?!accelerate\.)([a-z0-9-]+)\.myqcloud\.com")
_REGIONAL = re.compile(
    r"cos(?:-internal)?\.(?!accelerate\.)([a-z0-9-]+)\.(?:myqcloud\.com|tencentcos\.cn)"
)
_REGION = re.compile("(?:af|ap|cn|eu|me|na|sa)-[a-z0-9-]+")


class BatchTask(NamedTuple):
    """A line of the file, or the only task without a file."""

    number: int
    """1-based; 0 for a configuration without batchTaskPath."""
    config: Config | None
    """None: the line is invalid."""
    problem: str = ""
    """The printable reason why it is invalid."""

    @property
    def name(self) -> str:
        """The name of the task's run, part of the names of the run's files; empty: a single run."""
        return f"task{self.number}" if self.number else ""

    @property
    def shown(self) -> str:
        """Its two buckets, without secrets."""
        if self.config is None:
            return ""
        common, source = self.config.common, self.config.source
        target = common.end_point_suffix or common.region
        bucket, origin = source.bucket_address
        return f"{bucket} of {origin} to {common.bucket_name} of {target}"


def tasks(config: Config, environ: Mapping[str, str]) -> Iterator[BatchTask]:
    """Yield the tasks of the file that `config` names, else `config` itself as the only one.

    Raises ConfigError when the file cannot be read.
    """
    path = config.common.batch_task_path
    if not path:
        yield BatchTask(0, config)
        return
    try:
        with open(path, "rb") as file:
            # Read whole: the tasks may take days, and the file may be edited meanwhile.
            lines = file.read().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise ConfigError([f"batchTaskPath {path} cannot be read: {error.strerror}"]) from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _task(number, line, config, environ)


def _task(number: int, line: bytes, config: Config, environ: Mapping[str, str]) -> BatchTask:
    def refused(problem: str, legal: str) -> BatchTask:
        where = f"{config.common.batch_task_path} line {number}"
        return BatchTask(number, None, f"{problem} ({where}; legal: {legal})")

    layout = f"UTF-8, {len(COLUMNS)} columns separated by tabs: {' '.join(COLUMNS)}"
    try:
        columns = [column.strip() for column in line.decode().rstrip("\r\n").split("\t")]
    except UnicodeDecodeError:
        return refused(NOT_UTF8, layout)
    if len(columns) != len(COLUMNS):
        problem = f"it has {len(columns)} columns instead of {len(COLUMNS)}, separated by tabs"
        return refused(problem, layout)
    common = _Bucket(config.common, _COMMON, COLUMNS[:4], environ)
    source = _Bucket(config.source, config.source.batch_keys, COLUMNS[4:], environ)
    common.read(columns[:4])
    source.read(columns[4:])
    copies = config.source.names_regions
    # A private endpoint needs no region, except for copies, whose records name both regions.
    common.place("region", "end_point_suffix", by_region=copies)
    if copies:
        source.place("src_region", "src_end_point_suffix", by_region=True)
    wrong = [", ".join(bucket.wrong) for bucket in (common, source) if bucket.wrong]
    if wrong:
        legal = "; ".join(f"{name}: {text}" for name, text in (common.wrong | source.wrong).items())
        return refused(f"{' and '.join(wrong)} cannot be used", legal)
    return BatchTask(
        number,
        Config(
            config.migrate_type,
            dataclasses.replace(config.common, **common.values),
            dataclasses.replace(config.source, **source.values),
        ),
    )


class _Bucket:
    """One of the two buckets of a line: its columns, parsed as values of a section."""

    def __init__(
        self,
        section: Section,
        keys: tuple[str, ...],
        columns: tuple[str, ...],
        environ: Mapping[str, str],
    ) -> None:
        known = {one.option.key: one for one in declared_options(type(section))}
        self._keys = {one.name: one.option.key for one in known.values()}
        self._set = {option.key: value for option, value in values_of(section)}
        self._options = [known[key] for key in keys]
        self._columns = columns
        self._environ = environ
        self.values: dict[str, Any] = {}
        """By attribute."""
        self.wrong: dict[str, str] = {}
        """Invalid columns with their legal values."""

    def read(self, texts: list[str]) -> None:
        """Parse the columns."""
        for one, column, text in zip(self._options, self._columns, texts, strict=True):
            try:
                self.values[one.name] = self._value(one, text)
            except ValueError:
                self.wrong[column] = one.option.legal
        if bool(texts[0]) != bool(texts[1]):
            # Without both, the credentials are those of the configuration.
            blank = 0 if texts[1] else 1
            self.wrong[self._columns[blank]] = self._options[blank].option.legal

    def place(self, region: str, suffix: str, *, by_region: bool) -> None:
        """Split the last column, an endpoint of COS, into the attributes `region` and `suffix`.

        `by_region`: a region is required even with a private endpoint.
        """
        column = self._columns[-1]
        if column in self.wrong:
            return
        text = self.values[suffix]
        named = _REGIONAL.fullmatch(text)
        if named:
            self.values[region] = named[1]
        elif _REGION.fullmatch(text):
            self.values |= {region: text, suffix: ""}
        if _PUBLIC.fullmatch(text):
            # With the region alone, the backup domain can be used as a fallback.
            self.values[suffix] = ""
        if not self.values.get(region, self._set[self._keys[region]]) and (by_region or not text):
            nothing = "another endpoint or nothing" if by_region else "host[:port]; nothing"
            self.wrong[column] = (
                f"cos.<region>.myqcloud.com; {nothing} only where the configuration "
                f"sets {self._keys[region]}"
            )

    def _value(self, one: DeclaredOption, text: str) -> Any:
        if not text:
            if one.default is REQUIRED:
                raise ValueError(text)
            return self._set[one.option.key]
        if one.option.secret:
            text = resolve_secret(text, self._environ)
        value = one.option.parse(text)
        return value.value if isinstance(value, Adjusted) else value
