"""Values that may change are taken from a changed file, on a simulated clock."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cos_migrate.config.given_values import Override
from cos_migrate.config.live import NO_NEWS, LiveConfig, LiveValues, News, stamp_of
from cos_migrate.config.loader import load
from cos_migrate.sources.registry import SECTIONS

TEXT = """[migrateType]
type=migrateLocal
[common]
secretId=AKIDxxxxxxxxxxxx
secretKey=hush0123456789
bucketName=b-1250000000
region=ap-guangzhou
{keys}
[migrateLocal]
localPath={folder}
"""


class File:
    """A configuration file that a run follows, second by second."""

    def __init__(self, folder: Path, *overrides: Override) -> None:
        self.folder = folder
        self.path = folder / "c.ini"
        self.now = 0.0
        self.changes = 0
        self.write("bandwidthLimit=20M")

        def read() -> LiveValues:
            return load(str(self.path), overrides, SECTIONS, environ={}).config.common  # type: ignore[return-value]

        values = LiveValues.of(read())  # type: ignore[arg-type]
        self.live = LiveConfig(values, str(self.path), read, stamp_of(str(self.path)))  # type: ignore[arg-type]

    def write(self, keys: str) -> None:
        self.write_all(TEXT.format(keys=keys, folder=self.folder))

    def write_all(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        self.changes += 1
        os.utime(self.path, (self.changes, self.changes))  # whatever the clock's steps are

    def after(self, seconds: float) -> News:
        """Look every tenth of a second; return all news."""
        end = self.now + seconds
        found = NO_NEWS
        while self.now < end - 1e-9:
            self.now += 0.1
            news = self.live.look(self.now)
            found = News(found.notices + news.notices, found.warnings + news.warnings)
        return found


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_a_change_is_taken_within_seconds_once(file: File) -> None:
    assert file.after(5) == NO_NEWS
    file.write("bandwidthLimit=08:00,5M 18:00,off\nsmallFileExecutorNum=auto\nhttps=on")
    news = file.after(4)
    assert news == News(
        notices=(
            f"bandwidthLimit: 20M -> 08:00,5M 18:00,off ({file.path} has changed)",
            f"smallFileExecutorNum: 64 -> auto ({file.path} has changed)",
        )
    )
    assert file.live.values.small_file_executor_num == 0
    assert file.live.values.bandwidth_limit.at(9 * 60) == 5 << 20
    assert file.after(5) == NO_NEWS


def test_a_key_that_is_removed_has_its_default_again(file: File) -> None:
    file.write("requestsPerSecond=7\nbigFileExecutorNum=3")
    assert len(file.after(4).notices) == 3
    file.write("")
    changes = [line.partition(" (")[0] for line in file.after(4).notices]
    assert changes == ["requestsPerSecond: 7 -> off", "bigFileExecutorNum: 3 -> 8"]


def test_a_file_is_not_taken_while_it_is_written(file: File) -> None:
    for number in range(1, 20):
        file.write(f"requestsPerSecond={number}")
        assert file.after(0.5) == NO_NEWS
    assert len(file.after(4).notices) == 2


def test_a_word_of_the_command_line_wins(tmp_path: Path) -> None:
    file = File(tmp_path, Override("common", "bandwidthLimit", "9M"))
    file.write("bandwidthLimit=1M\nrequestsPerSecond=5")
    assert file.after(4).notices == (f"requestsPerSecond: off -> 5 ({file.path} has changed)",)
    assert file.live.values.bandwidth_limit.at(0) == 9 << 20


def spoil(keys: str) -> Callable[[File], None]:
    return lambda file: file.write(keys)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (spoil("bandwidthLimit=fast"), "fast is not a size"),
        (spoil("requestsPerSecond=-1"), "legal requestsPerSecond is [1, 1000000]"),
        (spoil("smallFileExecutorNum=none"), "smallFileExecutorNum"),
        (lambda file: file.write_all(""), "section migrateType miss!"),
        (lambda file: file.write_all("bandwidthLimit=1M\n"), "stands before the first [section]"),
        (lambda file: file.write_all("[migrateType]\ntype=migrateLocal"), "config key miss"),
        (lambda file: file.path.unlink(), "not exist or readable"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_warning(
    file: File, change: Callable[[File], None], said: str
) -> None:
    before = file.live.values
    change(file)
    news = file.after(6)
    assert len(news.warnings) == 1
    assert said in news.warnings[0]
    assert "hush" not in news.warnings[0]
    assert news.notices == ()
    assert file.live.values == before
    file.write("bandwidthLimit=20M")
    assert file.after(4) == NO_NEWS
    change(file)
    assert file.after(6) == NO_NEWS
