"""The filters of `[migrateLocal]`: which files are left out, and the line for each."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

from cos_migrate.model import Rejected
from cos_migrate.sources.local.config import LocalConfig
from cos_migrate.sources.local.paths import absolute_path, as_folder
from cos_migrate.sources.local.reader import is_empty
from cos_migrate.sources.local.rejections import not_matching
from cos_migrate.text import printable


class LocalFilters:
    """The filters of one configuration."""

    def __init__(self, config: LocalConfig) -> None:
        self._config = config
        self._excludes = frozenset(_spellings(config.excludes))
        self.active = bool(
            self._excludes
            or config.ignore_suffix
            or config.include_suffix
            or config.ignore_empty_file
            or config.ignore_modified_time_less_than_seconds
        )
        """Whether any file may be left out."""

    def excludes(self, path: str) -> bool:
        """Return whether `excludes` names a path; that of a folder ends in `/`."""
        return path in self._excludes

    def excludes_below(self, root: str, relative: str) -> bool:
        """Return whether a listed path lies in a folder that a walk would leave out."""
        if not self._excludes:
            return False
        folder = as_folder(root)
        ends = (found.end() for found in re.finditer("/", relative))
        return any(folder + relative[:end] in self._excludes for end in ends)

    def objection(self, name: str, size: int, mtime_ns: int) -> Rejected | None:
        """Return why the filters leave something out; `size` is negative for a folder."""
        if not self.active:
            return None
        reason = self._reason_against(name, size)
        if reason:
            return not_matching(reason, name)
        line = self._too_young(name, mtime_ns // 1_000_000)
        return Rejected(name, "", line) if line else None

    def _reason_against(self, name: str, size: int) -> str:
        config = self._config
        if name in self._excludes:
            return "excludes"
        if config.ignore_suffix and name.endswith(config.ignore_suffix):
            return "suffix"
        if config.ignore_empty_file and size == 0 and is_empty(name):
            return "empty file"
        if config.include_suffix and not name.endswith(config.include_suffix):
            return "do not match include suffix"
        return ""

    def _too_young(self, name: str, mtime_ms: int) -> str:
        least = self._config.ignore_modified_time_less_than_seconds
        if not least:
            return ""
        now_ms = time.time_ns() // 1_000_000
        if (now_ms - mtime_ms) / 1000 >= least:
            return ""
        return (
            f"[condition_not_match] [reason: ignoreModifiedTimeLessThan]  "
            f"[local_file: {printable(name)}], [cur_time: {now_ms // 1000}], "
            f"[lastModifed_time: {mtime_ms // 1000}]，"
            f"[ignoreModifiedTimeLessThan: {least}]"
        )


def _spellings(paths: tuple[str, ...]) -> Iterator[str]:
    """Yield excluded paths as the walk spells them: folders end in `/`."""
    for path in paths:
        absolute = absolute_path(path)
        yield as_folder(absolute) if os.path.isdir(absolute) else absolute
