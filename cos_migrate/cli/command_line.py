"""The values of a parsed command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cos_migrate.config.given_values import Override

DEFAULT_CONFIG = "conf/config.ini"


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
    debug: bool = False
    version: bool = False
    help: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def compares(self) -> bool:
        """Whether it asks for a comparison instead of a run."""
        return self.compare or self.compare_content
