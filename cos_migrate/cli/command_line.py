"""The values of a parsed command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cos_migrate.config.given_values import Override

DEFAULT_CONFIG = "conf/config.ini"
SCRIPT_PROGRAM = "start_migrate.bat" if os.name == "nt" else "sh start_migrate.sh"

SHELLS = ("bash", "zsh")
"""The shells whose words can be completed."""


class CommandLine(NamedTuple):
    """The parsed command line; an option of `flags.FLAGS` sets the field of its name."""

    config_path: str = DEFAULT_CONFIG
    overrides: tuple[Override, ...] = ()
    quiet: bool = False
    progress: bool = True
    dry_run: bool = False
    retry_failed: bool = False
    compare: bool = False
    compare_content: bool = False
    forget: bool = False
    json: bool = False
    demo: bool = False
    check_config: bool = False
    init: bool = False
    decrypt: tuple[str, str] | None = None
    """The object to read back, and the new local file."""
    install: tuple[str] | None = None
    """The extra to install."""
    merge_reports: tuple[str, ...] | None = None
    """Folders with the results of shards."""
    completion: tuple[str] | None = None
    """The shell whose words are to be completed."""
    debug: bool = False
    version: bool = False
    help: bool = False
    warnings: tuple[str, ...] = ()
    program: str = SCRIPT_PROGRAM
    """The words that start the tool, for messages."""

    @property
    def compares(self) -> bool:
        """Whether it asks for a comparison instead of a run."""
        return self.compare or self.compare_content
