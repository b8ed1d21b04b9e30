"""Trees of files to move: made once under the scratch folder and reused by every tool and round."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

FILES_PER_FOLDER = 500
BLOCK = 8 * MIB


@dataclass(frozen=True, slots=True)
class Files:
    """A number of files of one size in bytes."""

    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """A tree of files, named after its contents."""

    groups: tuple[Files, ...]

    @property
    def name(self) -> str:
        """The tree's folder name: equal data sets share it."""
        return "+".join(f"{group.count}x{group.size}" for group in self.groups)

    @property
    def count(self) -> int:
        """Number of files."""
        return sum(group.count for group in self.groups)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(group.count * group.size for group in self.groups)

    def count_from(self, threshold: int) -> int:
        """Return how many files have at least `threshold` bytes."""
        return sum(group.count for group in self.groups if group.size >= threshold)

    def make(self, scratch: Path) -> Path:
        """Return the tree's folder, filled unless an earlier run left it complete."""
        folder = scratch / "data" / self.name
        complete = folder.with_name(f"{self.name}.complete")
        if not complete.exists():
            for number, group in enumerate(self.groups):
                _fill(folder / f"g{number}", group)
            complete.touch()
        return folder

    def warm(self, scratch: Path) -> None:
        """Read every file once, so that no tool waits for the disk.

        Before each run: some systems drop idle pages of their cache within a minute.
        """
        buffer = bytearray(BLOCK)
        for path in (scratch / "data" / self.name).rglob("*.bin"):
            with path.open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass


def _fill(folder: Path, group: Files) -> None:
    """Write the group's files with contents that differ from file to file and block to block."""
    noise = os.urandom(min(group.size, BLOCK))
    for number in range(group.count):
        below = folder / f"d{number // FILES_PER_FOLDER:05d}"
        if number % FILES_PER_FOLDER == 0:
            below.mkdir(parents=True, exist_ok=True)
        with (below / f"f{number:07d}.bin").open("wb") as file:
            for offset in range(0, group.size, BLOCK):
                mark = f"{number} {offset} ".encode("ascii")
                block = mark + noise[len(mark) :]
                file.write(block[: min(BLOCK, group.size - offset)])
