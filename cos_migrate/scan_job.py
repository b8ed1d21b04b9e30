"""What the process is told in which a source is scanned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cos_migrate.model import Target
from cos_migrate.sources.base import Source, SourceOptions


@dataclass(frozen=True, slots=True)
class ScanJob:
    """The recipe of a source; it can be pickled."""

    source: type[Source]
    config: Any
    target: Target
    options: SourceOptions
