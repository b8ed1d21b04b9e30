"""The `[migrateLocal]` section."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from cos_migrate.config import legal, values
from cos_migrate.config.filter_settings import FilterSettings
from cos_migrate.config.options import Mistake, Section, option
from cos_migrate.sources.local.paths import absolute_path, as_folder, spelled_as_found


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig(Section):
    """The `[migrateLocal]` section: which files of this machine are migrated."""

    local_path: str = option(
        "localPath",
        help="the folder (or single file) to migrate",
        parse=values.existing_path("local path not exist!"),
        legal=legal.FILE_OR_FOLDER,
        path=True,
        placeholders=(
            r"E:\code\java\workspace\cos_migrate_tool\test_data",
            "/path/to/your/data",
        ),
        place=True,
    )
    excludes: tuple[str, ...] = option(
        "excludes",
        help="folders and files below localPath that are left out",
        default=(),
        parse=values.existing_paths,
        legal="absolute paths of existing folders or files, separated by ;",
        aliases=("exeludes",),
        path=True,
    )
    ignore_modified_time_less_than_seconds: int = option(
        "ignoreModifiedTimeLessThanSeconds",
        help="leave out files modified less than this many seconds ago",
        default=0,
        parse=values.integer(
            1, values.MAX_INT, "{} is invalid, ignoreModifiedTimeLessThan must be positive"
        ),
        legal=legal.SECONDS,
    )
    ignore_suffix: tuple[str, ...] = option(
        "ignoreSuffix",
        help="leave out files whose names end in one of these",
        default=(),
        parse=values.suffixes,
        legal=legal.SUFFIXES,
    )
    include_suffix: tuple[str, ...] = option(
        "includeSuffix",
        help="leave out files whose names end in none of these",
        default=(),
        parse=values.suffixes,
        legal=legal.SUFFIXES,
    )
    ignore_empty_file: bool = option(
        "ignoreEmptyFile",
        help="leave out empty files",
        default=False,
        parse=values.on_or_not,
        legal=legal.ON_OFF,
    )
    file_list_mode: bool = option(
        "fileListMode",
        help="migrate only the files that fileListPath lists",
        default=False,
        parse=values.on_or_not,
        legal=legal.ON_OFF,
    )
    file_list_path: str = option(
        "fileListPath",
        help="a file of paths relative to localPath, one a line",
        default="",
        legal="the absolute path of an existing file",
        path=True,
    )
    check_local_record: bool = option(
        "checkLocalRecord",
        help="skip files that are recorded as migrated",
        default=True,
        parse=values.true_false,
        legal=legal.TRUE_FALSE,
    )

    def filter_settings(self) -> FilterSettings:
        """Return the filters, with excluded paths in the spelling of a walk."""
        root = as_folder(absolute_path(self.local_path))
        absolute = (spelled_as_found(absolute_path(path), root) for path in self.excludes)
        return FilterSettings(
            label="local_file: ",
            root=root,
            excluded=frozenset(
                as_folder(path) if os.path.isdir(path) else path for path in absolute
            ),
            ignored_suffixes=self.ignore_suffix,
            ignores_empty=self.ignore_empty_file,
            wanted_suffixes=self.include_suffix,
            least_age=self.ignore_modified_time_less_than_seconds,
        )

    def mistakes(self) -> Iterator[Mistake]:
        if not self.file_list_mode:
            return
        if not self.file_list_path:
            yield Mistake("fileListPath", "fileListPath is required when fileListMode is on")
            return
        try:
            values.existing_file(self.file_list_path)
        except ValueError as error:
            yield Mistake("fileListPath", f"fileListPath {error}")
