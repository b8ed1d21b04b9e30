"""The sink that writes the lists of a comparison."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from cos_migrate.report.comparison import Compared, CompareResult
from cos_migrate.report.lists import SingleWriterList
from cos_migrate.report.sinks import RunStart, Sink
from cos_migrate.safe_files import PRIVATE_FILE, make_private_folder
from cos_migrate.text import all_visible, printable


class ComparisonLists(Sink):
    """The files `log/compare-<job>/same.txt` and so on: a key a line."""

    def __init__(self, folder: Path, job: str) -> None:
        """`folder`: of the tool."""
        self.name = f"log/compare-{job}"
        self._folder = folder / self.name
        self._files: dict[CompareResult, SingleWriterList] = {}

    def begin_run(self, start: RunStart) -> None:  # noqa: ARG002 - of the interface
        """Begin all lists anew."""
        with contextlib.suppress(OSError):  # a list that cannot be written reports it
            make_private_folder(self._folder)
        for result in CompareResult:
            path = self._folder / f"{result.value}.txt"
            with contextlib.suppress(OSError):
                os.remove(path)
            self._files[result] = file = SingleWriterList(path, mode=PRIVATE_FILE)
            file.append_lines(b"", 0)

    def add_compared(self, batch: Sequence[Compared]) -> None:
        """Append the keys of objects to their lists."""
        lines: dict[CompareResult, list[str]] = {}
        for result, cos_path, why in batch:
            line = f"{printable(cos_path)}\t{why}\n" if why else f"{printable(cos_path)}\n"
            lines.setdefault(result, []).append(line)
        for result, found in lines.items():
            text = "".join(found).encode("utf-8", "backslashreplace")
            self._files[result].append_lines(text, len(found))

    def add_same(self, cos_paths: Sequence[str]) -> None:
        """Append keys to the list of those that are the same."""
        shown = cos_paths if all_visible(cos_paths) else list(map(printable, cos_paths))
        text = "\n".join([*shown, ""]).encode("utf-8", "backslashreplace")
        self._files[CompareResult.SAME].append_lines(text, len(cos_paths))

    def finish_lists(self) -> list[str]:
        """Close the lists; return a sentence for each that lacks lines."""
        gaps = []
        for result, file in self._files.items():
            file.close()
            gaps += file.gaps(f"{self.name}/{result.value}.txt", "keys")
        return gaps
