"""`--check-config`: tries what a run will need, and prints a line for each check."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from cos_migrate import signals
from cos_migrate.cli.command_line import CommandLine
from cos_migrate.cli.config_checks import ConfigCheck, machine_checks, source_checks, target_checks
from cos_migrate.cli.languages import errors_in, language_of_config
from cos_migrate.config import batch
from cos_migrate.config.loader import Config, load
from cos_migrate.engine.providers import find_credentials
from cos_migrate.engine.settings import cos_settings
from cos_migrate.errors import CredentialsError, Side
from cos_migrate.exit_codes import MISUSE, OK
from cos_migrate.report import lines
from cos_migrate.sources import registry
from cos_migrate.sources.recipe import SourceRecipe
from cos_migrate.sources.registry import SECTIONS


def run_checks(line: CommandLine) -> int:
    """Check the configuration that a command line names; return the exit code.

    0: every check has passed; 2: one has not. Raises ConfigError.
    """
    print(lines.config_path(line.config_path), flush=True)
    loaded = load(line.config_path, line.overrides, SECTIONS, environ=os.environ)
    language = language_of_config(loaded.config.common, os.environ)
    for warning in (*line.warnings, *loaded.warnings):
        print(language.say(f"warning: {warning}"), file=sys.stderr)
    passed = True
    with errors_in(language), signals.handled(signals.end_command):
        for check in checks_of(loaded.config):
            print(check.line(language.say), flush=True)
            passed = passed and check.passed
    return OK if passed else MISUSE


def checks_of(config: Config) -> Iterator[ConfigCheck]:
    """Yield the results of all checks, for each line of batchTaskPath."""
    source_type = registry.find(config.migrate_type)
    yield from machine_checks(config, Path.cwd(), spools=not source_type.is_local)
    for task in batch.tasks(config, os.environ):
        where = f"task:{task.number}" if task.number else ""
        if task.config is None:
            yield ConfigCheck(False, "", task.problem, where)
            continue
        for check in _task_checks(task.config):
            yield check._replace(task=where)


def _task_checks(config: Config) -> Iterator[ConfigCheck]:
    common, section = config.common, config.migrate_type
    source_type = registry.find(section)
    try:
        keeper = find_credentials(config, source_type, lambda _: None, os.environ)
    except CredentialsError as error:
        yield ConfigCheck(False, "credentials", str(error))
        return
    for text in keeper.describe():
        yield ConfigCheck(True, "credentials", text.removeprefix("credentials: "))
    recipe = SourceRecipe.of(source_type, config.source, common)
    yield from source_checks(recipe.with_credentials(keeper.current(Side.SOURCE)), section)
    settings = cos_settings(common, keeper.current(Side.COS))
    yield from target_checks(settings, common.cos_path)
